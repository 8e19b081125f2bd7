"""Cutting all data after a session changes nothing up to it: bit for bit, from features to positions."""

import datetime as dt
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.models.events import BullEvent
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.reports.run_card import STORED, digest
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps import features, signals
from alpha_pipeline.steps.run_card import run_card
from alpha_pipeline.universe import CORE, SECTORS
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.signals import MAG7_VOTE, QQQ_POSITION, SECTOR_ROTATION, VIX_REGIME
from alpha_pipeline_tests.pipeline_world import FIRST_BAR, FrameSource, build_features, ingest_all, retrained, run_all

PRICES = ("open", "high", "low", "close", "adj_close")
# What says when and not what.
SKIPPED = {"made_at", "is_live", "fetched_at"}
COMPARED = [table for table in TABLES if table.name.split(".")[0] in {"features", "targets", "forecasts", "signals"}]
VOTERS = ("NVDA", "AAPL", "MSFT", "AMZN", "GOOGL")
Bars = Mapping[str, pl.DataFrame]


def differences(cut: Warehouse, whole: Warehouse, until: dt.date) -> list[str]:
    """The tables that do not say the same, in every bit, up to and including a session."""
    return [table.name for table in COMPARED if not _rows(cut, table, until).equals(_rows(whole, table, until))]


def _rows(warehouse: Warehouse, table: Table, until: dt.date) -> pl.DataFrame:
    """Rows known by the close of a session, floats as their bits."""
    rows = warehouse.read(table)
    rows = rows.filter(pl.col("known_at" if table is FORWARD else "session") <= until)
    bits = [pl.col(name).reinterpret(signed=False) for name, kind in rows.schema.items() if kind == pl.Float64]
    return rows.select(pl.exclude(SKIPPED)).with_columns(*bits)


def noisy_after(bars: Bars, session: dt.date, seed: int = 3) -> Bars:
    """The bars, with prices and volumes after a session replaced by noise (still sound rows)."""
    rng = np.random.default_rng(seed)
    is_after = pl.col("session") > session

    def disturbed(rows: pl.DataFrame) -> pl.DataFrame:
        # Two neighbours are never so far apart that only a split would explain it.
        factor = pl.Series(np.exp(rng.uniform(-0.15, 0.15, rows.height)))
        moved = [pl.when(is_after).then(pl.col(name) * factor).otherwise(pl.col(name)).alias(name) for name in PRICES]
        busy = pl.when(is_after).then((pl.col("volume") * factor).round()).otherwise(pl.col("volume")).alias("volume")
        return rows.with_columns(*moved, busy)

    return {ticker: disturbed(rows) for ticker, rows in bars.items()}


def simulated(tickers: Sequence[str], first: dt.date, last: dt.date) -> Bars:
    return simulate(7, 0.0, first, last, tickers).bars


def voting_by(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    """Let a quick model cast the ballots."""
    for name in ("BALLOT_MODEL", "SECTOR_MODEL", "VIX_MODEL"):
        monkeypatch.setattr(signals, name, model)
    monkeypatch.setattr(signals, "MODELS", [model])


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Warehouse]:
    """Run the pipeline on bars into a warehouse of its own, in this process alone.

    `taught` names experiments whose members are those of another warehouse as far as they would learn from the same
    data: a member is named by a hash of all that it learns from, to the bit, and is trained where none of its name is.
    """
    monkeypatch.setattr(os, "cpu_count", lambda: 1)

    def run(
        name: str,
        bars: Bars,
        experiments: Sequence[Experiment],
        through: dt.date,
        taught: Mapping[str, Warehouse] | None = None,
    ) -> Warehouse:
        warehouse = Warehouse(tmp_path / name)
        for experiment, teacher in (taught or {}).items():
            shutil.copytree(teacher.root / "models" / experiment, warehouse.root / "models" / experiment)
        first = min(rows["session"].min() for rows in bars.values())
        run_all(warehouse, FrameSource(bars), list(bars), experiments, through, first=first)
        return warehouse

    return run


def assert_says_something(warehouse: Warehouse, weights: int = 4) -> None:
    """Votes were counted, sectors picked, regimes named and positions taken: agreement means something."""
    assert warehouse.read(MAG7_VOTE)["n_voting"].max() >= 5
    assert warehouse.read(VIX_REGIME)["regime"].drop_nulls().len() > 100
    assert warehouse.read(QQQ_POSITION)["target_weight"].n_unique() >= weights
    assert warehouse.read(DAILY)["model_id"].n_unique() > 2


def members(warehouse: Warehouse, experiment: str = "") -> list[str]:
    """The names of the members held: hashes of what they learned from."""
    return sorted(warehouse.objects.list(f"models/{experiment}"))


QUICK_LAST = dt.date(2017, 1, 31)
# Mid-fold and mid-week; a Friday, where the sectors rotate; the first session of a new fold.
QUICK_CUTS = (dt.date(2016, 8, 17), dt.date(2016, 11, 11), dt.date(2017, 1, 3))


@pytest.mark.minutes(0.4)
def test_what_is_said_up_to_a_session_does_not_depend_on_what_comes_after(
    filled: Callable[..., Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    voting_by(monkeypatch, "ridge")
    known = load_experiments()
    ridge, mean = (
        retrained(known[n], minimum_samples=200, validation_sessions=60) for n in ("ridge", "expanding_mean")
    )
    chosen = [ridge, mean.model_copy(update={"tickers": ("QQQ", "^VIX")})]
    bars = simulated(("QQQ", "^VIX", *VOTERS, *SECTORS), dt.date(2013, 6, 3), QUICK_LAST)
    whole = filled("whole", bars, chosen, QUICK_LAST)
    assert_says_something(whole)
    assert whole.read(SECTOR_ROTATION)["pick"].n_unique() > 2
    for cut in QUICK_CUTS:
        shorter = filled(f"cut {cut}", bars, chosen, cut)
        assert differences(shorter, whole, cut) == [], cut
        card = run_card(shorter)
        assert (card.session, card.is_identical, {one["state"] for one in card.models}) == (cut, True, {STORED})
        assert digest(card) == digest(run_card(whole, session=cut)), cut
    until, later = QUICK_CUTS[:2]
    disturbed = filled("disturbed", noisy_after(bars, until), chosen, later)
    assert differences(disturbed, whole, until) == []
    assert set(differences(disturbed, whole, later)) >= {DAILY.name, QQQ_POSITION.name}


def test_a_leak_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself can fail: a feature standardised over the whole sample is found."""
    honest = features.technical

    def leaking(bars: pl.DataFrame) -> pl.DataFrame:
        made = honest(bars)
        name = made.columns[-1]
        return made.with_columns(pl.col(name) - pl.col(name).mean().over("ticker"))

    monkeypatch.setattr(features, "technical", leaking)
    source = FrameSource(simulated(("QQQ",), dt.date(2015, 1, 2), QUICK_LAST))
    cut, whole = Warehouse(tmp_path / "cut"), Warehouse(tmp_path / "whole")
    for warehouse, through in ((cut, QUICK_CUTS[0]), (whole, QUICK_LAST)):
        ingest_all(warehouse, source, ["QQQ"], through)
        build_features(warehouse, ["QQQ"])
    assert differences(cut, whole, QUICK_CUTS[0]) == ["features.technical"]


@pytest.mark.slow
@pytest.mark.minutes(0.8)
def test_every_experiment_is_blind_to_the_future(filled: Callable[..., Warehouse]) -> None:
    """All packaged experiments on a small world: fewer passes over the data, the same paths through the code."""
    learned = {"QQQ", "^VIX", "XLK", "XLY", *VOTERS}  # the others are context
    easy = BullEvent(kind="bull", precision=0.25)  # so little history shows no more: it would hold its fire
    chosen = [
        retrained(experiment, epochs=3, warm_epochs=2, minimum_samples=250, validation_sessions=60).model_copy(
            update={
                "tickers": tuple(ticker for ticker in experiment.tickers if ticker in learned),
                "event": easy if isinstance(experiment.event, BullEvent) else experiment.event,
            }
        )
        for experiment in load_experiments().values()
    ]
    last = dt.date(2017, 1, 20)
    bars = simulated(("QQQ", "SPY", "^VIX", "UVXY", *SECTORS, *VOTERS), dt.date(2013, 6, 3), last)
    whole = filled("whole", bars, chosen, last)
    assert_says_something(whole, weights=3)  # a sniper leaves it flat for most of so short a history
    assert set(whole.read(DAILY)["model"]) == {experiment.name for experiment in chosen}
    cut = dt.date(2016, 9, 14)
    assert differences(filled("cut", bars, chosen, cut), whole, cut) == []
    noisy_from = dt.date(2017, 1, 6)
    taught = {experiment.name: whole for experiment in chosen}  # the cut has trained all of them again
    disturbed = filled("disturbed", noisy_after(bars, noisy_from), chosen, last, taught)
    assert members(disturbed) == members(whole)
    assert differences(disturbed, whole, noisy_from) == []
    assert DAILY.name in differences(disturbed, whole, last)


@pytest.fixture(scope="module")
def real_bars() -> pl.DataFrame:
    path = os.environ.get("ALPHA_REAL_BARS")
    if not path:
        pytest.skip("ALPHA_REAL_BARS is not set")
    return pl.read_parquet(path)


@pytest.mark.slow
@pytest.mark.real_bars
@pytest.mark.minutes(1.2)
def test_real_bars_are_not_looked_ahead(
    real_bars: pl.DataFrame, filled: Callable[..., Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every core ticker by the baselines, two by the networks, cut at the day the carry trade unwound.

    The networks' members must learn from the same ten years to the bit; that they are then the same members, is shown
    above, where every experiment is trained twice.
    """
    voting_by(monkeypatch, "ridge")
    known = load_experiments()
    networks = [
        known[name].model_copy(update={"tickers": ("QQQ", "NVDA")}) for name in ("v12_super_model", "v17_pilot")
    ]
    chosen = [known["expanding_mean"], known["ridge"], *networks]
    rows = real_bars.rename({"date": "session"}).filter(pl.col("session") >= FIRST_BAR)
    bars = {ticker: rows.filter(pl.col("ticker") == ticker) for ticker in CORE}
    last, cut = dt.date(2025, 6, 30), dt.date(2024, 8, 5)
    whole = filled("whole", bars, chosen, last)
    assert_says_something(whole)
    shorter = filled("cut", bars, chosen, cut, {experiment.name: whole for experiment in networks})
    for network in networks:
        assert members(shorter, network.name) == members(whole, network.name)
    assert differences(shorter, whole, cut) == []
