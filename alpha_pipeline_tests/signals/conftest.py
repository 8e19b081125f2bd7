import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar

Frame = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def forecast_rows() -> Frame:
    """Rows of forecasts.daily as far as signals read them, from values per ticker."""

    def build(
        session: dt.date,
        horizon: int,
        prob_up: Mapping[str, float],
        expected: Mapping[str, float] | None = None,
        prob_spike: float | None = None,
        threshold: float | None = None,
    ) -> pl.DataFrame:
        rows = [
            ("m", ticker, session, horizon, (expected or {}).get(ticker, 0.0), p, prob_spike, threshold)
            for ticker, p in prob_up.items()
        ]
        schema = {
            "model": pl.String,
            "ticker": pl.String,
            "session": pl.Date,
            "horizon": pl.Int64,
            "expected_return": pl.Float64,
            "prob_up": pl.Float64,
            "prob_spike": pl.Float64,
            "spike_threshold": pl.Float64,
        }
        bull = (pl.lit(None, pl.Float64).alias(name) for name in ("prob_bull", "bull_threshold", "bull_move"))
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(bull)

    return build


@pytest.fixture(scope="session")
def random_forecasts(forecast_rows: Frame) -> Frame:
    """Random forecasts of some tickers over some sessions, one in thirty missing."""

    def build(sessions: Sequence[dt.date], tickers: Sequence[str], horizon: int, seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        frames = []
        for session in sessions:
            up = {t: float(p) for t, p in zip(tickers, rng.uniform(0.3, 0.8, len(tickers)), strict=True)}
            expected = {t: float(e) for t, e in zip(tickers, rng.normal(0, 0.05, len(tickers)), strict=True)}
            frames.append(forecast_rows(session, horizon, up, expected, float(rng.uniform(0, 0.2)), threshold=0.18))
        rows = pl.concat(frames)
        return rows.filter(pl.Series(rng.random(rows.height) > 1 / 30))

    return build


@pytest.fixture(scope="session")
def random_bars() -> Frame:
    """Random bars of one ticker: session, close, adj_close."""

    def build(sessions: Sequence[dt.date], start: float, seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        volatility = np.exp(np.cumsum(rng.normal(0, 0.1, len(sessions)))).clip(0.4, 3) * 0.01
        close = start * np.exp(np.cumsum(rng.normal(0, 1, len(sessions)) * volatility))
        return pl.DataFrame({"session": sessions, "close": close, "adj_close": close * 0.9})

    return build


@pytest.fixture(scope="session")
def year() -> tuple[dt.date, ...]:
    return calendar.between(dt.date(2023, 6, 1), dt.date(2024, 5, 31))
