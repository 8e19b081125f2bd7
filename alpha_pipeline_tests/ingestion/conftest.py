"""Answers made by hand: what a source may say, and the bars held before it."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer

Rows = Sequence[dict[str, Any]]


@pytest.fixture
def days() -> tuple[dt.date, ...]:
    """Twelve sessions: 2024-01-02 to 2024-01-18."""
    return sessions.between(dt.date(2024, 1, 2), dt.date(2024, 1, 18))


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    """A sound row of a session around a price; any value can be given instead."""

    def make(session: dt.date | None, price: float = 100.0, **given: Any) -> dict[str, Any]:
        made = {
            "ticker": "QQQ",
            "session": session,
            "open": price * 0.99,
            "high": price * 1.02,
            "low": price * 0.98,
            "close": price,
            "adj_close": price * 0.9,
            "volume": 1000.0 + (session.day if session else 0),  # no market repeats a bar to the last share
            "is_final": True,
        }
        return made | given

    return make


@pytest.fixture
def answer() -> Callable[..., Answer]:
    """An answer of the given rows, about QQQ unless they say otherwise."""

    def make(rows: Rows, actions: Sequence[tuple[dt.date, str, float]] = (), ticker: str = "QQQ") -> Answer:
        bars = pl.DataFrame(list(rows), schema=ANSWER_SCHEMA).with_columns(ticker=pl.lit(ticker))
        said = pl.DataFrame([(ticker, *a) for a in actions], schema=ACTION_SCHEMA, orient="row")
        return Answer(ticker, bars, said, "files")

    return make
