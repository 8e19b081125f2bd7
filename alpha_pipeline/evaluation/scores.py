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
from alpha_pipeline.evaluation.bootstrap import Interval, interval, resampled_totals, sums_by_session
from alpha_pipeline.evaluation.linearised import Summable
from alpha_pipeline.evaluation.outcomes import POOLED, beside_outcomes, in_own_unit
from alpha_pipeline.universe import is_index
from alpha_pipeline.warehouse.tables.results import SCORES

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

WHOLE: Final = "whole"
MIN_SESSIONS: Final = 20


@dataclass(frozen=True)
class Window:
    """A named range of sessions, both ends included.

    Attributes:
        name: of the window.
        first: its first session.
        last: its last session.
        among: the sessions within the range that belong to it; None for all.
    """

    name: str
    first: dt.date
    last: dt.date
    among: frozenset[dt.date] | None = None


def standard_windows(first: dt.date, last: dt.date) -> tuple[Window, ...]:
    """The whole range, each of its years, and 2024 to mid-2025 where the range meets it."""
    years = [Window(str(y), dt.date(y, 1, 1), dt.date(y, 12, 31)) for y in range(first.year, last.year + 1)]
    recent = Window("2024_2025h1", dt.date(2024, 1, 1), dt.date(2025, 6, 30))
    meets = first <= recent.last and last >= recent.first
    return (Window(WHOLE, first, last), *years, *([recent] if meets else []))


def regime_windows(regimes: pl.DataFrame) -> tuple[Window, ...]:
    """The sessions of each volatility regime: what was known at the close that a forecast was made at.

    Args:
        regimes: rows of ``signals.vix_regime``.
    """
    named = regimes.drop_nulls("regime").sort("regime", "session")
    return tuple(
        Window(f"regime_{regime}", days[0], days[-1], frozenset(days))
        for (regime,), rows in named.group_by("regime", maintain_order=True)
        for days in [rows["session"].to_list()]
    )


@dataclass(frozen=True)
class Sample:
    """Forecasts of one model and horizon beside what came, ordered by session; every array is (n,).

    Attributes:
        session: days since 1970.
        expected: expected log return; pooled, in units of the ticker's volatility.
        realised: realised log return, in the same unit.
        volatility: standard deviation of the last labels known at the session; NaN while there are too few.
        low: end of the forecast's interval below, in the unit of `expected`; NaN where none was kept.
        high: end above.
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
    volatility: Array
    low: Array
    high: Array
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
        ordered = rows.sort("session", maintain_order=True).with_columns(
            pl.col("session").cast(pl.Int64), pl.col("volatility").fill_null(math.nan)
        )
        return cls(**{f.name: ordered[f.name].to_numpy() for f in fields(cls)})

    def within(self, window: Window) -> Self:
        """The forecasts made in a window."""
        low = np.searchsorted(self.session, _day(window.first), "left")
        high = np.searchsorted(self.session, _day(window.last), "right")
        return self._only(slice(low, high) if window.among is None else self._is_among(window.among))

    @property
    def has_interval(self) -> Flags:
        """Which forecasts have an interval, where a naive one was known too."""
        return np.isfinite(self.low) & np.isfinite(self.high) & (self.volatility > 0)

    def _is_among(self, days: frozenset[dt.date]) -> Flags:
        return np.asarray(np.isin(self.session, [_day(day) for day in days]))

    def _only(self, kept: slice | Flags) -> Self:
        return type(self)(**{f.name: getattr(self, f.name)[kept] for f in fields(self)})


def _day(session: dt.date) -> int:
    return (session - dt.date(1970, 1, 1)).days


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: in the table.
        value: of a sample.
        no_skill: what a forecaster without skill gets on it.
        summable: the figure's summable form; None for one without an interval.
        counted: of how many forecasts it is.
    """

    name: str
    value: Callable[[Sample], float]
    no_skill: Callable[[Sample], float]
    summable: Callable[[Sample], Summable] | None
    counted: Callable[[Sample], int] = lambda s: len(s.session)


def _calibration(prefix: str, prob: Callable[[Sample], Array], event: Callable[[Sample], Flags]) -> Metric:
    """The calibration error of a probability, beside what a faultless one shows by chance."""
    return Metric(
        f"{prefix}ece",
        lambda s: metrics.calibration_error(prob(s), event(s)),
        lambda s: metrics.calibration_error_by_chance(prob(s)),
        None,  # Resampling adds noise, and noise adds to this figure: its interval would lie above it.
    )


def _pinball(sample: Sample) -> tuple[Array, Array]:
    """The pinball losses of the intervals and of the naive ones, 0 where there is none, (n,) each."""
    own = metrics.pinball_losses(sample.low, sample.high, sample.realised)
    naive = metrics.pinball_losses(*metrics.naive_interval(sample.volatility), sample.realised)
    return np.where(sample.has_interval, own, 0.0), np.where(sample.has_interval, naive, 0.0)


def _covered(sample: Sample) -> Flags:
    return np.asarray((sample.low <= sample.realised) & (sample.realised <= sample.high))


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
        "log_loss",
        lambda s: metrics.log_loss(s.prob_up, s.rose),
        lambda s: metrics.log_loss(s.up_rate, s.rose),
        lambda s: linearised.mean(metrics.log_losses(s.prob_up, s.rose)),
    ),
    Metric(
        "log_loss_skill",
        lambda s: metrics.skill(metrics.log_losses(s.prob_up, s.rose), metrics.log_losses(s.up_rate, s.rose)),
        lambda _: 0.0,
        lambda s: linearised.skill(metrics.log_losses(s.prob_up, s.rose), metrics.log_losses(s.up_rate, s.rose)),
    ),
    _calibration("", lambda s: s.prob_up, lambda s: s.rose),
    Metric(
        "r2_naive",
        lambda s: metrics.r2_naive(s.expected, s.realised),
        lambda _: 0.0,
        lambda s: linearised.skill((s.realised - s.expected) ** 2, s.realised**2),
    ),
)
INTERVAL_METRICS: Final = (
    Metric(
        "coverage_90",
        lambda s: metrics.coverage(s.low[s.has_interval], s.high[s.has_interval], s.realised[s.has_interval]),
        lambda _: metrics.COVERED,
        lambda s: linearised.share(_covered(s), among=s.has_interval),
        lambda s: int(s.has_interval.sum()),
    ),
    Metric(
        "pinball_skill",
        lambda s: metrics.skill(*_pinball(s)),
        lambda _: 0.0,
        lambda s: linearised.skill(*_pinball(s)),
        lambda s: int(s.has_interval.sum()),
    ),
)
INDEX_METRICS: Final = (
    Metric(
        "qlike",
        lambda s: float(np.mean(metrics.qlike_losses(s.expected, s.realised))),
        lambda s: float(np.mean(metrics.qlike_losses(np.zeros_like(s.realised), s.realised))),
        lambda s: linearised.mean(metrics.qlike_losses(s.expected, s.realised)),
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
    _calibration("spike_", lambda s: s.prob_spike, lambda s: s.spiked),
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
    _calibration("bull_", lambda s: s.prob_bull, lambda s: s.bull),
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
        for metric, window, figures in _scored(Sample.of(group), windows, of_index=is_index(key[1]))
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
    for (model, horizon), group in in_own_unit(scored).group_by("model", "horizon", maintain_order=True):
        yield (model, POOLED, horizon), group


def _scored(
    sample: Sample, windows: Sequence[Window], *, of_index: bool
) -> Iterator[tuple[str, str, tuple[float, float, float, int, float]]]:
    """(metric, window, (value, ci_low, ci_high, n, baseline)) of one group."""
    spike = () if np.isnan(sample.prob_spike).any() else SPIKE_METRICS
    bull = () if np.isnan(sample.prob_bull).any() else BULL_METRICS
    bounded = INTERVAL_METRICS if sample.has_interval.any() else ()
    chosen = (*METRICS, *bounded, *(INDEX_METRICS if of_index else ()), *spike, *bull)
    for window in windows:
        part = sample.within(window)
        if np.unique(part.session).size < MIN_SESSIONS:
            continue
        values = {metric: metric.value(part) for metric in chosen}
        defined = [metric for metric, value in values.items() if math.isfinite(value)]
        intervals = _intervals(part, defined) if window.name == WHOLE else {}
        for metric in defined:
            ci = intervals.get(metric.name, Interval(math.nan, math.nan))
            figures = (values[metric], ci.low, ci.high, metric.counted(part), metric.no_skill(part))
            yield metric.name, window.name, figures


def _intervals(sample: Sample, chosen: Sequence[Metric]) -> dict[str, Interval]:
    """The interval of each metric that has one; the columns of all share one product with the resamples."""
    parts = {metric.name: metric.summable(sample) for metric in chosen if metric.summable is not None}
    columns = np.hstack([part.columns for part in parts.values()])
    sums = sums_by_session(sample.session, columns)  # (n_sessions, K)
    edges = np.cumsum([part.columns.shape[1] for part in parts.values()])[:-1]
    totals = np.split(resampled_totals(sums), edges, axis=1)  # (R, own columns) each
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: interval(part.statistic(own)) for (name, part), own in zip(parts.items(), totals, strict=True)}
