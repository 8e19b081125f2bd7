"""What is stored, as values: folds, seeds and the shares that a ledger is compared with."""

import datetime as dt

import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.audit.fill import apart_from_shares, by_shares
from alpha_pipeline.evaluation.audit.finding import NAMED, judged
from alpha_pipeline.evaluation.audit.live import stored_live_rows
from alpha_pipeline.evaluation.audit.stored import stored_cards, stored_forecasts, stored_ledger, stored_slices
from alpha_pipeline.portfolio.ledger import ledger
from alpha_pipeline.training.artifact import Card
from alpha_pipeline_tests.audit_world import bench

DAYS = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 1, 8))


def card(name: str = "a", **given: object) -> Card:
    values: dict[str, object] = {
        "model_id": name,
        "experiment": "ridge",
        "ticker": "QQQ",
        "seed": 0,
        "fold": 1,
        "first_session": dt.date(2017, 1, 3),
        "end_session": dt.date(2018, 1, 2),
        "trained_through": dt.date(2016, 12, 22),
        "parent_id": None,
        "config_hash": "",
        "data_hash": "",
        "code_version": "1",
        "libraries": {},
        "n_training": 1,
        "n_validation": 1,
        "epochs": 0,
        "validation_loss": 0.0,
        "baseline_loss": 0.0,
        "spike_thresholds": None,
        "weights_sha256": "",
    }
    return Card.model_validate(values | given)


def test_the_last_label_is_known_before_the_fold() -> None:
    # 22 December is 6 sessions before 3 January 2017: its label at horizon 5 is known at that session, at 4 before it.
    assert stored_cards([card()], {"ridge": 4}).verdict == "ok"
    assert stored_cards([card()], {"ridge": 5}).verdict == "bad"
    assert stored_cards([], {}).verdict == "nothing"


def test_weights_start_from_a_fold_before() -> None:
    before = card("b", first_session=dt.date(2016, 1, 4), trained_through=dt.date(2015, 12, 1))
    after = card("c", first_session=dt.date(2018, 1, 2), end_session=dt.date(2019, 1, 2))
    child = {"parent_id": "b"}, {"parent_id": "c"}
    assert stored_cards([card(**child[0]), before], {}).verdict == "ok"
    found = stored_cards([card(**child[1]), after], {})
    assert found.verdict == "bad"
    assert "its weights start from a member trained through" in found.words


def test_nothing_stored_is_nothing_to_look_at() -> None:
    assert stored_forecasts(pl.DataFrame(), []).verdict == "nothing"
    assert stored_ledger(pl.DataFrame({"strategy": []}, schema={"strategy": pl.String()}), {}, pl.DataFrame()).passed
    assert stored_slices([]).verdict == "nothing"


def bars_by_hand() -> pl.DataFrame:
    """A fund that opens at 100, 110, 120, ... and closes 5 above, with a dividend's factor of a half throughout."""
    opened = [100.0 + 10 * place for place in range(len(DAYS))]
    return pl.DataFrame({"ticker": "F", "session": DAYS, "open": opened}).with_columns(
        close=pl.col("open") + 5, adj_close=(pl.col("open") + 5) / 2, high=pl.col("open") + 5, low=pl.col("open")
    )


def test_shares_by_hand() -> None:
    decided = pl.DataFrame({"session": [DAYS[0]], "ticker": ["F"], "weight": [0.5]})
    due = by_shares(decided, bars_by_hand(), cost_bps=100)
    # Bought at 110 for half of equity, at 1 % of what is traded; 115 at the close. Then 125 at the next.
    after_cost = 1 - 0.01 * 0.5
    first = after_cost * (0.5 + 0.5 * 115 / 110)
    second = after_cost * (0.5 + 0.5 * 125 / 110)
    assert due["session"].to_list() == list(DAYS[1:])
    assert due["due"][0] == pytest.approx(first - 1)
    assert due["due"][1] == pytest.approx(second / first - 1)


def test_a_ledger_agrees_with_shares_where_a_bar_is_missing() -> None:
    own = bench()
    bars = own.bars.filter(~((pl.col("ticker") == "XLK") & (pl.col("session").dt.month() == 3)))
    days = bars.filter(ticker="QQQ")["session"].to_list()[::7]
    weights = pl.DataFrame({"session": days}).join(
        pl.DataFrame({"ticker": ["NVDA", "XLK"], "weight": [0.3, 0.6]}), how="cross"
    )
    weights = weights.with_columns(weight=pl.col("weight") * (pl.int_range(pl.len()) % 5 > 1))
    rows = ledger("two", weights, bars)
    assert apart_from_shares("two", rows, weights, bars) == []
    assert apart_from_shares("two", rows.tail(-1), weights, bars) != []


def test_words_name_a_few_culprits_and_count_the_rest() -> None:
    found = judged("p", [f"w{place}" for place in range(NAMED + 2)], "fine", {"rows": 3})
    assert found.words.endswith("w4; and 2 more")
    assert found.figures == {"rows": 3, "wrong": NAMED + 2}
    assert (found.passed, judged("p", [], "fine").words) == (False, "fine")


def test_a_live_row_that_gains_an_empty_column_is_the_same_and_one_that_changes_is_not() -> None:
    made = calendar.close_time(DAYS[0]) + dt.timedelta(hours=1)
    before = pl.DataFrame(
        {
            "model": ["ridge"],
            "ticker": ["QQQ"],
            "session": [DAYS[0]],
            "horizon": [1],
            "expected_return": [0.001],
            "made_at": [made],
            "is_live": [True],
        }
    )
    now = made + dt.timedelta(days=3)
    first = stored_live_rows(before, {}, now, now)
    assert first.verdict == "ok"
    wider = before.with_columns(low_90=pl.lit(None, pl.Float64))
    assert stored_live_rows(wider, first.figures, now, now).verdict == "ok"
    changed = before.with_columns(expected_return=pl.lit(-0.002))
    assert stored_live_rows(changed, first.figures, now, now).verdict == "bad"


def live(*days: int, expected_return: float = 0.001, ticker: str = "QQQ") -> pl.DataFrame:
    """A live forecast for each of some sessions, made an hour after its close."""
    rows = [("ridge", ticker, after(day), 1, expected_return, evening(day), True) for day in days]
    schema = {
        "model": pl.String(),
        "ticker": pl.String(),
        "session": pl.Date(),
        "horizon": pl.Int64(),
        "expected_return": pl.Float64(),
        "made_at": pl.Datetime("us", "UTC"),
        "is_live": pl.Boolean(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def after(day: int) -> dt.date:
    return calendar.offset(DAYS[0], day)


def evening(day: int) -> dt.datetime:
    return calendar.close_time(after(day)) + dt.timedelta(hours=1)


@pytest.mark.parametrize("held", [(), (20,), (0, 20)])
def test_live_rows_of_a_replay_are_the_clocks_doing_and_no_leak(held: tuple[int, ...]) -> None:
    clock = evening(40)
    first = stored_live_rows(live(*held), {}, clock, clock)
    found, rows = first, live(*held)
    for day in (5, 6):  # one replayed after the other
        rows = pl.concat([rows, live(day)])
        found = stored_live_rows(rows, found.figures, evening(day), clock)
        assert (found.verdict, found.figures["set_back"]) == ("warning", 1)
        assert f"the clock was set back: it says {evening(day):%Y-%m-%d %H:%M} UTC" in found.words
        assert found.figures["made_through"] == first.figures["made_through"]
    assert stored_live_rows(rows, found.figures, evening(6), clock).verdict == "ok"
    back = evening(41)
    assert stored_live_rows(rows, found.figures, back, back).verdict == "ok"


def test_another_ticker_at_the_very_time_of_a_replay_is_told_from_those_held() -> None:
    clock = evening(40)
    first = stored_live_rows(live(0, 5), {}, clock, clock)
    both = pl.concat([live(5, ticker="AAPL"), live(0, 5)])
    found = stored_live_rows(both, first.figures, evening(5), clock)
    assert (found.verdict, found.figures["set_back"]) == ("warning", 1)
    moved = pl.concat([live(5, ticker="AAPL"), live(0), live(5, expected_return=0.05)])
    assert stored_live_rows(moved, first.figures, evening(5), clock).verdict == "bad"


def test_what_an_audit_of_an_earlier_version_counted_is_compared_with() -> None:
    clock = evening(40)
    first = stored_live_rows(live(0, 20), {}, clock, clock).figures
    del first["counts"]
    assert stored_live_rows(live(0, 20, 5), first, evening(5), clock).verdict == "warning"
    assert stored_live_rows(live(0, 5), first, evening(5), clock).verdict == "bad"


@pytest.mark.parametrize("day", [0, 20])
def test_a_live_row_that_is_rewritten_in_a_replay_is_found(day: int) -> None:
    clock = evening(40)
    first = stored_live_rows(live(0, 20), {}, clock, clock)
    changed = pl.concat([live(day, expected_return=0.05), live(20 - day), live(5)])
    for rows in (changed, changed.filter(session=after(5)), live(20, 5)):
        found = stored_live_rows(rows, first.figures, evening(5), clock)
        assert found.verdict == "bad"
        assert "are not what they were" in found.words
        assert stored_live_rows(live(0, 20), found.figures, clock, clock).verdict == "ok"


def test_an_audit_by_a_clock_that_was_ahead_binds_those_after_it_no_longer() -> None:
    clock, ahead = evening(10), evening(40)
    found = stored_live_rows(live(0), {}, ahead, clock)
    found = stored_live_rows(live(0, 9, 10), found.figures, clock, clock)
    assert found.verdict == "warning"
    found = stored_live_rows(live(0, 9, 10, 11), found.figures, evening(11), evening(11))
    assert (found.verdict, found.figures["rows"]) == ("ok", 3)
