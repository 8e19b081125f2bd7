"""The audit of a warehouse: of its bars and of what it stores; it keeps its findings, and finds what was changed."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.audit.pipeline import FeatureStep
from alpha_pipeline.evaluation.audit.truncation import difference
from alpha_pipeline.evaluation.audit.walk import Plan, walk
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.features.tables import FEATURE_SETS
from alpha_pipeline.forecasting import walk_forward
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.sources.simulated import SimulatedSource
from alpha_pipeline.steps import audit as steps
from alpha_pipeline.steps import bars, features, forecasting, ingest, results, signals, training
from alpha_pipeline.steps.alerts import session_alerts
from alpha_pipeline.steps.audit import audit, findings
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.pipeline import PIPELINE
from alpha_pipeline.steps.progress import Progress, watching
from alpha_pipeline.steps.results import write_ledger
from alpha_pipeline.training import fitting, trainer
from alpha_pipeline.training.artifact import plain_card, sealed_card
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.audit import AUDIT
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.raw import ACTIONS
from alpha_pipeline.warehouse.tables.results import LEDGER
from alpha_pipeline.warehouse.tables.signals import QQQ_POSITION, VIX_REGIME
from alpha_pipeline_tests.pipeline_world import after_close, build_features, forecast_all, ingest_all, signal_all

FIRST, LAST = dt.date(2011, 9, 1), dt.date(2016, 7, 29)
TICKERS = ("QQQ", VIX)
NOW = after_close(LAST) + dt.timedelta(days=3)
STORED = ("lag", "stored_slices", "stored_cards", "stored_forecasts", "stored_ledger", "stored_live_rows")
# Those that look at the warehouse, and not at markets made for them.
OF_BARS = ("truncation", "warm_up", "normalisation", "purge", "thresholds", "seeds", "universe", "shuffled_labels")
QUICK = ("folds", "fill", "holidays", "live_rows", *STORED)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse that ridge regression forecasts and votes in, its ledgers kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)
        for name in ("BALLOT_MODEL", "SECTOR_MODEL", "VIX_MODEL"):
            patch.setattr(signals, name, "ridge")
        patch.setattr(signals, "MODELS", ["ridge"])
        warehouse = Warehouse(tmp_path_factory.mktemp("filled"))
        ingest_all(warehouse, SimulatedSource(7), TICKERS, LAST, FIRST)
        build_features(warehouse, TICKERS)
        forecast_all(warehouse, [load_experiments()["ridge"]], TICKERS, after_close(LAST))
        signal_all(warehouse, calendar.between(signals.FIRST_SESSION, LAST))
        write_ledger(warehouse)
    return warehouse


@pytest.fixture
def held(filled: Warehouse, tmp_path: Path) -> Warehouse:
    """A copy to be changed."""
    copy = Warehouse(tmp_path / "copy")
    for key in [*filled.objects.list("tables"), *filled.objects.list("models")]:
        data = filled.objects.get(key)
        assert data is not None
        copy.objects.put(key, data)
    return copy


def said(warehouse: Warehouse, *probes: str, now: dt.datetime = NOW) -> dict[str, tuple[str, str]]:
    """Verdict and words by probe."""
    return {found.probe: (found.verdict, found.words) for found in audit(warehouse, now, probed=probes or None)}


def test_a_sound_warehouse_passes_every_probe(filled: Warehouse) -> None:
    heard: list[Progress] = []
    with watching(heard.append):
        found = {one.probe: one for one in audit(filled, NOW)}
    verdicts = {name: one.verdict for name, one in found.items()}
    assert set(verdicts.values()) <= {"ok", "nothing"}, found
    # One forecast only was made live, three days ago.
    assert {name for name, verdict in verdicts.items() if verdict == "nothing"} == set()
    rows = filled.read(AUDIT)
    assert set(rows["probe"]) == set(found)
    assert rows["passed"].all()
    assert [one.probe for one in findings(filled)] == sorted(found)
    assert heard[-1].done == heard[-1].total == len(found)
    assert {one.stage for one in heard if one.is_over} == {one.stage for one in heard}, "no bar is left half full"


def test_what_is_unchanged_is_not_looked_at_again(held: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    before = said(held, *QUICK)
    objects = {name: held.objects.get(held.key(AUDIT, name)) for name in QUICK}
    with monkeypatch.context() as patch:
        for name in ("stored_cards", "stored_forecasts", "stored_ledger", "lag", "stored_live_rows"):
            patch.setattr(steps, name, lambda *_: pytest.fail("nothing changed"))
        assert said(held, *QUICK, now=NOW + dt.timedelta(minutes=5)) == before
    assert {name: held.objects.get(held.key(AUDIT, name)) for name in QUICK} == objects
    with monkeypatch.context() as patch:
        patch.setattr(steps, "code_hash", lambda: "other code")
        patch.setattr(steps, "stored_cards", lambda *_: pytest.fail("looked again"))
        with pytest.raises(pytest.fail.Exception, match="looked again"):
            said(held, "stored_cards")


def test_a_warehouse_without_bars_has_nothing_to_audit(warehouse: Warehouse) -> None:
    assert list(audit(warehouse, NOW)) == []
    assert findings(warehouse) == []


def test_a_short_history_is_looked_at_as_far_as_it_goes(warehouse: Warehouse) -> None:
    ingest_all(warehouse, SimulatedSource(7), [VIX, "QQQ"], dt.date(2016, 1, 29), dt.date(2015, 10, 1))
    found = said(warehouse, *OF_BARS, "vix_clock", *QUICK)
    assert {verdict for verdict, _ in found.values()} <= {"ok", "nothing"}, found
    assert found["truncation"][0] == "ok"
    assert found["warm_up"][0] == found["stored_cards"][0] == found["stored_ledger"][0] == "nothing"


def test_an_index_alone_is_looked_at_as_far_as_it_goes(warehouse: Warehouse) -> None:
    ingest_all(warehouse, SimulatedSource(7), [VIX], dt.date(2016, 1, 29), dt.date(2015, 10, 1))
    found = said(warehouse, *OF_BARS, "vix_clock", *QUICK)
    assert {verdict for verdict, _ in found.values()} <= {"ok", "nothing"}, found
    assert found["purge"] == ("nothing", "no ticker that can be traded has bars")


Change = Callable[[pl.DataFrame], pl.DataFrame]


def _first_rows(column: str, value: pl.Expr) -> Change:
    return lambda rows: rows.with_columns(
        pl.when(pl.col("session") == rows["session"][0]).then(value).otherwise(pl.col(column)).alias(column)
    )


@pytest.mark.parametrize(
    ("probe", "change", "words"),
    [
        (
            "stored_forecasts",
            _first_rows("trained_through", pl.col("session")),
            "was forecast from labels not known before it",
        ),
        ("stored_forecasts", lambda rows: rows.with_columns(seeds=3), "1 members made it, and it counts [3]"),
        (
            "stored_forecasts",
            lambda rows: rows.with_columns(spike_threshold=pl.col("spike_threshold") * 1.01),
            "its spike threshold is not the one that its members' validation slices chose",
        ),
    ],
)
def test_a_changed_forecast_is_found(held: Warehouse, probe: str, change: Change, words: str) -> None:
    held.write(DAILY, VIX, change(held.read(DAILY, [VIX])))
    verdict, told = said(held, probe)[probe]
    assert verdict == "bad"
    assert words in told
    assert VIX in told


def _cards(warehouse: Warehouse) -> Iterator[str]:
    return (key for key in warehouse.objects.list("models") if key.endswith(".json"))


def _edit(warehouse: Warehouse, key: str, old: bytes, new: bytes) -> None:
    data = warehouse.objects.get(key)
    assert data is not None
    assert old in data
    # A fingerprint of the stored members is made of their names.
    warehouse.objects.delete(key)
    warehouse.objects.put(key.replace(".json", "x.json"), sealed_card(plain_card(data).replace(old, new)))


def test_a_member_trained_on_its_own_fold_is_found(held: Warehouse) -> None:
    key = next(iter(_cards(held)))
    data = held.objects.get(key)
    assert data is not None
    through = data.split(b'"trained_through": "')[1][:10]
    _edit(held, key, through, b"2016-01-04")
    verdict, told = said(held, "stored_cards")["stored_cards"]
    assert verdict == "bad"
    assert "trained on the label of 2016-01-04, not known before the fold" in told


def test_a_seed_that_was_left_out_is_suspicious(held: Warehouse) -> None:
    _edit(held, next(iter(_cards(held))), b'"seed": 0', b'"seed": 1')
    verdict, told = said(held, "stored_forecasts")["stored_forecasts"]
    assert verdict == "warning"
    assert "is by the seeds 1 alone" in told


def test_forecasts_of_another_fold_are_found(held: Warehouse) -> None:
    _edit(held, next(iter(_cards(held))), b'"end_session": "2017-01-03"', b'"end_session": "2016-02-01"')
    verdict, told = said(held, "stored_forecasts")["stored_forecasts"]
    assert verdict == "bad"
    assert "by members of 2016-01-04 to 2016-02-01" in told


def test_a_ledger_filled_at_the_close_is_found(held: Warehouse) -> None:
    rows = held.read(LEDGER, ["buy_and_hold"])
    early = pl.when(pl.col("session") == rows["session"][0]).then(pl.col("net_return") + 0.01)
    held.write(LEDGER, "buy_and_hold", rows.with_columns(net_return=early.otherwise("net_return")))
    verdict, told = said(held, "stored_ledger")["stored_ledger"]
    assert verdict == "bad"
    assert told.startswith("buy_and_hold's decisions earn")
    assert "1 of " in told


def test_a_position_that_knew_the_next_day_is_suspicious(held: Warehouse) -> None:
    qqq = final_bars(held, ["QQQ"])
    rise = qqq.select("session", rises=(pl.col("open").shift(-2) > pl.col("open").shift(-1)).fill_null(value=False))
    known = held.read(QQQ_POSITION).join(rise, on="session")
    rows = known.with_columns(target_weight=pl.col("rises").cast(pl.Float64)).select(QQQ_POSITION.columns)
    held.write(QQQ_POSITION, "2016", rows)
    verdict, told = said(held, "lag")["lag"]
    assert verdict == "warning"
    assert "qqq_position's Sharpe ratio falls from" in told


def test_a_live_row_that_is_rewritten_is_found_until_somebody_looks(held: Warehouse) -> None:
    rows = held.read(DAILY, ["QQQ"])
    assert rows["is_live"].any()
    assert said(held, "stored_live_rows")["stored_live_rows"][0] == "ok"
    moved = pl.when("is_live").then(pl.col("expected_return") + 0.01).otherwise("expected_return")
    held.write(DAILY, "QQQ", rows.with_columns(expected_return=moved))
    for days in (0, 2, 3):
        verdict, told = said(held, "stored_live_rows", now=NOW + dt.timedelta(days=days))["stored_live_rows"]
        assert verdict == "bad"
        assert "are not what they were" in told
    held.write(DAILY, "QQQ", rows)
    assert said(held, "stored_live_rows")["stored_live_rows"][0] == "ok"


def test_live_rows_made_since_are_no_alarm(held: Warehouse) -> None:
    said(held, "stored_live_rows")
    rows = held.read(DAILY, ["QQQ"])
    day = calendar.offset(LAST, 1)
    newer = rows.filter(session=LAST).with_columns(session=day, made_at=after_close(day))
    held.write(DAILY, "QQQ", pl.concat([rows, DAILY.conform(newer)]))
    assert said(held, "stored_live_rows")["stored_live_rows"][0] == "ok"


def test_a_replayed_day_makes_the_audit_name_the_clock_and_alerts_nobody(held: Warehouse) -> None:
    later, day = NOW + dt.timedelta(days=30), calendar.offset(LAST, -5)
    assert said(held, "stored_live_rows", now=later)["stored_live_rows"][0] == "ok"
    rows = held.read(DAILY, ["QQQ"])
    replayed = pl.col("session") == day
    assert not rows.filter(replayed)["is_live"].any()
    times = pl.when(replayed).then(after_close(day)).otherwise("made_at").cast(pl.Datetime("us", "UTC"))
    held.objects.delete(held.key(DAILY, "QQQ"))
    held.write(DAILY, "QQQ", rows.with_columns(is_live=pl.col("is_live") | replayed, made_at=times))
    verdict, told = said(held, "stored_live_rows", now=after_close(day))["stored_live_rows"]
    assert verdict == "warning"
    assert told.startswith("the clock was set back")
    assert "leak" not in {alert.kind for alert in session_alerts(held, LAST)}
    assert said(held, "stored_live_rows", now=later + dt.timedelta(days=1))["stored_live_rows"][0] == "ok"


def test_a_row_made_before_the_index_had_closed_is_found(held: Warehouse) -> None:
    rows = held.read(DAILY, ["QQQ"])
    early = rows.with_columns(
        made_at=pl.when("is_live").then(calendar.close_time(LAST)).otherwise("made_at").cast(pl.Datetime("us", "UTC"))
    )
    held.objects.delete(held.key(DAILY, "QQQ"))
    held.write(DAILY, "QQQ", early)
    verdict, told = said(held, "stored_live_rows")["stored_live_rows"]
    assert verdict == "bad"
    assert f"a forecast of {LAST} was made at" in told


def test_the_steps_call_the_very_functions_of_the_pipeline() -> None:
    assert ingest.ingest is PIPELINE.ingest
    assert bars.anchored is PIPELINE.anchor
    assert features.forward is PIPELINE.targets
    assert training.build_samples is PIPELINE.samples
    assert training.build_matrix is PIPELINE.matrix
    assert training.walk_forward_folds is PIPELINE.folds
    assert trainer.training_data is PIPELINE.cut
    assert trainer.matrix_training_data is PIPELINE.matrix_cut
    assert fitting.fit_member is PIPELINE.fit
    assert PIPELINE.forecast is walk_forward.forecast
    assert forecasting.merge is PIPELINE.merge
    assert forecasting.stamp is PIPELINE.stamp
    assert signals.mag7_vote.ballots is PIPELINE.ballots
    assert signals.mag7_vote.vote is PIPELINE.vote
    assert signals.sector_rotation.ranks is PIPELINE.ranks
    assert signals.sector_rotation.rotation is PIPELINE.rotation
    assert signals.vix_regime.regime is PIPELINE.regime
    assert signals.qqq_position.position is PIPELINE.position
    assert results.strategies.decisions is PIPELINE.decisions
    assert results.ledger is PIPELINE.ledger
    assert PIPELINE.experiments is load_experiments
    steps_of: dict[str, Any] = {name: getattr(features, name) for name in PIPELINE.features}
    assert {name: step.compute for name, step in PIPELINE.features.items()} == steps_of


def test_a_walk_says_what_the_steps_say(filled: Warehouse) -> None:
    """The audit looks at what is done: tables, forecasts, signals and ledgers of the steps, to the bit."""
    world = World(final_bars(filled, list(TICKERS)), filled.read(ACTIONS, TICKERS))
    ridge = load_experiments()["ridge"].model_copy(update={"tickers": TICKERS})
    made = {stage.name: stage for stage in walk(PIPELINE, world, Plan((ridge,), signals.FIRST_SESSION))}
    for name, step in PIPELINE.features.items():
        assert isinstance(step, FeatureStep)
        assert_same(made[f"features.{name}"].rows, filled.read(FEATURE_SETS[name].table))
    for table in (FORWARD, DAILY, VIX_REGIME, QQQ_POSITION):
        assert_same(made[table.name].rows, filled.read(table))
    for name in filled.units(LEDGER):
        assert_same(made[f"portfolio.ledger {name}"].rows, filled.read(LEDGER, [name]))


def assert_same(walked: pl.DataFrame, stored: pl.DataFrame) -> None:
    by = [name for name in ("model", "ticker", "session", "horizon") if name in walked.columns]
    shared = [name for name in stored.columns if name in walked.columns]
    assert difference(walked.select(shared).sort(by), stored.select(shared).sort(by)) is None
