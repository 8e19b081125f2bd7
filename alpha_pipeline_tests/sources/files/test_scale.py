"""Raw prices, splits and payments come on one basis."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline_tests.sources.files.known_bars import PRICES, answer, assert_is, known

BARS = known()
AT = BARS["session"][40]


def raw(bars: pl.DataFrame, ratio: float, at: dt.date = AT) -> pl.DataFrame:
    """The bars as they were traded: before a split prices stood higher and volumes lower."""
    factor = pl.when(pl.col("session") < at).then(ratio).otherwise(1.0)
    prices = [(pl.col(name) * factor).round(6) for name in PRICES]
    return bars.with_columns(*prices, volume=pl.col("volume") / factor)


def column(kind: str, values: dict[dt.date, float], nothing: float) -> pl.Series:
    return pl.Series(kind, [values.get(day, nothing) for day in BARS["session"]])


def write(path: Path, bars: pl.DataFrame, *columns: pl.Series, without: tuple[str, ...] = ()) -> Path:
    bars.with_columns(*columns).drop(without).rename({"session": "Date"}).write_parquet(path)
    return path


def near(path: Path, bars: pl.DataFrame, *, adjusted: str = "adj_close") -> None:
    read = answer(path).bars
    for name in (*PRICES, "volume"):
        assert read[name].to_list() == pytest.approx(bars[name].to_list(), rel=1e-6), name
    assert read["adj_close"].to_list() == pytest.approx(bars[adjusted].to_list(), rel=1e-6)


@pytest.mark.parametrize("ratio", [10.0, 2.0, 0.1, 1.5, 1.05])
@pytest.mark.parametrize(
    ("name", "nothing"), [("splitFactor", 1.0), ("Stock Splits", 0.0), ("8. split coefficient", 1.0)]
)
def test_raw_prices_beside_a_split_are_divided_by_it(tmp_path: Path, ratio: float, name: str, nothing: float) -> None:
    path = write(tmp_path / "QQQ.parquet", raw(BARS, ratio), column(name, {AT: ratio}, nothing))
    near(path, BARS)
    assert answer(path).actions.select("session", "kind", "value").rows() == [(AT, "split", ratio)]
    [reading] = FilesSource(path).readings()
    assert f"raw prices divided by later splits, volumes multiplied: QQQ {ratio:g}:1 of {AT}" in reading.scale


@pytest.mark.parametrize("ratio", [10.0, 2.0, 0.1])
def test_raw_prices_beside_a_split_need_no_adjusted_close(tmp_path: Path, ratio: float) -> None:
    path = write(tmp_path / "QQQ.parquet", raw(BARS, ratio), column("split", {AT: ratio}, 1.0), without=("adj_close",))
    near(path, BARS, adjusted="close")


@pytest.mark.parametrize("ratio", [10.0, 2.0, 0.1])
def test_raw_closes_beside_adjusted_ones_show_the_split_themselves(tmp_path: Path, ratio: float) -> None:
    path = write(tmp_path / "QQQ.parquet", raw(BARS, ratio))
    near(path, BARS)
    assert answer(path).actions.is_empty()


def test_rows_in_any_order_several_tickers_and_repeated_rows_are_put_on_one_basis(tmp_path: Path) -> None:
    other = BARS.with_columns(ticker=pl.lit("SPY"))
    table = pl.concat([raw(BARS, 10.0).with_columns(column("split", {AT: 10.0}, 1.0)), other.with_columns(split=1.0)])
    pl.concat([table, table])[::-1].rename({"session": "Date"}).write_parquet(path := tmp_path / "market.parquet")
    for ticker, bars in {"QQQ": BARS, "SPY": other}.items():
        read = answer(path, ticker).bars
        assert read["close"].to_list() == pytest.approx(pl.concat([bars, bars])[::-1]["close"].to_list())
    assert answer(path, "SPY").actions.is_empty()


def test_several_splits_are_divided_by_one_after_the_other(tmp_path: Path) -> None:
    first = BARS["session"][10]
    twice = raw(raw(BARS, 2.0), 4.0, first)
    near(write(tmp_path / "QQQ.parquet", twice, column("Split Ratio", {AT: 2.0, first: 4.0}, 1.0)), BARS)


@pytest.mark.parametrize("ratio", [10.0, 2.0, 0.1, 1.05])
def test_a_split_that_the_prices_hold_already_changes_nothing(tmp_path: Path, ratio: float) -> None:
    """As yfinance writes it: split-adjusted closes beside the column Stock Splits."""
    path = write(tmp_path / "QQQ.parquet", BARS, column("Stock Splits", {AT: ratio}, 0.0))
    got = assert_is(path, BARS)
    assert got.actions.select("session", "kind", "value").rows() == [(AT, "split", ratio)]


def test_a_special_dividend_of_most_of_the_price_is_no_split(tmp_path: Path) -> None:
    """KDP's close fell by 82 % in July 2018, and its adjusted close rose."""
    assert_is(write(tmp_path / "QQQ.parquet", (bars := raw(BARS, 6.2))), bars)


def test_payments_are_used_where_the_adjusted_close_steps_by_them(tmp_path: Path) -> None:
    ex, before = BARS["session"][30], BARS["close"][29]
    paid = round(before * 0.02, 6)
    kept = pl.when(pl.col("session") < ex).then(pl.col("close") * (1 - paid / before)).otherwise(pl.col("close"))
    bars = BARS.with_columns(adj_close=kept)
    path = write(tmp_path / "QQQ.parquet", bars, column("Dividends", {ex: paid}, 0.0))
    assert answer(path).actions.select("session", "kind", "value").rows() == [(ex, "dividend", paid)]
    # Of raw prices the payment is per raw share: before a later split it was worth a tenth.
    path = write(tmp_path / "QQQ.parquet", raw(bars, 10.0), column("divCash", {ex: paid * 10}, 0.0))
    assert answer(path).actions["value"].to_list() == pytest.approx([paid])


@pytest.mark.parametrize("without", [(), ("adj_close",)], ids=["closes that are adjusted", "no adjusted close"])
def test_payments_that_the_prices_may_hold_already_are_not_taken_off_twice(tmp_path: Path, without: tuple[str]) -> None:
    """yfinance's history() adjusts the prices themselves, and writes the dividends beside them."""
    bars = BARS.with_columns(adj_close="close")
    path = write(tmp_path / "QQQ.parquet", bars, column("Dividends", {AT: 1.5}, 0.0), without=without)
    assert assert_is(path, bars).actions.is_empty()
    [reading] = FilesSource(path).readings()
    assert "1 payments are not used" in reading.scale


def test_a_blank_adjusted_close_stays_blank_beside_a_split(tmp_path: Path) -> None:
    day = BARS["session"][5]
    bars = raw(BARS, 10.0).with_columns(adj_close=pl.when(pl.col("session") != day).then("adj_close"))
    read = answer(write(tmp_path / "QQQ.parquet", bars)).bars
    assert read["adj_close"].null_count() == 1
    assert read["close"].to_list() == pytest.approx(BARS["close"].to_list())
