"""The plan of a day, made before anything of it is done."""

import datetime as dt
from dataclasses import replace

import pytest

from alpha_pipeline.defs import jobs
from alpha_pipeline.defs.build import build_defs
from alpha_pipeline.defs.step_progress import n_checks
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.settings import PROFILES, Settings
from alpha_pipeline.steps import plan, results
from alpha_pipeline.steps.progress import Plan
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.store import Warehouse

LAST = dt.date(2026, 11, 27)


def scope(*names: str) -> plan.Scope:
    chosen = {name: one for name, one in load_experiments().items() if not names or name in names}
    trainings = [plan.Training(one, one.tickers) for one in chosen.values()]
    return plan.Scope(trainings, len(UNIVERSE), LAST, PROFILES["quick"])


def names_of(planned: Plan) -> list[str]:
    return [stage.name for stage in planned]


def seconds_of(planned: Plan) -> float:
    return sum(stage.start + stage.takes(0, stage.units) for stage in planned)


def test_a_first_day_makes_the_signals_before_it_trains_what_they_do_not_read(warehouse: Warehouse) -> None:
    planned = names_of(plan.day(warehouse, scope(), 36))
    first = ["features and targets", "train bear_headhunter", "train v13_bull_sniper", "train v15_sector_context"]
    assert planned[:6] == [*first, "forecasts of the signals' models", "signals"]
    assert planned.index("train v12_super_model") < planned.index("forecasts")
    assert planned.count("signals") == 1
    assert planned[-1] == "views and report"


def test_without_an_experiment_that_the_signals_read_nothing_is_early(warehouse: Warehouse) -> None:
    planned = names_of(plan.day(warehouse, scope("ridge", "expanding_mean"), 36))
    assert planned[:5] == ["features and targets", "train expanding_mean", "train ridge", "forecasts", "signals"]


def test_a_first_day_takes_about_as_long_as_it_was_measured_to(warehouse: Warehouse) -> None:
    """`benchmarks.zoo` trained all experiments on ten folds in 946 s on two idle cores; here they are eleven."""
    planned = plan.day(warehouse, scope(), 36)
    training = [stage for stage in planned if stage.group == "models"]
    assert sum(stage.units for stage in training) == 1804
    assert seconds_of(tuple(training)) == pytest.approx(946 * 1.1, rel=0.15)
    assert 15 * 60 < seconds_of(planned) < 25 * 60


def test_more_seeds_and_folds_are_planned_as_more_work(warehouse: Warehouse) -> None:
    whole = scope("v12_super_model")
    quick = plan.training(warehouse, whole)[1]
    standard = plan.training(warehouse, replace(whole, profile=PROFILES["standard"]))[1]
    assert standard.units == pytest.approx(quick.units * 4 * 3, rel=0.05)


def test_a_source_on_a_network_is_planned_at_its_own_pace() -> None:
    simulated = plan.refresh(Settings(), 67)
    yahoo = plan.refresh(Settings(source="yahoo", yahoo_rate=0.5), 67)
    assert (simulated.is_typical, yahoo.is_typical) == (True, False)
    assert yahoo.takes(0, 67) > 67 / 0.5


def test_every_result_and_check_that_is_run_is_planned() -> None:
    job = build_defs().resolve_job_def(jobs.RESULTS.name)
    assert len(job.graph.nodes) == n_checks(job) + len(results.SECONDS)
