"""The stages of a day in one process: what the command line runs."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

import alpha_pipeline.defs.runner
from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.assets import forecasts
from alpha_pipeline.defs.assets.forecasts import TRAINED, TRAINING_POOL
from alpha_pipeline.defs.runner import Runner
from alpha_pipeline.errors import AlphaError, NotEnoughDataError
from alpha_pipeline.evaluation.trials import HASH_SHOWN
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.bar_problems import bar_problems
from alpha_pipeline.steps.progress import Progress, watching
from alpha_pipeline.steps.trials import UNKNOWN
from alpha_pipeline.training.trainer import TrainingResult
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import proof, results, signals
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.views import DATABASE
from alpha_pipeline_tests.defs.world import LAST, NOW, World, make_world


def test_a_failing_ticker_is_a_problem_and_the_others_go_on(tmp_path: Path) -> None:
    with Runner(make_world(tmp_path, ["QQQ", "NVDA"]).settings) as runner:
        runner.ingest(["QQQ", "SPY", "NVDA"])
    assert runner.problems == []
    assert isinstance(runner.outcomes["SPY"], AlphaError)
    assert bar_problems(runner.warehouse).failed == ("1 of the 18 tickers followed is not in bars.parquet: SPY.",)
    assert runner.warehouse.units(BARS) == ["NVDA", "QQQ"]


def test_a_day_without_any_bars_stops_and_says_why(tmp_path: Path) -> None:
    settings = make_world(tmp_path, ["NVDA"]).settings
    with (
        Runner(settings) as runner,
        pytest.raises(AlphaError, match=r"No bars were taken. QQQ is not in bars\.parquet"),
    ):
        runner.ingest(["QQQ"])


def test_signals_need_a_bar_since_the_first_of_them(world: World) -> None:
    with Runner(world.settings) as runner, pytest.raises(NotEnoughDataError, match="None of the core tickers"):
        runner.signals()


@pytest.mark.parametrize(
    ("ticker", "last", "why"),
    [
        ("QQQ", dt.date(2015, 6, 30), "The bars end on 2015-06-30, before the first out-of-sample session 2016-01-04"),
        ("AVGO", LAST, "None of the core tickers"),
    ],
)
def test_a_market_without_a_session_to_signal_is_refused_before_the_training_and_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ticker: str, last: dt.date, why: str
) -> None:
    rows = simulate(7, 0.0, dt.date(2015, 1, 2), last, (ticker,)).bars[ticker]
    rows.write_parquet(tmp_path / "bars.parquet")
    monkeypatch.setattr(forecasts, "train_experiment", lambda *_, **__: pytest.fail("nothing is trained"))
    settings = Settings(tmp_path / "warehouse", source="files", source_path=tmp_path / "bars.parquet", fixed_now=NOW)
    with Runner(settings) as runner:
        with pytest.raises(NotEnoughDataError, match=why):
            runner.day([ticker], ["expanding_mean"])
        if last < LAST:
            with pytest.raises(NotEnoughDataError, match="end on 2015-06-30, and what is forecast begins on"):
                runner.train([ticker], ["expanding_mean"])
    with duckdb.connect(str(settings.warehouse / DATABASE), read_only=True) as shell:
        assert shell.sql("select count(*) from raw.bars").fetchall() == [(rows.height,)]


def test_an_experiment_is_named_that_no_history_is_long_enough_for(tmp_path: Path) -> None:
    with Runner(make_world(tmp_path, ["QQQ"], first=dt.date(2016, 11, 1)).settings) as runner:
        runner.ingest(["QQQ"])
        runner.train(["QQQ"], ["expanding_mean"])
        assert runner.untrained(["QQQ"], ["expanding_mean", "v15_sector_context"]) == [
            "expanding_mean",
            "v15_sector_context",
        ]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A runner on a source that has QQQ alone."""
    with Runner(make_world(tmp_path, ["QQQ"]).settings) as opened:
        yield opened


def test_a_training_waits_for_another_on_the_same_warehouse_and_says_so(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.ingest(["QQQ"])
    storage, other = runner.instance.event_log_storage, dg.DagsterRun(job_name="train", run_id="1a2b3c4d-other")
    runner.instance.add_run(other)
    storage.set_concurrency_slots(TRAINING_POOL, 1)
    assert storage.claim_concurrency_slot(TRAINING_POOL, other.run_id, "models__ridge").is_claimed
    waited: list[float] = []

    def ends_at_the_third_look(seconds: float) -> None:
        assert not runner.warehouse.units(DAILY)
        waited.append(seconds)
        if len(waited) == 3:
            storage.free_concurrency_slots_for_run(other.run_id)

    monkeypatch.setattr(alpha_pipeline.defs.runner, "sleep", ends_at_the_third_look)
    heard: list[Progress] = []
    with watching(heard.append):
        runner.train(["QQQ"], ["expanding_mean"])
    assert runner.untrained(["QQQ"], ["expanding_mean"]) == []
    assert len(waited) == 3
    assert [one.stage for one in heard if "waits for run 1a2b3c4d" in one.detail] == ["train expanding_mean"] * 3
    assert runner.warehouse.units(DAILY) == ["QQQ"]


@pytest.mark.slow
@pytest.mark.minutes(0.1)
def test_once_every_experiment_is_trained_the_graph_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(make_world(tmp_path, ["QQQ"]).settings)
    runner.ingest(["QQQ"])
    monkeypatch.setattr(alpha_pipeline.defs.runner, "takes", lambda *_, **__: set())
    runner.train(["QQQ"], ["ridge"])
    assert runner.instance.get_materialized_partitions(TRAINED) == set()
    for _ in range(2):
        runner.train(["QQQ"], None)
        assert runner.instance.get_materialized_partitions(TRAINED) == {"QQQ"}
        assert len(runner.instance.get_runs(dg.RunsFilter(job_name="train"))) == 1
    assert runner.instance.get_materialized_partitions(dg.AssetKey(DAILY.asset_key)) == {"QQQ"}


def early_day(
    world: World, monkeypatch: pytest.MonkeyPatch, read: list[str], chosen: list[str]
) -> tuple[Runner, list[set[str]]]:
    """A day whose signals are said to read some experiments; the models that had forecast when they were made early."""
    monkeypatch.setattr(alpha_pipeline.defs.runner, "READ_BY_SIGNALS", read)
    runner, seen = Runner(world.settings), list[set[str]]()

    def on_signals() -> None:
        assert runner.warehouse.read(signals.QQQ_POSITION).height
        seen.append(set(runner.warehouse.read(DAILY).get_column("model")))

    try:
        runner.day(["QQQ"], chosen, on_signals)
    except AlphaError:
        seen.append({"failed"})
    return runner, seen


def objects(world: World) -> dict[str, bytes]:
    """Every table and model of a world, but what is kept of the audit."""
    root = world.settings.warehouse
    files = sorted(path for name in ("tables", "models") for path in (root / name).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files if "audit" not in path.parts}


@pytest.mark.slow
def test_signals_made_early_leave_the_same_bytes_and_are_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ["expanding_mean", "ridge"]
    (tmp_path / "early").mkdir()
    (tmp_path / "late").mkdir()
    early, late = make_world(tmp_path / "early", ["QQQ"]), make_world(tmp_path / "late", ["QQQ"])
    runner, seen = early_day(early, monkeypatch, ["ridge"], chosen)
    assert seen == [{"ridge"}]
    assert set(runner.warehouse.read(DAILY).get_column("model")) == set(chosen)
    assert [run.job_name for run in runner.instance.get_runs()].count("daily_signals") == 1
    _, seen = early_day(late, monkeypatch, [], chosen)
    assert seen == []
    assert objects(early) == objects(late)
    # With nothing to train, nothing is forecast twice, nothing is early, and nothing changes.
    before = objects(early)
    again, seen = early_day(early, monkeypatch, ["ridge"], chosen)
    assert seen == []
    assert [run.job_name for run in again.instance.get_runs()].count("predict") == 3
    assert objects(early) == before


@pytest.mark.slow
@pytest.mark.minutes(0.1)
def test_an_experiment_that_fails_after_the_signals_takes_nothing_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = forecasts.train_experiment

    def fails(warehouse: Warehouse, experiment: Experiment, *rest: Any, **named: Any) -> TrainingResult:
        if experiment.name == "expanding_mean":
            raise NotEnoughDataError("a failure that the test planted")
        return train(warehouse, experiment, *rest, **named)

    monkeypatch.setattr(forecasts, "train_experiment", fails)
    runner, seen = early_day(
        make_world(tmp_path, ["QQQ"]), monkeypatch, ["last_value"], ["expanding_mean", "last_value"]
    )
    assert seen == [{"last_value"}, {"failed"}]
    assert runner.warehouse.read(signals.QQQ_POSITION)["session"].max() == LAST


@pytest.mark.slow
def test_a_day_from_bars_to_scores(tmp_path: Path) -> None:
    world = make_world(tmp_path, ["QQQ", "SPY", VIX])
    with Runner(world.settings) as runner:
        runner.day(["QQQ", "SPY", VIX], ["expanding_mean"])
        assert runner.problems == []
        warehouse = runner.warehouse
        decided = warehouse.read(signals.QQQ_POSITION)
        assert decided.get_column("session").to_list() == list(calendar.between(dt.date(2016, 1, 4), LAST))
        assert set(warehouse.read(DAILY).get_column("model")) == {"expanding_mean"}
        assert "buy_and_hold" in warehouse.units(results.LEDGER)
        assert warehouse.units(results.SCORES) == ["expanding_mean"]
        tried = warehouse.read(proof.TRIALS)
        assert set(tried.filter(kind="model").select("name", "ticker").rows()) == {
            ("expanding_mean", ticker) for ticker in ("QQQ", "SPY", VIX)
        }
        # The configuration on the cards of the members that this very run has trained.
        [config] = tried.filter(kind="model")["variant"].unique()
        assert len(config) == HASH_SHOWN
        assert config != UNKNOWN
        assert warehouse.units(proof.LUCK)
        keys = {"-".join(key.path) for key in runner.instance.all_asset_keys()}
        assert "evaluation-scores" in keys
        filled = runner.instance.get_materialized_partitions(dg.AssetKey(["signals", "qqq_position"]))
        assert len(filled) == decided.height

    # A second day with nothing new makes no signal anew and changes no file.
    before = {path: path.stat().st_mtime_ns for path in warehouse.root.rglob("tables/**/*.parquet")}
    with Runner(world.settings) as again:
        again.day(["QQQ", "SPY", VIX], ["expanding_mean"])
        runs = again.instance.get_runs(filters=dg.RunsFilter(job_name="daily_signals"))
    after = {path: path.stat().st_mtime_ns for path in warehouse.root.rglob("tables/**/*.parquet")}
    assert after == before
    assert len(runs) == 1
