"""The simulated market: the embedded source that needs no network, and whose truth is known.

It resembles the real daily bars, with one difference: without a planted signal the expected log return of a
tradable ticker is a constant, and with one the best possible forecast is known exactly (`oracle`).
Volatility, volume and ``^VIX`` can be forecast, as in reality.
"""

import bisect
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.errors import SettingError, UnknownTickerError
from alpha_pipeline.settings import SourceKind
from alpha_pipeline.sources.base import Answer, Reading
from alpha_pipeline.sources.simulation.bars import Track, index_frames, instrument_frames, uvxy_frames
from alpha_pipeline.sources.simulation.instruments import HORIZON_FIRST, HORIZON_LAST, INSTRUMENTS, LISTED
from alpha_pipeline.sources.simulation.market import (
    REGIMES,
    UVXY_DRIFT_ANN,
    UVXY_INTRADAY_VOLATILITY,
    VIX_INTRADAY_VOLATILITY,
    market_path,
)
from alpha_pipeline.sources.simulation.randomness import Array
from alpha_pipeline.sources.simulation.returns import instrument_returns
from alpha_pipeline.universe import UNIVERSE, VIX

UVXY: Final = "UVXY"
BURN_IN: Final = 500  # sessions before the first, so that volatility starts from its long-run law
LARGEST_PLANTED_IC: Final = 0.5


@dataclass(frozen=True)
class Market:
    """One simulated market, cut to some tickers and sessions.

    Attributes:
        seed: of every random draw.
        planted_ic: information coefficient of the planted reversal.
        bars: by ticker, columns of `ANSWER_SCHEMA`.
        actions: by ticker, columns of `ACTION_SCHEMA`.
        expected: by ticker that can be traded: ticker, session, expected_return (see `oracle`).
        regimes: session and regime (calm, normal, stressed), which no bar shows.
    """

    seed: int
    planted_ic: float
    bars: Mapping[str, pl.DataFrame]
    actions: Mapping[str, pl.DataFrame]
    expected: Mapping[str, pl.DataFrame]
    regimes: pl.DataFrame


@dataclass(frozen=True)
class SimulatedSource:
    """Bars of a simulated market as a `PriceSource`.

    Attributes:
        seed: 0 or more; another seed is another market.
        planted_ic: 0 plants nothing, 0.10 a signal that a good model finds; at most 0.5.

    Raises:
        SettingError: the seed is negative or the coefficient outside 0 to 0.5.
    """

    seed: int
    planted_ic: float = 0.0

    def __post_init__(self) -> None:
        _check(self.seed, self.planted_ic)

    @property
    def kind(self) -> SourceKind:
        """Always ``simulated``."""
        return "simulated"

    @property
    def market(self) -> str:
        """The market's name; it holds everything the bars depend on."""
        return f"simulated(seed={self.seed}, planted_ic={float(self.planted_ic)})"

    @property
    def overlap(self) -> None:
        """None: the market is made whole anyway, so a change anywhere in the history is seen."""
        return None

    @property
    def concurrency(self) -> int:
        """One: there is nothing to wait for."""
        return 1

    @property
    def waits(self) -> None:
        """None: it answers from this machine."""
        return

    def tickers(self) -> frozenset[str]:
        """The built-in universe: nothing else is simulated."""
        return frozenset(UNIVERSE)

    def readings(self) -> tuple[Reading, ...]:
        """None: there are no files."""
        return ()

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        """The bars and actions of one ticker from `first` to `last`, both included.

        Raises:
            UnknownTickerError: the ticker is not in the universe.
        """
        cut = simulate(self.seed, self.planted_ic, first, last, (ticker,))
        return Answer(ticker, cut.bars[ticker], cut.actions[ticker], "simulated")


def simulate(
    seed: int,
    planted_ic: float = 0.0,
    first: dt.date = HORIZON_FIRST,
    last: dt.date = HORIZON_LAST,
    tickers: Sequence[str] = UNIVERSE,
) -> Market:
    """A simulated market, whole or cut.

    The whole horizon and universe are generated, once per process, and then cut: what is asked for changes no
    bit of what is shown. So adj_close is relative to every dividend up to the horizon's end.

    Args:
        seed: 0 or more.
        planted_ic: correlation of the planted forecast with the next open-to-open log return, 0 to 0.5.
        first: first session shown.
        last: last session shown.
        tickers: those shown.

    Raises:
        UnknownTickerError: a ticker is not in the universe.
        SettingError: the seed is negative or the coefficient outside 0 to 0.5.
    """
    _check(seed, planted_ic)
    for ticker in tickers:
        if ticker not in UNIVERSE:
            raise UnknownTickerError(ticker, "simulated", "it simulates the built-in universe only")
    whole = _generate(seed, float(planted_ic))
    shown = pl.col("session").is_between(first, last)
    return Market(
        seed,
        planted_ic,
        bars={ticker: whole.bars[ticker].filter(shown) for ticker in tickers},
        actions={ticker: whole.actions[ticker].filter(shown) for ticker in tickers},
        expected={ticker: whole.expected[ticker].filter(shown) for ticker in tickers if ticker != VIX},
        regimes=whole.regimes.filter(shown),
    )


def oracle(market: Market) -> pl.DataFrame:
    """The best forecast there is, one row per (ticker, session), for every ticker that can be traded.

    Returns:
        ticker, session, expected_return: the expected log return from the open of t+1 to the open of t+2,
        dividends included, given everything up to the close of t, hidden states too.
    """
    return pl.concat(market.expected.values())


def _check(seed: int, planted_ic: float) -> None:
    if seed < 0:
        raise SettingError("ALPHA_SIMULATED_SEED", str(seed), "a whole number from 0 on")
    if not 0 <= planted_ic <= LARGEST_PLANTED_IC:
        raise SettingError("ALPHA_SIMULATED_PLANTED_IC", str(planted_ic), f"a number from 0 to {LARGEST_PLANTED_IC}")


@lru_cache(maxsize=4)  # some 25 MB each
def _generate(seed: int, planted_ic: float) -> Market:
    """The whole horizon and universe."""
    days = sessions.between(HORIZON_FIRST, HORIZON_LAST)
    starts = {ticker: bisect.bisect_left(days, LISTED.get(ticker, HORIZON_FIRST)) for ticker in UNIVERSE}
    path = market_path(seed, BURN_IN + len(days))
    first_known = BURN_IN + np.array([starts[instrument.ticker] for instrument in INSTRUMENTS])
    drawn = instrument_returns(seed, path, planted_ic, first_known)

    def track(ticker: str, overnight: Array, intraday: Array, volatility: Array) -> Track:
        shown = slice(BURN_IN + starts[ticker], None)
        return Track(ticker, days[starts[ticker] :], overnight[shown], intraday[shown], volatility[shown])

    level = np.ones_like(path.intraday)
    uvxy = track(UVXY, path.uvxy_overnight, path.uvxy_intraday, UVXY_INTRADAY_VOLATILITY * level)
    vix = track(VIX, path.vix_overnight, path.vix_intraday, VIX_INTRADAY_VOLATILITY * level)
    tracks = {
        i.ticker: track(i.ticker, drawn.overnight[row], drawn.intraday[row], drawn.intraday_volatility[row])
        for row, i in enumerate(INSTRUMENTS)
    }
    frames = {i.ticker: instrument_frames(seed, i, tracks[i.ticker]) for i in INSTRUMENTS}
    frames |= {UVXY: uvxy_frames(seed, uvxy), VIX: index_frames(seed, vix, float(path.vix_close[BURN_IN]))}
    expected = {i.ticker: _expected(tracks[i.ticker], drawn.expected[row]) for row, i in enumerate(INSTRUMENTS)}
    expected[UVXY] = _expected(uvxy, UVXY_DRIFT_ANN / 252 * level)
    return Market(
        seed,
        planted_ic,
        bars={ticker: frames[ticker][0] for ticker in UNIVERSE},
        actions={ticker: frames[ticker][1] for ticker in UNIVERSE},
        expected=expected,
        regimes=pl.DataFrame({"session": days, "regime": np.array(REGIMES)[path.regime[BURN_IN:]]}),
    )


def _expected(track: Track, whole: Array) -> pl.DataFrame:
    shown = whole[-len(track.days) :]
    return pl.DataFrame({"ticker": [track.ticker] * len(shown), "session": track.days, "expected_return": shown})
