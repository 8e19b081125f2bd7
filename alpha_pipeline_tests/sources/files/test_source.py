"""The files source: what it accepts, and what it says when it cannot."""

import datetime as dt
import os
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import SourceError, UnknownTickerError
from alpha_pipeline.sources.base import ANSWER_SCHEMA
from alpha_pipeline.sources.files.source import FilesSource

FIRST, LAST = dt.date(2024, 1, 2), dt.date(2024, 1, 4)
HEADER = "Ticker,Date,Open,High,Low,Close,Adj Close,Volume,Note"
ROWS = (
    "QQQ,2024-01-02,400,402,399,401,400.5,1000,x",
    "QQQ,2024-01-03,401,403,400,402,401.5,1100,x",
    "SPY,2024-01-02,470,472,469,471,,2000,x",
)


def csv(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def fetch(path: Path, ticker: str = "QQQ") -> pl.DataFrame:
    return FilesSource(path).fetch(ticker, FIRST, LAST).bars


def test_csv_with_any_case_and_extra_columns(tmp_path: Path) -> None:
    bars = fetch(csv(tmp_path / "bars.csv", *ROWS))
    assert dict(bars.schema) == ANSWER_SCHEMA
    assert bars.get_column("session").to_list() == [dt.date(2024, 1, 2), dt.date(2024, 1, 3)]
    assert bars.row(0, named=True) == {
        "ticker": "QQQ",
        "session": dt.date(2024, 1, 2),
        "open": 400.0,
        "high": 402.0,
        "low": 399.0,
        "close": 401.0,
        "adj_close": 400.5,
        "volume": 1000.0,
        "is_final": True,
    }


def test_rows_of_days_to_come_are_named(tmp_path: Path) -> None:
    csv(tmp_path / "bars.csv", *ROWS, "QQQ,2034-01-03,401,403,400,402,401.5,1100,x")
    [reading] = FilesSource(tmp_path).readings()
    assert "1 row(s) of days to come, the first 2034-01-03: not taken" in " ".join(reading.ignored)


@pytest.mark.parametrize("n_lost", [1, 2, 3])
def test_a_number_that_the_end_of_a_file_cut_off_is_none(tmp_path: Path, n_lost: int) -> None:
    days = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 3, 1))
    rows = [f"QQQ,{day},400,402,399,401,{40_000_000 + place}" for place, day in enumerate(days)]
    text = "\n".join(["Ticker,Date,Open,High,Low,Close,Volume", *rows])
    path = tmp_path / "bars.csv"
    path.write_text(text)  # an end of line is not asked for
    assert FilesSource(path).fetch("QQQ", days[0], days[-1]).bars["volume"].null_count() == 0
    path.write_text(text[:-n_lost])
    answer = FilesSource(path).fetch("QQQ", days[0], days[-1])
    assert answer.bars.filter(pl.col("volume").is_null())["session"].to_list() == [days[-1]]
    assert "the file ends here" in answer.notes[0]


def test_close_stands_for_an_adjusted_close_that_the_file_has_not(tmp_path: Path) -> None:
    path = tmp_path / "plain.parquet"
    row = {"ticker": "QQQ", "session": FIRST, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.5, "volume": 7}
    pl.DataFrame([row]).write_parquet(path)
    assert fetch(path)["adj_close"].to_list() == [1.5]
    pl.DataFrame([row | {"adj_close": float("nan")}]).write_parquet(path)  # a column without any value is none
    assert fetch(path)["adj_close"].to_list() == [1.5]


def test_one_missing_among_adjusted_closes_stays_missing(tmp_path: Path) -> None:
    assert fetch(csv(tmp_path / "bars.csv", *ROWS), "SPY")["adj_close"].to_list() == [None]
    path = tmp_path / "bars.parquet"
    row = {"ticker": "QQQ", "date": FIRST, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.5, "volume": 7}
    pl.DataFrame([row | {"adj_close": 1.4}, row | {"date": LAST, "adj_close": float("nan")}]).write_parquet(path)
    assert fetch(path)["adj_close"].to_list() == [1.4, None]


@pytest.mark.parametrize(
    "days",
    [
        pl.Series([FIRST]),
        pl.Series([FIRST]).cast(pl.Datetime("ns")),
        # New York's midnight.
        pl.Series([dt.datetime(2024, 1, 2, 5, tzinfo=dt.UTC)]).dt.convert_time_zone("America/New_York"),
        pl.Series(["2024-01-02"]),
        pl.Series([" 2024-01-02 00:00:00-05:00 "]),
        pl.Series(["2024-01-02T00:00:00"]),
    ],
    ids=["date", "datetime", "zoned", "iso", "iso with zone", "iso with T"],
)
def test_dates_in_every_form(tmp_path: Path, days: pl.Series) -> None:
    path = tmp_path / "bars.parquet"
    prices = {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
    pl.DataFrame({"ticker": ["QQQ"], "date": days, **prices}).write_parquet(path)
    assert fetch(path)["session"].to_list() == [FIRST]


def test_values_that_cannot_be_read_become_null(tmp_path: Path) -> None:
    rows = (
        "QQQ,02/01/2024,400,402,399,401,401,1000,x",
        "QQQ,2024-01-03,abc,402,399,401,401,,x,one,too,many",
        "QQQ,2024-01-04,400,402,399,401,oops,1000",
    )
    path = csv(tmp_path / "bars.csv", *rows)
    answer = FilesSource(path).fetch("QQQ", FIRST, LAST)
    assert answer.bars["session"].to_list() == [None, dt.date(2024, 1, 3), dt.date(2024, 1, 4)]
    assert answer.bars["open"].to_list() == [400.0, None, 400.0]
    assert answer.bars["volume"].to_list() == [1000.0, None, 1000.0]
    # Close must not hide the damage, and in a line with too many fields no number is where it belongs.
    assert answer.bars["adj_close"].to_list() == [401.0, None, None]
    dates, adjusted, long = answer.notes
    assert dates.startswith(
        f"{path}, column Date: 1 value(s) cannot be read, the first '02/01/2024'. Write dates as yyyy"
    )
    assert adjusted.startswith(f"{path}, column Adj Close: 1 value(s) cannot be read, the first 'oops' at 2024-01-04.")
    assert long.startswith(f"{path}: 1 line(s) have more fields than the header, the first at 2024-01-03.")


def test_rows_without_a_ticker_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = csv(tmp_path / "bars.csv", *ROWS, ",2024-01-03,1,1,1,1,1,1,x", "not a ticker,2024-01-03,1,1,1,1,1,1,x")
    assert fetch(path).height == 2
    assert "ignored 2 row(s) without a valid ticker" in caplog.text


def test_share_classes_are_spelled_as_yahoo_does(tmp_path: Path) -> None:
    assert fetch(csv(tmp_path / "bars.csv", "brk.b,2024-01-02,1,1,1,1,1,1,x"), "BRK-B").height == 1


def test_folder_of_files_named_by_ticker(tmp_path: Path) -> None:
    header = "date,open,high,low,close,volume"
    csv(tmp_path / "%5EVIX.csv", "2024-01-02,13,14,12,13.5,0", header=header)
    csv(tmp_path / "BRK-B.csv", "2024-01-02,360,361,359,360,10", header=header)
    fetch_frame = pl.DataFrame(
        {"ticker": ["QQQ"], "date": [FIRST], "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}
    )
    fetch_frame.write_parquet(tmp_path / "rest.PARQUET")
    (tmp_path / "README.md").write_text("not bars")
    source = FilesSource(tmp_path)
    assert source.tickers() == {"^VIX", "BRK-B", "QQQ"}
    assert fetch(tmp_path, "^VIX")["close"].to_list() == [13.5]


def test_only_the_asked_range_and_rows_without_a_date(tmp_path: Path) -> None:
    path = csv(tmp_path / "bars.csv", *ROWS, "QQQ,,1,1,1,1,1,1,x")
    bars = FilesSource(path).fetch("QQQ", LAST, LAST).bars
    assert bars["session"].to_list() == [None]


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = csv(tmp_path / "bars.csv", *ROWS)
    source = FilesSource(path)
    source.fetch("QQQ", FIRST, LAST)
    with monkeypatch.context() as patch:
        patch.setattr(pl, "read_csv", lambda *_, **__: pytest.fail("read again"))
        source.fetch("SPY", FIRST, LAST)
    csv(path, *ROWS, "QQQ,2024-01-04,402,404,401,403,402.5,1200,x")
    os.utime(path, ns=(1, 1))
    assert source.fetch("QQQ", FIRST, LAST).bars.height == 3


def test_an_unknown_ticker_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownTickerError, match=r"no ticker 'QQW' \(it holds 2 tickers; nearest: QQQ\)"):
        fetch(csv(tmp_path / "bars.csv", *ROWS), "QQW")


def test_what_is_wrong_with_a_path(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv does not exist"):
        fetch(tmp_path / "nowhere.csv")
    with pytest.raises(SourceError, match=r"holds no \*\.parquet or \*\.csv file"):
        fetch(tmp_path)
    (tmp_path / "bars.xlsx").write_text("x")
    with pytest.raises(SourceError, match=r"bars\.xlsx is no \*\.parquet or \*\.csv file"):
        fetch(tmp_path / "bars.xlsx")


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("ticker,date,open,high,low,volume", "close"),
        ("ticker,moon,open,high,low,worth", r"date \(or session\), close, volume"),
        ("date,open,high,low,close,volume", "ticker"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, header: str, missing: str) -> None:
    path = csv(tmp_path / "bars.csv", "a,b,c,d,e,f", header=header)
    with pytest.raises(
        SourceError, match=rf"bars\.csv lacks the column\(s\) {missing}\. Expected columns: ticker, date"
    ):
        fetch(path)


def test_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 this is none")
    with pytest.raises(SourceError, match=r"broken\.parquet cannot be read"):
        fetch(tmp_path / "broken.parquet")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SourceError, match=r"empty\.csv cannot be read"):
        fetch(tmp_path / "empty.csv")
    twice = csv(tmp_path / "twice.csv", ROWS[0] + ",1", header=HEADER + ",close")
    with pytest.raises(SourceError, match=r"has the column\(s\) close more than once"):
        fetch(twice)


def test_a_folder_file_without_ticker_needs_a_ticker_name(tmp_path: Path) -> None:
    csv(tmp_path / "my best bars.csv", "2024-01-02,1,1,1,1,1", header="date,open,high,low,close,volume")
    with pytest.raises(SourceError, match="no ticker column, and its name is no ticker"):
        fetch(tmp_path)
