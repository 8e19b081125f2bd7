"""Comparisons: whether one model forecasts better than another, on the very same rows, pooled over tickers.

Pooled are the stocks and funds that both forecast, less those on volatility; outcomes and expected returns are in
units of the ticker's own volatility, as in `alpha_pipeline.evaluation.scores`. Where there is none of these, the
indices are. Whole sessions are drawn, with every ticker of that date. Every value is the advantage of a: positive
where a is better, also where the statistic is a loss.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline.digits import alike, number
from alpha_pipeline.evaluation import linearised, metrics
from alpha_pipeline.evaluation.bootstrap import session_numbers
from alpha_pipeline.evaluation.differences import (
    Difference,
    Paired,
    paired_difference,
    sharpe_difference,
)
from alpha_pipeline.evaluation.natural import followed
from alpha_pipeline.evaluation.scores import MIN_SESSIONS, WHOLE, standard_windows
from alpha_pipeline.universe import VOLATILITY_FUNDS, is_index
from alpha_pipeline.warehouse.tables.proof import COMPARISONS

Array = NDArray[np.float64]

RECENT: Final = "2024_2025h1"
WINDOWS: Final = (WHOLE, RECENT)
WANTED_SEEDS: Final = 10
LABELS: Final = {
    "ic": "information coefficient",
    "brier": "Brier score",
    "squared_error": "squared error in units of volatility",
    "direction": "direction",
    "sharpe": "Sharpe ratio a year of being long while the forecast is above 0",
}
PRIMARY: Final = "ic"


@dataclass(frozen=True)
class Comparison:
    """One answer.

    Attributes:
        name: the question.
        window: `WHOLE`, or a part of it.
        a: what is asked about.
        b: what it is compared with.
        statistic: in which figure.
        found: the advantage of a.
        label: the statistic in words.
        note: said after the sentence.
        sentence: the answer as a sentence, where the usual one does not fit.
    """

    name: str
    window: str
    a: str
    b: str
    statistic: str
    found: Difference
    label: str
    note: str = ""
    sentence: str = ""

    @property
    def words(self) -> str:
        """The answer as a sentence."""
        if self.sentence:
            return self.sentence
        found = self.found
        value, low, high = alike("+.3f", found.value, found.ci_low, found.ci_high)
        figures = f"{value} ({low} to {high})"
        said = {
            "better": f"{self.a} is better than {self.b} in {self.label}: {figures}.",
            "worse": f"{self.a} is worse than {self.b} in {self.label}: {figures}.",
            "undecided": f"Undecided whether {self.a} is better than {self.b} in {self.label}: {figures}.",
        }[found.verdict]
        if found.verdict == "undecided" and np.isfinite(found.minimum_detectable):
            said += f" A true difference of {number(found.minimum_detectable, '.3f')} would be found 4 times in 5."
        return f"{said} {self.note}".strip()


def table_of(kind: str, answers: Sequence[Comparison]) -> pl.DataFrame:
    """Rows of ``evaluation.comparisons``."""
    rows = [
        {
            "kind": kind,
            "name": one.name,
            "window": one.window,
            "a": one.a,
            "b": one.b,
            "statistic": one.statistic,
            "value": one.found.value,
            "ci_low": one.found.ci_low,
            "ci_high": one.found.ci_high,
            "p_value": one.found.p_value,
            "minimum_detectable": one.found.minimum_detectable,
            "verdict": one.found.verdict,
            "words": one.words,
            "n": one.found.n,
        }
        for one in answers
    ]
    frame = pl.DataFrame(rows, schema=COMPARISONS.empty().schema)
    return COMPARISONS.conform(frame.with_columns(pl.col(pl.Float64).fill_nan(None)))


def compare_models(
    scored: pl.DataFrame,
    a: str,
    b: str,
    *,
    window: str = WHOLE,
    horizon: int = 1,
    seeds: int | None = None,
    name: str = "",
) -> list[Comparison]:
    """Compare two models on the rows that both forecast.

    Args:
        scored: what `beside_outcomes` gives, of both models at least.
        a: a model.
        b: another.
        window: `WHOLE`, or a window of `standard_windows`.
        horizon: sessions.
        seeds: the smallest number of members averaged, which is then said.
        name: the question; made of the rest where none is given.

    Returns:
        One answer per statistic; none where fewer than `MIN_SESSIONS` sessions are common, or in a figure that
        is undefined (a forecast that never changes has no correlation), and no Sharpe ratio a year of fewer than
        `metrics.FEWEST_OF_A_YEAR`.
    """
    rows = within(pooled(common(scored, a, b, horizon)), window)
    if rows["session"].n_unique() < MIN_SESSIONS:
        return []
    parts = _parts(rows)
    found = dict(zip(parts, paired_difference(list(parts.values()), session_numbers(rows["session"])), strict=True))
    is_long = rows["session"].n_unique() >= metrics.FEWEST_OF_A_YEAR
    if horizon == 1 and is_long and not any(map(is_index, rows["ticker"].unique())):
        found["sharpe"] = sharpe_difference(*_books(rows))
    tickers = rows["ticker"].n_unique()
    note = f"{rows['session'].n_unique()} sessions of {tickers} ticker{'s' if tickers > 1 else ''}."
    if seeds is not None and seeds < WANTED_SEEDS:
        note += f" With {seeds} seed{'s' if seeds > 1 else ''}; at least {WANTED_SEEDS} are wanted."
    asked = name or f"{a} against {b}, {window}" + (f", horizon {horizon}" if horizon != 1 else "")
    return [
        Comparison(asked, window, a, b, statistic, one, LABELS[statistic], note)
        for statistic, one in found.items()
        if np.isfinite(one.value)
    ]


def compare_ledgers(
    name: str, ledger: pl.DataFrame, a: str, b: str, *, window: str = WHOLE, note: str = ""
) -> list[Comparison]:
    """Compare the Sharpe ratios of two strategies on the sessions that both have.

    Args:
        name: the question.
        ledger: rows of ``portfolio.ledger``, of both at least.
        a: a strategy.
        b: another.
        window: `WHOLE`, or a window of `standard_windows`.
        note: said after the sentence.

    Returns:
        One answer; none where fewer than `metrics.FEWEST_OF_A_YEAR` sessions are common.
    """
    sides = [ledger.filter(strategy=side).select("session", side_return="net_return") for side in (a, b)]
    rows = within(sides[0].join(sides[1], on="session", suffix="_b").sort("session"), window)
    if rows.height < metrics.FEWEST_OF_A_YEAR:
        return []
    found = sharpe_difference(rows["side_return"].to_numpy(), rows["side_return_b"].to_numpy())
    return [Comparison(name, window, a, b, "sharpe", found, "Sharpe ratio a year", note)]


def common(scored: pl.DataFrame, a: str, b: str, horizon: int) -> pl.DataFrame:
    """The rows that both models forecast, ordered by session: a's columns, and b's with the suffix ``_b``."""
    own, other = (scored.filter(model=name, horizon=horizon) for name in (a, b))
    theirs = other.select("ticker", "session", "expected", "prob_up")
    return own.join(theirs, on=["ticker", "session"], suffix="_b").sort("session", "ticker")


def pooled(rows: pl.DataFrame) -> pl.DataFrame:
    """The tickers that are pooled, in units of their volatility: stocks and funds, or else the indices."""
    names = rows["ticker"].unique().to_list()
    shares = [ticker for ticker in names if not is_index(ticker) and ticker not in VOLATILITY_FUNDS]
    chosen = shares or [ticker for ticker in names if is_index(ticker)]
    kept = rows.filter(pl.col("ticker").is_in(chosen), pl.col("volatility") > 0)
    scaled = [column for column in ("expected", "realised", "expected_b") if column in rows.columns]
    return kept.with_columns(pl.col(scaled) / pl.col("volatility"), move="realised")


def within(rows: pl.DataFrame, window: str) -> pl.DataFrame:
    """The rows of a window; all of `WHOLE`."""
    if window == WHOLE or rows.is_empty():
        return rows
    days: list[dt.date] = rows["session"].to_list()
    named = {one.name: one for one in standard_windows(min(days), max(days))}
    if window not in named:
        return rows.clear()
    return rows.filter(pl.col("session").is_between(named[window].first, named[window].last))


def _books(rows: pl.DataFrame) -> tuple[Array, Array]:
    """What each model's book earned by session: an equal part in each ticker, long while its forecast is above 0."""
    earned = [followed(expected, "move", ["ticker"]) for expected in ("expected", "expected_b")]
    books = rows.with_columns(a=earned[0], b=earned[1]).group_by("session", maintain_order=True)
    means = books.agg(pl.col("a", "b").mean())
    return means["a"].to_numpy(), means["b"].to_numpy()


def _parts(rows: pl.DataFrame) -> dict[str, Paired]:
    """Every statistic of both models; losses change sign, so that more is better."""
    realised, rose = rows["realised"].to_numpy(), rows["rose"].to_numpy()
    expected = [rows[name].to_numpy() for name in ("expected", "expected_b")]
    prob_up = [rows[name].to_numpy() for name in ("prob_up", "prob_up_b")]
    parts = {}
    if all(np.ptp(e) > 0 for e in expected) and np.ptp(realised) > 0:
        parts["ic"] = Paired(*(linearised.correlation(e, realised) for e in expected))
    return parts | {
        "brier": Paired(*(linearised.mean(-((p - rose) ** 2)) for p in prob_up)),
        "squared_error": Paired(*(linearised.mean(-((realised - e) ** 2)) for e in expected)),
        "direction": Paired(*(linearised.mean(((p > 0.5) == rose).astype(np.float64)) for p in prob_up)),
    }
