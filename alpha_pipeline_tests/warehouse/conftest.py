import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.warehouse.store import Warehouse

NOW = dt.datetime(2024, 3, 1, 22, 0, tzinfo=dt.UTC)


def bars(ticker: str = "QQQ", days: int = 5, close: float = 100.0, now: dt.datetime = NOW) -> pl.DataFrame:
    """A few plain bars of one ticker."""
    asked = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 12, 31))[:days]
    return pl.DataFrame({"session": asked}).with_columns(
        ticker=pl.lit(ticker),
        open=pl.lit(close),
        high=pl.lit(close * 1.01),
        low=pl.lit(close * 0.99),
        close=pl.lit(close),
        adj_close=pl.lit(close),
        volume=pl.lit(1000),
        source=pl.lit("test"),
        fetched_at=pl.lit(now),
        is_final=pl.lit(value=True),
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")
