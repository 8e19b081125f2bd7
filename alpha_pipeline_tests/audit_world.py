"""A small market for the tests of the audit: four simulated tickers, and the planted one of production."""

import datetime as dt
from functools import cache

import polars as pl

from alpha_pipeline.evaluation.audit.suite import Bench
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.audit import planted
from alpha_pipeline.steps.pipeline import PIPELINE
from alpha_pipeline.universe import VIX

FIRST, LAST = dt.date(2012, 6, 1), dt.date(2017, 1, 20)
TICKERS = ("NVDA", "QQQ", "XLK", VIX)


@cache
def world(seed: int = 7) -> World:
    """Bars and actions of a simulated market."""
    market = simulate(seed, 0.0, FIRST, LAST, TICKERS)
    bars = pl.concat(market.bars[ticker] for ticker in TICKERS)
    return World(bars.sort("ticker", "session"), pl.concat(market.actions[ticker] for ticker in TICKERS))


@cache
def bench(seed: int = 7) -> Bench:
    """The clean pipeline on it."""
    return Bench(PIPELINE, world(seed), planted)
