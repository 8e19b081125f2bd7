"""The run card of a small world: what made a row, whether it is made again, and that nothing later touches it."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.reports.run_card import NOT_STORED, STORED, RunCard, digest
from alpha_pipeline.steps import signals
from alpha_pipeline.steps.run_card import run_card
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL
from alpha_pipeline.steps.training import save_artifact
from alpha_pipeline.training.artifact import Artifact, Card, encode_tensors, sha256
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tables import signals as tables
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.pipeline_world import FrameSource, ingest_all, signal_all

Forecasts = Callable[..., pl.DataFrame]

LAST = dt.date(2016, 3, 31)
DAYS = sessions.between(signals.FIRST_SESSION, LAST)
# A Wednesday and the Friday after it, when the sectors rotate.
MIDWEEK, FRIDAY = dt.date(2016, 2, 17), dt.date(2016, 2, 19)
SIGNALS = (
    tables.MAG7_BALLOTS,
    tables.MAG7_VOTE,
    tables.SECTOR_RANKS,
    tables.SECTOR_ROTATION,
    tables.VIX_REGIME,
    tables.QQQ_POSITION,
)


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, bars: dict[str, pl.DataFrame], forecast_rows: Forecasts
) -> Warehouse:
    """Bars of QQQ and ^VIX, forecasts that signals read, and every signal of every session."""
    made = Warehouse(tmp_path_factory.mktemp("template"))
    claim_market(made, MarketRecord("files", "files"))
    ingest_all(made, FrameSource(bars), ["QQQ", VIX], LAST, dt.date(2015, 10, 1))
    for ticker in (*MAG7, *SECTORS, VIX):
        made.write(DAILY, ticker, forecast_rows(ticker, DAYS))
    signal_all(made, DAYS)
    return made


@pytest.fixture
def world(tmp_path: Path, template: Warehouse) -> Warehouse:
    """The same for a test to change."""
    shutil.copytree(template.root, tmp_path / "world")
    return Warehouse(tmp_path / "world")


def artifact(experiment: str, ticker: str, model_id: str) -> Artifact:
    weights = encode_tensors({"a": pl.Series([1.0]).to_numpy()})
    card = Card(
        model_id=model_id,
        experiment=experiment,
        ticker=ticker,
        seed=0,
        fold=0,
        first_session=DAYS[0],
        end_session=dt.date(2017, 1, 3),
        trained_through=dt.date(2015, 12, 31),
        parent_id=None,
        config_hash="c0ffee",
        data_hash="da7a",
        code_version="3",
        libraries={"torch": "2.13.0"},
        n_training=900,
        n_validation=252,
        epochs=4,
        validation_loss=1.41,
        baseline_loss=1.5,
        spike_thresholds=None,
        weights_sha256=sha256(weights),
    )
    return Artifact(card, weights)


def changed(warehouse: Warehouse, table: Table, unit: str, where: pl.Expr, **values: pl.Expr) -> None:
    """Change some values of a held unit."""
    rows = warehouse.read(table, [unit])
    news = {name: pl.when(where).then(value).otherwise(name) for name, value in values.items()}
    warehouse.write(table, unit, rows.with_columns(**news))


def on(session: dt.date) -> pl.Expr:
    return pl.col("session") == session


def named(rows: tuple[Any, ...], key: str = "ticker") -> dict[str, Any]:
    return {str(row[key]): row for row in rows}


def differing(card: RunCard) -> set[tuple[str, str, str]]:
    return {(one.table.removeprefix("signals."), one.ticker, one.field) for one in card.replay}


def test_the_card_of_a_position_names_everything_behind_it(world: Warehouse) -> None:
    save_artifact(world, artifact(BALLOT_MODEL, "NVDA", "abc"))
    card = run_card(world, session=MIDWEEK)
    held = world.read(tables.QQQ_POSITION).filter(session=MIDWEEK).row(0, named=True)
    assert {"session": card.session, **card.row} == held
    assert (card.next_session, card.market, card.is_simulated) == (dt.date(2016, 2, 18), "files", False)
    [decided] = [rule for rule in card.rules if rule["verdict"] == "decided"]
    assert (decided["weight"], decided["why"]) == (held["target_weight"], held["reason"])
    assert card.is_identical

    assert len(card.vote["ballots"]) == len(MAG7)  # type: ignore[arg-type]
    # The pick is of the Friday before, which was the last session of its week.
    assert card.rotation["rebalanced_at"] == dt.date(2016, 2, 12)
    used = [(one["model"], one["ticker"], one["session"], one["horizon"]) for one in card.forecasts]
    assert sorted(used) == sorted(  # type: ignore[type-var]
        [(BALLOT_MODEL, ticker, MIDWEEK, 1) for ticker in MAG7]
        + [(SECTOR_MODEL, ticker, day, 5) for ticker in SECTORS for day in (dt.date(2016, 2, 12), MIDWEEK)]
        + [(VIX_MODEL, VIX, MIDWEEK, 1)]
    )
    assert card.regime["n_forecasts"] == len(sessions.between(DAYS[0], MIDWEEK))
    assert (card.regime["stressed_enter"], card.regime["size_band"]) == (25.0, 0.1)

    models = named(card.models)
    assert models["NVDA"]["state"] == STORED
    assert (models["NVDA"]["data_hash"], models["NVDA"]["validation_loss"]) == ("da7a", 1.41)
    assert models["AAPL"] == {"model_id": "abc", "experiment": BALLOT_MODEL, "ticker": "AAPL", "state": NOT_STORED}
    bars = named(card.bars)
    qqq = world.read(raw.BARS, ["QQQ"]).filter(pl.col("session") <= MIDWEEK)
    assert (bars["QQQ"]["n_bars"], bars["QQQ"]["last_session"]) == (qqq.height, MIDWEEK)
    assert bars["QQQ"]["read_by"] == [VIX_MODEL, "size", SECTOR_MODEL]
    assert bars["UVXY"]["read_by"] == [VIX_MODEL]
    assert (bars["UVXY"]["n_bars"], bars["UVXY"]["last_session"]) == (0, None)
    assert [row["table"] for row in card.features] == [
        "features.market_context",
        "features.price_action",
        "features.sector_context",
        "features.technical",
        "features.volatility",
        "targets.forward",
    ]
    assert (card.settings["seeds"], card.settings["cost_bps"]) == ([1], 5.0)
    assert card.code["signals_of_the_row"] == signals.SIGNALS_VERSION


@pytest.mark.parametrize("day", [MIDWEEK, FRIDAY])
def test_what_comes_after_a_session_touches_nothing_on_its_card(world: Warehouse, day: dt.date) -> None:
    before = digest(run_card(world, session=day))
    for ticker in ("QQQ", VIX):
        changed(world, raw.BARS, ticker, pl.col("session") > day, volume=pl.col("volume") + 1)
    changed(world, DAILY, "NVDA", pl.col("session") > day, prob_up=pl.lit(0.99))
    signal_all(world, DAYS)
    assert digest(run_card(world, session=day)) == before
    for table in (raw.BARS, DAILY, *SIGNALS):
        for unit in world.units(table):
            rows = world.read(table, [unit]).filter(pl.col("session") <= day)
            world.objects.delete(world.key(table, unit))
            world.write(table, unit, rows)
    card = run_card(world)
    assert (card.session, card.is_identical) == (day, True)
    assert digest(card) == before


def test_one_other_bar_is_another_card_and_the_same_position(world: Warehouse) -> None:
    before = run_card(world)
    changed(world, raw.BARS, "QQQ", on(dt.date(2015, 11, 3)), volume=pl.col("volume") + 1)
    signal_all(world, DAYS)
    after = run_card(world)
    assert (after.row["target_weight"], after.row["reason"]) == (before.row["target_weight"], before.row["reason"])
    assert after.is_identical
    assert named(after.bars)["QQQ"]["sha256"] != named(before.bars)["QQQ"]["sha256"]
    assert named(after.bars)[VIX] == named(before.bars)[VIX]
    assert digest(after) != digest(before)


def test_a_later_dividend_restates_the_past_and_changes_no_card(world: Warehouse) -> None:
    """A source scales every adjusted close before the ex-date; a card knows only what was paid by its session."""
    before = run_card(world, session=MIDWEEK)
    ex_date = dt.date(2016, 3, 18)
    changed(world, raw.BARS, "QQQ", pl.col("session") < ex_date, adj_close=pl.col("adj_close") * 0.995)
    row = {"ticker": "QQQ", "session": ex_date, "kind": "dividend", "value": 0.4}
    world.write(raw.ACTIONS, "QQQ", pl.DataFrame([row]))
    signal_all(world, DAYS)
    after = run_card(world, session=MIDWEEK)
    assert after == before
    assert digest(after) == digest(before)


def test_when_a_forecast_was_made_is_shown_and_not_in_the_digest(world: Warehouse) -> None:
    before = run_card(world)
    later = dt.datetime(2016, 5, 1, tzinfo=dt.UTC)
    for ticker in (*MAG7, *SECTORS, VIX):
        rows = world.read(DAILY, [ticker]).with_columns(made_at=pl.lit(later), is_live=pl.lit(value=True))
        world.objects.delete(world.key(DAILY, ticker))
        world.write(DAILY, ticker, DAILY.conform(rows))
    after = run_card(world)
    assert {(one["made_at"], one["is_live"]) for one in after.forecasts} == {(later, True)}
    assert {one["is_live"] for one in before.forecasts} == {False}
    assert digest(after) == digest(before)


def test_the_replay_notices_a_row_that_was_changed(world: Warehouse) -> None:
    changed(world, tables.QQQ_POSITION, "2016", on(MIDWEEK), target_weight=pl.lit(0.123))
    assert run_card(world, session=FRIDAY).is_identical
    card = run_card(world, session=MIDWEEK)
    [found] = card.replay
    assert (found.table, found.field, found.held) == ("signals.qqq_position", "target_weight", 0.123)
    signal_all(world, [MIDWEEK])
    assert found.replayed == run_card(world, session=MIDWEEK).row["target_weight"]


def test_the_replay_notices_forecasts_that_were_revised_after_the_row(world: Warehouse) -> None:
    before = run_card(world, session=MIDWEEK)
    changed(world, DAILY, "NVDA", on(MIDWEEK), prob_up=pl.col("prob_up") / 2)
    card = run_card(world, session=MIDWEEK)
    assert card.row == before.row
    assert differing(card) >= {("mag7_ballots", "NVDA", "prob_up"), ("qqq_position", "", "inputs")}
    assert digest(card) != digest(before)
    signal_all(world, DAYS)
    assert run_card(world, session=MIDWEEK).is_identical


def test_the_replay_notices_an_earlier_forecast_that_the_regime_remembers(world: Warehouse) -> None:
    """The session's own forecasts and bars are the same; what the hysteresis came through is not."""
    before = run_card(world, "vix_regime", MIDWEEK)
    changed(world, DAILY, VIX, pl.col("session") < MIDWEEK, expected_return=pl.lit(0.02))
    after = run_card(world, "vix_regime", MIDWEEK)
    assert after.forecasts == before.forecasts
    assert after.regime["forecasts_sha256"] != before.regime["forecasts_sha256"]
    assert digest(after) != digest(before)


def test_another_version_of_the_rules_is_noticed(world: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SIGNALS_VERSION", "next")
    assert differing(run_card(world)) == {("qqq_position", "", "inputs")}


def test_an_abstention_says_what_is_missing_and_overrules(world: Warehouse) -> None:
    for ticker in ("NVDA", "META", "TSLA"):
        world.objects.delete(world.key(DAILY, ticker))
    signal_all(world, DAYS)
    card = run_card(world)
    assert (card.row["target_weight"], card.is_identical) == (0.0, True)
    assert [(rule["rule"], rule["why"]) for rule in card.rules if rule["verdict"] == "decided"] == [
        ("abstain", "abstains: no fresh ballot from NVDA, META, TSLA")
    ]
    assert card.vote["row"]["n_voting"] == 4  # type: ignore[index]
    assert {"NVDA", "META", "TSLA"}.isdisjoint(str(one["ticker"]) for one in card.forecasts)


def test_an_exit_overrules_the_vote(world: Warehouse) -> None:
    changed(world, DAILY, VIX, on(LAST), prob_spike=pl.lit(0.3))
    for ticker in MAG7:
        changed(world, DAILY, ticker, on(LAST), prob_up=pl.lit(0.6))
    signal_all(world, DAYS)
    verdicts = {str(rule["rule"]): rule["verdict"] for rule in run_card(world).rules}
    assert verdicts == {
        "abstain": "not met",
        "exit": "decided",
        "strong buy": "overruled",
        "half size": "not met",
        "no position": "not met",
    }


@pytest.mark.parametrize(
    ("signal", "models", "parts"),
    [
        ("mag7_vote", {BALLOT_MODEL}, ("vote",)),
        ("sector_rotation", {SECTOR_MODEL}, ("rotation",)),
        ("vix_regime", {VIX_MODEL}, ("regime",)),
        ("qqq_position", {BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL}, ("vote", "rotation", "regime")),
    ],
)
def test_a_signal_has_its_own_part_and_no_other(
    world: Warehouse, signal: str, models: set[str], parts: tuple[str, ...]
) -> None:
    card = run_card(world, signal, MIDWEEK)
    assert {one["model"] for one in card.forecasts} == models
    assert tuple(name for name in ("vote", "rotation", "regime") if getattr(card, name)) == parts
    assert card.is_identical
    changed(world, tables.VIX_REGIME, "2016", on(MIDWEEK), regime=pl.lit("calm"))
    assert run_card(world, signal, MIDWEEK).is_identical == ("regime" not in parts)


def test_a_damaged_model_is_on_the_card(world: Warehouse) -> None:
    save_artifact(world, artifact(VIX_MODEL, VIX, "abc"))
    assert named(run_card(world, "vix_regime").models)[VIX]["state"] == STORED
    world.objects.put(f"models/{VIX_MODEL}/%5EVIX/abc.safetensors", b"damaged")
    assert "weights are not those its card describes" in named(run_card(world, "vix_regime").models)[VIX]["state"]


def test_without_any_bar_or_forecast_there_is_a_card_that_says_so(warehouse: Warehouse) -> None:
    signal_all(warehouse, DAYS[:3])
    card = run_card(warehouse)
    assert (card.session, card.is_identical, card.market) == (DAYS[2], True, "none yet")
    assert (card.forecasts, card.models, card.features, card.settings["seeds"]) == ((), (), (), [])
    assert [(one["ticker"], one["n_bars"]) for one in card.bars] == [("QQQ", 0), (VIX, 0)]


def test_a_session_without_a_row_is_refused_with_those_held(world: Warehouse, warehouse: Warehouse) -> None:
    empty = Warehouse(warehouse.root / "none")
    for held, session, words in (
        (world, dt.date(2016, 2, 15), "no row of 2016-02-15, which is no session. It holds 61 sessions, 2016-01-04 to"),
        (world, dt.date(2016, 4, 1), r"no row of 2016-04-01\. It holds 61 sessions, 2016-01-04 to 2016-03-31"),
        (empty, None, r"holds no signals.qqq_position yet\. `alpha run` makes it"),
    ):
        with pytest.raises(NotEnoughDataError, match=words):
            run_card(held, session=session)


def test_members_of_several_seeds_are_named_one_by_one(world: Warehouse, forecast_rows: Forecasts) -> None:
    world.write(DAILY, "NVDA", forecast_rows("NVDA", DAYS, model_id="abc+def+ghi", seeds=3))
    signal_all(world, DAYS)
    card = run_card(world, "mag7_vote")
    assert [one["model_id"] for one in card.models if one["ticker"] == "NVDA"] == ["abc", "def", "ghi"]
    assert card.settings["seeds"] == [1, 3]
