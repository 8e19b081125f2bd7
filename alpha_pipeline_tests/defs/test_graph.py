"""The whole graph at a glance: what there is, what it is made from, and what runs it."""

import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._config import ConfigTypeKind

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.definitions import definitions
from alpha_pipeline.defs.assets.forecasts import TRAINED
from alpha_pipeline.defs.build import build_defs
from alpha_pipeline.defs.membership import experiments
from alpha_pipeline.defs.policy import CODE
from alpha_pipeline.warehouse.table import Table

EDGES = """
evaluation/audit <- forecasts/daily, portfolio/ledger, raw/bars
evaluation/comparisons <- evaluation/lead_lag, evaluation/scores, forecasts/daily, portfolio/ledger, raw/bars, targets/forward
evaluation/decay <- forecasts/daily, targets/forward
evaluation/folds <- forecasts/daily, targets/forward
evaluation/lead_lag <- forecasts/daily, targets/forward
evaluation/luck <- evaluation/trials, forecasts/daily, portfolio/ledger, targets/forward
evaluation/records <- portfolio/ledger, raw/bars
evaluation/reliability <- forecasts/daily, targets/forward
evaluation/scores <- forecasts/daily, signals/vix_regime, targets/forward
evaluation/trials <- forecasts/daily, portfolio/ledger, targets/forward
features/market_context <- raw/bars
features/price_action <- raw/bars
features/sector_context <- raw/bars
features/technical <- raw/bars
features/volatility <- raw/bars
forecasts/daily <- {models}
models/bear_headhunter <- features/volatility, models/trained, targets/forward
models/expanding_mean <- models/trained, raw/bars, targets/forward
models/har_x <- features/volatility, models/trained, targets/forward
models/last_value <- models/trained, raw/bars, targets/forward
models/lightgbm <- features/market_context, features/price_action, features/technical, models/trained, targets/forward
models/matrix_transformer <- models/trained, raw/bars, targets/forward
models/ridge <- features/market_context, features/price_action, features/technical, models/trained, targets/forward
models/trained <- features/market_context, features/price_action, features/sector_context, features/technical, features/volatility, raw/bars, targets/forward
models/v11_hybrid <- features/technical, models/trained, targets/forward
models/v12_super_model <- features/market_context, features/price_action, features/technical, models/trained, targets/forward
models/v13_bull_sniper <- features/price_action, features/technical, models/trained, targets/forward
models/v15_sector_context <- features/market_context, features/sector_context, features/technical, models/trained, targets/forward
models/v17_no_kan <- models/trained, raw/bars, targets/forward
models/v17_no_revin <- models/trained, raw/bars, targets/forward
models/v17_pilot <- models/trained, raw/bars, targets/forward
portfolio/ledger <- raw/bars, signals/mag7_vote, signals/qqq_position, signals/sector_rotation, signals/vix_regime
raw/actions <- nothing
raw/bars <- nothing
raw/coverage <- nothing
raw/quarantine <- nothing
raw/revisions <- nothing
raw/second_opinion <- nothing
reports/tear_sheet <- {evaluation}, portfolio/ledger, signals/qqq_position
signals/mag7_ballots <- forecasts/daily
signals/mag7_vote <- signals/mag7_ballots
signals/qqq_position <- signals/mag7_vote, signals/sector_rotation, signals/vix_regime
signals/sector_ranks <- forecasts/daily
signals/sector_rotation <- signals/sector_ranks
signals/vix_regime <- forecasts/daily, raw/bars
targets/forward <- raw/bars
"""  # noqa: E501
TICKER_GROUPS = {"raw", "features", "targets", "models", "forecasts"}


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_defs().get_repository_def()


def specs(repository: dg.RepositoryDefinition) -> list[dg.AssetSpec]:
    return [spec for asset in repository.assets_defs_by_key.values() for spec in asset.specs]


def test_the_assets_and_what_each_is_made_from(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    lines = []
    for key in sorted(graph.materializable_asset_keys):
        parents = sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        lines.append(f"{key.to_user_string()} <- {', '.join(parents) or 'nothing'}")
    expected = EDGES
    for group in ("models", "evaluation"):
        own = ", ".join(line.split()[0] for line in EDGES.splitlines() if line.startswith(f"{group}/"))
        expected = expected.replace(f"{{{group}}}", own)
    assert lines == expected.strip().splitlines()


def test_every_table_is_an_asset_and_every_other_asset_is_a_model_or_a_report(
    repository: dg.RepositoryDefinition,
) -> None:
    keys = repository.asset_graph.materializable_asset_keys
    tables = {dg.AssetKey(table.asset_key) for table in TABLES}
    assert tables <= keys
    assert {key.path[0] for key in keys - tables} == {"models", "reports"}


def test_every_asset_says_what_a_reader_of_the_graph_asks(repository: dg.RepositoryDefinition) -> None:
    for spec in specs(repository):
        assert spec.description, spec.key
        assert spec.kinds, spec.key
        assert spec.owners == ["team:alpha"], spec.key
        assert spec.code_version, spec.key
        assert spec.group_name == spec.key.path[0], spec.key
        assert spec.tags["layer"] == spec.group_name, spec.key
        assert spec.tags["grain"] in {"ticker", "session", "whole"}, spec.key


def test_every_asset_leads_to_its_code(repository: dg.RepositoryDefinition) -> None:
    for spec in specs(repository):
        links = spec.metadata[CODE].code_references
        assert links, spec.key
        for link in links:
            lines = Path(link.file_path).read_text().splitlines()
            assert (link.line_number or 1) <= len(lines), (spec.key, link)
    [ridge] = [spec for spec in specs(repository) if spec.key == dg.AssetKey(["models", "ridge"])]
    assert Path(ridge.metadata[CODE].code_references[0].file_path).name == "ridge.json"


def test_every_table_shows_its_columns(repository: dg.RepositoryDefinition) -> None:
    shown = {spec.key: spec.metadata for spec in specs(repository)}
    for table in TABLES:
        schema = shown[dg.AssetKey(table.asset_key)]["dagster/column_schema"]
        assert [column.name for column in schema.columns] == table.columns, table.name
        assert shown[dg.AssetKey(table.asset_key)]["dagster/table_name"] == table.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_says_what_it_is_and_what_null_means(table: Table) -> None:
    for name, column in table.schema.columns.items():
        words = column.description or ""
        assert len(words) > len(name), name
        if column.nullable:
            assert re.search(r"\bnull\b", words, re.IGNORECASE), name


def test_whatever_runs_the_graph_says_what_it_does(repository: dg.RepositoryDefinition) -> None:
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    for one in [*jobs, *repository.schedule_defs, *repository.sensor_defs]:
        assert one.description, one.name
    for key in repository.asset_graph.asset_check_keys:
        assert repository.asset_graph.get_check_spec(key).description, key


def test_up_to_the_forecasts_by_ticker_then_by_session(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    for key in graph.materializable_asset_keys:
        definition = graph.get(key).partitions_def
        group = key.path[0]
        if group in TICKER_GROUPS:
            assert isinstance(definition, dg.DynamicPartitionsDefinition), key
        elif group == "signals":
            assert isinstance(definition, dg.DailyPartitionsDefinition), key
        else:
            assert definition is None, key
        if definition is not None:
            # A range of partitions is one run, whoever starts it.
            assert graph.get(key).backfill_policy == dg.BackfillPolicy.single_run(), key


def test_one_ticker_asks_for_no_other_downstream(repository: dg.RepositoryDefinition) -> None:
    """A backfill of one ticker follows the edges; one edge to every ticker would train every model on all."""
    graph = repository.asset_graph
    for key in graph.materializable_asset_keys:
        if key.path[0] in TICKER_GROUPS:
            for parent in graph.get(key).parent_keys:
                mapping = graph.get_partition_mapping(key, parent)
                if key.path[0] == "forecasts" and parent != TRAINED:
                    assert mapping == dg.SpecificPartitionsPartitionMapping(()), (key, parent)
                else:
                    assert isinstance(mapping, dg.IdentityPartitionMapping), (key, parent)


def test_every_experiment_has_partitions_of_its_own(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    named = {
        key: graph.get(key).partitions_def.name for key in graph.materializable_asset_keys if key.path[0] == "models"
    }
    assert named.pop(TRAINED) == "tickers"
    assert named == {dg.AssetKey(["models", name]): f"tickers_{name}" for name in experiments()}


def test_one_training_at_a_time(repository: dg.RepositoryDefinition) -> None:
    pools = {key.path[0]: asset.op.pool for key, asset in repository.assets_defs_by_key.items()}
    assert {group for group, pool in pools.items() if pool == "training"} == {"models"}
    assert {pool for group, pool in pools.items() if group != "models"} == {None}


def test_run_config_names_no_folder_and_no_server(repository: dg.RepositoryDefinition) -> None:
    """Whoever may start a run writes it: a step writes where the settings say, and asks whom they name."""

    def leaves(field: dg.Field, path: str) -> Iterator[str]:
        inner = getattr(field.config_type, "fields", {})
        for name, one in inner.items():
            yield from leaves(one, f"{path}.{name}")
        # `Any` is of what has no config, and is read by nobody.
        if not inner and field.config_type.kind not in {ConfigTypeKind.ANY, ConfigTypeKind.STRICT_SHAPE}:
            yield path

    jobs = [*repository.get_all_jobs(), repository.get_implicit_global_asset_job_def()]
    found = set()
    for job in jobs:
        schema = job.run_config_schema.run_config_schema_type
        for name, field in schema.fields.items():
            found |= set(leaves(field, name))
    assert {name for name in found if not name.startswith(("execution.", "loggers.console."))} == {
        "ops.models__trained.config.experiments",
        "ops.raw.config.take_corrections",
    }
    of_before = {"resources": {"alpha": {"config": {"overrides": {"ALPHA_WAREHOUSE": "elsewhere"}}}}}
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(repository.get_job("results"), of_before)


def test_what_runs_the_graph(repository: dg.RepositoryDefinition) -> None:
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert jobs == {"refresh_bars", "prepare", "train", "learn", "predict", "daily_signals", "results"}
    schedules = {(s.name, s.job_name): s.cron_schedule for s in repository.schedule_defs}
    assert schedules == {
        ("after_close", "refresh_bars"): ["45 13 * * 1-5", "45 16 * * 1-5"],
        ("before_open", "refresh_bars"): "0 8 * * 1-5",
        ("weekly_training", "train"): "0 6 * * 6",
    }
    assert {s.execution_timezone for s in repository.schedule_defs} == {"America/New_York"}
    assert {s.name: s.job_name for s in repository.sensor_defs if s.has_jobs} == {
        "learn_after_refresh": "learn",
        "learn_after_failed_refresh": "learn",
        "forecast_after_learning": "predict",
        "forecast_after_failed_learning": "predict",
        "signals_after_forecast": "daily_signals",
        "signals_after_failed_forecast": "daily_signals",
        "results_after_signals": "results",
        "results_after_failed_signals": "results",
        "new_tickers": "refresh_bars",
    }
    others = {s.name for s in repository.sensor_defs if not s.has_jobs}
    assert others == {"alert_on_failure", "alert_after_results", "dead_runs"}


def test_checks_are_of_the_tables_and_run_with_the_results(repository: dg.RepositoryDefinition) -> None:
    checks = {f"{key.asset_key.to_user_string()} {key.name}" for key in repository.asset_graph.asset_check_keys}
    assert checks == {f"{'/'.join(table.asset_key)} schema" for table in TABLES} | {
        "raw/bars complete",
        "raw/bars fresh",
        "raw/bars past",
        "raw/bars undisputed",
        "raw/bars vix_agrees",
        "forecasts/daily no_look_ahead",
        "signals/qqq_position decided",
        "evaluation/audit leak_free",
    }
    of_jobs = {job.name: len(job.asset_layer.asset_graph.asset_check_keys) for job in repository.get_all_jobs()}
    assert {name for name, count in of_jobs.items() if count and not name.startswith("__")} == {"results"}


def test_the_entry_point_loads() -> None:
    loaded = definitions()
    assert {job.name for job in loaded.jobs or []} >= {"refresh_bars", "daily_signals"}
