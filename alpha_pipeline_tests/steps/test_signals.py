import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps import signals
from alpha_pipeline.steps.signals import stale_sessions
from alpha_pipeline.universe import MAG7, SECTORS
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tables import signals as tables
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.pipeline_world import FrameSource, ingest_all, signal_all

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
DAYS = sessions.between(signals.FIRST_SESSION, LAST)
ALL = (
    tables.MAG7_BALLOTS,
    tables.MAG7_VOTE,
    tables.SECTOR_RANKS,
    tables.SECTOR_ROTATION,
    tables.VIX_REGIME,
    tables.QQQ_POSITION,
)


def changed(warehouse: Warehouse, ticker: str, session: dt.date, prob_up: float) -> None:
    """Another forecast of one session."""
    there = pl.col("session") == session
    rows = warehouse.read(DAILY, [ticker])
    warehouse.write(DAILY, ticker, rows.with_columns(prob_up=pl.when(there).then(prob_up).otherwise("prob_up")))


def test_every_session_gets_its_signals(forecast_world: Warehouse) -> None:
    signal_all(forecast_world, DAYS)
    for table in (tables.MAG7_VOTE, tables.SECTOR_ROTATION, tables.VIX_REGIME, tables.QQQ_POSITION):
        assert forecast_world.read(table)["session"].to_list() == list(DAYS), table.name
    assert forecast_world.read(tables.MAG7_BALLOTS).height == 7 * len(DAYS)
    assert forecast_world.read(tables.MAG7_VOTE)["signal"].n_unique() == 2
    assert forecast_world.read(tables.SECTOR_ROTATION)["pick"].drop_nulls().n_unique() > 2
    assert forecast_world.read(tables.QQQ_POSITION)["target_weight"].max() > 0


def test_nothing_is_stale_after_a_run_and_everything_before_it(forecast_world: Warehouse) -> None:
    assert stale_sessions(forecast_world, DAYS) == [day.isoformat() for day in DAYS]
    signal_all(forecast_world, DAYS)
    assert stale_sessions(forecast_world, DAYS) == []


@pytest.mark.parametrize("ticker", [MAG7[0], SECTORS[-1], "^VIX"])
def test_a_changed_forecast_makes_its_session_and_all_after_it_stale(forecast_world: Warehouse, ticker: str) -> None:
    signal_all(forecast_world, DAYS)
    day = dt.date(2016, 2, 17)
    changed(forecast_world, ticker, day, 0.77)
    assert stale_sessions(forecast_world, DAYS) == [d.isoformat() for d in DAYS if d >= day]
    signal_all(forecast_world, [d for d in DAYS if d >= day])
    assert stale_sessions(forecast_world, DAYS) == []


def test_when_a_forecast_was_made_is_no_reason_to_be_stale(
    forecast_world: Warehouse, forecast_rows: Callable[..., pl.DataFrame]
) -> None:
    signal_all(forecast_world, DAYS)
    later = forecast_rows("NVDA", DAYS, made_at=dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
    forecast_world.write(DAILY, "NVDA", later.with_columns(seeds=pl.lit(1)))
    other = forecast_rows("NVDA", DAYS, model="ridge")
    forecast_world.write(DAILY, "NVDA", pl.concat([later, other]))
    assert stale_sessions(forecast_world, DAYS) == []


def test_a_new_session_is_the_only_stale_one(forecast_world: Warehouse) -> None:
    signal_all(forecast_world, DAYS[:-1])
    assert stale_sessions(forecast_world, DAYS) == [LAST.isoformat()]


def test_a_correction_before_the_first_session_reaches_the_sizes(forecast_world: Warehouse) -> None:
    signal_all(forecast_world, DAYS)
    wrong = pl.col("session") == dt.date(2015, 12, 30)
    rows = forecast_world.read(raw.BARS, ["QQQ"])
    names = ("open", "high", "low", "close", "adj_close")
    moved = [pl.when(wrong).then(pl.col(name) * 0.9).otherwise(pl.col(name)).alias(name) for name in names]
    forecast_world.write(raw.BARS, "QQQ", rows.with_columns(moved))
    assert stale_sessions(forecast_world, DAYS) == [day.isoformat() for day in DAYS]


def test_another_version_of_the_arithmetic_makes_all_stale(
    forecast_world: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_all(forecast_world, DAYS)
    monkeypatch.setattr(signals, "SIGNALS_VERSION", "next")
    assert len(stale_sessions(forecast_world, DAYS)) == len(DAYS)


def test_a_session_says_the_same_whichever_sessions_are_asked_for_with_it(forecast_world: Warehouse) -> None:
    signal_all(forecast_world, DAYS)
    whole = {table.name: forecast_world.read(table) for table in ALL}
    for part in (DAYS[30:40], DAYS[:1], DAYS[-1:], DAYS[10:33]):
        signal_all(forecast_world, part)
        assert all(forecast_world.read(table).equals(whole[table.name]) for table in ALL)


def test_a_missing_voter_is_named_and_not_guessed(forecast_world: Warehouse) -> None:
    for ticker in ("META", "TSLA", "XLU"):
        forecast_world.objects.delete(forecast_world.key(DAILY, ticker))
    signal_all(forecast_world, DAYS)
    vote = forecast_world.read(tables.MAG7_VOTE)
    assert vote["missing"].unique().to_list() == ["META, TSLA"]
    assert vote["n_voting"].unique().to_list() == [5]
    rotation = forecast_world.read(tables.SECTOR_ROTATION)
    assert rotation["missing"].unique().to_list() == ["XLU"]
    assert rotation["pick"].null_count() == len(DAYS)
    changed_to_four = forecast_world.key(DAILY, "NVDA")
    forecast_world.objects.delete(changed_to_four)
    signal_all(forecast_world, DAYS)
    position = forecast_world.read(tables.QQQ_POSITION)
    assert position["target_weight"].unique().to_list() == [0.0]
    assert position["reason"].str.contains("abstains: no fresh ballot from NVDA, META, TSLA").all()


def test_without_any_forecast_there_is_a_row_that_says_so(warehouse: Warehouse) -> None:
    source = FrameSource(dict(simulate(7, 0.0, FIRST, LAST, ("QQQ",)).bars))
    ingest_all(warehouse, source, ["QQQ"], LAST, FIRST)
    signal_all(warehouse, DAYS)
    position = warehouse.read(tables.QQQ_POSITION)
    assert position.height == len(DAYS)
    assert position["reason"][-1].startswith("abstains: no fresh ballot from NVDA")
    assert stale_sessions(warehouse, DAYS) == []
