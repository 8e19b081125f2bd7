"""Files as people have them, of which the prices cannot be, against the real bars that they were cut from.

What the files are read as is the files source's; here they are read by hand, so that only the ingestion is tried.
"""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.ingestion.ingest import Ingested, ingest
from alpha_pipeline.ingestion.quality import QUARANTINE_SCHEMA, judge
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer
from alpha_pipeline_tests.ingestion.walks import said

REAL_BARS = os.environ.get("ALPHA_REAL_BARS")
CASES = Path(REAL_BARS or "nowhere").parent / "../../cases/field"
NOW, THROUGH = dt.datetime(2025, 7, 1, tzinfo=dt.UTC), dt.date(2025, 6, 30)
NOTHING = pl.DataFrame(schema=BARS_SCHEMA), pl.DataFrame(schema=QUARANTINE_SCHEMA)
pytestmark = [pytest.mark.real_bars, pytest.mark.skipif(REAL_BARS is None, reason="ALPHA_REAL_BARS names no file")]


def rows_of(case: str, ticker: str) -> pl.DataFrame:
    """A case's file, its stamps cut to their day, as the files source reads ISO dates."""
    raw = pl.read_csv(CASES / case / f"{ticker}.csv", infer_schema=False)
    named = raw.rename(lambda name: name.lower().replace(" ", "_").replace("date", "session"))
    days = pl.col("session").str.slice(0, 10).str.to_date()
    made = named.with_columns(days, ticker=pl.lit(ticker), is_final=pl.lit(value=True))
    return made.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())


def real(ticker: str) -> pl.DataFrame:
    rows = pl.read_parquet(Path(REAL_BARS or ""), columns=["ticker", "date", "close"]).filter(ticker=ticker)
    return rows.select(session="date", truth="close")


def first(answer: Answer) -> Ingested:
    return ingest(answer, *NOTHING, now=NOW, through=THROUGH)


def returns(bars: pl.DataFrame) -> pl.DataFrame:
    """The adjusted closes' moves beside the true ones; sessions that lack a bar move over it in both."""
    both = bars.join(real(bars["ticker"][0]), on="session").sort("session")
    moves = [(pl.col(name) / pl.col(name).shift(1) - 1).alias(name) for name in ("adj_close", "truth")]
    return both.select("session", *moves).drop_nulls()


def assert_true(bars: pl.DataFrame) -> None:
    moves = returns(bars)
    np.testing.assert_allclose(moves["adj_close"], moves["truth"], atol=2e-4)


def test_one_blank_adjusted_close_loses_its_row() -> None:
    done = first(said(rows_of("one_blank_adj_close", "SPY"), ticker="SPY"))
    assert done.quarantine.select("session", "reason").rows() == [(dt.date(2016, 6, 15), "price_missing")]
    assert_true(done.bars)


def test_a_run_of_blanks_filled_with_the_close_is_refused() -> None:
    rows = rows_of("one_blank_adj_close", "SPY").with_columns(
        adj_close=pl.when(pl.col("session").is_between(dt.date(2016, 6, 15), dt.date(2016, 6, 24)))
        .then("close")
        .otherwise("adj_close")
    )
    done = first(said(rows, ticker="SPY"))
    assert done.quarantine["reason"].to_list() == ["adj_close_other_scale"] * 8
    assert_true(done.bars)


def test_a_split_that_was_not_carried_through_is_refused_or_mended() -> None:
    rows = rows_of("split_not_carried", "NVDA")
    refused = first(said(rows, ticker="NVDA"))
    assert refused.bars["session"].min() == dt.date(2024, 6, 10)
    assert refused.quarantine["reason"].unique().to_list() == ["unlisted_split"]
    assert "(close 1208.26 on 2024-06-07, 121.728 on 2024-06-10)" in refused.notes[0]
    assert_true(refused.bars)
    mended = first(said(rows, (dt.date(2024, 6, 10), "split", 10.0), ticker="NVDA"))
    assert mended.bars.height == rows.height
    assert_true(mended.bars)
    actions = pl.DataFrame([("NVDA", dt.date(2024, 6, 10), "split", 10.0)], schema=ACTION_SCHEMA, orient="row")
    known = ingest(said(rows, ticker="NVDA"), *NOTHING, now=NOW, through=THROUGH, known_actions=actions)
    assert known.bars.equals(mended.bars)


@pytest.mark.parametrize("factor", [1.0, 0.1, 10.0])
def test_six_sessions_in_pence_are_refused_and_no_other(factor: float) -> None:
    """A hundred times off as in the case, and ten and a thousand times."""
    rows = rows_of("hundredfold_for_six_sessions", "QQQ")
    off = pl.col("session").is_between(dt.date(2024, 9, 3), dt.date(2024, 9, 10))
    prices = ("open", "high", "low", "close", "adj_close")
    rows = rows.with_columns(pl.when(off).then(pl.col(name) * factor).otherwise(name).alias(name) for name in prices)
    done = first(said(rows, ticker="QQQ"))
    assert done.quarantine["reason"].to_list() == ["other_scale"] * 6
    assert done.quarantine["session"].to_list() == rows.filter(off)["session"].to_list()
    assert_true(done.bars)


def test_years_before_2010_are_kept() -> None:
    done = first(said(rows_of("before_2010", "AAPL"), ticker="AAPL"))
    assert done.bars.filter(pl.col("session") < dt.date(2010, 1, 1)).height == 1259
    assert done.quarantine["reason"].str.starts_with("not_a_session").all()
    assert done.bars.height + done.quarantine.height == 2086


@pytest.mark.parametrize("hours", [-9, -1, 25, 24 * 7])
def test_an_answer_of_another_zone_changes_no_bar_of_a_right_warehouse(hours: int) -> None:
    rows = rows_of("hundredfold_for_six_sessions", "SPY")
    held = first(said(rows, ticker="SPY"))
    shifted = rows.with_columns(
        session=(pl.col("session").cast(pl.Datetime) + pl.duration(hours=hours)).dt.date()
    )  # fmt: skip
    done = ingest(said(shifted, ticker="SPY"), held.bars, held.quarantine, now=NOW, through=THROUGH)
    assert done.bars.equals(held.bars)
    assert done.notes


def test_the_case_of_another_zone_changes_no_bar_and_adds_none() -> None:
    wrong = rows_of("utc_of_another_zone", "QQQ")
    assert first(said(wrong, ticker="QQQ")).bars.is_empty()
    right = rows_of("split_not_carried", "QQQ")
    held = first(said(right, ticker="QQQ"))
    assert_true(held.bars)
    done = ingest(said(wrong, ticker="QQQ"), held.bars, held.quarantine, now=NOW, through=THROUGH)
    assert done.bars.equals(held.bars)


def test_of_the_long_histories_only_what_breaks_a_rule_of_its_own_is_refused() -> None:
    file = Path(REAL_BARS or "").parent / "../vix/vix_complex_daily.parquet"
    rows = pl.read_parquet(file).filter(pl.col("open").is_not_null(), ~pl.col("ticker").str.contains(r":|\AVX"))
    refused: dict[tuple[str, str], int] = {}
    for (ticker,), bars in rows.group_by("ticker", maintain_order=True):
        made = bars.with_columns(session="date", adj_close="close", is_final=pl.lit(value=True)).sort("date")
        made = made.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())
        counts = judge(said(made, ticker=str(ticker)), THROUGH).refused["reason"].value_counts()
        refused |= {(str(ticker), reason): count for reason, count in counts.iter_rows()}
    assert refused == {
        ("^VIX", "open_outside_range"): 47,
        ("^VIX", "not_a_session"): 25,
        ("^COR1M", "suspicious_print"): 4,
        ("^VIX6M", "high_below_low"): 1,
    }


def test_of_the_unadjusted_histories_nothing_is_refused() -> None:
    """KDP's payment of 84 % of its price is in them, and the parts that MDLZ and TMUS gave away."""
    rows = pl.read_parquet(Path(REAL_BARS or "").parent / "ohlcv_daily_unadjusted.parquet")
    for (ticker,), bars in rows.group_by("ticker", maintain_order=True):
        made = bars.with_columns(session="date", is_final=pl.lit(value=True)).sort("date")
        made = made.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())
        judged = judge(said(made, ticker=str(ticker)), THROUGH)
        assert (judged.refused.height, judged.notes) == (0, ()), ticker


@pytest.mark.parametrize("ticker", ["AAPL", "AEP", "HYG", "MSFT", "TMUS"])
@pytest.mark.parametrize("decimals", [2, 6])
@pytest.mark.parametrize("split", [1.0, 4.0])
def test_a_real_history_loaded_again_years_later_is_taken_whole(ticker: str, decimals: int, split: float) -> None:
    """Dividends of ten years, to the cent or not, and a split among them."""
    file = Path(REAL_BARS or "").parent / "ohlcv_daily_unadjusted.parquet"
    rows = pl.read_parquet(file).filter(ticker=ticker).with_columns(session="date", is_final=pl.lit(value=True))
    rows = rows.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items()).sort("session")
    prices = pl.col("open", "high", "low", "close", "adj_close")
    last = rows.row(1000, named=True)
    old = rows.head(1001).with_columns(adj_close=pl.col("adj_close") * (last["close"] / last["adj_close"]))
    old = old.with_columns((prices * split).round(decimals), volume=(pl.col("volume") / split).round())
    held = first(said(old, ticker=ticker))
    new = rows.with_columns(prices.round(decimals))
    done = ingest(said(new, ticker=ticker), held.bars, held.quarantine, now=NOW + dt.timedelta(1), through=THROUGH)
    assert done.bars["adj_close"].to_list() == new["adj_close"].to_list()
    assert done.notes == ()
