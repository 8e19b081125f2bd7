import datetime as dt

import numpy as np
import polars as pl
import pytest
from sklearn.calibration import calibration_curve

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.outcomes import POOLED
from alpha_pipeline.evaluation.reliability import LONGEST_LAG, decay, reliability
from alpha_pipeline.warehouse.tables.results import DECAY, RELIABILITY

DAYS = calendar.between(dt.date(2016, 1, 4), dt.date(2018, 12, 31))
NAMES = ("AAA", "BBB", "CCC", "^VIX")


def beside(seed: int = 0, *, steadiness: float = 0.0, ic: float = 0.3, overconfidence: float = 1.0) -> pl.DataFrame:
    """Rows of `beside_outcomes` of one model: forecasts of each ticker's own unit, as steady as asked for."""
    rng = np.random.default_rng(seed)
    frames = []
    for name in NAMES:
        signal = np.zeros(len(DAYS))
        shocks = rng.normal(size=len(DAYS))
        for t in range(len(DAYS)):
            signal[t] = (steadiness * signal[t - 1] if t else 0) + np.sqrt(1 - steadiness**2) * shocks[t]
        unit = 0.02
        realised = unit * (ic * signal + np.sqrt(1 - ic**2) * rng.normal(size=len(DAYS)))
        honest = np.clip(0.5 + 0.3 * rng.uniform(-1, 1, len(DAYS)), 0, 1)
        frames.append(
            pl.DataFrame(
                {
                    "session": DAYS,
                    "expected": unit * ic * signal,
                    "realised": realised,
                    "prob_up": np.clip(0.5 + overconfidence * (honest - 0.5), 0, 1),
                    "rose": rng.random(len(DAYS)) < honest,
                    "prob_spike": honest / 4 if name == "^VIX" else np.full(len(DAYS), np.nan),
                    "spiked": rng.random(len(DAYS)) < honest / 4,
                }
            ).with_columns(ticker=pl.lit(name))
        )
    nan = pl.lit(float("nan"))
    return pl.concat(frames).with_columns(
        model=pl.lit("m"),
        horizon=pl.lit(1, pl.Int64),
        volatility=pl.lit(0.02),
        low=nan,
        high=nan,
        prob_bull=nan,
        bull=pl.lit(value=False),
    )


def test_bins_are_those_of_sklearn() -> None:
    scored = beside()
    rows = reliability(scored)
    RELIABILITY.validate(rows, "m")
    vix = scored.filter(ticker="^VIX")
    frequency, forecast = calibration_curve(vix["spiked"], vix["prob_spike"], n_bins=10, strategy="quantile")
    held = rows.filter(ticker="^VIX", event="spike").sort("bin")
    assert held["frequency"].to_numpy() == pytest.approx(frequency, abs=0.03)
    assert held["forecast"].to_numpy() == pytest.approx(forecast, abs=0.003)
    assert held["n"].sum() == vix.height


def test_honest_probabilities_lie_on_the_diagonal_and_overconfident_ones_do_not() -> None:
    def misses(rows: pl.DataFrame) -> int:
        own = rows.filter(ticker=POOLED, event="up")
        assert own.height == 10
        return own.filter(~pl.col("forecast").is_between("ci_low", "ci_high")).height

    assert misses(reliability(beside())) <= 2
    assert misses(reliability(beside(overconfidence=1.6))) >= 6


def test_only_what_a_model_forecasts_is_shown() -> None:
    rows = reliability(beside())
    assert set(rows.select("ticker", "event").unique().rows()) == {(POOLED, "up"), ("^VIX", "spike")}


def test_a_forecast_of_one_session_is_worth_nothing_on_the_next() -> None:
    rows = decay(beside(steadiness=0.0)).sort("lag")
    DECAY.validate(rows, "m")
    assert rows["lag"].to_list() == list(range(LONGEST_LAG + 1))
    assert rows["ic"][0] == pytest.approx(0.3, abs=0.05)
    assert rows.filter(pl.col("lag") > 0, pl.col("ci_low") > 0).height <= 2
    assert rows["n"].to_list() == [3 * (len(DAYS) - lag) for lag in range(LONGEST_LAG + 1)]


def test_a_steady_forecast_fades_as_its_signal_does() -> None:
    rows = decay(beside(steadiness=0.9)).sort("lag")
    values = rows["ic"].to_list()
    for lag in (1, 3, 6):
        assert values[lag] == pytest.approx(0.3 * 0.9**lag, abs=0.08)
    assert values[0] > values[6] > abs(values[20]) - 0.05


def test_forecasts_that_never_change_have_no_rows() -> None:
    flat = beside().with_columns(expected=pl.lit(0.001))
    assert decay(flat).is_empty()
