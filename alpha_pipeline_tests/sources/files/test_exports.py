"""The exports that people have are read as they come."""

import datetime as dt
import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline_tests.sources.files.known_bars import answer, assert_is, csv, known, lines

BARS = known()
OHLC = "{open},{high},{low},{close}"
NS = 10**9


def row(form: str) -> Callable[[dict[str, object]], list[str]]:
    """A line's fields by a format string over the bar, its day (``day``) and its midnight's epoch in seconds."""

    def fields(bar: dict[str, object]) -> list[str]:
        day = bar["session"]
        assert isinstance(day, dt.date)
        midnight = pd.Timestamp(day, tz="America/New_York").timestamp()
        return [form.format(**bar, day=day, whole=int(str(bar["volume"]).removesuffix(".0")), epoch=int(midnight))]

    return fields


ADJUSTED = {
    "Yahoo": ("QQQ.csv", "Date,Open,High,Low,Close,Adj Close,Volume", "{day}," + OHLC + ",{adj_close},{whole}"),
    "Yahoo's web table": (
        "QQQ.csv",
        (
            "Date\tOpen\tHigh\tLow\tClose Close price adjusted for splits.\tAdj Close Adjusted close price "
            "adjusted for splits and dividend and/or capital gain distributions.\tVolume"
        ),
        "{day:%b %-d, %Y}\t{open}\t{high}\t{low}\t{close}\t{adj_close}\t{whole:,}",
    ),
    "Alpha Vantage": (
        "daily_adjusted_QQQ.csv",
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
        "{day}," + OHLC + ",{adj_close},{whole},0.0000,1.0",
    ),
    "Alpha Vantage's JSON as a table": (
        "QQQ.csv",
        ",1. open,2. high,3. low,4. close,5. adjusted close,6. volume,7. dividend amount,8. split coefficient",
        "{day}," + OHLC + ",{adj_close},{whole},0.0,1.0",
    ),
    "EODHD": ("QQQ.US.csv", "Date,Open,High,Low,Close,Adjusted_close,Volume", "{day}," + OHLC + ",{adj_close},{whole}"),
    "Tiingo": (
        "QQQ.csv",
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor",
        "{day}T00:00:00.000Z,{close},{high},{low},{open},{whole},{adj_close},1,1,1,{whole},0.0,1.0",
    ),
    "Quandl": (
        "WIKI-QQQ.csv",
        "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. Low,Adj. Close,Adj. Volume",
        "{day}," + OHLC + ",{whole},0.0,1.0,1,1,1,{adj_close},{whole}",
    ),
    "Sharadar": (
        "SEP.csv",
        "ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated",
        "QQQ,{day}," + OHLC + ",{whole},{adj_close},7777,2025-01-01",
    ),
    "yfinance before two levels had names": (
        "QQQ.csv",
        ",Adj Close,Close,High,Low,Open,Volume\n,QQQ,QQQ,QQQ,QQQ,QQQ,QQQ\nDate,,,,,,",
        "{day},{adj_close},{close},{high},{low},{open},{whole}",
    ),
    "R's quantmod": (
        "x.csv",
        '"","QQQ.Open","QQQ.High","QQQ.Low","QQQ.Close","QQQ.Volume","QQQ.Adjusted"',
        '"{day}",' + OHLC + ",{whole},{adj_close}",
    ),
    "Bloomberg": ("x.csv", "Security,Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME,Adj Close",
                  "QQQ US Equity,{day:%m/%d/%Y}," + OHLC + ",{whole},{adj_close}"),
}  # fmt: skip
PLAIN = {
    "Nasdaq": (
        "QQQ.csv",
        "Date,Close/Last,Volume,Open,High,Low",
        "{day:%m/%d/%Y},${close},{whole},${open},${high},${low}",
    ),
    "stooq's bulk files": (
        "data/daily/us/qqq.us.txt",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        "QQQ.US,D,{day:%Y%m%d},000000," + OHLC + ",{whole},0",
    ),
    "stooq's web page": ("qqq_us_d.csv", "Date,Open,High,Low,Close,Volume", "{day}," + OHLC + ",{whole}"),
    "Investing.com": (
        "QQQ Historical Data.csv",
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"',
        '"{day:%m/%d/%Y}","{close}","{open}","{high}","{low}","{whole:,}","0.10%"',
    ),
    "Polygon's flat files": (
        "2023-07-03.csv",
        "ticker,volume,open,close,high,low,window_start,transactions",
        "QQQ,{whole},{open},{close},{high},{low},{epoch}000000000,55",
    ),
    "Alpaca": ("bars.csv", "symbol,timestamp,open,high,low,close,volume,trade_count,vwap",
               "QQQ,{day} 04:00:00+00:00," + OHLC + ",{whole},5,1.0"),
    "TradingView": ("NASDAQ_DLY_QQQ, 1D.csv", "time,open,high,low,close,Volume", "{epoch}," + OHLC + ",{whole}"),
    "Google's sheet": ("QQQ.csv", "Date,Open,High,Low,Close,Volume", "{day:%-m/%-d/%Y} 16:00:00," + OHLC + ",{whole}"),
    "Kaggle": ("all_stocks.csv", "date,open,high,low,close,volume,Name", "{day}," + OHLC + ",{whole},QQQ"),
    "ariva": (
        "QQQ.csv",
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen",
        "{day};{open};{high};{low};{close};{whole};9",
    ),
    "Investing.com in German": (
        "QQQ Historische Daten.csv",
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
        '"{day:%d.%m.%Y}","{close}","{open}","{high}","{low}","{whole:,}","0,10%"',
    ),
    "NSE": ("QQQ.csv", '"Date ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","close ","VOLUME "',
            '"{day:%d-%b-%Y}","{open}","{high}","{low}","1,00,370.1","{close}","{whole:,}"'),
}  # fmt: skip


@pytest.mark.parametrize("vendor", ADJUSTED)
def test_an_export_with_adjusted_closes_is_read_as_it_comes(tmp_path: Path, vendor: str) -> None:
    name, header, form = ADJUSTED[vendor]
    csv(tmp_path / name, header, lines(BARS, row(form)))
    assert_is(tmp_path, BARS)


@pytest.mark.parametrize("vendor", PLAIN)
def test_an_export_without_adjusted_closes_is_read_and_says_so(tmp_path: Path, vendor: str) -> None:
    name, header, form = PLAIN[vendor]
    path = csv(tmp_path / name, header, lines(BARS, row(form)))
    assert_is(path, BARS, adjusted=False)
    [reading] = FilesSource(tmp_path).readings()
    assert "close stands for adj_close" in reading.scale


@pytest.mark.parametrize("swapped", [False, True], ids=["fields first", "tickers first"])
@pytest.mark.parametrize("form", ["two header rows", "tuples", "flattened", "parquet", "reset index", "stacked"])
def test_a_download_of_several_tickers_is_read_in_every_form(tmp_path: Path, form: str, swapped: bool) -> None:
    tickers = {"QQQ": BARS, "LOW": known(50, ticker="LOW", level=210.0), "C": known(ticker="C", level=45.0)}
    wide = pd.concat(
        {
            ticker: pd.DataFrame(bars.drop("ticker").rows(), columns=["Date", *NAMES]).set_index("Date")
            for ticker, bars in tickers.items()
        },
        axis=1,
        names=["Ticker", "Price"],
    )
    wide.index = pd.DatetimeIndex(wide.index, name="Date")
    wide = wide if swapped else wide.swaplevel(axis=1)
    if form == "two header rows":
        wide.to_csv(tmp_path / "market.csv")
    elif form == "parquet":
        wide.to_parquet(tmp_path / "market.parquet")
    elif form == "reset index":
        wide.reset_index().to_csv(tmp_path / "market.csv", index=False)
    elif form == "stacked":
        wide.stack(level="Ticker", future_stack=True).dropna().to_csv(tmp_path / "market.csv")
    else:
        wide.columns = (
            ["_".join(pair) for pair in wide.columns] if form == "flattened" else wide.columns.to_flat_index()
        )
        wide.to_csv(tmp_path / "market.csv")
    source = FilesSource(tmp_path)
    assert source.tickers() == tickers.keys()
    for bars in tickers.values():
        assert_is(tmp_path, bars)


def test_a_download_of_a_whole_exchange_is_read(tmp_path: Path) -> None:
    """Its header alone is longer than most files."""
    bars = known(3)
    tickers = [f"T{i:04d}LONGNAME" for i in range(1500)]
    header = [
        ("Price", *(name for _ in tickers for name in NAMES)),
        ("Ticker", *(one for one in tickers for _ in NAMES)),
    ]
    names = ("open", "high", "low", "close", "adj_close", "volume")
    rows = [(bar["session"], *([bar[name] for name in names] * len(tickers))) for bar in bars.iter_rows(named=True)]
    csv(tmp_path / "all.csv", ",".join(header[0]), [",".join(str(cell) for cell in row) for row in [header[1], *rows]])
    assert len(FilesSource(tmp_path).tickers()) == 1500
    assert_is(tmp_path, bars.with_columns(ticker=pl.lit(tickers[-1])))


NAMES = ("Open", "High", "Low", "Close", "Adj Close", "Volume")


@pytest.mark.parametrize("name", ["VIX_History.csv", "^VIX.csv", "%5EVIX.csv", "VIX.csv"])
def test_cboe_s_index_needs_no_volume_and_no_caret(tmp_path: Path, name: str) -> None:
    vix = known(ticker="^VIX", level=14.0)
    csv(tmp_path / name, "DATE,OPEN,HIGH,LOW,CLOSE", lines(vix, row("{day:%m/%d/%Y}," + OHLC)))
    assert_is(tmp_path, vix, adjusted=False, volume=False)


def test_anything_but_an_index_needs_a_volume(tmp_path: Path) -> None:
    csv(tmp_path / "QQQ.csv", "DATE,OPEN,HIGH,LOW,CLOSE", lines(BARS, row("{day}," + OHLC)))
    with pytest.raises(SourceError, match=r"QQQ\.csv lacks the column\(s\) volume.*An index.*needs no volume"):
        FilesSource(tmp_path).tickers()
    both = pl.concat([BARS, known(ticker="^VIX")]).drop("volume")
    both.write_parquet(tmp_path / "QQQ.csv.parquet")
    (tmp_path / "QQQ.csv").unlink()
    assert answer(tmp_path, "^VIX").bars.height == BARS.height
    with pytest.raises(SourceError, match="QQQ lacks the column volume, which only an index"):
        answer(tmp_path, "QQQ")


def test_yahoo_s_lines_of_actions_and_its_footer_are_no_bars(tmp_path: Path) -> None:
    table = lines(BARS, row("{day:%b %-d, %Y}\t{open}\t{high}\t{low}\t{close}\t{adj_close}\t{whole:,}"))
    table.insert(31, "Aug 15, 2023\t0.75 Dividend\t\t\t\t\t")
    table.insert(11, "Jul 18, 2023\t2:1 Stock Splits\t\t\t\t\t")
    footer = "*Close price adjusted for splits.**Adjusted close price adjusted for splits and dividend distributions."
    csv(tmp_path / "QQQ.csv", "Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume", [*table, footer])
    got = assert_is(tmp_path, BARS)
    assert got.actions.select("session", "kind", "value").rows() == [(dt.date(2023, 7, 18), "split", 2.0)]


def test_title_lines_a_trailing_comma_blank_lines_and_a_footer_are_passed_over(tmp_path: Path) -> None:
    body = lines(BARS, row("{day}," + OHLC + ",{adj_close},{whole},"))
    titles = ["Invesco QQQ Trust", "Price history, in USD, daily", "", "Date,Open,High,Low,Close,Adj Close,Volume,"]
    csv(
        tmp_path / "QQQ.csv",
        "sep=,",
        [*titles, *body[:30], "", *body[30:], "", "Source: a vendor, all rights reserved"],
    )
    assert_is(tmp_path, BARS)
    [reading] = FilesSource(tmp_path).readings()
    assert reading.n_rows == BARS.height
    assert any("1 line(s) without a date and a number" in said for said in reading.ignored)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_ending_is_read(tmp_path: Path, encoding: str, end: str) -> None:
    text = end.join(["Date\tOpen\tHigh\tLow\tClose\tAdj Close\tVolume\tWährung", *lines(BARS, row(TABBED)), ""])
    (tmp_path / "QQQ.csv").write_bytes(text.encode(encoding))
    assert_is(tmp_path, BARS)


TABBED = "{day}\t{open}\t{high}\t{low}\t{close}\t{adj_close}\t{whole}\tUSD"


def test_the_period_s_column_is_believed(tmp_path: Path) -> None:
    header = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
    csv(tmp_path / "qqq.us.txt", header, lines(BARS, row("QQQ.US,60,{day:%Y%m%d},160000," + OHLC + ",{whole},0")))
    with pytest.raises(SourceError, match=r"column <PER> says '60'\. Give daily bars"):
        FilesSource(tmp_path).tickers()


def test_a_packed_file_is_the_same(tmp_path: Path) -> None:
    plain = csv(tmp_path / "x.csv", "Date,Open,High,Low,Close,Adj Close,Volume", lines(BARS, row(YAHOO))).read_bytes()
    (tmp_path / "x.csv").unlink()
    (tmp_path / "QQQ.csv.gz").write_bytes(gzip.compress(plain))
    assert_is(tmp_path / "QQQ.csv.gz", BARS)
    packed = gzip.compress(plain)
    for broken in (packed[:-20], packed[:300] + b"\xff" * 40 + packed[340:], b"no gzip"):
        (tmp_path / "QQQ.csv.gz").write_bytes(broken)
        with pytest.raises(SourceError, match=r"QQQ\.csv\.gz cannot be read: (Compressed|Error -3|Not a gzipped|CRC)"):
            FilesSource(tmp_path).tickers()


YAHOO = "{day}," + OHLC + ",{adj_close},{whole}"
