"""Which files of a path are read, which are named and left out, and how several are joined."""

import datetime as dt
import os
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.files.refusal import EXPECTED
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline_tests.sources.files.known_bars import answer, assert_is, csv, known, lines

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
BARS = known()


def write(path: Path, bars: pl.DataFrame = BARS, *, header: str = HEADER, delimiter: str = ",") -> Path:
    names = ("session", "open", "high", "low", "close", "adj_close", "volume")
    rows = lines(bars, lambda bar: [bar[name] for name in names], delimiter)
    return csv(path, header.replace(",", delimiter), rows)


@pytest.mark.parametrize("folder", ["prices [12]", "a * b?", 'it\'s "quoted"', "{x,y}", "ünï cödé", "%20", "#1 ;"])
def test_a_path_is_read_as_it_is_written(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder / "QQQ.csv")
    BARS.rename({"session": "date"}).with_columns(pl.lit("SPY").alias("ticker")).write_parquet(
        tmp_path / folder / "[a].parquet"
    )
    write(tmp_path / "prices 1" / "QQQ.csv", known(level=50.0))
    write(tmp_path / "a b" / "QQQ.csv", known(level=60.0))
    assert_is(tmp_path / folder, BARS)
    assert_is(tmp_path / folder / "QQQ.csv", BARS)
    assert FilesSource(tmp_path / folder).tickers() == {"QQQ", "SPY"}


@pytest.mark.parametrize(
    ("name", "ticker"),
    [
        ("QQQ.csv", "QQQ"), ("qqq.csv", "QQQ"), ("BRK-B.csv", "BRK-B"), ("^VIX.csv", "^VIX"), ("%5EVIX.csv", "^VIX"),
        ("qqq.us.txt", "QQQ"), ("QQQ.US.csv", "QQQ"), ("spy_us_d.csv", "SPY"), ("^spx_d.csv", "^SPX"),
        ("NVDA Historical Data (1).csv", "NVDA"), ("SPY ETF Stock Price History.csv", "SPY"), ("daily_IBM.csv", "IBM"),
        ("WIKI-AAPL.csv", "AAPL"), ("BATS_QQQ, 1D.csv", "QQQ"), ("SHOP.TO.csv", "SHOP.TO"), ("QQQ (2).csv", "QQQ"),
        ("ticker=MSFT/part-0.csv", "MSFT"), ("us/nasdaq/a/AAPL.csv", "AAPL"), ("ES=F.csv", "ES=F"), ("ALL.csv", "ALL"),
    ],
)  # fmt: skip
def test_a_file_s_name_tells_its_ticker(tmp_path: Path, name: str, ticker: str) -> None:
    write(tmp_path / name)
    assert FilesSource(tmp_path).tickers() == {ticker}


@pytest.mark.parametrize(
    "name", ["bars.csv", "Prices.csv", "2023.csv", "HistoricalData_1688384628.csv", "my best bars.csv"]
)
def test_a_word_or_a_number_is_no_ticker(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    with pytest.raises(SourceError, match=r"has no ticker column, and its name is no ticker .* Name it as the ticker"):
        FilesSource(tmp_path).tickers()
    with pytest.raises(SourceError, match=r"lacks the column\(s\) ticker"):
        FilesSource(tmp_path / name).tickers()


@pytest.mark.parametrize("column", ["Symbol", "Name", "<TICKER>", "tic", "act_symbol", "Ticker Symbol"])
def test_tickers_of_a_column_never_become_the_file_s(tmp_path: Path, column: str) -> None:
    market = pl.concat([BARS, known(ticker="SPY", level=440.0)])
    market.rename({"session": "date", "ticker": column}).write_parquet(tmp_path / "ALL.parquet")
    assert FilesSource(tmp_path).tickers() == {"QQQ", "SPY"}
    assert_is(tmp_path, BARS)


def test_two_tickers_under_an_unknown_column_are_refused_and_not_merged(tmp_path: Path) -> None:
    market = pl.concat([BARS, known(ticker="SPY", level=440.0)])
    market.rename({"session": "date", "ticker": "what is it"}).write_parquet(tmp_path / "ALL.parquet")
    with pytest.raises(
        SourceError, match=r"ALL has several rows that differ for a session: 2 for 2023-07-03.*name the column"
    ):
        FilesSource(tmp_path).tickers()


@pytest.mark.parametrize("name", ["Invesco QQQ Trust", "Invesco"])
def test_a_column_of_company_names_leaves_the_ticker_to_the_file(tmp_path: Path, name: str) -> None:
    BARS.drop("ticker").with_columns(Name=pl.lit(name)).rename({"session": "date"}).write_parquet(
        tmp_path / "QQQ.parquet"
    )
    assert_is(tmp_path, BARS)


def test_one_stray_or_broken_file_is_named_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "QQQ.csv")
    (tmp_path / "README.md").write_text("not bars")
    (tmp_path / "SPY.parquet").write_bytes(b"PAR1 this is none")
    (tmp_path / "AMD.xlsx").write_bytes(b"PK")
    (tmp_path / "notes.txt").write_text("Buy low, sell high.\n")
    (tmp_path / "MU.csv").write_text(HEADER + "\n")
    (tmp_path / ".hidden.csv").write_text("x")
    os.mkfifo(tmp_path / "TXN.csv")
    (tmp_path / "INTC.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "GOOG.csv").write_text("Date,Close\n2024-01-02,1\n")
    readings = {Path(one.file).name: one.refused for one in FilesSource(tmp_path).readings()}
    assert FilesSource(tmp_path).tickers() == {"QQQ"}
    assert readings.pop("QQQ.csv") == ""
    assert {name: " ".join(why.split()[:4]) for name, why in readings.items()} == {
        "README.md": "is no *.parquet or",
        "SPY.parquet": "cannot be read: Parquet",
        "AMD.xlsx": "is no *.parquet or",
        "notes.txt": "names no columns that",
        "MU.csv": "holds no row below",
        "TXN.csv": "is no regular file.",
        "INTC.csv": "cannot be read: No",
        "GOOG.csv": "lacks the column(s) open,",
    }
    assert "save the sheet as CSV" in readings["AMD.xlsx"]
    assert len(caplog.records) == 1
    assert "and 7 other file(s) left out" in caplog.text


@pytest.mark.parametrize("content", ["", HEADER + "\n", HEADER, "\n\n"])
def test_a_file_without_a_row_is_an_error_and_no_empty_market(tmp_path: Path, content: str) -> None:
    (tmp_path / "QQQ.csv").write_text(content)
    with pytest.raises(SourceError, match=r"QQQ\.csv (holds no row below its header|cannot be read: it is empty)"):
        FilesSource(tmp_path).tickers()
    BARS.clear().rename({"session": "date"}).write_parquet(tmp_path / "QQQ.parquet")
    with pytest.raises(SourceError, match=r"QQQ\.parquet holds no row below its header"):
        FilesSource(tmp_path / "QQQ.parquet").tickers()


def test_where_nothing_can_be_read_the_reasons_are_named(tmp_path: Path) -> None:
    for name in ("A", "B", "C", "D"):
        (tmp_path / f"{name}.csv").write_text("Date,Close\n2024-01-02,1\n")
    (tmp_path / "00.md").write_text("x")
    with pytest.raises(
        SourceError, match=r"no file of .* can be read: .*A\.csv lacks .*B\.csv .*C\.csv .*; and 2 more\."
    ):
        FilesSource(tmp_path).fetch("QQQ", dt.date(2024, 1, 2), dt.date(2024, 1, 3))


def test_a_warehouse_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "QQQ.csv")
    claim_market(Warehouse(tmp_path / "warehouse"), MarketRecord("files", "files"))
    BARS.rename({"session": "date"}).write_parquet(tmp_path / "warehouse" / "QQQ.parquet")
    assert [Path(one.file).name for one in FilesSource(tmp_path).readings()] == ["QQQ.csv"]


def test_links_in_a_loop_are_entered_once(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "QQQ.csv")
    (tmp_path / "deep" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again").symlink_to(tmp_path / "deep", target_is_directory=True)
    assert len(FilesSource(tmp_path).readings()) == 1
    assert_is(tmp_path, BARS)


def test_a_ticker_of_several_files_is_joined_by_session(tmp_path: Path) -> None:
    write(tmp_path / "2023" / "QQQ.csv", BARS[:30])
    write(tmp_path / "2024" / "QQQ.csv", BARS[28:])  # two sessions are in both, and the same
    bars = answer(tmp_path).bars
    assert bars.unique(maintain_order=True).select(BARS.columns).equals(BARS)
    first, second = FilesSource(tmp_path).readings()
    assert (
        first.scale == f"1 ticker(s), first QQQ, are in other files too, first {second.file}; their sessions are joined"
    )


def test_files_that_contradict_each_other_leave_the_ticker_out_with_both_named(tmp_path: Path) -> None:
    one = write(tmp_path / "one" / "QQQ.csv")
    other = write(tmp_path / "two" / "QQQ.csv", BARS.with_columns(pl.col("adj_close") * 0.99))
    write(tmp_path / "SPY.csv")
    assert answer(tmp_path, "SPY").bars.height == BARS.height
    with pytest.raises(SourceError, match=rf"QQQ is in {one} and in {other}, and they differ: .* at 2023-07-03 is"):
        answer(tmp_path)


def test_raw_prices_of_several_files_are_not_joined_over_a_split(tmp_path: Path) -> None:
    """The years before the split know nothing of it."""
    raw = BARS.with_columns(
        pl.when(pl.col("session") < BARS["session"][45]).then(pl.col(name) * 10).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    )
    write(tmp_path / "1" / "QQQ.csv", raw[:30].with_columns(adj_close=pl.col("adj_close") / 2))
    write(tmp_path / "2" / "QQQ.csv", raw[30:])
    with pytest.raises(SourceError, match="with raw prices, which were divided by its splits, and in"):
        answer(tmp_path)


def test_files_that_are_each_adjusted_up_to_their_own_end_are_not_joined(tmp_path: Path) -> None:
    """A year's adjusted closes end at its close; the next year's begin below: between them lies a false return."""
    write(tmp_path / "2023" / "QQQ.csv", BARS[:60])
    later = known(60, first=dt.date(2024, 1, 2))
    write(tmp_path / "2024" / "QQQ.csv", later)
    with pytest.raises(SourceError, match="each is adjusted for the dividends up to its own end"):
        answer(tmp_path)


@pytest.mark.parametrize(("step", "name"), [(5, "weekly"), (21, "monthly")])
def test_bars_of_a_week_or_a_month_are_refused_as_such(tmp_path: Path, step: int, name: str) -> None:
    write(tmp_path / "QQQ.csv", known(260)[::step])
    with pytest.raises(SourceError, match=rf"holds no daily bars .*the bars of QQQ are {name}: from 2023-07-03 on"):
        FilesSource(tmp_path).tickers()


@pytest.mark.parametrize("hours", [(9, 12, 15), (10, 15)])
@pytest.mark.parametrize("form", ["{day} {hour:02d}:30:00-04:00", "{day}T{hour:02d}:30:00", "{day:%m/%d/%Y} {hour}:30"])
def test_several_bars_a_session_are_refused_as_intraday(tmp_path: Path, hours: tuple[int, ...], form: str) -> None:
    rows = [
        f"{form.format(day=day, hour=hour)},1,2,0.5,{1 + hour / 100},1,10" for day in BARS["session"] for hour in hours
    ]
    csv(tmp_path / "QQQ.csv", HEADER, rows)
    with pytest.raises(
        SourceError, match=rf"the bars of QQQ are intraday: 2023-07-03 has {len(hours)} \({hours[0]:02d}:30"
    ):
        FilesSource(tmp_path).tickers()


def test_hours_in_a_column_of_their_own_are_seen(tmp_path: Path) -> None:
    rows = [f"{day:%Y%m%d},{hour}3000,1,2,0.5,{1 + hour / 100},10" for day in BARS["session"] for hour in (10, 15)]
    csv(tmp_path / "QQQ.csv", "Date,Time,Open,High,Low,Close,Volume", rows)
    with pytest.raises(SourceError, match=r"intraday: 2023-07-03 has 2 \(10:30 to 15:30\)"):
        FilesSource(tmp_path).tickers()


def test_one_ticker_that_is_not_daily_stops_no_other_of_its_file(tmp_path: Path) -> None:
    weekly = known(260, ticker="SPY")[::5]
    pl.concat([BARS, weekly]).rename({"session": "date"}).write_parquet(tmp_path / "market.parquet")
    assert_is(tmp_path, BARS)
    with pytest.raises(SourceError, match=r"market\.parquet: the bars of SPY are weekly"):
        answer(tmp_path, "SPY")
    assert any("SPY are weekly" in said for said in FilesSource(tmp_path).readings()[0].ignored)


def test_a_ticker_without_a_date_is_no_ticker(tmp_path: Path) -> None:
    table = BARS.rename({"session": "date"})
    total = table[:1].with_columns(ticker=pl.lit("TOTAL"), date=None)
    pl.concat([table, total], how="vertical_relaxed").write_parquet(tmp_path / "market.parquet")
    with pytest.raises(SourceError, match="TOTAL has no row with a date"):
        answer(tmp_path, "TOTAL")
    table.with_columns(ticker=pl.lit("not a ticker")).write_parquet(tmp_path / "market.parquet")
    with pytest.raises(
        SourceError, match=r"has no ticker in its column ticker: 'not a ticker' is none. Use Yahoo's names"
    ):
        FilesSource(tmp_path).tickers()


def test_what_is_not_used_is_said_once(tmp_path: Path) -> None:
    BARS.with_columns(vwap=1.0, note=pl.lit("x")).rename({"session": "date"}).write_parquet(tmp_path / "QQQ.parquet")
    [reading] = FilesSource(tmp_path).readings()
    assert reading.ignored == (f"Not used: vwap, note. Expected columns: {EXPECTED}.",)
    assert (reading.n_rows, reading.first, reading.last) == (60, BARS["session"][0], BARS["session"][-1])


def test_marks_that_are_the_delimiter_too_are_refused_and_never_shifted(tmp_path: Path) -> None:
    for name, row in {
        "QQQ": "370,07,370,93,368,97,370,29,365,26,19432900",
        "SPY": "370.1,371,369,370,365,19,432,900",
    }.items():
        csv(tmp_path / f"{name}.csv", HEADER, [f"{day},{row}" for day in BARS["session"]])
        with pytest.raises(
            SourceError, match=rf"{name}\.csv has lines with more fields than its header names \(60, the first"
        ):
            FilesSource(tmp_path / f"{name}.csv").tickers()


def test_a_share_class_is_found_in_either_spelling(tmp_path: Path) -> None:
    write(tmp_path / "BRK.B.csv")
    for name in ("BRK-B", "BRK.B"):
        assert answer(tmp_path, name).bars["ticker"].unique().to_list() == [name]
