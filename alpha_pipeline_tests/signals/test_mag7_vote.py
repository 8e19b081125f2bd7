import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from alpha_pipeline.signals import mag7_vote
from alpha_pipeline.universe import MAG7
from alpha_pipeline.warehouse.tables.signals import MAG7_BALLOTS, MAG7_VOTE

Frame = Callable[..., pl.DataFrame]

SESSION = dt.date(2024, 3, 28)


@pytest.mark.parametrize(
    ("n_bull", "n_bear", "signal"),
    [
        (7, 0, "strong_buy"),
        (5, 2, "strong_buy"),
        (5, 0, "strong_buy"),  # Two missing: the count still needs more than 4.
        (4, 3, "neutral"),
        (4, 1, "neutral"),
        (0, 7, "neutral"),
        (4, 0, "abstain"),
        (0, 0, "abstain"),
    ],
)
def test_signal_by_count(n_bull: int, n_bear: int, signal: str, forecast_rows: Frame) -> None:
    up = dict.fromkeys(MAG7[:n_bull], 0.6) | dict.fromkeys(MAG7[n_bull : n_bull + n_bear], 0.4)
    ballots = mag7_vote.ballots(forecast_rows(SESSION, 1, up))
    (row,) = mag7_vote.vote(ballots, [SESSION]).to_dicts()
    assert (row["n_bull"], row["n_voting"], row["signal"]) == (n_bull, n_bull + n_bear, signal)
    assert row["missing"] == ", ".join(MAG7[n_bull + n_bear :])


def test_an_even_chance_is_no_bull_and_other_horizons_and_tickers_do_not_vote(forecast_rows: Frame) -> None:
    day = forecast_rows(SESSION, 1, {"NVDA": 0.5, "QQQ": 0.9})
    week = forecast_rows(SESSION, 5, {"AAPL": 0.9})
    ballots = mag7_vote.ballots(day.vstack(week))
    assert ballots.select("ticker", "is_bull").rows() == [("NVDA", False)]


@pytest.mark.parametrize(
    ("prob_bull", "threshold", "is_bull"), [(0.41, 0.4, True), (0.4, 0.4, True), (0.39, 0.4, False), (1.0, 1.0, False)]
)
def test_a_model_of_bull_moves_votes_by_its_own_threshold(
    prob_bull: float, threshold: float, is_bull: bool, forecast_rows: Frame
) -> None:
    rows = forecast_rows(SESSION, 1, {"NVDA": 0.5 + 0.1 * (not is_bull)})
    fired = rows.with_columns(prob_bull=pl.lit(prob_bull), bull_threshold=pl.lit(threshold), bull_move=pl.lit(0.01))
    assert mag7_vote.ballots(fired)["is_bull"].to_list() == [is_bull]


def test_yesterdays_ballots_do_not_count_today(forecast_rows: Frame) -> None:
    ballots = mag7_vote.ballots(forecast_rows(dt.date(2024, 3, 27), 1, dict.fromkeys(MAG7, 0.9)))
    counted = mag7_vote.vote(ballots, [dt.date(2024, 3, 27), SESSION])
    assert counted["signal"].to_list() == ["strong_buy", "abstain"]


def test_two_models_are_refused(forecast_rows: Frame) -> None:
    rows = forecast_rows(SESSION, 1, {"NVDA": 0.6})
    with pytest.raises(ValueError, match="two forecasts"):
        mag7_vote.ballots(rows.vstack(rows))


def test_rows_fit_their_tables_and_the_future_changes_nothing(
    random_forecasts: Frame, year: tuple[dt.date, ...]
) -> None:
    forecasts = random_forecasts(year, MAG7, 1, seed=1)
    ballots = mag7_vote.ballots(forecasts)
    whole = mag7_vote.vote(ballots, year)
    MAG7_BALLOTS.validate(ballots, "2024")
    MAG7_VOTE.validate(whole, "2024")
    assert set(whole["signal"]) == {"strong_buy", "neutral"}
    for cut in (3, 57, 200):
        past = forecasts.filter(forecasts["session"] <= year[cut])
        assert mag7_vote.vote(mag7_vote.ballots(past), year[: cut + 1]).equals(whole.head(cut + 1))
        assert mag7_vote.vote(mag7_vote.ballots(past), [year[cut]]).equals(whole.slice(cut, 1))
