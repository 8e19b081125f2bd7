"""Scores: how good each model's forecasts were, ticker by ticker and pooled, window by window.

A forecast is scored against what could have been earned: the open-to-open return of what can be traded, the
close-to-close change of an index. Only forecasts whose outcome is in the targets are scored.

The row ``*`` pools the stocks and funds, less those on volatility. There, forecasts and outcomes are divided
by the ticker's own volatility (of the labels known at that session) before they are correlated or squared.
Otherwise TSLA, three times as volatile as XLP, would decide the pooled figure, and knowing only which ticker
moves most would pass as skill in ranks.

Base rates and volatilities at a session use labels with ``known_at`` before it, as training does. Intervals
are given for the window ``whole``, by a bootstrap of whole sessions. A figure that is undefined in a window
(a forecast that never changes, a single class) has no row there, nor has a window of fewer than 20 sessions.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline.evaluation import linearised, metrics
from alpha_pipeline.evaluation.bootstrap import Interval, interval, resampled_totals
from alpha_pipeline.evaluation.linearised import Summable
from alpha_pipeline.evaluation.outcomes import beside_outcomes
from alpha_pipeline.universe import VOLATILITY_FUNDS, is_index
from alpha_pipeline.warehouse.tables.results import SCORES

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

POOLED: Final = "*"
WHOLE: Final = "whole"
MIN_SESSIONS: Final = 20


@dataclass(frozen=True)
class Window:
    """A named range of sessions, both ends included."""

    name: str
    first: dt.date
    last: dt.date


def standard_windows(first: dt.date, last: dt.date) -> tuple[Window, ...]:
    """The whole range, each of its years, and 2024 to mid-2025 where the range meets it."""
    years = [Window(str(y), dt.date(y, 1, 1), dt.date(y, 12, 31)) for y in range(first.year, last.year + 1)]
    recent = Window("2024_2025h1", dt.date(2024, 1, 1), dt.date(2025, 6, 30))
    meets = first <= recent.last and last >= recent.first
    return (Window(WHOLE, first, last), *years, *([recent] if meets else []))


@dataclass(frozen=True)
class Sample:
    """Forecasts of one model and horizon beside what came, ordered by session; every array is (n,).

    Attributes:
        session: days since 1970.
        expected: expected log return; pooled, in units of the ticker's volatility.
        realised: realised log return, in the same unit.
        prob_up: forecast probability of a rise.
        rose: whether it rose.
        up_rate: share of rises among the labels known at the session.
        prob_spike: forecast probability of a rise by more than 10 %; NaN where the model gives none.
        spiked: whether it rose by more than 10 %.
        spike_rate: share of such rises among the labels known at the session.
        prob_bull: forecast probability of a bull move; NaN where the model gives none.
        bull: whether a bull move came.
        fires: whether the model of bull moves fired.
        naive_right: whether the naive direction was right: up, or down for an index.
    """

    session: NDArray[np.int64]
    expected: Array
    realised: Array
    prob_up: Array
    rose: Flags
    up_rate: Array
    prob_spike: Array
    spiked: Flags
    spike_rate: Array
    prob_bull: Array
    bull: Flags
    fires: Flags
    naive_right: Flags

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Self:
        """The sample in a frame with these columns."""
        ordered = rows.sort("session", maintain_order=True).with_columns(pl.col("session").cast(pl.Int64))
        return cls(**{f.name: ordered[f.name].to_numpy() for f in fields(cls)})

    def within(self, window: Window) -> Self:
        """The forecasts made in a window."""
        epoch = dt.date(1970, 1, 1)
        low = np.searchsorted(self.session, (window.first - epoch).days, "left")
        high = np.searchsorted(self.session, (window.last - epoch).days, "right")
        return type(self)(**{f.name: getattr(self, f.name)[low:high] for f in fields(self)})


@dataclass(frozen=True)
class Metric:
    """One figure: its value, what no skill gets, and its summable form for the interval."""

    name: str
    value: Callable[[Sample], float]
    no_skill: Callable[[Sample], float]
    summable: Callable[[Sample], Summable]


METRICS: Final = (
    Metric(
        "ic",
        lambda s: metrics.information_coefficient(s.expected, s.realised),
        lambda _: 0.0,
        lambda s: linearised.correlation(s.expected, s.realised),
    ),
    Metric(
        "rank_ic",
        lambda s: metrics.rank_ic(s.expected, s.realised),
        lambda _: 0.0,
        lambda s: linearised.rank_correlation(s.expected, s.realised),
    ),
    Metric(
        "direction_accuracy",
        lambda s: metrics.direction_accuracy(s.prob_up, s.rose),
        lambda s: float(np.mean(s.naive_right)),
        lambda s: linearised.mean(((s.prob_up > 0.5) == s.rose).astype(np.float64)),
    ),
    Metric(
        "auc",
        lambda s: metrics.auc(s.prob_up, s.rose),
        lambda _: 0.5,
        lambda s: linearised.area_under_roc(s.prob_up, s.rose),
    ),
    Metric(
        "brier",
        lambda s: metrics.brier(s.prob_up, s.rose),
        lambda s: metrics.brier(s.up_rate, s.rose),
        lambda s: linearised.mean((s.prob_up - s.rose) ** 2),
    ),
    Metric(
        "brier_skill",
        lambda s: metrics.brier_skill(s.prob_up, s.rose, s.up_rate),
        lambda _: 0.0,
        lambda s: linearised.skill((s.prob_up - s.rose) ** 2, (s.up_rate - s.rose) ** 2),
    ),
    Metric(
        "r2_naive",
        lambda s: metrics.r2_naive(s.expected, s.realised),
        lambda _: 0.0,
        lambda s: linearised.skill((s.realised - s.expected) ** 2, s.realised**2),
    ),
)
SPIKE_METRICS: Final = (
    Metric(
        "spike_auc",
        lambda s: metrics.auc(s.prob_spike, s.spiked),
        lambda _: 0.5,
        lambda s: linearised.area_under_roc(s.prob_spike, s.spiked),
    ),
    Metric(
        "spike_brier_skill",
        lambda s: metrics.brier_skill(s.prob_spike, s.spiked, s.spike_rate),
        lambda _: 0.0,
        lambda s: linearised.skill((s.prob_spike - s.spiked) ** 2, (s.spike_rate - s.spiked) ** 2),
    ),
)
# What firing at random gets: the base rate as precision, the coverage as recall.
BULL_METRICS: Final = (
    Metric(
        "bull_auc",
        lambda s: metrics.auc(s.prob_bull, s.bull),
        lambda _: 0.5,
        lambda s: linearised.area_under_roc(s.prob_bull, s.bull),
    ),
    Metric(
        "bull_precision",
        lambda s: metrics.precision(s.fires, s.bull),
        lambda s: float(np.mean(s.bull)),
        lambda s: linearised.share(s.bull, among=s.fires),
    ),
    Metric(
        "bull_recall",
        lambda s: metrics.precision(s.bull, s.fires),
        lambda s: float(np.mean(s.fires)),
        lambda s: linearised.share(s.fires, among=s.bull),
    ),
    Metric(
        "bull_coverage",
        lambda s: float(np.mean(s.fires)),
        lambda s: float(np.mean(s.bull)),
        lambda s: linearised.mean(s.fires.astype(np.float64)),
    ),
    Metric(
        "bull_lift",
        lambda s: metrics.lift(s.fires, s.bull),
        lambda _: 1.0,
        lambda s: linearised.lift(s.fires, s.bull),
    ),
)


def scores(forecasts: pl.DataFrame, targets: pl.DataFrame, windows: Sequence[Window]) -> pl.DataFrame:
    """Score every model, ticker and horizon in every window.

    Args:
        forecasts: rows of ``forecasts.daily``, of any number of models.
        targets: rows of ``targets.forward`` from the first session on, the years before the first forecast
            included: base rates and volatilities are learned from them.
        windows: what to score; only the one named `WHOLE` gets intervals.

    Returns: Rows of ``evaluation.scores``. The baseline is what a forecaster without skill gets: always up
        (always down for an index), the base rate known at the session, no change.
    """
    scored = beside_outcomes(forecasts, targets)
    rows = [
        row
        for key, group in _groups(scored)
        for metric, window, figures in _scored(Sample.of(group), windows)
        for row in [(*key, window, metric, *figures)]
    ]
    columns = [
        "model",
        "ticker",
        "horizon",
        "window",
        "metric",
        "value",
        "ci_low",
        "ci_high",
        "n",
        "baseline",
    ]
    if not rows:
        return SCORES.empty()
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return SCORES.conform(frame.with_columns(pl.col("ci_low", "ci_high").fill_nan(None)))


def _groups(scored: pl.DataFrame) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """Each (model, ticker, horizon), then the pool of each (model, horizon)."""
    yield from scored.group_by("model", "ticker", "horizon", maintain_order=True)
    # With a fund that decays in the pool, a constant per ticker would already look like skill.
    left_out = [t for t in scored["ticker"].unique() if is_index(t) or t in VOLATILITY_FUNDS]
    shares = scored.filter(~pl.col("ticker").is_in(left_out), pl.col("volatility") > 0)
    pooled = shares.with_columns(pl.col("expected", "realised") / pl.col("volatility"))
    for (model, horizon), group in pooled.group_by("model", "horizon", maintain_order=True):
        yield (model, POOLED, horizon), group


def _scored(
    sample: Sample, windows: Sequence[Window]
) -> Iterator[tuple[str, str, tuple[float, float, float, int, float]]]:
    """(metric, window, (value, ci_low, ci_high, n, baseline)) of one group."""
    spike = () if np.isnan(sample.prob_spike).any() else SPIKE_METRICS
    bull = () if np.isnan(sample.prob_bull).any() else BULL_METRICS
    chosen = (*METRICS, *spike, *bull)
    for window in windows:
        part = sample.within(window)
        if np.unique(part.session).size < MIN_SESSIONS:
            continue
        values = {metric: metric.value(part) for metric in chosen}
        defined = [metric for metric, value in values.items() if math.isfinite(value)]
        unknown = [Interval(math.nan, math.nan)] * len(defined)
        intervals = _intervals(part, defined) if window.name == WHOLE else unknown
        for metric, ci in zip(defined, intervals, strict=True):
            figures = (values[metric], ci.low, ci.high, len(part.session), metric.no_skill(part))
            yield metric.name, window.name, figures


def _intervals(sample: Sample, chosen: Sequence[Metric]) -> list[Interval]:
    """The interval of each metric; the columns of all share one product with the resamples."""
    parts = [metric.summable(sample) for metric in chosen]
    starts = np.flatnonzero(np.diff(sample.session, prepend=sample.session[0] - 1))
    sums = np.add.reduceat(np.hstack([part.columns for part in parts]), starts, axis=0)  # (n_sessions, K)
    totals = resampled_totals(sums)  # (R, K)
    edges = np.cumsum([part.columns.shape[1] for part in parts])[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return [interval(part.statistic(own)) for part, own in zip(parts, np.split(totals, edges, axis=1), strict=True)]
