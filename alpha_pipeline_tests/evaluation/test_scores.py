import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.outcomes import beside_outcomes
from alpha_pipeline.evaluation.scores import WHOLE, Window, regime_windows, scores, standard_windows
from alpha_pipeline.warehouse.tables.results import SCORES

HISTORY = calendar.between(dt.date(2014, 1, 2), dt.date(2017, 12, 29))
FIRST = dt.date(2016, 1, 4)
WINDOWS = standard_windows(FIRST, HISTORY[-1])
TICKERS = {"QQQ": 0.01, "TSLA": 0.04, "XLP": 0.006, "^VIX": 0.07}


def labels_of(ticker: str, horizon: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    size = TICKERS[ticker] * math.sqrt(horizon)
    opened, closed = rng.normal(0.05 * size, size, (2, len(HISTORY)))
    known_at = [calendar.offset(session, 1 + horizon) for session in HISTORY]
    return pl.DataFrame(
        {
            "ticker": ticker,
            "session": HISTORY,
            "horizon": horizon,
            "close_log_return": closed,
            "open_log_return": opened,
            "known_at": known_at,
        },
        schema_overrides={"horizon": pl.Int64},
    )


@pytest.fixture(scope="module")
def targets() -> pl.DataFrame:
    return pl.concat(labels_of(t, h, 10 * i + h) for i, t in enumerate(TICKERS) for h in (1, 5))


def forecasts_of(targets: pl.DataFrame, ic: float, seed: int, model: str = "m") -> pl.DataFrame:
    """Forecasts whose correlation with the outcome is about `ic`, in each ticker's own unit."""
    rng = np.random.default_rng(seed)
    rows = targets.filter(pl.col("session") >= FIRST)
    is_vix = (rows["ticker"] == "^VIX").to_numpy()
    realised = np.where(is_vix, rows["close_log_return"], rows["open_log_return"])
    unit = rows["ticker"].replace_strict(TICKERS).to_numpy() * np.sqrt(rows["horizon"].to_numpy())
    expected = ic * (ic * realised / unit + math.sqrt(1 - ic**2) * rng.normal(size=len(unit)))
    probability = 1 / (1 + np.exp(-expected * 1.6))
    spike = pl.when(pl.col("ticker") == "^VIX").then(pl.Series(rng.uniform(0, 0.2, len(unit))))
    return rows.select("ticker", "session", "horizon").with_columns(
        model=pl.lit(model),
        expected_return=pl.Series(expected * unit),
        prob_up=pl.Series(probability),
        prob_spike=spike,
        prob_bull=pl.lit(None, pl.Float64),
        bull_threshold=pl.lit(None, pl.Float64),
        bull_move=pl.lit(None, pl.Float64),
        low_90=pl.Series((expected - 1.6) * unit),
        high_90=pl.Series((expected + 1.6) * unit),
    )


def value_of(rows: pl.DataFrame, ticker: str, metric: str, window: str = WHOLE, horizon: int = 1) -> dict[str, float]:
    (row,) = rows.filter(
        pl.col("ticker") == ticker,
        pl.col("metric") == metric,
        pl.col("window") == window,
        pl.col("horizon") == horizon,
    ).to_dicts()
    return row


@pytest.fixture(scope="module")
def planted(targets: pl.DataFrame) -> pl.DataFrame:
    return scores(forecasts_of(targets, 0.3, seed=1), targets, WINDOWS)


def test_rows_fit_the_table_and_cover_every_ticker_window_and_metric(planted: pl.DataFrame) -> None:
    SCORES.validate(planted, "m")
    assert set(planted["ticker"]) == {*TICKERS, "*"}
    assert set(planted["window"]) == {WHOLE, "2016", "2017"}
    common = {"ic", "rank_ic", "direction_accuracy", "auc", "brier", "brier_skill", "r2_naive"}
    common |= {"log_loss", "log_loss_skill", "ece", "coverage_90", "pinball_skill"}
    assert set(planted.filter(pl.col("ticker") == "*")["metric"]) == common
    of_index = {"qlike", "spike_auc", "spike_brier_skill", "spike_ece"}
    assert set(planted.filter(pl.col("ticker") == "^VIX")["metric"]) == common | of_index
    bounded = planted.filter(pl.col("window") == WHOLE, ~pl.col("metric").str.ends_with("ece"))
    inside = pl.col("value").is_between("ci_low", "ci_high", closed="none")
    assert bounded.filter(inside).height == bounded.height
    assert planted["ci_low"].null_count() == planted.height - bounded.height


def test_a_planted_skill_is_found_for_each_ticker_and_pooled(planted: pl.DataFrame) -> None:
    for ticker in (*TICKERS, "*"):
        row = value_of(planted, ticker, "ic")
        assert row["value"] == pytest.approx(0.3, abs=0.1)
        assert row["ci_low"] > 0.1
    assert value_of(planted, "*", "ic")["value"] == pytest.approx(0.3, abs=0.05)
    assert value_of(planted, "*", "auc")["ci_low"] > 0.5
    assert value_of(planted, "*", "brier_skill")["ci_low"] > 0
    pooled, single = (value_of(planted, ticker, "ic") for ticker in ("*", "QQQ"))
    assert pooled["n"] == 3 * single["n"]  # The index is not in the pool.
    assert pooled["ci_high"] - pooled["ci_low"] < single["ci_high"] - single["ci_low"]


def test_without_skill_the_intervals_hold_zero(targets: pl.DataFrame) -> None:
    noise = pl.concat(
        forecasts_of(targets, 0.2, seed, f"m{seed}").with_columns(
            pl.col("expected_return", "prob_up").shuffle(seed).over("ticker", "horizon")
        )
        for seed in range(6)
    )
    rows = scores(noise, targets, WINDOWS).filter(pl.col("window") == WHOLE)
    correlated = rows.filter(pl.col("metric").is_in(["ic", "rank_ic"]))
    holds_zero = correlated.filter(pl.col("ci_low") < 0, pl.col("ci_high") > 0)
    assert holds_zero.height / correlated.height > 0.85
    assert rows.filter(pl.col("metric") == "brier_skill", pl.col("ci_low") > 0).is_empty()


def test_naive_direction_is_up_for_a_fund_and_down_for_the_index(targets: pl.DataFrame, planted: pl.DataFrame) -> None:
    # Scored are the sessions from 2016 on: every label is known here, those of the last sessions included.
    rose = targets.filter(pl.col("session") >= FIRST, pl.col("horizon") == 1)
    qqq = (rose.filter(pl.col("ticker") == "QQQ")["open_log_return"] > 0).mean()
    vix = (rose.filter(pl.col("ticker") == "^VIX")["close_log_return"] <= 0).mean()
    assert value_of(planted, "QQQ", "direction_accuracy")["baseline"] == pytest.approx(qqq)
    assert value_of(planted, "^VIX", "direction_accuracy")["baseline"] == pytest.approx(vix)


def test_base_rates_count_labels_known_before_the_session_only() -> None:
    labels = labels_of("QQQ", 5, seed=3)
    forecasts = forecasts_of(labels, 0.2, seed=4)
    session = forecasts["session"][100]
    at = HISTORY.index(session)
    whole = beside_outcomes(forecasts, labels)
    known = labels.head(at - 6)  # The label of t is completed by the open of t+6, and used from t+7 on.
    assert known["known_at"].max() == HISTORY[at - 1]
    expected = ((known["open_log_return"] > 0).sum() + 1) / (known.height + 2)
    row = whole.filter(pl.col("session") == session)
    assert row["up_rate"].item() == pytest.approx(expected)
    assert row["volatility"].item() == pytest.approx(known["open_log_return"].tail(63).std())
    flipped = labels.with_columns(
        pl.when(pl.col("known_at") < session).then("open_log_return").otherwise(-pl.col("open_log_return"))
    )
    learned = ["session", "up_rate", "spike_rate", "volatility"]
    until = pl.col("session") <= session
    past = beside_outcomes(forecasts, flipped).filter(until).select(learned)
    assert past.equals(whole.filter(until).select(learned))


def test_knowing_which_ticker_moves_most_is_no_pooled_skill(targets: pl.DataFrame) -> None:
    # Each ticker gets its own constant: no skill within any, and none between once volatility is divided out.
    constant = forecasts_of(targets, 0.2, seed=5).with_columns(
        expected_return=pl.col("ticker").replace_strict(TICKERS) * 0.05
    )
    rows = scores(constant, targets, WINDOWS)
    assert rows.filter(pl.col("metric") == "ic", pl.col("ticker") != "*").is_empty()
    row = value_of(rows, "*", "ic")
    assert row["ci_low"] < 0 < row["ci_high"]


def test_a_sniper_is_scored_by_where_it_fires(targets: pl.DataFrame) -> None:
    """It knows the bull moves of every second session, and fires at these alone."""
    forecasts = forecasts_of(targets, 0.2, seed=9)
    size = pl.col("ticker").replace_strict(TICKERS) * pl.col("horizon").sqrt()
    realised = forecasts.join(targets, on=["ticker", "session", "horizon"], maintain_order="left")["open_log_return"]
    known = pl.Series(realised) > forecasts.select(0.5 * size).to_series()
    even = pl.Series([session.toordinal() % 2 == 0 for session in forecasts["session"]])
    sniper = forecasts.with_columns(
        bull_move=0.5 * size, prob_bull=pl.when(known & even).then(0.6).otherwise(0.1), bull_threshold=pl.lit(0.5)
    )
    rows = scores(sniper, targets, WINDOWS)
    happened = float((known & pl.Series(sniper["ticker"] == "QQQ")).sum())
    row = value_of(rows, "QQQ", "bull_precision")
    assert row["value"] == 1.0
    assert row["baseline"] == pytest.approx(happened / row["n"] / 2, abs=0.03)  # of two horizons
    recall, lift = (value_of(rows, "QQQ", f"bull_{name}") for name in ("recall", "lift"))
    assert recall["value"] == pytest.approx(0.5, abs=0.1)
    assert recall["ci_low"] < recall["value"] < recall["ci_high"]
    assert lift["value"] == pytest.approx(1 / row["baseline"])
    assert value_of(rows, "QQQ", "bull_coverage")["value"] == pytest.approx(recall["value"] * row["baseline"])
    held = sniper.with_columns(bull_threshold=pl.lit(1.0))
    names = set(scores(held, targets, WINDOWS)["metric"])
    assert "bull_coverage" in names
    assert not {"bull_precision", "bull_lift"} & names  # it never fires


def test_forecasts_without_an_outcome_and_short_windows_are_left_out(targets: pl.DataFrame) -> None:
    forecasts = forecasts_of(targets, 0.2, seed=6)
    untold = targets.filter(pl.col("session") < dt.date(2016, 12, 15))
    rows = scores(forecasts, untold, (*WINDOWS, Window("december", dt.date(2016, 12, 1), dt.date(2016, 12, 31))))
    assert set(rows["window"]) == {WHOLE, "2016"}
    assert scores(forecasts, untold.clear(), WINDOWS).equals(SCORES.empty())


def test_the_same_inputs_give_the_same_scores_in_any_order(targets: pl.DataFrame, planted: pl.DataFrame) -> None:
    shuffled = forecasts_of(targets, 0.3, seed=1).sample(fraction=1, shuffle=True, seed=7)
    assert scores(shuffled, targets.sample(fraction=1, shuffle=True, seed=8), WINDOWS).equals(planted)


def test_standard_windows() -> None:
    names = [w.name for w in standard_windows(dt.date(2022, 5, 2), dt.date(2024, 3, 1))]
    assert names == ["whole", "2022", "2023", "2024", "2024_2025h1"]


def test_a_regime_is_scored_on_its_own_sessions(targets: pl.DataFrame) -> None:
    """Forecasts that are right in calm sessions alone score there, and nowhere else."""
    days = [day for day in HISTORY if day >= FIRST]
    regimes = pl.DataFrame({"session": days, "regime": [("calm", "stressed", None)[i % 3] for i in range(len(days))]})
    windows = regime_windows(regimes)
    assert [window.name for window in windows] == ["regime_calm", "regime_stressed"]
    skilled = forecasts_of(targets, 0.5, seed=4)
    blind = skilled.with_columns(pl.col("expected_return").shuffle(4).over("ticker", "horizon"))
    calm = skilled["session"].is_in(regimes.filter(pl.col("regime") == "calm")["session"].implode())
    rows = scores(pl.concat([skilled.filter(calm), blind.filter(~calm)]), targets, windows)
    (in_calm, in_stressed) = (value_of(rows, "QQQ", "ic", window.name) for window in windows)
    assert in_calm["value"] > 0.35
    assert not abs(in_stressed["value"]) > 0.2
    assert in_calm["n"] == regimes.filter(pl.col("regime") == "calm").height


def test_an_interval_twice_too_narrow_is_seen(targets: pl.DataFrame) -> None:
    honest = forecasts_of(targets, 0.0, seed=5)
    narrow = honest.with_columns(
        low_90=(pl.col("low_90") + pl.col("expected_return")) / 2,
        high_90=(pl.col("high_90") + pl.col("expected_return")) / 2,
    )
    ours, theirs = (scores(rows, targets, WINDOWS) for rows in (honest, narrow))
    for ticker in ("QQQ", "*"):
        assert value_of(ours, ticker, "coverage_90")["value"] == pytest.approx(0.89, abs=0.03)
        assert value_of(theirs, ticker, "coverage_90")["ci_high"] < 0.7
        better, worse = (value_of(rows, ticker, "pinball_skill")["value"] for rows in (ours, theirs))
        assert better > worse


def test_forecasts_made_before_their_interval_was_kept_have_no_coverage(targets: pl.DataFrame) -> None:
    rows = forecasts_of(targets, 0.1, seed=6)
    is_old = pl.col("session") < dt.date(2017, 1, 1)
    without = [pl.when(~is_old).then(name).alias(name) for name in ("low_90", "high_90")]
    scored = scores(rows.with_columns(*without), targets, WINDOWS)
    assert scored.filter(pl.col("metric") == "coverage_90", pl.col("window") == "2016").is_empty()
    whole = value_of(scored, "QQQ", "coverage_90")
    assert whole["n"] == rows.filter(~is_old, pl.col("ticker") == "QQQ", pl.col("horizon") == 1).height
