"""The questions that are no comparison of two series: spikes, leads, and random picks. Criteria: docs/questions.md."""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm, t

from alpha_pipeline.digits import basis_points, number
from alpha_pipeline.evaluation.bootstrap import LEVEL
from alpha_pipeline.evaluation.comparisons import Comparison
from alpha_pipeline.evaluation.differences import POWER, Difference, detectable
from alpha_pipeline.evaluation.scores import WHOLE

Array = NDArray[np.float64]

NO_SKILL = {"spike_auc": 0.5, "spike_brier_skill": 0.0}
LABELS = {"spike_auc": "area under the ROC curve, less 0.5", "spike_brier_skill": "Brier skill"}


def spikes_called(scores: pl.DataFrame, model: str, ticker: str) -> list[Comparison]:
    """Whether a model calls spikes of more than 10 % in the next session better than their base rate.

    Args:
        scores: rows of ``evaluation.scores``.
        model: whose probabilities.
        ticker: of what.
    """
    rows = scores.filter(model=model, ticker=ticker, horizon=1, window=WHOLE).drop_nulls("ci_low")
    answers = []
    for row in rows.filter(pl.col("metric").is_in(list(NO_SKILL))).iter_rows(named=True):
        value, low, high = (row[name] - NO_SKILL[row["metric"]] for name in ("value", "ci_low", "ci_high"))
        error = (high - low) / (2 * norm.ppf((1 + LEVEL) / 2))
        p_value = float(2 * norm.sf(abs(value) / error)) if error > 0 else math.nan
        found = Difference(value, low, high, p_value, detectable(error), row["n"])
        answers.append(
            Comparison(
                f"Can spikes of {ticker} be called?",
                WHOLE,
                model,
                "the base rate",
                row["metric"],
                found,
                LABELS[row["metric"]],
                f"{row['n']} sessions.",
            )
        )
    return answers


def leads(found: pl.DataFrame, leader: str, follower: str) -> list[Comparison]:
    """Whether a leader leads at any lag: its strongest lag, with an interval as wide as all tests together ask.

    Args:
        found: rows of ``evaluation.lead_lag``, all of them.
        leader: ticker.
        follower: ticker.
    """
    own = found.filter(leader=leader, follower=follower).drop_nulls("t_stat").sort("p_value")
    if own.is_empty():
        return []
    row = own.row(0, named=True)
    error = abs(row["beta"] / row["t_stat"])
    # The interval leaves out 0 exactly where the adjusted p-value is below 5 %.
    raised = row["p_value_adjusted"] / row["p_value"] if 0 < row["p_value_adjusted"] < 1 else float(found.height)
    tail = (1 - LEVEL) / 2 / max(1.0, raised)
    reach = float(t.isf(tail, row["n"] - 2)) * error
    power = (float(norm.isf(tail)) + float(norm.ppf(POWER))) * error
    beta = row["beta"]
    answer = Difference(beta, beta - reach, beta + reach, row["p_value_adjusted"], power, row["n"])
    shown = [basis_points(size) for size in (beta, beta - reach, beta + reach, power)]
    said = {
        "better": f"{leader} leads {follower}",
        "worse": f"{leader} leads {follower} the other way round",
        "undecided": f"No lead of {leader} over {follower} is shown",
    }[answer.verdict]
    sentence = (
        f"{said}: its {row['kind']}, {row['lag']} session{'s' if row['lag'] > 1 else ''} before the fill, is worth "
        f"{shown[0]} basis points per standard deviation ({shown[1]} to {shown[2]}, over all "
        f"{found.height} tests). {shown[3].removeprefix('+')} would be found 4 times in 5."
    )
    name = f"Does {leader} lead {follower}?"
    return [Comparison(name, WHOLE, leader, "no lead", "lead", answer, "lead", sentence=sentence)]


def against_random(
    name: str, strategy: str, ratio: float, draws: Array, n: int, costs_said: str = ""
) -> list[Comparison]:
    """Whether a strategy's Sharpe ratio stands out among those of random ones.

    The interval is that of its distance to the random ones: it leaves out 0 where fewer than 2.5 % of them are as
    good, or as bad. The p-value is of its rank.

    Args:
        name: the question.
        strategy: its name.
        ratio: its annualised Sharpe ratio.
        draws: (n_draws,) those of the random ones.
        n: sessions.
        costs_said: said at the end.
    """
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    above = (np.count_nonzero(draws >= ratio) + 1) / (len(draws) + 1)
    below = (np.count_nonzero(draws <= ratio) + 1) / (len(draws) + 1)
    found = Difference(
        ratio - float(draws.mean()),
        ratio - float(high),
        ratio - float(low),
        min(1.0, 2 * min(above, below)),
        detectable(float(draws.std(ddof=1))),
        n,
    )
    middle, high_draw = (number(float(one), ".2f") for one in (draws.mean(), np.quantile(draws, 0.95)))
    note = (
        f"Its Sharpe ratio is {number(ratio, '.2f')}; {len(draws)} random picks have {middle} on average and "
        f"{high_draw} at the 95th percentile. {costs_said}"
    )
    label = "Sharpe ratio a year, against the mean of the random ones"
    return [Comparison(name, WHOLE, strategy, "random picks", "sharpe", found, label, note.strip())]
