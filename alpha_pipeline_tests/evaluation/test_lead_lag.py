import datetime as dt

import numpy as np
import polars as pl
import pytest
from statsmodels.stats.multitest import multipletests

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.evaluation.lead_lag import (
    LAGS,
    RETURN,
    Pair,
    Regression,
    holm,
    joint,
    lead_lag,
    own_returns,
    pair,
    slope,
)
from alpha_pipeline.warehouse.tables.proof import LEAD_LAG


def world(seed: int, lag: int | None = None, n: int = 1500) -> list[Pair]:
    """A leader and a follower, both ways; with a lag, the follower moves by .2 deviations of the leader then."""
    rng = np.random.default_rng(seed)
    known, earned = rng.normal(size=(2, n))
    # Volatility in clusters, as of markets.
    calm = np.repeat(rng.choice([0.5, 1.0, 2.0], n // 50 + 1), 50)[:n]
    earned *= calm
    if lag is not None:
        earned[lag - 1 :] += 0.2 * known[: n - lag + 1]
    back = np.concatenate([[np.nan], earned[:-1]])  # what the follower did, known a session later
    return [Pair("NVDA", "QQQ", RETURN, known, earned), Pair("QQQ", "NVDA", RETURN, back, known)]


@pytest.mark.parametrize("lag", [1, 2, 5])
def test_a_planted_lead_is_found_at_its_lag_and_not_the_other_way_round(lag: int) -> None:
    rows = lead_lag(world(1, lag))
    LEAD_LAG.validate(rows, "QQQ")
    found = rows.filter(verdict="leads").select("leader", "lag", "kind").rows()
    assert found == [("NVDA", LAGS[-1], "granger_return"), ("NVDA", lag, "return")]
    assert rows.filter(leader="NVDA", kind="return", lag=lag)["beta"].item() == pytest.approx(0.2, abs=0.09)


def test_on_noise_hardly_any_family_of_tests_has_a_lead() -> None:
    led = [lead_lag(world(seed, n=400)).filter(verdict="leads").height > 0 for seed in range(40)]
    assert np.mean(led) <= 0.15


def test_one_test_on_noise_rejects_one_time_in_twenty() -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(200):
        one = Pair("a", "b", RETURN, rng.normal(size=500), rng.normal(size=500))
        fitted = slope(one, 1)
        assert fitted is not None
        found.append(fitted.p_value < 0.05)
    assert 0.02 <= np.mean(found) <= 0.08


def newey_west(y: np.ndarray, x: np.ndarray, lags: int) -> tuple[float, float]:
    """Slope and t by hand, with the small-sample factor n / (n - 2)."""
    design = np.column_stack([np.ones(len(y)), x])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    score = design * (y - design @ beta)[:, None]
    middle = score.T @ score
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        across = score[lag:].T @ score[:-lag]
        middle += weight * (across + across.T)
    covariance = inverse @ middle @ inverse * len(y) / (len(y) - 2)
    return float(beta[1]), float(beta[1] / np.sqrt(covariance[1, 1]))


def test_errors_are_newey_wests() -> None:
    one = world(3, 2, n=600)[0]
    fitted = slope(one, 2)
    assert fitted is not None
    x = one.known[:-1]
    beta, t_stat = newey_west(one.earned[1:], (x - x.mean()) / x.std(), lags=5)
    assert (fitted.beta, fitted.t_stat, fitted.n) == pytest.approx((beta, t_stat, 599))


def test_granger_takes_into_account_what_the_followers_own_past_says() -> None:
    rng = np.random.default_rng(4)
    earned = np.zeros(1500)
    for t in range(1, 1500):
        earned[t] = 0.5 * earned[t - 1] + rng.normal()
    # The leader is nothing but the follower's last return and noise.
    known = np.concatenate([[0.0], earned[:-1]]) + 0.3 * rng.normal(size=1500)
    one = Pair("a", "b", RETURN, known, earned)
    alone, beside = slope(one, 1), joint(one)
    assert isinstance(alone, Regression)
    assert isinstance(beside, Regression)
    assert alone.p_value < 1e-6
    assert beside.p_value > 0.05


def test_holm_is_that_of_statsmodels() -> None:
    p = np.random.default_rng(5).uniform(size=20) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


def test_too_little_or_nothing_that_changes_is_not_tested() -> None:
    n = 99
    assert slope(Pair("a", "b", RETURN, np.arange(n, dtype=float), np.arange(n, dtype=float)), 1) is None
    assert lead_lag([Pair("a", "b", RETURN, np.ones(500), np.arange(500.0))]).is_empty()
    assert lead_lag([]).equals(LEAD_LAG.empty())


def test_lag_1_is_the_first_fill_that_the_close_allows() -> None:
    days = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 1, 12))
    price = 100 * 1.1 ** np.arange(len(days), dtype=float)
    bars = pl.DataFrame(
        {"ticker": "QQQ", "session": days, "open": price, "close": price * 1.01, "adj_close": price * 1.01}
    )
    bars = bars.with_columns(high=pl.col("close"), low=pl.col("open"))
    targets = forward(bars).filter(horizon=1)
    known = own_returns(targets)
    # The move from the first close to the second is known at the second.
    assert known["session"][0] == days[1]
    one = pair("QQQ", "QQQ", RETURN, known, targets)
    assert np.isnan(one.known[0])
    place = 3
    assert one.earned[place] == pytest.approx(np.log(price[place + 2] / price[place + 1]))
    assert one.known[place] == pytest.approx(np.log(bars["close"][place] / bars["close"][place - 1]))


def test_a_missing_session_does_not_shift_the_lags() -> None:
    days = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 1, 12))
    known = pl.DataFrame({"session": days, "known": np.arange(len(days), dtype=float)}).filter(
        pl.col("session") != days[3]
    )
    targets = pl.DataFrame({"session": days, "open_log_return": np.arange(len(days), dtype=float)})
    one = pair("a", "b", RETURN, known, targets)
    assert np.isnan(one.known[3])
    assert one.known[4] == one.earned[4] == 4


def test_fewer_sessions_than_lags_have_no_lead() -> None:
    for n in range(7):
        short = Pair("a", "b", RETURN, np.arange(n, dtype=float), np.arange(n, dtype=float))
        assert lead_lag([short]).is_empty()
