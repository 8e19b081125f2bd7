import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.signals import sector_rotation
from alpha_pipeline.universe import SECTORS
from alpha_pipeline.warehouse.tables.signals import SECTOR_RANKS, SECTOR_ROTATION

Frame = Callable[..., pl.DataFrame]

# Good Friday 2024-03-29 is a holiday: the week ends on Thursday.
GOOD_FRIDAY_WEEKS = calendar.between(dt.date(2024, 3, 21), dt.date(2024, 4, 5))
THURSDAY = dt.date(2024, 3, 28)


@pytest.fixture
def led(forecast_rows: Frame) -> Frame:
    """Ranks where one sector leads each session; sectors may be missing."""

    def build(
        leaders: dict[dt.date, str],
        missing: dict[dt.date, tuple[str, ...]] | None = None,
        prob_up: dict[str, float] | None = None,
    ) -> pl.DataFrame:
        frames = []
        for session, leader in leaders.items():
            held = [s for s in SECTORS if s not in (missing or {}).get(session, ())]
            up = {s: (prob_up or {}).get(s, 0.6) for s in held}
            frames.append(forecast_rows(session, 5, up, {leader: 0.02}))
        return sector_rotation.ranks(pl.concat(frames))

    return build


def test_ranks_are_by_expected_return_and_ties_by_the_order_of_the_sectors(forecast_rows: Frame) -> None:
    expected = {"XLU": 0.03, "XLF": 0.01, "XLY": 0.01}
    ranks = sector_rotation.ranks(forecast_rows(THURSDAY, 5, dict.fromkeys(SECTORS, 0.6), expected))
    assert ranks.sort("rank")["ticker"].to_list() == ["XLU", "XLY", "XLF", "XLP", "XLK", "XLE", "XLV"]


def test_a_holiday_friday_makes_thursday_the_rebalance(led: Frame) -> None:
    leaders = dict.fromkeys(GOOD_FRIDAY_WEEKS, "XLK") | {THURSDAY: "XLE"}
    rows = sector_rotation.rotation(led(leaders), GOOD_FRIDAY_WEEKS)
    rebalances = rows.filter("is_rebalance")["session"].to_list()
    assert rebalances == [dt.date(2024, 3, 22), THURSDAY, dt.date(2024, 4, 5)]
    picks = dict(rows.select("session", "pick").iter_rows())
    assert picks[dt.date(2024, 3, 21)] is None  # Nothing was ranked at the rebalance before.
    assert picks[dt.date(2024, 3, 27)] == "XLK"
    assert [picks[s] for s in calendar.between(THURSDAY, dt.date(2024, 4, 4))] == ["XLE"] * 5
    assert picks[dt.date(2024, 4, 5)] == "XLK"


def test_a_sector_missing_at_the_rebalance_abstains_until_the_next(led: Frame) -> None:
    leaders = dict.fromkeys(GOOD_FRIDAY_WEEKS, "XLK")
    missing = {THURSDAY: ("XLV", "XLP"), dt.date(2024, 3, 26): ("XLE",)}
    rows = sector_rotation.rotation(led(leaders, missing), GOOD_FRIDAY_WEEKS)
    picks = dict(rows.select("session", "pick").iter_rows())
    named = dict(rows.select("session", "missing").iter_rows())
    assert picks[dt.date(2024, 3, 26)] == "XLK"  # Between rebalances a missing forecast changes no holding.
    assert named[dt.date(2024, 3, 26)] == "XLE"
    assert named[THURSDAY] == "XLP, XLV"
    assert [picks[s] for s in calendar.between(THURSDAY, dt.date(2024, 4, 4))] == [None] * 5
    assert picks[dt.date(2024, 4, 5)] == "XLK"


@pytest.mark.parametrize(
    ("prob_up", "missing", "allowed"),
    [
        ({"XLK": 0.51, "XLY": 0.51, "XLU": 0.1}, (), True),
        ({"XLK": 0.5, "XLY": 0.9}, (), False),
        ({"XLK": 0.9, "XLY": 0.4}, (), False),
        ({"XLK": 0.9, "XLY": 0.9}, ("XLY",), False),
        ({"XLK": 0.9, "XLY": 0.9}, ("XLU",), True),
    ],
)
def test_qqq_is_allowed_when_technology_and_discretionary_are_both_bullish(
    prob_up: dict[str, float], missing: tuple[str, ...], allowed: bool, led: Frame
) -> None:
    ranks = led({THURSDAY: "XLE"}, {THURSDAY: missing}, prob_up)
    assert sector_rotation.rotation(ranks, [THURSDAY])["qqq_allowed"].to_list() == [allowed]


def test_a_session_without_any_forecast_still_has_its_row(led: Frame) -> None:
    rows = sector_rotation.rotation(led({dt.date(2024, 3, 22): "XLE"}), [THURSDAY])
    assert rows.rows() == [(THURSDAY, None, False, True, ", ".join(SECTORS))]


def test_neither_the_future_nor_the_start_of_the_range_changes_a_row(
    random_forecasts: Frame, year: tuple[dt.date, ...]
) -> None:
    forecasts = random_forecasts(year, SECTORS, 5, seed=2)
    ranks = sector_rotation.ranks(forecasts)
    whole = sector_rotation.rotation(ranks, year)
    SECTOR_RANKS.validate(ranks, "2024")
    SECTOR_ROTATION.validate(whole, "2024")
    assert 0 < whole["pick"].null_count() < whole.height
    for cut in (4, 60, 201):
        past = sector_rotation.ranks(forecasts.filter(pl.col("session") <= year[cut]))
        assert sector_rotation.rotation(past, year[: cut + 1]).equals(whole.head(cut + 1))
        assert sector_rotation.rotation(past, year[cut - 2 : cut + 1]).equals(whole.slice(cut - 2, 3))
