"""The questions are answered from what is held, and answered again only where something changed."""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import NotEnoughDataError, UsageError
from alpha_pipeline.evaluation.records import record_of
from alpha_pipeline.steps import luck, proof, records
from alpha_pipeline.steps.luck import ALL_TRIALS, BEST_TRIAL, write_luck
from alpha_pipeline.steps.proof import compare, model_pairs, write_comparisons, write_lead_lag
from alpha_pipeline.steps.records import write_records
from alpha_pipeline.steps.results import write_ledger, write_scores
from alpha_pipeline.steps.signals import BALLOT_MODEL
from alpha_pipeline.steps.trials import write_trials
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.proof import COMPARISONS, LEAD_LAG, LUCK, RECORDS
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tables.results import LEDGER

DAYS = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 3, 31))
NOW = dt.datetime(2016, 4, 1, tzinfo=dt.UTC)
V17, V12 = "v17_pilot", "v12_super_model"

Rows = Callable[..., pl.DataFrame]
Listing = Callable[[Warehouse], dict[str, bytes]]


@pytest.fixture(autouse=True)
def _few_draws_and_a_short_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small world is a quarter long, and has figures a year all the same."""
    monkeypatch.setattr("alpha_pipeline.evaluation.metrics.FEWEST_OF_A_YEAR", 20)
    monkeypatch.setattr(proof.strategies, "DRAWS", 5)
    monkeypatch.setattr("alpha_pipeline.evaluation.luck.N_RESAMPLES", 100)


@pytest.fixture
def world(warehouse: Warehouse, signal_world: Path, forecast_rows: Rows) -> Warehouse:
    """Signals of a quarter; of the Magnificent Seven and QQQ also forecasts by V17, V12 and the naive mean."""
    shutil.copytree(signal_world, warehouse.root)
    for ticker in ("QQQ", *MAG7):
        rows = [forecast_rows(ticker, DAYS)] if ticker in MAG7 else []
        for place, model in enumerate((V17, V12, "expanding_mean")):
            prob = np.random.default_rng([place, *ticker.encode()]).uniform(0.4, 0.6, 2 * len(DAYS))
            drawn = {"prob_up": pl.Series(prob), "expected_return": pl.Series((prob - 0.5) / 10)}
            rows.append(forecast_rows(ticker, DAYS, model=model).with_columns(**drawn))
        warehouse.write(DAILY, ticker, pl.concat(rows))
    return warehouse


def prove(warehouse: Warehouse) -> None:
    """Everything, in the order of the graph."""
    write_scores(warehouse)
    write_records(warehouse)
    write_trials(warehouse, NOW)
    write_lead_lag(warehouse)
    write_comparisons(warehouse)
    write_luck(warehouse)


def test_every_question_is_answered_in_words(world: Warehouse) -> None:
    write_scores(world)
    found = write_comparisons(world)
    COMPARISONS.validate(found.filter(kind="strategy"), "strategy")
    names = set(found["name"])
    assert {name for name, _, _ in proof.STRATEGY_QUESTIONS} <= names
    assert {proof.RANDOM_QUESTION, f"Does {V17} beat {V12}, whole?", f"Can spikes of {VIX} be called?"} <= names
    assert f"{V17} against expanding_mean, whole" in names
    assert f"Does {V17} beat {V12}, 2024_2025h1?" not in names, "no session of these years is held"
    (one,) = found.filter(name=f"Does {V17} beat {V12}, whole?", statistic="ic").iter_rows(named=True)
    assert "With 1 seed; at least 10 are wanted." in one["words"]
    assert one["n"] == 8 * (len(DAYS) - 2)


def test_a_second_run_makes_nothing_anew(world: Warehouse, listing: Listing, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(world)
    before = listing(world)
    for module, name in ((proof, "compare_ledgers"), (proof, "compare_models"), (luck, "natural_returns")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("nothing changed"))
    prove(world)
    assert listing(world) == before


def test_the_same_warehouse_gives_the_same_bits(world: Warehouse, listing: Listing) -> None:
    prove(world)
    before = {key: data for key, data in listing(world).items() if "/evaluation/" in key and "/trials/" not in key}
    for key in before:
        world.objects.delete(key)
    prove(world)
    again = listing(world)
    assert {key: again[key] for key in before} == before


def test_a_changed_forecast_changes_what_is_said_of_its_model_alone(world: Warehouse) -> None:
    before = write_comparisons(world)
    rows = world.read(DAILY, ["NVDA"])
    turned = pl.when(pl.col("model") == V17).then(-pl.col("expected_return")).otherwise("expected_return")
    world.write(DAILY, "NVDA", rows.with_columns(expected_return=turned))
    after = write_comparisons(world)
    changed = before.join(after, on=before.columns, how="anti", nulls_equal=True)
    assert set(changed["a"]) == {V17}
    assert set(changed["statistic"]) == {"ic", "squared_error", "sharpe"}


def test_a_failed_write_leaves_the_table_whole(
    world: Warehouse, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(world)
    before = {key: data for key, data in listing(world).items() if "/evaluation/" in key}
    rows = world.read(DAILY, ["NVDA"])
    world.write(DAILY, "NVDA", rows.with_columns(expected_return=-pl.col("expected_return")))

    def fails(*_: object) -> None:
        raise OSError("no space left")

    for write in (write_comparisons, write_luck):
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", fails)
            with pytest.raises(OSError, match="no space left"):
                write(world)
    assert {key: data for key, data in listing(world).items() if "/evaluation/" in key} == before
    write_comparisons(world)
    write_luck(world)
    assert {key: data for key, data in listing(world).items() if "/evaluation/" in key} != before


def test_luck_killed_between_two_names_is_finished_by_the_next_run(
    world: Warehouse, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_trials(world, NOW)
    write = Warehouse.write
    written: list[str] = []

    def killed(self: Warehouse, table: object, unit: str, *rest: object) -> bool:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(unit)
        return write(self, table, unit, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            write_luck(world)
    assert ALL_TRIALS not in world.units(LUCK)
    write_luck(world)
    whole = listing(world)
    for unit in world.units(LUCK):
        world.objects.delete(world.key(LUCK, unit))
    write_luck(world)
    assert listing(world) == whole


def test_luck_reckons_with_every_trial_ever_made(world: Warehouse) -> None:
    n_trials = write_trials(world, NOW)
    found = {
        (name, metric): value for name, metric, value in write_luck(world).select("name", "metric", "value").rows()
    }
    assert found[ALL_TRIALS, "n_trials"] == n_trials
    assert 1 <= found[ALL_TRIALS, "n_effective"] <= n_trials
    for name in ("buy_and_hold", "vol_target_15", BEST_TRIAL):
        assert found[name, "dsr"] <= found[name, "dsr_effective"] <= found[name, "psr"]
        assert found[name, "sr0"] >= found[name, "sr0_effective"] >= 0
    record = record_of(world.read(LEDGER, ["buy_and_hold"]))
    assert found["buy_and_hold", "sharpe"] == pytest.approx(record.sharpe)
    assert {name for name, metric in found if metric == "mcs_p"} == {V17, V12, "expanding_mean"}
    assert 0 <= found["models", "spa_p"] <= 1


def test_a_quarter_has_no_figures_a_year_and_those_of_an_earlier_version_go(
    world: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(world)
    assert {"strategy", "model"} <= set(world.units(COMPARISONS))
    monkeypatch.setattr("alpha_pipeline.evaluation.metrics.FEWEST_OF_A_YEAR", 248)
    for module, name in ((proof, "COMPARISONS_VERSION"), (luck, "LUCK_VERSION"), (records, "RECORDS_VERSION")):
        monkeypatch.setattr(module, name, "another")
    prove(world)
    held = world.read(LUCK)
    assert set(held["metric"]).isdisjoint({"sharpe", "sr0", "sr0_effective", "psr", "dsr", "dsr_effective"})
    assert not held.filter(pl.col("words").str.contains(" a year")).height
    assert "strategy" not in world.units(COMPARISONS)
    assert "sharpe" not in set(world.read(COMPARISONS, ["model"])["statistic"])
    assert set(world.read(RECORDS)["metric"]) == {"max_drawdown", "exposure"}
    with pytest.raises(NotEnoughDataError, match=r"fewer than 248 sessions in whole: too few for a Sharpe ratio"):
        compare(world, "qqq_position", "buy_and_hold")


def test_a_rotation_whose_record_begins_with_the_first_bar_is_compared_with_random_ones(world: Warehouse) -> None:
    first = world.read(LEDGER, ["sector_rotation"])["session"][0]
    for ticker in ("QQQ", *SECTORS):
        rows = world.read(BARS, [ticker])
        world.objects.delete(world.key(BARS, ticker))
        world.write(BARS, ticker, rows.filter(pl.col("session") >= first))
    write_ledger(world)
    assert world.read(LEDGER, ["sector_rotation"])["session"][0] == first, "decisions came before the first bar"
    assert proof.RANDOM_QUESTION in set(write_comparisons(world)["name"])


def test_without_trials_there_is_no_luck(warehouse: Warehouse) -> None:
    assert write_luck(warehouse).is_empty()
    assert write_comparisons(warehouse).is_empty()
    assert write_lead_lag(warehouse).is_empty()
    assert write_records(warehouse) == {}


def test_records_are_of_the_ledger_before_and_after_costs_and_a_session_late(world: Warehouse) -> None:
    ratios = write_records(world)
    held = world.read(LEDGER)
    for name in held["strategy"].unique():
        rows = held.filter(strategy=name)
        if (name, "net") in ratios:
            assert ratios[name, "net"] == pytest.approx(record_of(rows).sharpe)
            assert ratios[name, "net"] <= ratios[name, "gross"]
    assert ratios["sector_rotation", "lagged"] != ratios["sector_rotation", "net"]
    exposures = world.read(RECORDS, ["buy_and_hold"]).filter(metric="exposure")
    assert exposures["value"].to_list() == pytest.approx([1.0] * 3)


def plant(warehouse: Warehouse, lag: int) -> None:
    """Targets of 600 sessions in which NVDA's return moves QQQ's later one, and nothing else does anything."""
    days = sessions.between(dt.date(2014, 1, 2), dt.date(2016, 6, 30))[:600]
    rng = np.random.default_rng(1)
    moves = {ticker: rng.normal(0, 0.01, len(days)) for ticker in ("QQQ", "NVDA", "TSLA")}
    opens = {ticker: rng.normal(0, 0.01, len(days)) for ticker in moves}
    # The close-to-close return known at t stands in the row of t - 1.
    opens["QQQ"][lag:] += 0.4 * moves["NVDA"][: len(days) - lag]
    for ticker, closes in moves.items():
        rows = pl.DataFrame(
            {
                "ticker": ticker,
                "session": days,
                "horizon": 1,
                "close_log_return": closes,
                "open_log_return": opens[ticker],
                "known_at": [sessions.offset(day, 2) for day in days],
            }
        )
        warehouse.write(FORWARD, ticker, FORWARD.conform(rows))


def test_a_planted_lead_of_nvda_is_the_only_one(warehouse: Warehouse) -> None:
    plant(warehouse, lag=3)
    found = write_lead_lag(warehouse)
    leading = found.filter(verdict="leads").select("leader", "follower", "kind", "lag").rows()
    assert leading == [("NVDA", "QQQ", "granger_return", 5), ("NVDA", "QQQ", "return", 3)]
    assert found.height == 2 * 2 * 6, "two leaders, both ways, five lags and all of them; no model forecasts here"
    answers = write_comparisons(warehouse).filter(kind="lead")
    verdicts = dict(answers.select("name", "verdict").iter_rows())
    assert verdicts == {"Does NVDA lead QQQ?": "better", "Does TSLA lead QQQ?": "undecided"}
    assert warehouse.units(LEAD_LAG) == ["NVDA", "QQQ", "TSLA"]


def test_two_of_a_kind_are_compared_by_name(world: Warehouse) -> None:
    found = compare(world, V17, V12, horizon=5)
    assert {one.name for one in found} == {f"{V17} against {V12}, whole, horizon 5"}
    [one] = compare(world, "qqq_position", "buy_and_hold")
    assert (one.statistic, one.a, one.b) == ("sharpe", "qqq_position", "buy_and_hold")


@pytest.mark.parametrize(
    ("a", "b", "given", "error", "said"),
    [
        (V17, "v99", {}, UsageError, f"'v99'. What can be compared here: experiments: .*{BALLOT_MODEL}.*strategies: "),
        (V17, V17, {}, UsageError, "with itself"),
        (V17, "buy_and_hold", {}, UsageError, "an experiment and a strategy"),
        (V17, V12, {"window": "2024_2025h1"}, NotEnoughDataError, "fewer than 20 sessions in 2024_2025h1"),
        (V17, V12, {"horizon": 7}, NotEnoughDataError, "at horizon 7"),
        ("qqq_position", "buy_and_hold", {"window": "2024_2025h1"}, NotEnoughDataError, "in 2024_2025h1: too few"),
    ],
)
def test_what_cannot_be_compared_is_said_with_what_can(
    world: Warehouse, a: str, b: str, given: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        compare(world, a, b, **given)  # type: ignore[arg-type]


def test_every_network_meets_the_rivals_and_each_is_compared_where_it_is_held() -> None:
    pairs = model_pairs([V17, V12, "ridge", "v17_no_kan", "mine", "bear_headhunter", "har_x"])
    assert (V17, V12, "2024_2025h1") in pairs
    assert (V17, "v17_no_kan", "whole") in pairs
    assert ("mine", "ridge", "whole") in pairs
    assert ("bear_headhunter", "har_x", "whole") in pairs
    assert not any("v17_no_revin" in pair or "lightgbm" in pair for pair in pairs)
    assert ("bear_headhunter", "ridge", "whole") not in pairs
