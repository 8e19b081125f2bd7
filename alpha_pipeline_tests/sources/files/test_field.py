"""Files as people have them, each re-dressed after a public complaint: the source reads the real bars out of them."""

import os
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline_tests.sources.files.known_bars import answer

REAL_BARS = os.environ.get("ALPHA_REAL_BARS")
pytestmark = [
    pytest.mark.real_bars,
    pytest.mark.skipif(REAL_BARS is None, reason="ALPHA_REAL_BARS names no file"),
]


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of the cases, which lies beside the data."""
    return Path(REAL_BARS or "").parents[2] / "cases" / "field"


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    """The closes that the cases were cut from, adjusted for splits and dividends."""
    rows = pl.read_parquet(REAL_BARS or "")
    return rows.select("ticker", pl.col("date").alias("session"), pl.col("adj_close").alias("truth"))


def worst(bars: pl.DataFrame, truth: pl.DataFrame, *, name: str = "adj_close") -> float:
    """The largest difference of a daily return from the truth; every session is one of the truth's."""
    rows = bars.join(truth, on=["ticker", "session"], how="left", maintain_order="left").sort("session")
    assert rows["truth"].null_count() == 0
    moves = rows.select(pl.col(name, "truth").pct_change())
    return float(moves.select((pl.col(name) - pl.col("truth")).abs().max()).item())


# Without adjusted closes a dividend is missing, 0.4 % of SPY at most; cents on 150 are 7e-5.
CASES = {
    ("utc_of_another_zone", "QQQ", 500): 1e-3,
    ("adjusted_close_spelled_otherwise", "SPY", 1006): 1e-3,
    ("raw_beside_adjusted", "NVDA", 500): 1e-4,
    ("raw_beside_adjusted", "QQQ", 500): 1e-3,
    ("one_ticker_unreadable", "SPY", 500): 1e-3,
    ("one_ticker_unreadable", "QQQ", 500): 1e-3,
    ("day_first", "QQQ", 500): 1e-3,
    ("dollar_signs", "QQQ", 500): 3e-3,
    ("semicolon_and_comma", "QQQ", 500): 1e-3,
    ("nasdaq", "QQQ", 500): 3e-3,
    ("stooq", "QQQ", 500): 3e-3,
    ("investing", "QQQ", 500): 3e-3,
    ("yfinance_download_to_csv", "QQQ", 500): 1e-3,
    ("symbol_column", "QQQ", 500): 3e-3,
    ("symbol_column", "SPY", 500): 5e-3,
    ("before_2010", "QQQ", 500): 1e-3,
    ("gzip_beside", "QQQ", 500): 1e-3,
    ("brackets_in_path/prices [12]", "QQQ", 500): 1e-3,
    ("single_file/QQQ.csv", "QQQ", 500): 1e-3,
    ("vix_without_volume", "QQQ", 500): 1e-3,
    ("vix_without_volume", "^VIX", 500): 1e-6,
}


@pytest.mark.parametrize(("folder", "ticker", "n"), CASES)
def test_a_case_gives_the_real_returns(cases: Path, truth: pl.DataFrame, folder: str, ticker: str, n: int) -> None:
    got = answer(cases / folder, ticker)
    assert got.bars.height == n
    assert got.notes == ()
    assert worst(got.bars, truth) < CASES[folder, ticker, n]


def test_the_stamp_of_another_zone_is_its_session_at_the_exchange(cases: Path, truth: pl.DataFrame) -> None:
    """Not only the returns: the very closes are under their sessions."""
    bars = answer(cases / "utc_of_another_zone").bars
    right = answer(cases / "single_file" / "QQQ.csv").bars
    assert bars.equals(right)
    assert bars["session"].to_list() == truth.filter(ticker="QQQ").tail(500)["session"].to_list()


def test_the_split_of_raw_prices_is_carried_through_and_listed(cases: Path) -> None:
    got = answer(cases / "raw_beside_adjusted", "NVDA")
    day = pl.lit("2024-06-10").str.to_date()
    around = got.bars.with_columns(
        move=pl.col("close").pct_change(), volumes=pl.col("volume") / pl.col("volume").shift(1)
    )
    move, volumes = around.filter(pl.col("session") == day).select("move", "volumes").row(0)
    assert move == pytest.approx(0.0075, abs=1e-3)
    assert 0.3 < volumes < 3
    assert got.actions.select("kind", "value").rows() == [("split", 10.0)]


def test_hourly_bars_are_refused(cases: Path) -> None:
    with pytest.raises(SourceError, match=r"the bars of QQQ are intraday: 2023-07-03 has 7 \(09:30 to 15:30\)"):
        FilesSource(cases / "hourly").tickers()


@pytest.mark.parametrize(
    ("folder", "ticker"),
    [("split_not_carried", "NVDA"), ("hundredfold_for_six_sessions", "QQQ"), ("before_2010", "AAPL")],
)
def test_what_ingestion_has_to_judge_is_handed_through(cases: Path, folder: str, ticker: str) -> None:
    written = pl.read_csv((cases / folder / f"{ticker}.csv").read_bytes(), try_parse_dates=True)
    got = answer(cases / folder, ticker).bars
    assert got["close"].to_list() == written["Close"].to_list()
    assert got["session"].to_list() == written["Date"].to_list()


def test_a_blank_adjusted_close_is_left_blank(cases: Path) -> None:
    bars = answer(cases / "one_blank_adj_close", "SPY").bars
    assert bars.filter(pl.col("adj_close").is_null())["session"].cast(pl.String).to_list() == ["2016-06-15"]


def test_the_packed_file_and_the_bracketed_folder_are_their_own(cases: Path) -> None:
    assert FilesSource(cases / "gzip_beside").tickers() == {"QQQ", "COST"}
    one, other = (answer(cases / "brackets_in_path" / name).bars["close"][0] for name in ("prices 1", "prices [12]"))
    assert (one, other) == (443.79, 370.29)


def test_every_name_of_a_file_is_found_as_it_is_asked_for(cases: Path) -> None:
    for name in ("VOD.L", "7203.T", "BRK.B", "SHOP.TO", "BRK-B"):
        assert answer(cases / "names", name).bars.height == 500
