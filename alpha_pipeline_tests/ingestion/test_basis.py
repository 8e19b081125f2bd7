"""What a split or a dividend explains is taken, however much it moves; what nothing explains is set aside."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.ingestion.basis import most_corrections
from alpha_pipeline.ingestion.disputes import disputes
from alpha_pipeline.ingestion.ingest import Ingested, ingest
from alpha_pipeline.ingestion.quality import QUARANTINE_SCHEMA
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA
from alpha_pipeline_tests.ingestion.walks import DAYS, OHLC, THROUGH, said, times, walk

NOW = dt.datetime(2022, 1, 1, tzinfo=dt.UTC)
N = 120
TRUTH = walk(N)
PRICES = (*OHLC, "adj_close")
NOTHING = pl.DataFrame(schema=BARS_SCHEMA), pl.DataFrame(schema=QUARANTINE_SCHEMA)
Actions = tuple[tuple[dt.date, str, float], ...]


def first(rows: pl.DataFrame, *, ticker: str = "QQQ") -> Ingested:
    return ingest(said(rows, ticker=ticker), *NOTHING, now=NOW, through=THROUGH)


def then(
    held: Ingested, rows: pl.DataFrame, *actions: tuple[dt.date, str, float], days: int = 1, take: bool = False
) -> Ingested:
    now = NOW + dt.timedelta(days=days)
    answer = said(rows, *actions, ticker=held.bars["ticker"][0])
    return ingest(answer, held.bars, held.quarantine, now=now, through=THROUGH, take_corrections=take)


def adjusting(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a source that adjusts OHLC too, to four decimals."""
    factor = pl.col("adj_close") / pl.col("close")
    rows = rows.with_columns(pl.col("open", "high", "low") * factor, close=pl.col("adj_close"))
    return rows.with_columns(pl.col(PRICES).round(4))


def of_another_zone(rows: pl.DataFrame) -> pl.DataFrame:
    """Every row under the session before."""
    return rows.with_columns(session=pl.Series(DAYS[: rows.height]).shift(1)).drop_nulls("session")


def of_another_vendor(rows: pl.DataFrame) -> pl.DataFrame:
    noise = np.random.default_rng(1).uniform(0.9995, 1.0005, rows.height)
    return rows.with_columns(pl.col(PRICES) * pl.Series(noise))


REWRITTEN = {
    "another zone": of_another_zone(TRUTH),
    "another vendor": of_another_vendor(TRUTH),
    "adjusted closes of another vendor": TRUTH.with_columns(of_another_vendor(TRUTH)["adj_close"]),
    "pence for pounds": times(TRUTH, 100.0, 0, N, *PRICES),
    "a tenth, the volume as it was": times(TRUTH, 0.1, 0, N, *PRICES),
    "euros for dollars": times(TRUTH, 0.93, 0, N, *PRICES),
    "a ratio that no company uses": times(times(TRUTH, 1 / 1.37, 0, N, *PRICES), 1.37, 0, N, "volume"),
    "no volume": times(TRUTH, 0.0, 0, N, "volume"),
    "volume in lots": times(TRUTH, 0.01, 0, N, "volume"),
}


@pytest.mark.parametrize("rows", REWRITTEN.values(), ids=REWRITTEN)
def test_a_history_that_would_be_rewritten_is_set_aside(rows: pl.DataFrame) -> None:
    held = first(TRUTH.head(N - 5))
    done = then(held, rows)
    assert done.bars.equals(held.bars)  # the five new sessions are of nobody knows which series
    assert done.revisions.is_empty()
    assert not done.needs_full_history
    assert done.notes
    again = then(done, rows, days=2)
    assert again.bars.equals(held.bars)
    assert again.quarantine.equals(done.quarantine)


def test_dividends_that_are_gone_are_set_aside() -> None:
    rows = walk(N, quarter=30)
    held = first(rows.head(N - 5))
    done = then(held, rows.with_columns(adj_close="close"))
    assert done.bars["adj_close"].to_list() == rows["adj_close"].to_list()
    assert len(done.notes) == 1


def test_a_split_of_some_rows_in_the_middle_is_none() -> None:
    held = first(TRUTH.head(N - 5))
    done = then(held, times(times(TRUTH, 0.5, 40, 60, *PRICES), 2.0, 40, 60, "volume"))
    assert done.bars["close"].to_list() == TRUTH["close"].to_list()
    assert done.quarantine["reason"].to_list() == ["other_scale"] * 20


def test_the_share_and_two_values_are_named_until_an_answer_agrees() -> None:
    held = first(TRUTH.head(N - 5))
    pence = times(TRUTH, 100.0, 0, N, *PRICES)
    done = then(held, pence)
    [found] = disputes("QQQ", done.bars, done.quarantine)
    close, day = TRUTH["open"][N - 6], TRUTH["session"][N - 6]
    said_so = f"115 of 115 held bars (100%) would be rewritten without a split or dividend that says so: open of {day}"
    assert done.notes[0].startswith(f"{said_so} is {close:.10g} here and {100 * close:.10g} in the answer.")
    assert found.words.startswith(f"QQQ: {said_so}")
    right = then(done, TRUTH, days=2)
    assert right.bars["close"].to_list() == TRUTH["close"].to_list()
    assert disputes("QQQ", right.bars, right.quarantine) == []
    assert right.quarantine["reason"].unique().to_list() == ["would_rewrite_history_settled"]
    taken = then(done, pence, days=2, take=True)
    assert taken.bars["close"].to_list() == pence["close"].to_list()
    assert disputes("QQQ", taken.bars, taken.quarantine) == []
    assert taken.revisions["cause"].unique().to_list() == ["correction"]


def test_new_bars_are_taken_where_the_held_ones_next_to_them_are_confirmed() -> None:
    held = first(TRUTH.head(N - 5))
    done = then(held, times(TRUTH, 1.01, 10, 40, "high"))
    assert done.bars["session"].to_list() == TRUTH["session"].to_list()
    assert done.bars["high"].to_list() == TRUTH["high"].to_list()
    assert done.quarantine["reason"].to_list() == ["would_rewrite_history"] * 30


@pytest.mark.parametrize(
    ("ratio", "actions"),
    [(10.0, True), (10.0, False), (0.1, False), (1.5, False), (8.0, False), (1.37, True), (1.05, True)],
)
@pytest.mark.parametrize("adjusts_all", [False, True])
def test_a_split_is_taken_however_much_it_moves(ratio: float, *, actions: bool, adjusts_all: bool) -> None:
    day = TRUTH["session"][100]
    before = times(times(TRUTH, ratio, 0, N, *PRICES), 1 / ratio, 0, N, "volume").head(100)
    whole = TRUTH if not adjusts_all else adjusting(TRUTH)
    held = first(before if not adjusts_all else adjusting(before))
    named: Actions = ((day, "split", ratio),) if actions else ()
    done = then(held, whole, *named)
    assert done.bars["close"].to_list() == whole["close"].to_list()
    assert set(done.revisions["cause"]) == {"split"}
    assert done.notes == ()
    if not adjusts_all:
        assert then(held, whole.tail(40), *named).needs_full_history


def test_dividends_of_years_are_taken_at_once() -> None:
    """Files that are loaded again after a year show four steps; each moves what lies before it."""
    old = walk(500, quarter=63)
    paid = old.with_columns(adj_close=pl.col("adj_close") * 0.985)
    later = paid.with_columns(
        adj_close=pl.when(pl.int_range(pl.len()) < 300).then(0.98).otherwise(1.0) * paid["adj_close"]
    )
    for made in (lambda rows: rows.with_columns(pl.col("adj_close").round(2)), adjusting):
        held = first(made(old))
        done = then(held, made(later))
        assert done.bars["adj_close"].to_list() == made(later)["adj_close"].to_list()
        assert set(done.revisions["cause"]) == {"dividend"}
        assert done.notes == ()


def test_a_dividend_that_is_put_right_is_taken() -> None:
    held = first(times(TRUTH, 0.95, 0, 70, "adj_close"))
    done = then(held, TRUTH)
    assert done.bars["adj_close"].to_list() == TRUTH["adj_close"].to_list()


def test_a_payment_of_most_of_the_price_is_taken_if_it_is_listed() -> None:
    paid = times(TRUTH, 0.16, 0, N, "adj_close")
    held = first(TRUTH)
    assert then(held, paid).bars.equals(held.bars)
    taken = then(held, paid, (TRUTH["session"][N - 1], "dividend", 67.0))
    assert taken.bars["adj_close"].to_list() == paid["adj_close"].to_list()


@pytest.mark.parametrize(("n_compared", "most"), [(1, 2), (4, 2), (8, 4), (15, 5), (500, 5), (1000, 10), (9000, 20)])
def test_a_handful_grows_with_what_is_compared(n_compared: int, most: int) -> None:
    assert most_corrections(n_compared) == most


def test_a_handful_of_corrections_is_taken_and_one_more_is_not() -> None:
    held = first(TRUTH)
    few, many = (times(TRUTH, 1.001, 20, 20 + n, "high") for n in (5, 6))
    assert then(held, few).bars["high"].to_list() == few["high"].to_list()
    assert then(held, many).bars.equals(held.bars)


def test_an_index_has_neither_splits_nor_dividends() -> None:
    held = first(times(TRUTH, 0.0, 0, N, "volume"), ticker="^VIX")
    assert then(held, times(times(TRUTH, 0.5, 0, N, *PRICES), 0.0, 0, N, "volume")).bars.equals(held.bars)
