import polars as pl

from alpha_pipeline.features.adjust import adjusted


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
