"""What holds for every feature of every set."""

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.features import panel
from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.features.market_context import VIX_FEATURES, market_context
from alpha_pipeline.features.tables import FEATURE_SETS
from alpha_pipeline.universe import CORE, VIX

Build = Callable[[pl.DataFrame], pl.DataFrame]
PRICES = ("open", "high", "low", "close", "adj_close")


def bits(frame: pl.DataFrame) -> tuple[list[tuple[object, ...]], bytes]:
    """A frame's keys and the very bits of its features."""
    return frame.select("ticker", "session").rows(), frame.select(pl.col(pl.Float64)).to_numpy().tobytes()


def assert_same(left: pl.DataFrame, right: pl.DataFrame, tolerance: float) -> None:
    """Equal nulls, and values equal to the tolerance, relative above 1 and absolute below."""
    for name in left.columns[2:]:
        a, b = left[name], right[name]
        assert a.is_null().equals(b.is_null()), name
        np.testing.assert_allclose(
            a.drop_nulls().to_numpy(), b.drop_nulls().to_numpy(), rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("session", [0, 1, 30, 137, 300, 333, 520, 610])
def test_later_bars_change_no_bit(market: pl.DataFrame, build: Build, session: int) -> None:
    t = market["session"].unique().sort()[session]
    whole = build(market).filter(pl.col("session") <= t)

    assert bits(build(market.filter(pl.col("session") <= t))) == bits(whole)


def test_noise_after_t_changes_no_bit(market: pl.DataFrame, build: Build) -> None:
    t = market["session"].unique().sort()[400]
    noise = pl.Series(np.random.default_rng(9).lognormal(0, 2, market.height))
    noisy = market.with_columns(
        *(pl.when(pl.col("session") <= t).then(name).otherwise(pl.col(name) * noise).alias(name) for name in PRICES)
    )

    assert bits(build(noisy).filter(pl.col("session") <= t)) == bits(build(market).filter(pl.col("session") <= t))


def test_a_ticker_alone_has_the_same_bits_as_in_a_panel(
    market: pl.DataFrame, build_within: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
) -> None:
    whole = build_within(market, market)
    for ticker in market["ticker"].unique():
        features = build_within(market.filter(pl.col("ticker") == ticker), market)
        assert bits(features) == bits(whole.filter(pl.col("ticker") == ticker)), ticker


def test_blocks_change_no_bit(market: pl.DataFrame, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(market)
    for rows in (1, 2000):
        monkeypatch.setattr(panel, "BLOCK_ROWS", rows)
        assert bits(build(market)) == bits(whole)


@pytest.mark.parametrize("session", [405, 470, 560, 627])
def test_look_back_is_enough(market: pl.DataFrame, feature_set: str, build: Build, session: int) -> None:
    """Recomputed from the last look-back + 1 sessions: windows to the bit, exponential averages to 1e-6."""
    full_history = market.filter(pl.col("ticker").is_in(["GAPS", "TSLA"]).not_())
    sessions = full_history["session"].unique().sort()
    known = full_history.filter(pl.col("session") <= sessions[session])
    whole = build(known).filter(pl.col("session") == sessions[session])
    features = FEATURE_SETS[feature_set].features
    for look_back in {feature.look_back for feature in features}:
        first = sessions[session - look_back]
        short = build(known.filter(pl.col("session") >= first)).filter(pl.col("session") == sessions[session])
        for feature in (f for f in features if f.look_back == look_back):
            left, right = short[feature.name], whole[feature.name]
            assert left.is_null().equals(right.is_null()), feature.name
            if feature.warm_up == feature.look_back:
                assert left.equals(right), feature.name
            else:
                np.testing.assert_allclose(
                    left.drop_nulls().to_numpy(),
                    right.drop_nulls().to_numpy(),
                    rtol=1e-6,
                    atol=1e-9,
                    err_msg=feature.name,
                )


def test_nothing_is_said_before_the_warm_up_is_over(market: pl.DataFrame, feature_set: str, build: Build) -> None:
    qqq = build(market).filter(pl.col("ticker") == "QQQ")
    for feature in FEATURE_SETS[feature_set].features:
        known = qqq[feature.name].is_not_null()
        assert known.arg_max() == feature.warm_up, feature.name
        assert known[feature.warm_up :].all(), feature.name


@pytest.mark.parametrize(("price", "volume", "tolerance"), [(2.0**-7, 8, 0.0), (3.0, 7, 1e-9), (1e-4, 1000, 1e-9)])
def test_rescaling_a_history_changes_nothing(
    market: pl.DataFrame, build: Build, price: float, volume: int, tolerance: float
) -> None:
    tradable = pl.col("ticker") != VIX
    scaled = market.with_columns(
        *(pl.when(tradable).then(pl.col(name) * price).otherwise(name).alias(name) for name in PRICES),
        pl.col("volume") * volume,
    )
    if tolerance:
        assert_same(build(scaled), build(market), tolerance)
    else:
        assert bits(build(scaled)) == bits(build(market))


def test_rescaling_one_ticker_against_the_others_changes_nothing(market: pl.DataFrame, build: Build) -> None:
    one = pl.col("ticker").is_in(["XLK", "NVDA"])
    scaled = market.with_columns(pl.when(one).then(pl.col(name) / 4).otherwise(name).alias(name) for name in PRICES)

    assert bits(build(scaled)) == bits(build(market))


def test_only_the_log_of_the_vix_shows_its_level(market: pl.DataFrame) -> None:
    doubled = market.with_columns(
        pl.when(pl.col("ticker") == VIX).then(pl.col(name) * 2).otherwise(name).alias(name) for name in PRICES
    )
    before, after = market_context(market, market), market_context(market, doubled)

    assert (after["vix_log"] - before["vix_log"] - math.log(2)).abs().max() < 1e-12
    others = [feature.name for feature in VIX_FEATURES[1:]]
    assert bits(after.select("ticker", "session", *others)) == bits(before.select("ticker", "session", *others))


def test_the_price_basis_changes_nothing(market: pl.DataFrame, build: Build) -> None:
    on_adjusted_basis = adjusted(market)

    assert_same(build(on_adjusted_basis), build(market), 1e-9)


def test_rounding_of_a_source_to_float32_flips_no_flag(market: pl.DataFrame) -> None:
    names = [
        "is_inside_day",
        "is_outside_day",
        "is_nr7",
        "streak",
        "up_days_20",
        "higher_highs_5",
        "since_high_20",
    ]
    build = FEATURE_SETS["price_action"]
    cents = market.filter(pl.col("ticker") == "QQQ")
    adjusted_bars = adjusted(cents)
    rounded = adjusted_bars.with_columns(pl.col(PRICES).cast(pl.Float32).cast(pl.Float64))
    assert set(names) <= set(build.names)
    from alpha_pipeline.features.price_action import price_action

    assert price_action(rounded).select(names).equals(price_action(cents).select(names))


def test_values_are_finite_or_null(market: pl.DataFrame, build: Build) -> None:
    features = build(market).select(pl.col(pl.Float64))

    assert features.select(pl.all_horizontal(pl.all().is_finite().fill_null(value=True)).all()).item()


def test_a_flat_market_without_volume_says_nothing_infinite(market: pl.DataFrame, build: Build) -> None:
    flat = market.with_columns(*(pl.lit(17.3).alias(name) for name in PRICES), volume=pl.lit(0))
    features = build(flat)

    assert features.select(pl.all_horizontal(pl.col(pl.Float64).is_finite().fill_null(value=True)).all()).item()
    undefined = {name for name in features.columns if features[name].null_count() == features.height}
    volume = {"mfi_14", "obv_slope_20", "relative_volume_5", "relative_volume_20", "volume_z_20"}
    assert undefined <= volume | {"beta_60"}


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 21])
def test_short_histories(market: pl.DataFrame, feature_set: str, build: Build, rows: int) -> None:
    short = market.group_by("ticker", maintain_order=True).head(rows).select(market.columns)
    features = build(short)

    assert features.select("ticker", "session").equals(short.select("ticker", "session"))
    assert features.schema == FEATURE_SETS[feature_set].table.empty().schema
    for feature in FEATURE_SETS[feature_set].features:
        if feature.warm_up >= rows:
            assert features[feature.name].null_count() == features.height, feature.name


@pytest.mark.parametrize("damage", [None, math.nan, math.inf, 0.0, -1.0])
@pytest.mark.parametrize("column", ["open", "adj_close"])
def test_a_bar_without_a_price_counts_as_missing(
    market: pl.DataFrame, build: Build, column: str, damage: float | None
) -> None:
    number = pl.int_range(pl.len()).over("ticker")
    hit = (pl.col("ticker") == "HALT") & (number == 200)
    damaged = market.with_columns(pl.when(hit).then(pl.lit(damage, pl.Float64)).otherwise(column).alias(column))
    without = build(market.filter(~hit))
    features = build(damaged)

    assert features.height == market.height
    row = features.filter(hit).select(pl.col(pl.Float64)).row(0)
    own = [value for name, value in zip(features.columns[2:], row, strict=True) if not shared(name)]
    assert set(own) == {None}
    assert bits(features.filter(~hit)) == bits(without)


def shared(name: str) -> bool:
    """Whether a feature describes the session and not the ticker."""
    around = ("market_context", "volatility", "sector_context")
    context = {feature.name for one in around for feature in FEATURE_SETS[one].features}
    own = ("relative_", "sector_rank", "beta_60", "correlation_", "own_")
    return name in context and not name.startswith(own)


def test_a_missing_volume_stays_within_its_window(market: pl.DataFrame) -> None:
    from alpha_pipeline.features.technical import technical

    bars = market.filter(pl.col("ticker") == "QQQ")
    holed = bars.with_columns(volume=pl.when(pl.int_range(pl.len()) == 100).then(None).otherwise("volume"))
    whole, features = technical(bars), technical(holed)

    assert features["relative_volume_20"][100:120].null_count() == 20
    assert features["relative_volume_20"][120:].equals(whole["relative_volume_20"][120:])
    assert features["rsi_14"].equals(whole["rsi_14"])


def test_unsorted_bars_are_refused(market: pl.DataFrame, build: Build) -> None:
    with pytest.raises(ValueError, match="sorted"):
        build(market.sort("session"))
    with pytest.raises(ValueError, match="sorted"):
        build(pl.concat([market, market]).sort("ticker", "session"))


@pytest.mark.real_bars
def test_the_core_tickers_are_whole_after_the_look_back(
    real_bars: pl.DataFrame, feature_set: str, build: Build
) -> None:
    features = build(real_bars)
    assert features.select(pl.all_horizontal(pl.col(pl.Float64).is_finite().fill_null(value=True)).all()).item()
    silent = {"mfi_14", "obv_slope_20", "relative_volume_5", "relative_volume_20", "volume_z_20"}
    fund_begins = real_bars.filter(pl.col("ticker") == "UVXY")["session"].min()
    for ticker in CORE:
        own = features.filter(pl.col("ticker") == ticker)
        for feature in FEATURE_SETS[feature_set].features:
            if ticker in {VIX, "UVXY"} and feature.name in silent:
                continue
            rows = own.filter(pl.col("session") >= fund_begins) if feature.name.startswith("uvxy_") else own
            assert rows[feature.name][feature.look_back :].null_count() == 0, (ticker, feature.name)
