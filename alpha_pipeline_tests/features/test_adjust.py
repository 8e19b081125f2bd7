import datetime as dt

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.features.adjust import adjusted, anchored
from alpha_pipeline.sources.base import ACTION_SCHEMA

DAYS = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 3, 28))
EX_DATES = {DAYS[20]: 0.75, DAYS[45]: 0.8}


def actions(paid: dict[dt.date, float], kind: str = "dividend", ticker: str = "QQQ") -> pl.DataFrame:
    rows = [(ticker, day, kind, value) for day, value in paid.items()]
    return pl.DataFrame(rows, schema=ACTION_SCHEMA, orient="row")


def quoted(known: dict[dt.date, float], *, until: dt.date = DAYS[-1], ticker: str = "QQQ") -> pl.DataFrame:
    """Closes, and adjusted closes as a source anchors them: at the newest bar, by the payments it knows."""
    noise = np.random.default_rng(5).normal(0, 0.01, len(DAYS))
    close = 100 * np.exp(np.cumsum(noise))
    factor = np.ones(len(DAYS))
    for day, paid in known.items():
        place = DAYS.index(day)
        factor[:place] *= 1 - paid / close[place - 1]
    frame = pl.DataFrame({"session": DAYS, "close": close, "adj_close": close * factor})
    return frame.select(pl.lit(ticker).alias("ticker"), pl.all()).filter(pl.col("session") <= until)


NONE = actions({})


def returns(bars: pl.DataFrame) -> np.ndarray:
    return np.diff(np.log(bars["adj_close"].to_numpy()))


def test_a_later_dividend_moves_no_bit_of_what_lies_before() -> None:
    whole = anchored(quoted(EX_DATES), actions(EX_DATES))
    for end in (DAYS[19], DAYS[20], DAYS[30], DAYS[44], DAYS[50]):
        known = {day: paid for day, paid in EX_DATES.items() if day <= end}
        before = anchored(quoted(known, until=end), actions(known))
        assert before["adj_close"].equals(whole["adj_close"].head(before.height))
    assert whole["adj_close"][0] == whole["close"][0]
    assert whole.drop("adj_close").equals(quoted(EX_DATES).drop("adj_close"))


def test_its_returns_are_those_of_the_source() -> None:
    bars = quoted(EX_DATES)
    assert returns(anchored(bars, actions(EX_DATES))) == pytest.approx(returns(bars), abs=1e-12)
    assert returns(anchored(bars, NONE)) == pytest.approx(returns(bars), abs=1e-12)  # files carry no actions
    gain = actions(EX_DATES, "capital_gain")
    assert returns(anchored(bars, gain)) == pytest.approx(returns(bars), abs=1e-12)


def test_a_dividend_that_the_source_has_not_carried_through_makes_no_false_return() -> None:
    bars = quoted({})
    mended = anchored(bars, actions(EX_DATES))
    assert returns(mended) == pytest.approx(returns(quoted(EX_DATES)), abs=1e-12)
    # Once the source has it, nothing moves.
    assert mended["adj_close"].equals(anchored(quoted(EX_DATES), actions(EX_DATES))["adj_close"])


def test_noise_of_the_source_is_not_compounded() -> None:
    bars = quoted(EX_DATES)
    noisy = bars.with_columns(adj_close=pl.col("adj_close").cast(pl.Float32).cast(pl.Float64))
    exact = anchored(bars, actions(EX_DATES))
    assert anchored(noisy, actions(EX_DATES))["adj_close"].equals(exact["adj_close"])


def test_an_action_that_the_prices_contradict_is_not_believed() -> None:
    bars = quoted(EX_DATES)
    wrong = actions({day: 20 * paid for day, paid in EX_DATES.items()})
    assert returns(anchored(bars, wrong)) == pytest.approx(returns(bars), abs=1e-12)
    assert returns(anchored(bars, actions({DAYS[30]: 500.0}))) == pytest.approx(returns(bars), abs=1e-12)


def test_an_ex_date_without_a_bar_counts_at_the_next_one() -> None:
    bars = quoted(EX_DATES).filter(pl.col("session") != DAYS[20])
    assert returns(anchored(bars, actions(EX_DATES))) == pytest.approx(returns(bars), abs=1e-4)


def test_tickers_do_not_mix() -> None:
    both = pl.concat([quoted({}, ticker="AAA"), quoted(EX_DATES)])
    paid = actions(EX_DATES)
    alone = anchored(quoted(EX_DATES), paid)
    assert anchored(both, paid).filter(ticker="QQQ").equals(alone)
    assert anchored(both, paid).filter(ticker="AAA").equals(quoted({}, ticker="AAA"))


def test_nothing_held() -> None:
    assert anchored(quoted({}).head(0), NONE).is_empty()


def test_prices_are_scaled_to_the_adjusted_close_and_volume_is_not() -> None:
    bars = pl.DataFrame(
        {"open": [8.0], "high": [12.0], "low": [6.0], "close": [10.0], "adj_close": [5.0], "volume": [7]}
    )

    assert adjusted(bars).row(0) == (4.0, 6.0, 3.0, 5.0, 5.0, 7)


def test_it_may_be_applied_twice(market: pl.DataFrame) -> None:
    once = adjusted(market)

    assert once.equals(adjusted(once))
    assert once["close"].equals(market["adj_close"], check_names=False)


def test_rounding_leaves_open_and_close_within_the_bar(market: pl.DataFrame) -> None:
    bars = adjusted(market)

    assert bars.filter(pl.col("close").is_between("low", "high") & pl.col("open").is_between("low", "high")).equals(
        bars
    )
