import datetime as dt
import random
from collections.abc import Callable

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.forecasting import walk_forward
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.steps.forecasting import forecast_tickers, merge, stamp
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.pipeline_world import (
    QUICK,
    FrameSource,
    after_close,
    build_features,
    forecast_all,
    ingest_all,
    retrained,
)

DAYS = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 1, 15))
KEY = list(DAILY.key)
VALUES = [name for name in DAILY.columns if name not in DAILY.volatile]
Make = Callable[..., pl.DataFrame]


def at(day: int) -> dt.datetime:
    return dt.datetime(2016, 2, day, tzinfo=dt.UTC)


def some(forecast_rows: Make, dice: random.Random, day: int) -> pl.DataFrame:
    """Forecasts of a random subset of keys, each with one of two values, some of them live."""
    drawn = [
        forecast_rows("^VIX", (session,), model=model, made_at=at(day), is_live=dice.random() < 0.4).with_columns(
            expected_return=pl.lit(dice.choice([0.01, 0.02]))
        )
        for model in ("ridge", "v17_pilot")
        for session in DAYS
        if dice.random() < 0.7
    ]
    return pl.concat([DAILY.empty(), *drawn])


@pytest.mark.parametrize("seed", range(20))
def test_merging_keeps_what_was_live_and_takes_what_is_new(forecast_rows: Make, seed: int) -> None:
    dice = random.Random(seed)
    held, fresh = some(forecast_rows, dice, 1), some(forecast_rows, dice, 2)
    merged = merge(held, fresh)
    by_key = {table: {row[:4]: row for row in frame.select(*KEY, pl.exclude(KEY)).iter_rows()} for table, frame in
              {"held": held, "fresh": fresh, "merged": merged}.items()}  # fmt: skip
    live = DAILY.columns.index("is_live")
    made_at = DAILY.columns.index("made_at")
    assert merged.height == len(by_key["merged"])
    assert set(by_key["merged"]) == set(by_key["held"]) | set(by_key["fresh"])
    for key, row in by_key["merged"].items():
        before, now = by_key["held"].get(key), by_key["fresh"].get(key)
        if before is None or now is None:
            assert row == (before or now), "only one of them speaks"
        elif before[live]:
            assert row == before, "a live forecast stays"
        elif before[:made_at] == now[:made_at]:
            assert row == before, "an unchanged forecast keeps when it was made"
        else:
            assert row == now, "a fresh forecast replaces one that was not live"


def test_merging_twice_is_merging_once(forecast_rows: Make) -> None:
    dice = random.Random(0)
    held, fresh = some(forecast_rows, dice, 1), some(forecast_rows, dice, 2)
    once = DAILY.conform(merge(held, fresh))
    assert DAILY.conform(merge(once, fresh)).equals(once)


def test_a_forecast_is_live_when_made_before_the_open_that_could_fill_it(forecast_rows: Make) -> None:
    friday, monday_closed = dt.date(2016, 1, 15), dt.date(2016, 1, 18)  # the Monday is a holiday
    assert not sessions.is_session(monday_closed)
    opens = sessions.open_time(dt.date(2016, 1, 19))
    rows = forecast_rows("QQQ", DAYS).drop("made_at", "is_live")
    for now, expected in (
        (opens - dt.timedelta(microseconds=1), {friday}),
        (opens, set()),
        (sessions.close_time(friday), {friday}),
        (sessions.open_time(friday) - dt.timedelta(hours=1), {dt.date(2016, 1, 14), friday}),
    ):
        stamped = stamp(rows, now)
        assert set(stamped.filter("is_live")["session"]) == expected
        assert stamped["made_at"].unique().to_list() == [now]


@pytest.fixture(scope="module")
def ridge() -> Experiment:
    return retrained(load_experiments()["ridge"], minimum_samples=100, validation_sessions=40)


@pytest.fixture(scope="module")
def long_bars() -> dict[str, pl.DataFrame]:
    from alpha_pipeline.sources.simulated import simulate

    return dict(simulate(7, 0.0, dt.date(2014, 1, 2), dt.date(2016, 3, 31), ("QQQ", "NVDA")).bars)


FIRST, EVENING = dt.date(2014, 1, 2), dt.date(2016, 2, 26)


def evening(warehouse: Warehouse, bars: dict[str, pl.DataFrame], ridge: Experiment, through: dt.date) -> None:
    ingest_all(warehouse, FrameSource(bars), ["QQQ"], through, FIRST)
    build_features(warehouse, ["QQQ"])
    forecast_all(warehouse, [ridge], ["QQQ"], after_close(through))


def test_each_evening_adds_one_live_forecast_and_rewrites_none(
    warehouse: Warehouse, long_bars: dict[str, pl.DataFrame], ridge: Experiment
) -> None:
    evening(warehouse, long_bars, ridge, EVENING)
    before = warehouse.read(DAILY, ["QQQ"])
    assert before.filter("is_live")["session"].unique().to_list() == [EVENING]
    following = sessions.offset(EVENING, 1)
    evening(warehouse, long_bars, ridge, following)
    after = warehouse.read(DAILY, ["QQQ"])
    assert after.filter(pl.col("session") <= EVENING).equals(before)
    assert after.filter("is_live")["session"].unique().sort().to_list() == [EVENING, following]


def test_a_live_forecast_survives_a_corrected_past(
    warehouse: Warehouse, long_bars: dict[str, pl.DataFrame], ridge: Experiment
) -> None:
    evening(warehouse, long_bars, ridge, EVENING)
    before = warehouse.read(DAILY, ["QQQ"])
    wrong = pl.col("session") == dt.date(2016, 2, 24)
    rows = long_bars["QQQ"].with_columns(
        pl.when(wrong).then(pl.col(name) * 1.03).otherwise(pl.col(name)).alias(name)
        for name in ("high", "close", "adj_close")
    )
    evening(warehouse, {"QQQ": rows}, ridge, sessions.offset(EVENING, 1))
    after = warehouse.read(DAILY, ["QQQ"])
    assert after.join(before.filter("is_live"), on=DAILY.columns, how="semi", nulls_equal=True).height == 2
    day = pl.col("session") == dt.date(2016, 2, 25)
    assert not after.filter(day).select(VALUES).equals(before.filter(day).select(VALUES))
    early = pl.col("session") < dt.date(2016, 2, 24)
    assert after.filter(early).equals(before.filter(early)), "what the correction does not touch keeps its time"


def test_nothing_new_is_forecast_by_nobody(
    warehouse: Warehouse,
    long_bars: dict[str, pl.DataFrame],
    ridge: Experiment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evening(warehouse, long_bars, ridge, EVENING)
    before = warehouse.objects.get(warehouse.key(DAILY, "QQQ"))
    with monkeypatch.context() as patch:
        patch.setattr(walk_forward, "forecast", lambda *_: pytest.fail("nothing changed"))
        later = after_close(EVENING) + dt.timedelta(days=3)
        reports = forecast_tickers(warehouse, [ridge], ["QQQ", "NVDA"], QUICK, later)
    assert warehouse.objects.get(warehouse.key(DAILY, "QQQ")) == before
    assert (reports["QQQ"].models, reports["QQQ"].last_session, reports["QQQ"].n_live) == (("ridge",), EVENING, 2)
    assert (reports["NVDA"].n_rows, reports["NVDA"].last_session) == (0, None)
