"""The rules made again: from what was known at the session, and noticing every value that is held otherwise."""

import datetime as dt
import math
from collections.abc import Callable

import polars as pl
import pytest

from alpha_pipeline.signals import mag7_vote, qqq_position, sector_rotation, vix_regime
from alpha_pipeline.signals.replay import Difference, Evidence, differences, replay, trace
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.tables import signals as tables

Frame = Callable[..., pl.DataFrame]
Year = tuple[dt.date, ...]


@pytest.fixture(scope="module")
def evidence(random_forecasts: Frame, random_bars: Frame, year: Year) -> Evidence:
    return Evidence(
        ballots=random_forecasts(year, MAG7, 1, seed=11),
        sectors=random_forecasts(year, SECTORS, 5, seed=12),
        vix=random_forecasts(year, (VIX,), 1, seed=13),
        vix_closes=random_bars(year, 20.0, seed=14).select("session", "close"),
        qqq_bars=random_bars(year, 100.0, seed=15),
    )


def made_together(evidence: Evidence, year: Year) -> dict[str, pl.DataFrame]:
    """Every signal of every session in one go, as a run makes them."""
    ballots = mag7_vote.ballots(evidence.ballots)
    ranks = sector_rotation.ranks(evidence.sectors)
    vote = mag7_vote.vote(ballots, year)
    rotation = sector_rotation.rotation(ranks, year)
    regime = vix_regime.regime(evidence.vix, evidence.vix_closes, evidence.qqq_bars, year)
    return {
        tables.MAG7_BALLOTS.name: ballots,
        tables.MAG7_VOTE.name: vote,
        tables.SECTOR_RANKS.name: ranks,
        tables.SECTOR_ROTATION.name: rotation,
        tables.VIX_REGIME.name: regime,
        tables.QQQ_POSITION.name: qqq_position.position(vote, rotation, regime),
    }


def test_a_session_alone_is_made_as_it_was_among_the_others(evidence: Evidence, year: Year) -> None:
    held = made_together(evidence, year)
    for day in (year[0], year[30], year[127], year[-1]):
        for name, fresh in replay(evidence, day).items():
            rows = held[name].filter(pl.col("session") == day)
            assert fresh.equals(rows), (name, day)
            assert rows.height > 0


def test_a_row_that_was_changed_is_named_by_its_field(evidence: Evidence, year: Year) -> None:
    ballots = replay(evidence, year[-1])[tables.MAG7_BALLOTS.name]
    ticker, now = ballots.select("ticker", "prob_up").row(0)
    is_it = pl.col("ticker") == ticker
    held = ballots.with_columns(prob_up=pl.when(is_it).then(0.5).otherwise("prob_up"))
    assert differences(tables.MAG7_BALLOTS, ballots, ballots) == []
    assert differences(tables.MAG7_BALLOTS, held, ballots) == [
        Difference("signals.mag7_ballots", ticker, "prob_up", 0.5, now)
    ]
    assert differences(tables.MAG7_BALLOTS, ballots.filter(~is_it), ballots) == [
        Difference("signals.mag7_ballots", ticker, "row", "no row", "a row")
    ]
    vote = replay(evidence, year[-1])[tables.MAG7_VOTE.name]
    assert differences(tables.MAG7_VOTE, vote, vote.clear()) == [
        Difference("signals.mag7_vote", "", "row", "a row", "no row")
    ]


def test_the_smallest_change_of_a_number_counts(evidence: Evidence, year: Year) -> None:
    regime = replay(evidence, year[-1])[tables.VIX_REGIME.name]
    size = regime["size_multiplier"].item()
    held = regime.with_columns(size_multiplier=math.nextafter(size, 0))
    [found] = differences(tables.VIX_REGIME, held, regime)
    assert (found.field, found.replayed) == ("size_multiplier", size)


def test_the_trace_says_what_regime_and_size_came_from(evidence: Evidence, year: Year) -> None:
    both = evidence.vix.join(evidence.vix_closes, on="session").filter(pl.col("session") <= year[200])
    day, before = both["session"][-1], both["session"][-2]
    found = trace(evidence, day)
    close = evidence.vix_closes.filter(session=day)["close"].item()
    change = evidence.vix.filter(session=day)["expected_return"].item()
    assert (found.vix_close, found.vix_forecast) == (close, close * math.exp(change))
    assert found.regime_before == replay(evidence, before)[tables.VIX_REGIME.name]["regime"].item()
    assert found.n_forecasts == both.height
    bars = evidence.qqq_bars.filter(pl.col("session") <= day)
    returns = bars["adj_close"].log().diff().tail(20)
    assert found.volatility_ann == pytest.approx(returns.std() * math.sqrt(252))  # type: ignore[operator]
    assert found.volatility_ann is not None
    assert found.target_size == min(1.0, 0.15 / found.volatility_ann)
    assert trace(evidence.until(day), day) == found


def test_without_anything_the_trace_knows_nothing(evidence: Evidence, year: Year) -> None:
    found = trace(evidence.until(dt.date(2000, 1, 3)), year[0])
    assert (found.vix_close, found.vix_forecast, found.regime_before) == (None, None, None)
    assert (found.volatility_ann, found.target_size, found.size_before, found.n_forecasts) == (None, None, None, 0)
