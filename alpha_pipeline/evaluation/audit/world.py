"""A world: the bars and actions that probes look at, and the ways in which they take its future away."""

import datetime as dt
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import polars as pl

PRICES: Final = ("open", "high", "low", "close", "adj_close")
NOISE_STD: Final = 0.15  # log price, of every later row by itself: no later price says anything of the true one


@dataclass(frozen=True)
class World:
    """Bars as a source gave them, and what was paid.

    Attributes:
        bars: ticker, session, OHLC, adj_close and volume at least, sorted by ticker and session, all final.
        actions: `raw.actions` of the same tickers.
    """

    bars: pl.DataFrame
    actions: pl.DataFrame

    @property
    def tickers(self) -> tuple[str, ...]:
        """In order."""
        return tuple(self.bars["ticker"].unique(maintain_order=True))

    @property
    def sessions(self) -> tuple[dt.date, ...]:
        """Every session on which any ticker has a bar, ascending."""
        return tuple(self.bars["session"].unique().sort())

    def only(self, tickers: Sequence[str]) -> Self:
        """Some of the tickers."""
        chosen = pl.col("ticker").is_in(list(tickers))
        return replace(self, bars=self.bars.filter(chosen), actions=self.actions.filter(chosen))

    def since(self, session: dt.date) -> Self:
        """Without what came before a session."""
        known = pl.col("session") >= session
        return replace(self, bars=self.bars.filter(known), actions=self.actions.filter(known))

    def through(self, session: dt.date) -> Self:
        """Without what came after a session."""
        known = pl.col("session") <= session
        return replace(self, bars=self.bars.filter(known), actions=self.actions.filter(known))

    def noisy_after(self, session: dt.date, seed: int = 3) -> Self:
        """With every price and volume after a session moved at random, in bars that stay sound."""
        bars = self.bars
        rng = np.random.default_rng([seed, zlib.crc32(session.isoformat().encode())])
        factor = pl.Series(np.exp(rng.normal(0, NOISE_STD, bars.height)))
        later = pl.col("session") > session
        moved = [pl.when(later).then(pl.col(name) * factor).otherwise(pl.col(name)).alias(name) for name in PRICES]
        busy = pl.when(later).then((pl.col("volume") * factor).round()).otherwise(pl.col("volume"))
        return replace(self, bars=bars.with_columns(*moved, busy.cast(bars.schema["volume"]).alias("volume")))
