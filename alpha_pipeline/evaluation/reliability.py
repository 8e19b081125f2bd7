"""Reliability: how often what was forecast with a probability came, and how long a forecast stays of use.

Both are of one model's forecasts beside what came of them (`outcomes.beside_outcomes`), out of sample.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation import linearised, metrics
from alpha_pipeline.evaluation.bootstrap import (
    interval,
    interval_of,
    resampled_totals,
    session_numbers,
    sums_by_session,
)
from alpha_pipeline.evaluation.outcomes import POOLED, in_own_unit
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.results import DECAY, RELIABILITY

Array = NDArray[np.float64]
LONGEST_LAG: Final = 20  # sessions: a month
_EVENTS: Final = (("up", "prob_up", "rose"), ("spike", "prob_spike", "spiked"), ("bull", "prob_bull", "bull"))


def reliability(scored: pl.DataFrame) -> pl.DataFrame:
    """How often the event came in each bin of its forecast probability.

    Args:
        scored: rows of `outcomes.beside_outcomes`, of any number of models.

    Returns:
        Rows of ``evaluation.reliability``: the pool of each model and horizon, and the tickers of spikes one by one,
        because a spike is as large for all of them. Bins are of about equal count; intervals are of the frequency, by a
        bootstrap of whole sessions with the bins held fixed.
    """
    rows = [
        (*key, event, *row)
        for key, group in _groups(scored)
        for event, prob, came in _EVENTS
        if (event == "spike") == (key[1] != POOLED) and not group[prob].is_nan().any()
        for row in _bins(group["session"], group[prob].to_numpy(), group[came].to_numpy().astype(np.float64))
    ]
    return _table(RELIABILITY, rows)


def decay(scored: pl.DataFrame) -> pl.DataFrame:
    """The information coefficient of one-session forecasts with the returns of later and later sessions.

    Lag 0 is the return that was forecast; at lag k the forecast is k sessions old. Skill that is gone at lag 1 has
    to be traded at the next open or not at all.

    Args:
        scored: rows of `outcomes.beside_outcomes`, of any number of models.

    Returns:
        Rows of ``evaluation.decay``, pooled in units of each ticker's own volatility.
    """
    places = {day: place for place, day in enumerate(calendar.all_sessions())}
    own = in_own_unit(scored.filter(horizon=1)).with_columns(
        place=pl.col("session").replace_strict(places, return_dtype=pl.Int64)
    )
    rows: list[tuple[Any, ...]] = []
    for (model,), group in own.group_by("model", maintain_order=True):
        came = group.select("ticker", "place", "realised")
        for lag in range(LONGEST_LAG + 1):
            later = came.with_columns(pl.col("place") - lag)
            pairs = group.drop("realised").join(later, on=["ticker", "place"]).sort("session", maintain_order=True)
            figures = _correlation(pairs)
            if figures is not None:
                rows.append((model, lag, *figures))
    return _table(DECAY, rows)


def _table(table: Table, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    if not rows:
        return table.empty()
    frame = pl.DataFrame(rows, schema=table.columns, orient="row", infer_schema_length=None)
    return table.conform(frame.with_columns(pl.col("ci_low", "ci_high").fill_nan(None)))


def _groups(scored: pl.DataFrame) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """The pool of each (model, horizon), then each ticker of it, by session."""
    ordered = scored.sort("session", maintain_order=True)
    for (model, horizon), group in in_own_unit(ordered).group_by("model", "horizon", maintain_order=True):
        yield (model, POOLED, horizon), group
    yield from ordered.group_by("model", "ticker", "horizon", maintain_order=True)


def _bins(days: pl.Series, probability: Array, event: Array) -> Iterator[tuple[int, float, float, float, float, int]]:
    """(bin, mean forecast, frequency, its interval, count) of each bin that holds a forecast."""
    bins = metrics.calibration_bins(probability)
    members = (bins[:, None] == np.unique(bins)).astype(np.float64)  # (n, K)
    sums = sums_by_session(session_numbers(days), np.hstack([members, members * event[:, None]]))
    counts, happened = np.hsplit(sums.sum(axis=0), 2)
    drawn, drawn_happened = np.hsplit(resampled_totals(sums), 2)  # (R, K)
    forecast = probability @ members / counts
    with np.errstate(divide="ignore", invalid="ignore"):
        frequencies = drawn_happened / drawn
    for place in range(members.shape[1]):
        ci = interval(frequencies[:, place])
        share = happened[place] / counts[place]
        yield place + 1, float(forecast[place]), float(share), ci.low, ci.high, int(counts[place])


def _correlation(pairs: pl.DataFrame) -> tuple[float, float, float, int] | None:
    """The IC, its interval and the number of forecasts; None where one side does not vary."""
    x, y = pairs["expected"].to_numpy(), pairs["realised"].to_numpy()
    value = metrics.information_coefficient(x, y)
    if not np.isfinite(value):
        return None
    ci = interval_of(linearised.correlation(x, y), pairs["session"])
    return value, ci.low, ci.high, len(x)
