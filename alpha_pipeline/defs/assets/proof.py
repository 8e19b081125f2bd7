"""Proof assets: what was tried, what beats what, and what luck would explain."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.evaluation.comparisons import PRIMARY
from alpha_pipeline.steps.luck import LUCK_VERSION, write_luck
from alpha_pipeline.steps.proof import COMPARISONS_VERSION, LEAD_LAG_VERSION, write_comparisons, write_lead_lag
from alpha_pipeline.steps.records import RECORDS_VERSION, write_records
from alpha_pipeline.steps.trials import TRIALS_VERSION, write_trials
from alpha_pipeline.warehouse.tables import proof as tables
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tables.results import LEDGER, SCORES

POSITION = "qqq_position"


@dg.asset(
    key=tables.RECORDS.asset_key,
    deps=[LEDGER.asset_key, BARS.asset_key],
    kinds={"polars", "parquet"},
    code_version=RECORDS_VERSION,
)
def records(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Every strategy with costs, without them and a session late; the Sharpe ratios plot in the web UI."""
    ratios = write_records(alpha.warehouse())
    return dg.MaterializeResult(metadata={f"{name}_{variant}": value for (name, variant), value in ratios.items()})


@dg.asset(
    key=tables.TRIALS.asset_key,
    deps=[DAILY.asset_key, FORWARD.asset_key, LEDGER.asset_key],
    kinds={"polars", "parquet"},
    code_version=TRIALS_VERSION,
)
def trials(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Count what was evaluated; how many trials there are plots in the web UI, and never falls."""
    return dg.MaterializeResult(metadata={"n_trials": write_trials(alpha.warehouse(), alpha.settings().now())})


@dg.asset(
    key=tables.LEAD_LAG.asset_key,
    deps=[DAILY.asset_key, FORWARD.asset_key],
    kinds={"polars", "parquet"},
    code_version=LEAD_LAG_VERSION,
)
def lead_lag(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Test whether NVDA and TSLA lead QQQ, and the other way round; shows the strongest of each."""
    found = write_lead_lag(alpha.warehouse())
    strongest = found.sort("p_value_adjusted", "p_value").unique(["leader", "follower"], keep="first").sort("leader")
    shown = strongest.select("leader", "follower", "kind", "lag", "p_value_adjusted", "verdict")
    return dg.MaterializeResult(
        metadata={"tests": found.height, "leads": found.filter(verdict="leads").height, "strongest": _table(shown)}
    )


@dg.asset(
    key=tables.COMPARISONS.asset_key,
    deps=[
        DAILY.asset_key,
        FORWARD.asset_key,
        LEDGER.asset_key,
        SCORES.asset_key,
        tables.LEAD_LAG.asset_key,
        BARS.asset_key,
    ],
    kinds={"polars", "parquet"},
    code_version=COMPARISONS_VERSION,
)
def comparisons(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Answer the questions of docs/questions.md; the verdicts are in the metadata, in words."""
    found = write_comparisons(alpha.warehouse())
    counts = dict(found.group_by("verdict").len().iter_rows())
    decides = (pl.col("kind") != "model") | (pl.col("statistic") == PRIMARY)
    asked = found.filter(pl.col("name").str.ends_with("?"), decides).select("name", "verdict", "words")
    return dg.MaterializeResult(
        metadata={name: counts.get(name, 0) for name in ("better", "worse", "undecided")} | {"questions": _table(asked)}
    )


@dg.asset(
    key=tables.LUCK.asset_key,
    deps=[tables.TRIALS.asset_key, LEDGER.asset_key, DAILY.asset_key, FORWARD.asset_key],
    kinds={"polars", "parquet"},
    code_version=LUCK_VERSION,
)
def luck(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Say what luck would explain; the deflated Sharpe ratio of the QQQ position and the PBO plot in the web UI."""
    found = write_luck(alpha.warehouse())
    plotted = {
        f"{name}_{metric}".replace(" ", "_"): value
        for name, metric, value in found.select("name", "metric", "value").iter_rows()
        if name == POSITION or metric in {"n_trials", "n_effective", "pbo", "spa_p"}
    }
    return dg.MaterializeResult(metadata={**plotted, "in_words": _table(found.select("name", "metric", "words"))})


def _table(rows: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """Rows as a Markdown table; figures with four digits."""
    head = [f"| {' | '.join(rows.columns)} |", f"|{'---|' * rows.width}"]
    lines = [f"| {' | '.join(_cells(row))} |" for row in rows.iter_rows()]
    return dg.MetadataValue.md("\n".join([*head, *lines]))


def _cells(row: Sequence[object]) -> list[str]:
    return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row]


ASSETS = [records, trials, lead_lag, comparisons, luck]
