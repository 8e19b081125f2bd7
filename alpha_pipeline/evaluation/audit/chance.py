"""Probes: what no skill is possible on shows none, and what can be found is found.

Three markets: the warehouse's own with its labels moved elsewhere in blocks, noise, and the simulated one with a
planted signal whose best forecast is known.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl
from scipy import stats

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.skill import Scored, pooled, scored
from alpha_pipeline.evaluation.audit.walk import feature_tables
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.models.spec import Experiment

SHUFFLED: Final = "shuffled_labels"
NOISE: Final = "noise_market"
PLANTED: Final = "planted_signal"

BLOCK: Final = 20  # sessions: a month outlasts the overlap of five-session labels
SIZE: Final = 0.05  # of each test
# Of the audits of a clean pipeline, so many raise no alarm: one a day in a lifetime would be too many.
CERTAIN: Final = 1 - 1e-6
ORACLE_SHARE: Final = 0.5  # of the oracle's information coefficient that ridge regression must reach
FIRST_NOISE: Final = dt.date(2012, 1, 3)
NOISE_SESSIONS: Final = 1250
NOISE_OUT_OF_SAMPLE: Final = 250


def shuffled_labels(
    pipeline: Pipeline, experiment: Experiment, samples: Sequence[Samples], first_oos: dt.date, runs: int
) -> Finding:
    """Move the labels of some tickers about in blocks, train and forecast: what skill is left must be chance.

    Args:
        pipeline: its folds, cut, fit and forecast are looked at.
        experiment: a quick model.
        samples: of some tickers; each run takes the next.
        first_oos: the first session forecast.
        runs: how often.
    """
    found: list[Scored] = []
    for run in range(runs):
        own = samples[run % len(samples)]
        folds = pipeline.folds(own.sessions[-1], first_oos=first_oos, retrain_months=12)
        one = scored(pipeline, experiment, _permuted(own, run), folds)
        if one is not None:
            found.append(one)
    if not found:
        return Finding(SHUFFLED, "nothing", f"too few sessions before {first_oos} to learn from")
    beyond = [abs(one.t_statistic) > stats.norm.ppf(1 - SIZE / 2) for one in found]
    return _counted(
        SHUFFLED,
        beyond,
        found,
        "labels moved elsewhere in blocks of 20 sessions: skill lies outside the 95 % of chance in",
    )


def _permuted(samples: Samples, seed: int) -> Samples:
    """The samples with their standardised labels in another order of blocks, each at another's volatility."""
    known = np.flatnonzero(np.isfinite(samples.targets / samples.unit).all(axis=1))
    if not len(known):
        return samples
    blocks = [known[start : start + BLOCK] for start in range(0, len(known), BLOCK)]
    order = np.random.default_rng([seed, 1]).permutation(len(blocks))
    moved = np.concatenate([blocks[place] for place in order])
    targets = np.full_like(samples.targets, np.nan)
    targets[known] = (samples.targets / samples.unit)[moved] * samples.unit[known]
    return replace(samples, targets=targets)


def noise_market(pipeline: Pipeline, experiment: Experiment, runs: int, seed: int = 0) -> Finding:
    """Forecast markets of pure noise: as many beat the baseline at 5 % as chance lets.

    Args:
        pipeline: everything from bars to forecasts is looked at.
        experiment: a quick model on features of a ticker's own bars.
        runs: markets, of one ticker each.
        seed: of the markets.
    """
    bars = noise_bars(runs, seed)
    days = bars["session"].unique().sort()
    found = _scored_all(pipeline, experiment, World(bars, _NO_ACTIONS), days[-NOISE_OUT_OF_SAMPLE])
    beating = [one.t_statistic > stats.norm.ppf(1 - SIZE) for one in found.values()]
    return _counted(NOISE, beating, list(found.values()), "markets of noise: the baseline is beaten at 5 % in")


def noise_bars(count: int, seed: int) -> pl.DataFrame:
    """Random walks of 1 % a session as bars of tickers N0, N1, …: nothing can be forecast from them."""
    days = calendar.all_sessions()
    first = calendar.position(FIRST_NOISE)
    days = days[first : first + NOISE_SESSIONS]
    frames = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        moves = rng.normal(0, 0.01, (len(days), 4))
        close = 100 * np.exp(np.cumsum(moves[:, 0]))
        # The night is a part of the move, so that neither open nor close tells of the next.
        opened = close * np.exp(-0.7 * moves[:, 0] + 0.3 * moves[:, 1])
        frames.append(
            pl.DataFrame(
                {
                    "ticker": [f"N{number}"] * len(days),
                    "session": days,
                    "open": opened,
                    "high": np.maximum(opened, close) * np.exp(np.abs(moves[:, 2])),
                    "low": np.minimum(opened, close) * np.exp(-np.abs(moves[:, 3])),
                    "close": close,
                    "adj_close": close,
                    "volume": rng.integers(1_000, 9_000, len(days)),
                }
            )
        )
    return pl.concat(frames).sort("ticker", "session")


def planted_signal(
    pipeline: Pipeline, experiment: Experiment, world: World, oracle: pl.DataFrame, first_oos: dt.date
) -> Finding:
    """Forecast a market with a planted signal: at least half of the oracle's skill is found, and no more than it has.

    Args:
        pipeline: everything from bars to forecasts is looked at.
        experiment: a quick model on features of a ticker's own bars.
        world: the market.
        oracle: the best forecast there is: ticker, session and expected_return, a log return.
        first_oos: the first session forecast.
    """
    found = _scored_all(pipeline, experiment, world, first_oos)
    if not found:
        return Finding(PLANTED, "nothing", f"too few sessions before {first_oos} to learn from")
    said = pooled(list(found.values()))
    best = pooled([_of_oracle(one, world, oracle, ticker) for ticker, one in found.items()])
    error = 1 / math.sqrt(len(said.expected))
    share = said.ic / best.ic
    figures = {"ic": said.ic, "oracle_ic": best.ic, "share": share, "forecasts": len(said.expected)}
    wrong = []
    if share < ORACLE_SHARE:
        wrong.append(
            f"ridge finds {share:.0%} of a signal that is there (IC {said.ic:.3f}, the oracle's {best.ic:.3f})"
        )
    if said.ic > best.ic + 3 * error:
        wrong.append(f"ridge's IC {said.ic:.3f} is above the best there can be, {best.ic:.3f}: it knows what follows")
    clean = f"a planted signal (the oracle's IC {best.ic:.3f}) is found: ridge's IC is {said.ic:.3f}, {share:.0%} of it"
    return judged(PLANTED, wrong, clean, figures)


_NO_ACTIONS: Final = pl.DataFrame(
    schema={"ticker": pl.String(), "session": pl.Date(), "kind": pl.String(), "value": pl.Float64()}
)


def _scored_all(pipeline: Pipeline, experiment: Experiment, world: World, first_oos: dt.date) -> dict[str, Scored]:
    """Each ticker's forecasts beside what came, where there is enough to learn from."""
    bars = pipeline.anchor(world.bars, world.actions)
    features = dict(feature_tables(pipeline, bars))
    targets = pipeline.targets(bars, experiment.target.horizons)
    folds = pipeline.folds(max(bars["session"]), first_oos=first_oos, retrain_months=12)
    found = {}
    for ticker in world.tickers:
        one = scored(pipeline, experiment, pipeline.samples(ticker, experiment, features, bars, targets), folds)
        if one is not None:
            found[ticker] = one
    return found


def _of_oracle(one: Scored, world: World, oracle: pl.DataFrame, ticker: str) -> Scored:
    """The oracle's forecasts of the sessions that were forecast, beside the same outcomes."""
    days = world.bars.filter(pl.col("ticker") == ticker)["session"].gather(one.rows)
    best = pl.DataFrame({"session": days}).join(
        oracle.filter(pl.col("ticker") == ticker), on="session", how="left", maintain_order="left"
    )
    # The planted part is in units of the ticker's volatility, and so is what came.
    expected = best["expected_return"].to_numpy()
    return Scored(one.rows, expected / np.std(expected), one.realised)


def _counted(probe: str, beyond: Sequence[bool], found: Sequence[Scored], what: str) -> Finding:
    """Whether as many tests as chance passes are passed, each with probability `SIZE`, and skill is none on average."""
    runs, count = len(found), sum(map(bool, beyond))
    low, high = (int(stats.binom.ppf(tail, runs, SIZE)) for tail in ((1 - CERTAIN) / 2, (1 + CERTAIN) / 2))
    mean = float(np.mean([one.ic for one in found]))
    z = sum(one.t_statistic for one in found) / math.sqrt(runs)
    said = f"{what} {count} of {runs} runs, mean IC {mean:+.3f}"
    is_chance = low <= count <= high and abs(z) < stats.norm.ppf((1 + CERTAIN) / 2)
    wrong = [] if is_chance else [f"{said} ({z:+.1f} standard errors), where chance gives {low} to {high}"]
    figures = {"runs": runs, "beyond": count, "lowest": low, "highest": high, "mean_ic": mean, "mean_z": z}
    return judged(probe, wrong, f"{said}; chance gives {low} to {high}", figures)
