"""The positive and the negative control: a planted signal is recovered, and none is found where none is.

On the simulated market with a planted information coefficient of 0.10 (a reversal of the 5-session return), a
model must reach half of what an oracle reaches; on the market without one, its skill must be nil.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions, universe
from alpha_pipeline.datasets.folds import Fold, walk_forward_folds
from alpha_pipeline.datasets.samples import FloatArray, Samples, build_samples
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.features.market_context import market_context
from alpha_pipeline.features.price_action import price_action
from alpha_pipeline.features.technical import technical
from alpha_pipeline.forecasting.walk_forward import forecast
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.sources.simulated import Market, oracle, simulate
from alpha_pipeline.training.trainer import Chain, train

TICKERS = ("QQQ", "AAPL", "NVDA", "XLK", "XLE", "TSLA")
FIRST, LAST = dt.date(2010, 1, 4), dt.date(2025, 6, 30)
YEARLY = walk_forward_folds(LAST)
# Networks learn from scratch once and from the weights before once: more yearly folds repeat the second.
TWICE = (
    Fold(0, dt.date(2020, 1, 2), dt.date(2023, 1, 3)),
    Fold(1, dt.date(2023, 1, 3), sessions.offset(LAST, 1)),
)


@dataclass(frozen=True)
class World:
    market: Market
    bars: pl.DataFrame
    targets: pl.DataFrame
    features: dict[str, pl.DataFrame]


@cache
def world(planted_ic: float) -> World:
    market = simulate(7, planted_ic, FIRST, LAST, universe.CORE)
    bars = pl.concat(market.bars[ticker] for ticker in universe.CORE).sort("ticker", "session")
    own = bars.filter(pl.col("ticker").is_in(TICKERS))
    features = {
        "technical": technical(own),
        "price_action": price_action(own),
        "market_context": market_context(own, bars),
    }
    return World(market, own, forward(own), features)


@cache
def skill(
    name: str, planted_ic: float, tickers: tuple[str, ...] = TICKERS, folds: tuple[Fold, ...] = YEARLY
) -> tuple[float, float, float]:
    """The model's and the oracle's pooled information coefficient at horizon 1, and the model's t-statistic.

    Returns and forecasts are in units of volatility. The t-statistic counts sessions, because tickers move together.
    """
    here = world(planted_ic)
    experiment = load_experiments()[name]
    samples = {t: build_samples(t, experiment, here.features, here.bars, here.targets) for t in tickers}
    chains = [Chain(experiment, one, 0, folds) for one in samples.values()]
    result = train(chains, load=lambda *_: None, save=lambda _: None, workers=2)
    assert result.failures == ()
    made = pl.concat(
        forecast(one, experiment, [a for a in result.artifacts if a.card.ticker == one.ticker])
        for one in samples.values()
    )
    truth = pl.concat(_realised(one) for one in samples.values())
    best = oracle(here.market).rename({"expected_return": "best"})
    rows = (
        made.filter(pl.col("horizon") == 1)
        .join(truth, on=("ticker", "session"))
        .join(best, on=("ticker", "session"))
        .select("session", *(pl.col(name) / pl.col("unit") for name in ("expected_return", "realised", "best")))
        .with_columns((pl.col(name) - pl.col(name).mean()) for name in ("expected_return", "realised", "best"))
    )
    model, realised, ideal = (rows[name].to_numpy() for name in ("expected_return", "realised", "best"))
    by_session = rows.group_by("session").agg((pl.col("expected_return") * pl.col("realised")).sum().alias("z"))["z"]
    t_statistic = float(by_session.sum() / np.sqrt((by_session.to_numpy() ** 2).sum()))
    return _correlation(model, realised), _correlation(ideal, realised), t_statistic


def _realised(samples: Samples) -> pl.DataFrame:
    columns = {"realised": samples.targets[:, 0], "unit": samples.unit[:, 0]}
    frame = pl.DataFrame({"session": samples.sessions, **columns}).with_columns(ticker=pl.lit(samples.ticker))
    return frame.filter(pl.col("realised").is_not_nan())


def _correlation(a: FloatArray, b: FloatArray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_ridge_recovers_the_planted_signal() -> None:
    model, ideal, t_statistic = skill("ridge", 0.1)
    assert 0.07 < ideal < 0.13
    assert model > 0.5 * ideal
    assert t_statistic > 3


def test_ridge_finds_nothing_where_nothing_is() -> None:
    assert abs(skill("ridge", 0.0)[2]) < 2.6


@pytest.mark.slow
@pytest.mark.minutes(0.4)
@pytest.mark.parametrize("name", ["v12_super_model", "v17_pilot"])
def test_networks_recover_the_planted_signal(name: str) -> None:
    model, ideal, t_statistic = skill(name, 0.1, TICKERS[::2], TWICE)
    assert model > 0.5 * ideal
    assert t_statistic > 3


@pytest.mark.slow
@pytest.mark.minutes(0.4)
@pytest.mark.parametrize("name", ["v12_super_model", "v17_pilot"])
def test_networks_find_nothing_where_nothing_is(name: str) -> None:
    assert abs(skill(name, 0.0, TICKERS[::2], TWICE)[2]) < 2.6
