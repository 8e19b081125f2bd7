import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.evaluation.natural import natural_returns
from alpha_pipeline.portfolio.ledger import ledger

DAYS = calendar.between(dt.date(2024, 1, 8), dt.date(2024, 1, 18))
# Opens; every close is the open of the next session, so nothing happens overnight.
OPENS = [100.0, 110.0, 121.0, 121.0, 133.1, 133.1, 146.41, 146.41]


def bars(ticker: str = "QQQ") -> pl.DataFrame:
    closes = [*OPENS[1:], OPENS[-1]]
    return pl.DataFrame(
        {
            "ticker": ticker,
            "session": DAYS,
            "open": OPENS,
            "high": np.maximum(OPENS, closes),
            "low": np.minimum(OPENS, closes),
            "close": closes,
            "adj_close": closes,
        }
    )


def forecasts(expected: list[float], ticker: str = "QQQ", horizon: int = 1, model: str = "m") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model": model,
            "config": "c",
            "ticker": ticker,
            "seeds": 1,
            "session": DAYS[: len(expected)],
            "horizon": horizon,
            "expected_return": expected,
        }
    )


def test_five_days_by_hand() -> None:
    found = natural_returns(forecasts([0.1, 0.1, -0.1, 0.0, 0.2]), forward(bars()), cost_bps=100)
    # The decision of the first close is filled at 110 and earns 110 to 121; a switch costs 1 %.
    expected = [1.1 * 0.99 - 1, 0.0, -0.01, 0.0, 1.1 * 0.99 - 1]
    assert found["session"].to_list() == list(DAYS[:5])
    np.testing.assert_allclose(found["net_return"], expected, atol=1e-12)


def test_it_is_the_ledger_of_the_same_decisions() -> None:
    expected = [0.1, -0.1, 0.1, 0.1, -0.1, -0.1]
    decided = pl.DataFrame({"session": DAYS[:6], "ticker": "QQQ", "weight": [float(e > 0) for e in expected]})
    rows = ledger("s", decided, bars())
    mine = natural_returns(forecasts(expected), forward(bars()))
    # Without overnight moves a session of the ledger and a return from open to open are the same.
    np.testing.assert_allclose(mine["net_return"], rows["net_return"][: mine.height], atol=1e-12)


def test_an_index_cannot_be_held_and_is_counted_all_the_same() -> None:
    found = natural_returns(forecasts([0.1] * 4, "^VIX"), forward(bars("^VIX")))
    assert found.height == 4
    assert found["net_return"].null_count() == 4


def test_a_model_is_followed_at_its_shortest_horizon() -> None:
    both = pl.concat(
        [forecasts([0.1] * 4), forecasts([-0.1] * 4, horizon=5), forecasts([-0.1] * 4, horizon=5, model="w")]
    )
    found = natural_returns(both, forward(bars()), cost_bps=0)
    assert found.filter(model="m")["net_return"].to_list() == pytest.approx([0.1, 0, 0.1, 0])
    assert found.filter(model="w")["net_return"].to_list() == [0.0] * 4


def test_what_has_no_outcome_yet_is_left_out() -> None:
    found = natural_returns(forecasts([0.1] * 8), forward(bars()))
    assert found["session"].max() == DAYS[5]
    assert all(map(math.isfinite, found["net_return"]))
