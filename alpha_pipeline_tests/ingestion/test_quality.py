"""Each rule refuses what it names and nothing else; what is refused is kept."""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.quality import QUARANTINE_SCHEMA, judge, quarantined
from alpha_pipeline.sources.base import Answer

NAN = float("nan")
NOW = dt.datetime(2024, 1, 19, tzinfo=dt.UTC)
THROUGH = dt.date(2024, 1, 18)

Days = tuple[dt.date, ...]
Row = Callable[..., dict[str, Any]]
MakeAnswer = Callable[..., Answer]


def closes(factor_by_place: dict[int, float], n: int) -> list[float]:
    return [100.0 * (1 + 0.002 * i) * factor_by_place.get(i, 1.0) for i in range(n)]


@pytest.mark.parametrize(
    ("reason", "broken"),
    [
        ("session_missing", {"session": None}),
        ("outside_calendar", {"session": dt.date(1987, 10, 19)}),
        ("not_a_session", {"session": dt.date(2024, 1, 6)}),
        ("not_a_session", {"session": dt.date(2024, 1, 15)}),  # Martin Luther King's day
        ("after_through", {"session": dt.date(2024, 1, 19)}),
        ("price_missing", {"close": None}),
        ("price_missing", {"adj_close": NAN}),
        ("price_missing", {"open": None, "high": None, "low": None, "close": None, "adj_close": None, "volume": 5.0}),
        ("price_infinite", {"high": math.inf}),
        ("price_not_positive", {"low": 0.0}),
        ("price_not_positive", {"adj_close": -1.0}),
        ("high_below_low", {"high": 97.0}),
        ("open_outside_range", {"open": 97.9}),
        ("close_outside_range", {"close": 102.1}),
        ("volume_missing", {"volume": None}),
        ("volume_missing", {"volume": NAN}),
        ("volume_negative", {"volume": -1.0}),
        ("volume_too_large", {"volume": math.inf}),
    ],
)
def test_each_rule(days: Days, row: Row, answer: MakeAnswer, reason: str, broken: dict[str, Any]) -> None:
    bad = row(days[3]) | broken
    rows = [row(day) for day in days if day != days[3]]
    judged = judge(answer([*rows, bad]), THROUGH)
    assert judged.accepted["session"].to_list() == [day for day in days if day != days[3]]
    assert judged.refused["reason"].to_list() == [reason]
    assert judged.refused.drop("reason").equals(answer([bad]).bars)  # as it came


def test_float32_noise_is_no_violation(days: Days, row: Row, answer: MakeAnswer) -> None:
    bad = row(days[0], open=98.0 * (1 - 5e-7), close=102.0 * (1 + 5e-7))
    assert judge(answer([bad]), THROUGH).refused.is_empty()


def test_an_index_has_no_volume(days: Days, row: Row, answer: MakeAnswer) -> None:
    rows = [row(days[0], volume=None), row(days[1], 101.0, volume=NAN), row(days[2], volume=0.0)]
    judged = judge(answer(rows, ticker="^VIX"), THROUGH)
    assert judged.accepted["volume"].to_list() == [0.0, 0.0, 0.0]
    assert judge(answer(rows), THROUGH).refused["reason"].to_list() == ["volume_missing"] * 2


def test_of_rows_that_differ_for_the_newest_session_the_last_sound_one_is_kept(
    days: Days, row: Row, answer: MakeAnswer
) -> None:
    rows = [row(days[0]), row(days[1], 100.0), row(days[1], 101.0), row(days[1], close=None)]
    judged = judge(answer(rows), THROUGH)
    assert judged.accepted["close"].to_list() == [100.0, 101.0]
    assert judged.refused.select("reason", "close").rows() == [("duplicate", 100.0), ("price_missing", None)]


def test_of_rows_that_differ_for_an_older_session_none_is_believed_but_the_one_that_is_held(
    days: Days, row: Row, answer: MakeAnswer
) -> None:
    twice = [row(days[1], 100.0), row(days[1], 101.0), row(days[1], 101.0, volume=7.0)]
    rows = [row(days[0]), *twice, row(days[2])]
    judged = judge(answer(rows), THROUGH)
    assert judged.accepted["session"].to_list() == [days[0], days[2]]
    assert judged.refused["reason"].to_list() == ["duplicate"] * 3
    held = answer(twice[:1]).bars
    assert judge(answer(rows), THROUGH, held).accepted["close"].to_list() == [100.0] * 3
    held = answer(twice[1:2]).bars  # two rows have its closes
    assert judge(answer(rows), THROUGH, held).accepted["session"].to_list() == list(days[:3])


def test_bars_that_repeat_those_before_them_were_filled_in(days: Days, row: Row, answer: MakeAnswer) -> None:
    rows = [row(day, 100 + place) for place, day in enumerate(days)]
    for n_repeats, filled in ((1, []), (2, list(days[5:7])), (4, list(days[5:9])), (7, list(days[5:]))):
        repeated = [*rows[:5], *(rows[4] | {"session": day} for day in days[5 : 5 + n_repeats]), *rows[5 + n_repeats :]]
        judged = judge(answer(repeated), THROUGH)
        assert judged.refused.rows_by_key("reason", named=True).keys() <= {"repeated"}
        assert judged.refused["session"].to_list() == filled
        assert ("filled in" in " ".join(judged.notes)) == bool(filled)
    flat = [row(day, open=5.0, high=5.0, low=5.0, close=5.0, adj_close=5.0, volume=0.0) for day in days]
    assert judge(answer(flat), THROUGH).refused.is_empty()  # a ticker that is not traded


@pytest.mark.parametrize("column", ["open", "close"])
def test_a_column_that_is_shifted_by_a_row_takes_the_whole_answer_with_it(
    row: Row, answer: MakeAnswer, column: str
) -> None:
    days = sessions.between(dt.date(2023, 1, 3), dt.date(2023, 12, 29))
    rng = np.random.default_rng(7)
    prices = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, len(days))))
    rows = [row(day, float(price)) for day, price in zip(days, prices, strict=True)]
    for place in range(len(rows) - 1, 0, -1):
        rows[place][column] = rows[place - 1][column]
    judged = judge(answer(rows), THROUGH)
    assert judged.accepted.is_empty()
    assert set(judged.refused["reason"]) == {f"{column}_outside_range", "columns_mixed"}
    assert "a column is shifted" in " ".join(judged.notes)
    few = [row(day, float(price)) for day, price in zip(days, prices, strict=True)]
    for place in (10, 50, 51, 52, 90, 130):
        few[place][column] *= 1.1
    assert judge(answer(few), THROUGH).accepted.height == len(days) - 6


def test_rows_that_say_the_same_are_one(days: Days, row: Row, answer: MakeAnswer) -> None:
    judged = judge(answer([row(days[0])] * 3), THROUGH)
    assert judged.accepted.height == 1
    assert judged.refused.is_empty()


@pytest.mark.parametrize("factor", [100.0, 0.01, 6.0])
@pytest.mark.parametrize("places", [(5,), (5, 6), (1,), (10,)])
def test_a_spike_that_reverts_is_refused(
    days: Days, row: Row, answer: MakeAnswer, factor: float, places: tuple[int, ...]
) -> None:
    prices = closes(dict.fromkeys(places, factor), len(days))
    judged = judge(answer([row(day, price) for day, price in zip(days, prices, strict=True)]), THROUGH)
    assert judged.refused["session"].to_list() == [days[place] for place in places]
    assert judged.refused["reason"].unique().to_list() == ["suspicious_print"]


@pytest.mark.parametrize("wrong", [{"high": 10_000.0}, {"low": 1.0}, {"adj_close": 1.0}])
def test_one_wrong_price_is_enough(days: Days, row: Row, answer: MakeAnswer, wrong: dict[str, float]) -> None:
    rows = [row(day, **(wrong if place == 4 else {})) for place, day in enumerate(days)]
    assert judge(answer(rows), THROUGH).refused["session"].to_list() == [days[4]]


@pytest.mark.parametrize("place", [0, 11])
def test_at_an_end_only_the_impossible_is_refused(days: Days, row: Row, answer: MakeAnswer, place: int) -> None:
    for factor, refused in ((100.0, [days[place]]), (0.01, [days[place]]), (0.17, []), (6.0, [])):
        prices = closes({place: factor}, len(days))
        judged = judge(answer([row(day, price) for day, price in zip(days, prices, strict=True)]), THROUGH)
        assert judged.refused["session"].to_list() == refused


@pytest.mark.parametrize("factor", [0.17, 0.59, 1.52, 1.66])  # SVXY's -83 %, DXCM's -41 %, AMD's +52 %, UVXY's +66 %
@pytest.mark.parametrize("place", [4, 10])
def test_a_move_that_stays_is_accepted(days: Days, row: Row, answer: MakeAnswer, factor: float, place: int) -> None:
    prices = closes(dict.fromkeys(range(place, len(days)), factor), len(days))
    rows = [row(day, price) for day, price in zip(days, prices, strict=True)]
    assert judge(answer(rows), THROUGH).refused.is_empty()


def moved(days: Days, row: Row, factor: float, place: int) -> list[dict[str, Any]]:
    prices = closes(dict.fromkeys(range(place, len(days)), factor), len(days))
    return [row(day, price) for day, price in zip(days, prices, strict=True)]


@pytest.mark.parametrize("factor", [0.5, 0.1, 2.0, 15.0])
@pytest.mark.parametrize("place", [4, 11])
def test_a_recent_move_by_a_split_ratio_that_no_action_explains_is_refused(
    days: Days, row: Row, answer: MakeAnswer, factor: float, place: int
) -> None:
    judged = judge(answer(moved(days, row, factor, place)), THROUGH)
    assert judged.refused["session"].to_list() == list(days[place:])
    assert judged.refused["reason"].unique().to_list() == ["unexplained_move"]
    # An index is not split; a tenth of it for some sessions is one of another unit.
    index = judge(answer(moved(days, row, factor, place), ticker="^VIX"), THROUGH).refused
    assert index["reason"].to_list() == (["other_scale"] * min(place, 12 - place) if factor == 0.1 else [])


def test_a_move_that_lasted_ten_sessions_is_true(row: Row, answer: MakeAnswer) -> None:
    days = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 1, 23))
    for place in (4, 5):
        judged = judge(answer(moved(days, row, 0.5, place)), days[-1])
        assert judged.refused.is_empty() == (len(days) - place > 10)


@pytest.mark.parametrize(("split", "factor"), [(4.0, 0.25), (1.5, 1 / 1.5), (0.1, 10.0)])
def test_a_listed_split_that_was_not_carried_through_is_mended(
    days: Days, row: Row, answer: MakeAnswer, split: float, factor: float
) -> None:
    rows = moved(days, row, factor, 8)
    for place in range(8):
        rows[place]["volume"] *= factor
    judged = judge(answer(rows, [(days[8], "split", split)]), THROUGH)
    assert judged.refused.is_empty()
    right = [row(day, 100.0 * factor * (1 + 0.002 * i)) for i, day in enumerate(days)]
    told = judge(answer(right), THROUGH).accepted
    assert judged.accepted.drop("ticker", "session", "is_final").to_numpy() == pytest.approx(
        told.drop("ticker", "session", "is_final").to_numpy()
    )
    assert f"the split of {split:g} for 1 on {days[8]} is listed but was not carried through" in judged.notes[0]
    # With volumes that are on the new basis already, prices alone are mended.
    if split != 1.5:
        again = judge(answer(moved(days, row, factor, 8), [(days[8], "split", split)]), THROUGH).accepted
        assert again["volume"].to_list() == told["volume"].to_list()
        assert again["close"].to_list() == pytest.approx(told["close"].to_list())
    assert judge(answer(moved(days, row, 1.0, 8), [(days[8], "split", split)]), THROUGH).refused.is_empty()


def test_a_split_that_was_carried_through_twice_is_refused(days: Days, row: Row, answer: MakeAnswer) -> None:
    refused = judge(answer(moved(days, row, 4.0, 8), [(days[8], "split", 4.0)]), THROUGH).refused
    assert refused["session"].to_list() == list(days[8:])
    assert refused["reason"].unique().to_list() == ["unexplained_move"]


def test_a_row_without_any_value_is_an_absence(days: Days, row: Row, answer: MakeAnswer) -> None:
    nothing = {"open": None, "high": None, "low": None, "close": NAN, "adj_close": None}
    for volume in (0.0, None):
        judged = judge(answer([row(days[0]), row(days[1]) | nothing | {"volume": volume}, row(days[2])]), THROUGH)
        assert judged.accepted["session"].to_list() == [days[0], days[2]]
        assert judged.refused.is_empty()


def test_two_rows_cannot_accuse_each_other(days: Days, row: Row, answer: MakeAnswer) -> None:
    assert judge(answer([row(days[0], 1.0), row(days[1], 100.0)]), THROUGH).refused.is_empty()


def test_quarantine_keeps_every_refused_row_once(days: Days, row: Row, answer: MakeAnswer) -> None:
    rows = [row(None, 1.0), row(None, 2.0), row(days[0], close=None)]
    refused = judge(answer(rows), THROUGH).refused
    first = quarantined(pl.DataFrame(schema=QUARANTINE_SCHEMA), refused, "files", NOW)
    assert dict(first.schema) == QUARANTINE_SCHEMA
    assert first["reason"].to_list() == ["session_missing", "session_missing #2", "price_missing"]
    again = quarantined(first, refused, "files", NOW + dt.timedelta(days=1))
    assert again.equals(first)  # the time of the first refusal stays
    more = judge(answer([row(None, 0.5), *rows]), THROUGH).refused
    assert quarantined(first, more, "files", NOW)["reason"].to_list() == [
        "session_missing",
        "session_missing #2",
        "session_missing #3",
        "price_missing",
    ]


def test_numbers_stay_beyond_nine(row: Row, answer: MakeAnswer) -> None:
    refused = judge(answer([row(None, float(price)) for price in range(1, 13)]), THROUGH).refused
    first = quarantined(pl.DataFrame(schema=QUARANTINE_SCHEMA), refused, "files", NOW)
    assert quarantined(first, refused, "files", NOW).equals(first)
