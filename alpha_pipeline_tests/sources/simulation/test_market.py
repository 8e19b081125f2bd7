"""The market factor: every shock is centred given the past, and a longer path begins with the shorter one."""

import math

import numpy as np
import pytest

from alpha_pipeline.sources.simulation.market import OVERNIGHT_SHARE, UVXY_DRIFT_ANN, MarketPath, market_path

N_SESSIONS = 300_000  # long enough to see the jumps' mean, 0.02 standard deviations, were it not given back


@pytest.fixture(scope="module")
def path() -> MarketPath:
    return market_path(3, N_SESSIONS)


def shocks(path: MarketPath) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    scale = np.exp(path.log_volatility)
    night, day = math.sqrt(OVERNIGHT_SHARE), math.sqrt(1 - OVERNIGHT_SHARE)
    return np.stack([path.overnight / scale / night, path.intraday / scale / day])


def test_shocks_have_mean_zero_and_unit_variance(path: MarketPath) -> None:
    assert np.abs(shocks(path).mean(axis=1)).max() < 3.5 / math.sqrt(N_SESSIONS)
    assert np.allclose(shocks(path).var(axis=1), 1.0, atol=0.03)


def test_nothing_known_at_the_close_before_forecasts_a_shock(path: MarketPath) -> None:
    known = {
        "volatility": path.log_volatility[1:],
        "calm": path.regime[:-1] == 0,
        "stressed": path.regime[:-1] == 2,
        "index": np.log(path.vix_close[:-1]),
        "index change": (path.vix_overnight + path.vix_intraday)[:-1],
        "last night": path.overnight[:-1],
        "last day": path.intraday[:-1],
    }
    uvxy = np.stack([path.uvxy_overnight, path.uvxy_intraday])
    for name, values in known.items():
        for half in (*shocks(path), *uvxy):
            assert abs(np.corrcoef(values, half[1:])[0, 1]) < 3.5 / math.sqrt(N_SESSIONS), name


def test_the_night_does_not_forecast_the_day(path: MarketPath) -> None:
    assert abs(np.corrcoef(*shocks(path))[0, 1]) < 3.5 / math.sqrt(N_SESSIONS)
    assert abs(np.corrcoef(path.uvxy_overnight, path.uvxy_intraday)[0, 1]) < 3.5 / math.sqrt(N_SESSIONS)


def test_uvxy_decays_as_stated(path: MarketPath) -> None:
    returns = path.uvxy_overnight + path.uvxy_intraday
    error = returns.std() / math.sqrt(N_SESSIONS)
    assert returns.mean() == pytest.approx(UVXY_DRIFT_ANN / 252, abs=3.5 * error)


def test_volatility_rises_after_falls_and_the_index_with_it(path: MarketPath) -> None:
    returns = path.overnight + path.intraday
    index = path.vix_overnight + path.vix_intraday
    fell = returns < -2 * np.exp(path.log_volatility)
    rose = returns > 2 * np.exp(path.log_volatility)
    change = np.diff(path.log_volatility, append=path.log_volatility[-1])
    assert change[fell].mean() > 0.15
    assert change[rose].mean() < 0.05
    assert index[fell].mean() > 0.10
    assert index[rose].mean() < 0.0


def test_a_longer_path_begins_with_the_shorter_one(path: MarketPath) -> None:
    short = market_path(3, 700)
    for name in ("overnight", "intraday", "log_volatility", "regime", "vix_close", "uvxy_intraday"):
        assert (getattr(short, name) == getattr(path, name)[:700]).all()
