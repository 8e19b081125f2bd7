import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar


@pytest.fixture(scope="session")
def bars_of() -> Callable[..., pl.DataFrame]:
    """Bars from (open, close) per ticker and session; None leaves the session out."""

    def build(sessions: Sequence[dt.date], prices: Mapping[str, Sequence[tuple[float, float] | None]]) -> pl.DataFrame:
        rows = [
            (ticker, session, price[0], max(price), min(price), price[1], price[1])
            for ticker, path in prices.items()
            for session, price in zip(sessions, path, strict=True)
            if price is not None
        ]
        columns = ["ticker", "session", "open", "high", "low", "close", "adj_close"]
        return pl.DataFrame(rows, schema=columns, orient="row")

    return build


@pytest.fixture(scope="session")
def random_bars(bars_of: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    """Random walks of several tickers."""

    def build(sessions: Sequence[dt.date], tickers: Sequence[str], seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        paths = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (len(tickers), 2 * len(sessions))), axis=1))
        prices = {
            ticker: list(zip(path[::2].tolist(), path[1::2].tolist(), strict=True))
            for ticker, path in zip(tickers, paths, strict=True)
        }
        return bars_of(sessions, prices)

    return build


@pytest.fixture(scope="session")
def year() -> tuple[dt.date, ...]:
    return calendar.between(dt.date(2023, 6, 1), dt.date(2024, 5, 31))
