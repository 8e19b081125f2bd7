import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation import metrics
from alpha_pipeline.evaluation.comparisons import RECENT, compare_ledgers, compare_models, table_of
from alpha_pipeline.evaluation.scores import WHOLE
from alpha_pipeline.warehouse.tables.proof import COMPARISONS

DAYS = calendar.between(dt.date(2023, 1, 3), dt.date(2025, 3, 31))
TICKERS = {"QQQ": 0.01, "TSLA": 0.04, "XLP": 0.006}


def scored(ics: dict[str, float], seed: int, days: tuple[dt.date, ...] = DAYS, **volatilities: float) -> pl.DataFrame:
    """Forecasts of some models beside what came; each knows the outcome as well as its information coefficient says."""
    rng = np.random.default_rng(seed)
    frames = []
    for ticker, volatility in (volatilities or TICKERS).items():
        realised = rng.normal(size=len(days))
        for model, ic in ics.items():
            known = ic * realised + math.sqrt(1 - ic**2) * rng.normal(size=len(days))
            frames.append(
                pl.DataFrame(
                    {
                        "model": model,
                        "ticker": ticker,
                        "horizon": 1,
                        "session": days,
                        "realised": realised * volatility,
                        "expected": 0.05 * known * volatility,
                        "prob_up": 0.5 + 0.05 * np.tanh(known),
                        "rose": realised > 0,
                        "volatility": volatility,
                    }
                )
            )
    return pl.concat(frames)


def test_a_planted_difference_is_found_in_every_statistic_and_backwards_when_asked_backwards() -> None:
    rows = scored({"a": 0.2, "b": 0.0}, seed=1)
    there = {one.statistic: one for one in compare_models(rows, "a", "b")}
    back = {one.statistic: one for one in compare_models(rows, "b", "a")}
    assert set(there) == {"ic", "brier", "squared_error", "direction", "sharpe"}
    for statistic, one in there.items():
        assert one.found.verdict == "better", statistic
        assert back[statistic].found.verdict == "worse", statistic
        assert back[statistic].found.value == pytest.approx(-one.found.value)
    COMPARISONS.validate(table_of("model", list(there.values())), "model")


def test_the_values_are_those_of_the_metrics() -> None:
    rows = scored({"a": 0.1, "b": 0.0}, seed=2)
    found = {one.statistic: one.found.value for one in compare_models(rows, "a", "b")}
    own = {name: rows.filter(model=name).sort("session", "ticker") for name in "ab"}
    scale = own["a"]["volatility"].to_numpy()
    realised, rose = own["a"]["realised"].to_numpy() / scale, own["a"]["rose"].to_numpy()

    def both(figure: object) -> tuple[float, float]:
        return tuple(figure(own[name]) for name in "ab")  # type: ignore[operator,return-value]

    a, b = both(lambda f: metrics.information_coefficient(f["expected"].to_numpy() / scale, realised))
    assert found["ic"] == pytest.approx(a - b)
    a, b = both(lambda f: metrics.brier(f["prob_up"].to_numpy(), rose))
    assert found["brier"] == pytest.approx(b - a)
    a, b = both(lambda f: metrics.direction_accuracy(f["prob_up"].to_numpy(), rose))
    assert found["direction"] == pytest.approx(a - b)


def test_on_noise_one_in_twenty_is_found() -> None:
    days = DAYS[:400]
    found = []
    for seed in range(200):
        rows = scored({"a": 0.05, "b": 0.05}, seed, days, QQQ=0.01, XLP=0.006)
        found.append({one.statistic: one.found.verdict != "undecided" for one in compare_models(rows, "a", "b")}["ic"])
    assert 0.02 <= np.mean(found) <= 0.08


def test_only_what_both_forecast_is_compared() -> None:
    rows = scored({"a": 0.1, "b": 0.1}, seed=3)
    late = pl.col("session") >= DAYS[100]
    part = rows.filter(((pl.col("model") == "a") & late) | ((pl.col("model") == "b") & (pl.col("ticker") != "TSLA")))
    (one, *_) = compare_models(part, "a", "b")
    assert one.found.n == 2 * (len(DAYS) - 100)
    assert f"{len(DAYS) - 100} sessions of 2 tickers." in one.words
    assert compare_models(part, "a", "c") == []


def test_ten_copies_of_a_ticker_are_no_more_evidence_than_one() -> None:
    once = scored({"a": 0.1, "b": 0.0}, seed=4, QQQ=0.01)
    often = pl.concat([once.with_columns(ticker=pl.lit(f"Q{i}")) for i in range(10)])
    single, pooled = (compare_models(rows, "a", "b")[0].found for rows in (once, often))
    assert (pooled.value, pooled.ci_low, pooled.ci_high) == pytest.approx((single.value, single.ci_low, single.ci_high))


def test_an_index_is_compared_only_among_its_own_kind_and_volatility_funds_never() -> None:
    mixed = scored({"a": 0.1, "b": 0.0}, seed=5, QQQ=0.01, UVXY=0.05)
    assert compare_models(mixed, "a", "b")[0].found.n == len(DAYS)
    index = mixed.with_columns(ticker=pl.when(pl.col("ticker") == "QQQ").then(pl.lit("^VIX")).otherwise("ticker"))
    found = {one.statistic for one in compare_models(index, "a", "b")}
    assert found == {"ic", "brier", "squared_error", "direction"}, "an index cannot be held"


def test_the_recent_window_and_the_seeds_are_said() -> None:
    rows = scored({"a": 0.1, "b": 0.1}, seed=6)
    (one, *_) = compare_models(rows, "a", "b", window=RECENT, seeds=1)
    recent = [day for day in DAYS if day.year >= 2024]
    assert one.found.n == 3 * len(recent)
    assert one.name == "a against b, 2024_2025h1"
    assert one.words.endswith("With 1 seed; at least 10 are wanted.")
    assert "wanted" not in compare_models(rows, "a", "b", seeds=10)[0].words
    assert compare_models(rows.filter(pl.col("session") < dt.date(2024, 1, 1)), "a", "b", window=RECENT) == []


def test_a_forecast_that_never_changes_has_no_correlation_and_the_rest_is_told() -> None:
    still = scored({"a": 0.1, "b": 0.0}, seed=7).with_columns(
        expected=pl.when(pl.col("model") == "b").then(0.0).otherwise("expected")
    )
    assert "ic" not in {one.statistic for one in compare_models(still, "a", "b")}


def test_words_say_what_would_be_found() -> None:
    rows = scored({"a": 0.02, "b": 0.02}, seed=8)
    one = compare_models(rows, "a", "b")[0]
    assert one.found.verdict == "undecided"
    said = f"A true difference of {one.found.minimum_detectable:.3f} would be found 4 times in 5."
    assert said in one.words
    assert one.words.startswith("Undecided whether a is better than b in information coefficient")


def test_ledgers_are_paired_by_session() -> None:
    rng = np.random.default_rng(9)
    market = rng.normal(0.0005, 0.01, len(DAYS))
    rows = pl.concat(
        [
            pl.DataFrame({"strategy": "a", "session": DAYS[10:], "net_return": market[10:] + 0.001}),
            pl.DataFrame({"strategy": "b", "session": DAYS, "net_return": market}),
        ]
    )
    [one] = compare_ledgers("Does a beat b?", rows, "a", "b")
    assert (one.found.n, one.found.verdict, one.window) == (len(DAYS) - 10, "better", WHOLE)
    assert one.found.value == pytest.approx(metrics.sharpe(market[10:] + 0.001) - metrics.sharpe(market[10:]))
    assert compare_ledgers("?", rows, "a", "absent") == []


def test_fewer_sessions_than_a_year_have_no_sharpe_ratio_a_year() -> None:
    rows = scored({"a": 0.1, "b": 0.1}, seed=10)
    few = metrics.FEWEST_OF_A_YEAR - 1
    found = {
        n: {one.statistic for one in compare_models(rows.filter(pl.col("session").is_in(DAYS[:n])), "a", "b")}
        for n in (few, few + 1)
    }
    assert found[few + 1] - found[few] == {"sharpe"}
    ledgers = pl.concat(
        pl.DataFrame({"strategy": name, "session": DAYS, "net_return": np.linspace(-0.01, slope, len(DAYS))})
        for name, slope in (("a", 0.011), ("b", 0.012))
    )
    assert compare_ledgers("?", ledgers.filter(pl.col("session").is_in(DAYS[:few])), "a", "b") == []
    assert len(compare_ledgers("?", ledgers.filter(pl.col("session").is_in(DAYS[: few + 1])), "a", "b")) == 1
