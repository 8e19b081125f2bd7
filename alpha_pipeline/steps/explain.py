"""Explains a forecast that is held, by the very members that made it."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.matrix import ALL, MatrixSamples, build_matrix
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.explain import explain, fold_importance
from alpha_pipeline.forecasting.explain_matrix import explain_matrix
from alpha_pipeline.forecasting.importance import Importance
from alpha_pipeline.forecasting.matrix import looked_at
from alpha_pipeline.models.architectures import is_shared
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.reports.explanation import ExplainedForecast
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.training import load_artifact, ticker_samples
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY

_QUARTER: Final = 63  # sessions
_SAME: Final = 1e-4  # of the forecast's volatility: above what batches of another size round to


def explain_forecast(
    warehouse: Warehouse, experiment: Experiment, ticker: str, session: dt.date | None, horizon: int
) -> ExplainedForecast:
    """Explain what a model forecast of a ticker.

    Args:
        warehouse: with bars, features, targets, artifacts and forecasts.
        experiment: the model.
        ticker: forecast by it.
        session: at whose close; None for the newest.
        horizon: in sessions.

    Raises:
        NotEnoughDataError: there is no such forecast, or a member that made it is no longer stored.
        ArtifactError: a member cannot be read.
    """
    market = read_market(warehouse)
    if market is None:
        raise NotEnoughDataError(f"{warehouse.root} is no warehouse yet, or an empty one. `alpha run` fills it.")
    row = _forecast(warehouse, experiment.name, ticker, session, horizon)
    shared = is_shared(experiment.architecture)
    whose = ALL if shared else ticker
    members = [_member(warehouse, experiment.name, whose, name) for name in str(row["model_id"]).split("+")]
    if shared:
        matrix = _matrix(warehouse, experiment, members[0].card.tickers)
        found = explain_matrix(matrix, experiment, members, ticker, row["session"], horizon)
    else:
        samples = ticker_samples(warehouse, experiment, ticker)
        found = explain(samples, experiment, members, row["session"], horizon)
    drift = abs(found.expected_return - row["expected_return"])
    closes = final_bars(warehouse, [ticker]).filter(pl.col("session").is_in(found.window)).sort("session")
    return ExplainedForecast(
        market=market.market,
        is_simulated=market.is_simulated,
        forecast=row,
        fold=members[0].card.fold,
        explanation=found,
        closes=closes.select("session", "adj_close"),
        bars_changed=drift > _SAME * row["forecast_vol"],
        members=tuple(member.card for member in members),
    )


def newest_importance(
    warehouse: Warehouse, experiment: Experiment, artifacts: Sequence[Artifact]
) -> tuple[Importance, ...]:
    """The importance of each group of inputs to the newest fold of one ticker's artifacts.

    Fewer permutations than an explanation's: it runs beside training and has to cost little of it.

    Raises:
        NotEnoughDataError: the data held now are too few.
    """
    newest = max(artifact.card.fold for artifact in artifacts)
    members = [artifact for artifact in artifacts if artifact.card.fold == newest]
    samples = ticker_samples(warehouse, experiment, members[0].card.ticker)
    return fold_importance(samples, experiment, members, permutations=3)


def newest_attention(warehouse: Warehouse, experiment: Experiment, artifacts: Sequence[Artifact]) -> pl.DataFrame:
    """Which tickers each ticker of a shared model looked at over the last quarter: ticker, looked_at, weight.

    Raises:
        NotEnoughDataError: the data held now are too few.
    """
    newest = max(artifacts, key=lambda artifact: artifact.card.fold)
    return looked_at(_matrix(warehouse, experiment, newest.card.tickers), experiment, artifacts, _QUARTER)


def _matrix(warehouse: Warehouse, experiment: Experiment, tickers: Sequence[str]) -> MatrixSamples:
    return build_matrix([ticker_samples(warehouse, experiment, ticker) for ticker in tickers])


def _forecast(warehouse: Warehouse, model: str, ticker: str, session: dt.date | None, horizon: int) -> dict[str, Any]:
    """The row of `forecasts.daily`."""
    held = warehouse.read(DAILY, [ticker])
    if held.is_empty():
        known = ", ".join(sorted(warehouse.units(DAILY))) or "none"
        raise NotEnoughDataError(
            f"No forecast of {ticker} is held. Forecast are: {known}. `alpha tickers list` shows the tickers followed, "
            "`alpha run` forecasts them."
        )
    own = held.filter(pl.col("model") == model)
    if own.is_empty():
        models = ", ".join(held["model"].unique().sort())
        raise NotEnoughDataError(
            f"{model} does not forecast {ticker}; these do: {models}. Name one with --model, or "
            f"`alpha train --experiments {model} --tickers {ticker}` trains it."
        )
    days = own["session"].sort()
    asked = days[-1] if session is None else session
    rows = own.filter(pl.col("session") == asked)
    if rows.is_empty():
        why = f"{model} made no forecast of {ticker} on {asked}"
        if not calendar.is_session(asked):
            why += ", which is no session"
        raise NotEnoughDataError(f"{why}. It forecast {len(days.unique())} sessions, {days[0]} to {days[-1]}.")
    row = rows.filter(pl.col("horizon") == horizon)
    if row.is_empty():
        horizons = ", ".join(str(one) for one in rows["horizon"].sort())
        raise NotEnoughDataError(f"{model} forecasts no horizon of {horizon} sessions. Use --horizon {horizons}.")
    return row.row(0, named=True)


def _member(warehouse: Warehouse, model: str, ticker: str, model_id: str) -> Artifact:
    artifact = load_artifact(warehouse, model, ticker, model_id)
    if artifact is None:
        raise NotEnoughDataError(
            f"The member {model_id} that made this forecast is not stored. "
            f"`alpha train --experiments {model} --tickers {ticker}` trains what is missing."
        )
    return artifact
