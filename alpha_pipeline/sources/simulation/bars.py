"""From log returns to what a source shows: split-adjusted OHLCV, adjusted closes, dividends and splits."""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA
from alpha_pipeline.sources.simulation.instruments import HORIZON_FIRST, HORIZON_LAST, SPLITS, Instrument
from alpha_pipeline.sources.simulation.market import UVXY_VOLATILITY_ANN
from alpha_pipeline.sources.simulation.randomness import Array, Indices, autoregress, stable_number, stream

RANGE_VOLATILITY = 0.94  # of the bridge over that of the day: high and low are drawn apart, which widens bars
VOLUME_PERSISTENCE, VOLUME_NOISE = 0.72, 0.23  # of log volume around its level
VOLUME_RESPONSE = 0.28  # log volume per unit of |return| in standard deviations, beyond its mean
FUND_DIVIDEND_DAY = 16  # of March, June, September and December

UVXY_PRICE = 40.0  # as traded, on its first session
UVXY_BASIS = dt.date(2025, 12, 31)  # prices and volumes count shares of this day
UVXY_DOLLARS = 350e6  # median turnover a session
UVXY_SPLIT_BELOW, UVXY_SPLIT_RATIO = 8.0, 0.1  # a reverse split follows a month end below this traded price


@dataclass(frozen=True)
class Track:
    """One ticker's log returns from its first session on; arrays of shape (n_sessions,).

    Attributes:
        ticker: Yahoo's name.
        days: its sessions, up to the horizon's last.
        overnight: from the close before to the open.
        intraday: from open to close.
        intraday_volatility: standard deviation of the intraday return given the past.
    """

    ticker: str
    days: tuple[dt.date, ...]
    overnight: Array
    intraday: Array
    intraday_volatility: Array


def instrument_frames(seed: int, instrument: Instrument, track: Track) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars and actions of a stock or fund; prices are already adjusted for its splits."""
    is_ex = _ex_sessions(instrument, track.days)
    n_paid = is_ex.cumsum()
    log_kept = math.log1p(-instrument.dividend_yield / 4)  # what a dividend leaves of the price
    log_close = _log_close(track, instrument.price) + log_kept * n_paid
    volume = instrument.volume * np.exp(_log_activity(seed, track, instrument.volatility_ann))
    adjustment = np.exp(log_kept * (n_paid[-1] - n_paid))
    bars = _bars(seed, track, log_close, adjustment, np.maximum(volume.round(), 1.0))
    close = bars["close"].to_numpy()
    ex = np.flatnonzero(is_ex)
    paid = [(track.days[i], "dividend", float(close[i - 1] * -math.expm1(log_kept))) for i in ex]
    split = [(day, "split", ratio) for ticker, day, ratio in SPLITS if ticker == track.ticker]
    return bars, _actions(track.ticker, paid + split)


def uvxy_frames(seed: int, track: Track) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars and actions of UVXY, in shares of `UVXY_BASIS`: early prices are huge, volumes tiny."""
    log_held = _log_close(track, UVXY_PRICE)  # of one first share and what became of it
    splits = _reverse_splits(track.days, log_held)
    n_basis = sum(track.days[i] <= UVXY_BASIS for i in splits)
    log_close = log_held - n_basis * math.log(UVXY_SPLIT_RATIO)
    volume = UVXY_DOLLARS * np.exp(_log_activity(seed, track, UVXY_VOLATILITY_ANN) - log_close)
    bars = _bars(seed, track, log_close, np.ones(len(log_close)), np.maximum(volume.round(), 1.0))
    return bars, _actions(track.ticker, [(track.days[i], "split", UVXY_SPLIT_RATIO) for i in splits])


def index_frames(seed: int, track: Track, first_level: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of an index: no volume, no actions."""
    silent = np.zeros(len(track.days))
    bars = _bars(seed, track, _log_close(track, first_level), silent + 1.0, silent)
    return bars, _actions(track.ticker, [])


def _log_close(track: Track, first_close: float) -> Array:
    returns = track.overnight + track.intraday  # a new array
    returns[0] = math.log(first_close)
    return np.cumsum(returns)


def _bars(seed: int, track: Track, log_close: Array, adjustment: Array, volume: Array) -> pl.DataFrame:
    """OHLCV around given closes.

    High and low are the extremes of a Brownian bridge from open to close, each drawn from its exact law
    (Karatzas and Shreve 1991, section 4.3.C); their dependence on each other is left out.
    """
    log_open = log_close - track.intraday
    draws = stream(seed, f"{track.ticker} range").random((len(log_close), 2)).T
    spread = RANGE_VOLATILITY * track.intraday_volatility
    reach = np.sqrt(track.intraday**2 - 2 * spread**2 * np.log1p(-draws))
    middle = (log_open + log_close) / 2
    opened, closed = np.exp(log_open), np.exp(log_close)
    high, low = np.exp(middle + reach[0] / 2), np.exp(middle - reach[1] / 2)
    columns = {
        "ticker": [track.ticker] * len(track.days),
        "session": track.days,
        "open": opened,
        "high": np.maximum(high, np.maximum(opened, closed)),
        "low": np.minimum(low, np.minimum(opened, closed)),
        "close": closed,
        "adj_close": closed * adjustment,
        "volume": volume,
        "is_final": [True] * len(track.days),
    }
    return pl.DataFrame(columns, schema=ANSWER_SCHEMA)


def _log_activity(seed: int, track: Track, volatility_ann: float) -> Array:
    """Log volume around its level: persistent, and up with the size of the return."""
    noise = VOLUME_NOISE * stream(seed, f"{track.ticker} volume").standard_normal(len(track.days))
    sizes = np.abs(track.overnight + track.intraday) / (volatility_ann / math.sqrt(252))
    sizes = np.minimum(sizes, 6.0)
    return autoregress(noise, VOLUME_PERSISTENCE) + VOLUME_RESPONSE * (sizes - 0.7)


def _ex_sessions(instrument: Instrument, days: tuple[dt.date, ...]) -> Indices:
    """1 on the sessions that trade without the dividend: once a quarter, never the first session; else 0."""
    is_ex = np.zeros(len(days), dtype=np.int64)
    if not instrument.dividend_yield:
        return is_ex
    number = stable_number(instrument.ticker)
    first_month, day = (3, FUND_DIVIDEND_DAY) if instrument.is_fund else (1 + number % 3, 1 + number // 3 % 28)
    place = {session: i for i, session in enumerate(days)}
    for year in range(HORIZON_FIRST.year, HORIZON_LAST.year + 1):
        for month in range(first_month, 13, 3):
            ex = place.get(sessions.at_or_after(dt.date(year, month, day)), 0)
            is_ex[ex] = ex > 0
    return is_ex


def _reverse_splits(days: tuple[dt.date, ...], log_held: Array) -> list[int]:
    """Places of the first sessions of a month that follow a traded close below the threshold."""
    factor, places = 1.0, []
    for i in range(1, len(days)):
        shown = math.exp(log_held[i - 1]) * factor
        if days[i].month != days[i - 1].month and shown < UVXY_SPLIT_BELOW:
            factor /= UVXY_SPLIT_RATIO
            places.append(i)
    return places


def _actions(ticker: str, rows: list[tuple[dt.date, str, float]]) -> pl.DataFrame:
    named = [(ticker, *row) for row in sorted(rows)]
    return pl.DataFrame(named, schema=ACTION_SCHEMA, orient="row")
