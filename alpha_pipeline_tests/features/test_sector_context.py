"""The ticker among the sectors: small cases by hand, and what is missing."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.features.sector_context import FEATURES, sector_context
from alpha_pipeline.sessions import between
from alpha_pipeline.universe import SECTORS
from alpha_pipeline_tests.features.by_hand import from_closes, nulls

GROWTH = dict(zip(SECTORS, (0.07, 0.01, 0.05, -0.01, 0.02, 0.03, 0.04), strict=True))


def sectors_growing(n: int) -> pl.DataFrame:
    """The sectors, each at its pace: `GROWTH` is the log return over n sessions."""
    return pl.concat([from_closes(t, 100 * np.exp(np.linspace(0, g, n + 1))) for t, g in sorted(GROWTH.items())])


def test_what_is_missing_nulls_what_needs_it_only(market: pl.DataFrame) -> None:
    stock = market.filter(pl.col("ticker") == "NVDA")

    def without(*missing: str) -> set[str]:
        features = sector_context(stock, market.filter(~pl.col("ticker").is_in(missing)))
        return nulls(features, features.columns[2:])

    of_energy = {"relative_to_xle_5", "relative_to_xle_20", "correlation_to_xle_60", "xle_to_sectors_20"}
    of_utilities = {name.replace("xle", "xlu") for name in of_energy}
    assert without("QQQ", "^VIX", "AAPL") == set()
    assert without("XLE") == of_energy
    assert without("XLU") == of_utilities | {"risk_appetite_5", "risk_appetite_60"}
    assert without(*SECTORS) == {feature.name for feature in FEATURES}


def test_a_late_sector_is_null_before_it_begins_and_settles_after(market: pl.DataFrame) -> None:
    stock = market.filter(pl.col("ticker") == "NVDA")
    begins = stock["session"][300]
    late = market.filter((pl.col("ticker") != "XLE") | (pl.col("session") >= begins))
    features, whole = sector_context(stock, late), sector_context(stock, market)

    for name, settled in (
        ("relative_to_xle_5", 305),
        ("relative_to_xle_20", 320),
        ("correlation_to_xle_60", 360),
        ("xle_to_sectors_20", 320),
    ):
        assert features[name][:settled].is_null().all(), name
        assert features[name][settled:].equals(whole[name][settled:]), name
    assert features["sector_rank_60"][60:].null_count() == 0  # ranks count those present
    assert features["sector_rank_60"][360:].equals(whole["sector_rank_60"][360:])


def test_against_each_sector() -> None:
    stock = from_closes("AAA", 100 * np.exp(np.linspace(0, 0.035, 21)))
    last = sector_context(stock, sectors_growing(20)).row(-1, named=True)

    for sector, growth in GROWTH.items():
        assert last[f"relative_to_{sector.lower()}_20"] == pytest.approx(0.035 - growth), sector
        assert last[f"relative_to_{sector.lower()}_5"] == pytest.approx((0.035 - growth) / 4), sector


@pytest.mark.parametrize("n", [5, 60])
def test_rank_dispersion_and_appetite(n: int) -> None:
    context = sectors_growing(n)
    stock = from_closes("AAA", 100 * np.exp(np.linspace(0, 0.035, n + 1)))
    features = sector_context(pl.concat([stock, context.filter(pl.col("ticker") == "XLF")]), context)
    own, sector = features.row(n, named=True), features.row(-1, named=True)

    assert own[f"sector_rank_{n}"] == pytest.approx(4 / 7)
    assert sector[f"sector_rank_{n}"] == pytest.approx(3 / 7)  # not above itself
    assert own[f"sector_dispersion_{n}"] == pytest.approx(np.std(list(GROWTH.values())))
    assert own[f"risk_appetite_{n}"] == pytest.approx((0.05 + 0.07) / 2 - (-0.01 + 0.01) / 2)


def test_which_sectors_lead() -> None:
    context = sectors_growing(20)
    last = sector_context(context, context).row(-1, named=True)
    mean = sum(GROWTH.values()) / 7

    assert [last[f"{t.lower()}_to_sectors_20"] for t in SECTORS] == pytest.approx([g - mean for g in GROWTH.values()])


def test_leaders_are_held_against_those_present() -> None:
    context = sectors_growing(20).filter(~pl.col("ticker").is_in(["XLE", "XLV"]))
    last = sector_context(context, context).row(-1, named=True)

    assert last["xle_to_sectors_20"] is None
    assert last["xly_to_sectors_20"] == pytest.approx(0.07 - (0.07 + 0.01 + 0.05 - 0.01 + 0.03) / 5)


def test_correlation_with_each_sector() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(0, 0.01, (2, 100))
    stock = from_closes("AAA", 20 * np.exp(np.cumsum(2 * first + second)))
    energy, health = (from_closes(t, 100 * np.exp(np.cumsum(x))) for t, x in (("XLE", first), ("XLV", -second)))
    last = sector_context(pl.concat([stock, energy]), pl.concat([energy, health])).filter(
        pl.col("session") == stock["session"][-1]
    )
    own = 2 * first[-60:] + second[-60:]

    assert last["correlation_to_xle_60"].to_list() == pytest.approx([np.corrcoef(own, first[-60:])[0, 1], 1.0])
    assert last["correlation_to_xlv_60"][0] == pytest.approx(np.corrcoef(own, -second[-60:])[0, 1])


def test_a_sector_against_itself_says_nothing(market: pl.DataFrame) -> None:
    own = sector_context(market.filter(pl.col("ticker") == "XLK"), market)

    assert own["relative_to_xlk_20"].drop_nulls().unique().to_list() == [0.0]
    np.testing.assert_allclose(own["correlation_to_xlk_60"].drop_nulls(), 1.0, rtol=1e-12)


def test_a_return_spans_the_tickers_own_sessions() -> None:
    """Five bars with a missing session span six sessions, for the ticker and for the sector."""
    sector = from_closes("XLK", [100.0 * 1.01**i for i in range(10)])
    holed = from_closes("A", [50.0] * 10).filter(pl.int_range(pl.len()) != 6)

    assert sector_context(holed, sector)["relative_to_xlk_5"][-1] == pytest.approx(-6 * math.log(1.01))


def test_a_session_without_the_sector_is_null_and_not_carried_forward() -> None:
    days = between(dt.date(2024, 1, 2), dt.date(2024, 12, 31))
    sector = from_closes("XLK", [100.0] * 20).filter(pl.col("session") != days[10])
    features = sector_context(from_closes("A", [50.0] * 20), sector)

    assert features["relative_to_xlk_5"][5:].is_null().arg_true().to_list() == [5, 10]


def test_its_columns() -> None:
    assert len(FEATURES) == 34
    assert max(feature.look_back for feature in FEATURES) == 60
