"""How far planned work is and how long it will take, by a clock that the tests move."""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from alpha_pipeline.steps.outlook import Outlook
from alpha_pipeline.steps.progress import Plan, Progress, Stage

DAY: Plan = (
    Stage("bars", 60, "tickers", 0.15),
    Stage("features", 6, "tables", 2.5),
    Stage("train a", 80, "folds", 1.1, start=5, group="models"),
    Stage("train b", 180, "folds", 1.1, start=5, group="models"),
    Stage("train c", 150, "folds", 0.3, start=5, group="models"),
    Stage("forecasts", 60, "tickers", 0.6),
    Stage("signals", 6, "tables", 3.0),
    Stage("scores", 1, "results", 50.0, group="results"),
    Stage("audit", 1, "results", 20.0, group="results"),
)


class Clock:
    """A clock, and work that takes its time."""

    def __init__(self, plan: Plan, start: float = 100.0) -> None:
        self.now = start
        self.outlook = Outlook(start)
        self.outlook.plan(plan)

    def tell(self, stage: str, done: int, total: int, *, found: int = 0, is_over: bool = False) -> None:
        self.outlook.hear(Progress(stage, done, total, is_over=is_over, found=found), self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    @property
    def left(self) -> float:
        left = self.outlook.headway(self.now).seconds_left
        assert left is not None
        return left


def lived(plan: Plan, pace: float, noise: float, seed: int = 3) -> Iterator[tuple[float, float, float]]:
    """(seconds since the beginning, estimated left, share) through a day whose stages are off by a random factor."""
    draw = random.Random(seed)
    clock = Clock(plan)
    for stage in plan:
        factor = pace * draw.lognormvariate(0, noise)
        clock.tell(stage.name, 0, 0)
        clock.wait(stage.start * factor)
        for unit in range(stage.units):
            for _ in range(4):  # looked at in between as well
                yield clock.now - 100, clock.left, clock.outlook.headway(clock.now).share or 0
                clock.wait(stage.takes(unit, unit + 1) * factor / 4)
            clock.tell(stage.name, unit + 1, stage.units)
        clock.tell(stage.name, 0, 0, is_over=True)
    yield clock.now - 100, clock.left, 1.0


@pytest.mark.parametrize("pace", [0.3, 1.0, 2.0, 4.0])
def test_after_a_minute_the_time_left_is_right_within_a_half_on_any_machine(pace: float) -> None:
    told = list(lived(DAY, pace, noise=0.15))
    end = told[-1][0]
    for seconds, left, _ in told:
        if seconds > 60 and end - seconds > 20:
            assert 1 / 1.5 < left / (end - seconds) < 1.5, (seconds, left, end - seconds)


def test_the_time_left_seldom_grows_and_the_share_never_falls() -> None:
    told = list(lived(DAY, 1.0, noise=0.15))
    shares = [share for _, _, share in told]
    assert shares == sorted(shares)
    late = [left for seconds, left, _ in told if seconds > 60]
    assert sum(after > before + 1 for before, after in pairwise(late)) < len(late) / 50


def test_nothing_is_left_at_the_end_and_much_at_the_beginning() -> None:
    told = list(lived(DAY, 1.0, noise=0.0))
    assert told[-1][1] == pytest.approx(0, abs=1)
    assert told[0][1] == pytest.approx(told[-1][0], rel=0.05)


def test_a_stage_that_says_nothing_for_minutes_is_never_seconds_from_its_end() -> None:
    clock = Clock((Stage("fit", 1, "models", 10.0),))
    clock.tell("fit", 0, 0)
    clock.wait(10)
    for _ in range(20):
        clock.wait(30)
        assert clock.left > 60 / 8
    assert clock.left > 60


def test_what_is_held_is_expected_to_cost_little_until_it_is_not_found() -> None:
    plan = tuple(Stage(f"train {name}", 50, "folds", 2.0, held=50, seconds_held=0.01, group="m") for name in "abc")
    found = Clock(plan)
    assert found.left < 5
    found.tell("train a", 1, 50, found=1)
    assert found.left < 5
    anew = Clock(plan)
    for done in range(11):
        anew.tell("train a", done, 50, found=0)
        anew.wait(2.0)
    assert anew.left == pytest.approx(139 * 2.0, rel=0.3)


def test_the_pace_of_a_server_says_nothing_of_this_machine() -> None:
    def after_slow_bars(*, is_typical: bool) -> float:
        clock = Clock((Stage("bars", 10, "tickers", 1.0, is_typical=is_typical), Stage("fit", 100, "folds", 1.0)))
        clock.tell("bars", 0, 10)
        clock.wait(100)
        clock.tell("bars", 10, 10)
        clock.tell("bars", 0, 0, is_over=True)
        return clock.left

    assert after_slow_bars(is_typical=False) == pytest.approx(100, rel=0.02)
    assert after_slow_bars(is_typical=True) > 150


def test_alike_stages_are_counted_together_over_several_runs() -> None:
    clock = Clock(DAY)
    clock.tell("train a", 80, 80)
    clock.tell("train a", 0, 0, is_over=True)
    clock.tell("train b", 10, 10)  # one range of tickers, and then the other
    clock.tell("train b", 0, 0)
    clock.tell("train b", 3, 170)
    headway = clock.outlook.headway(clock.now)
    assert (headway.done, headway.total, headway.counted) == (93, 410, "folds")


def test_a_stage_within_another_is_its_detail_unless_it_is_planned() -> None:
    clock = Clock(DAY)
    clock.tell("audit", 3, 22)
    clock.tell("a probe of the audit", 2, 7)
    headway = clock.outlook.headway(clock.now)
    assert (headway.stage, headway.detail) == ("audit", "a probe of the audit · 2 of 7")
    assert headway.total == 2  # results: the probes are parts of one


def test_time_is_that_of_the_stage_it_was_spent_in() -> None:
    clock = Clock((Stage("checks", 4, "checks", 1.0), Stage("scores", 1, "results", 5.0)))
    clock.tell("checks", 1, 4)
    clock.wait(2)
    clock.tell("scores", 0, 0)
    clock.wait(7)
    ended = clock.outlook.hear(Progress("scores", 0, 0, is_over=True), clock.now)
    clock.wait(1)
    clock.tell("checks", 4, 4)
    checks = clock.outlook.hear(Progress("checks", 0, 0, is_over=True), clock.now)
    assert ended is not None
    assert checks is not None
    assert (ended.seconds, checks.seconds, checks.done) == (7, 2, 4)
    assert clock.outlook.hear(Progress("checks", 0, 0, is_over=True), clock.now) is None


def test_a_stage_that_was_passed_over_is_not_waited_for() -> None:
    clock = Clock((Stage("early", 1, "", 500.0), Stage("late", 1, "", 20.0)))
    clock.tell("late", 0, 0)
    assert clock.left == pytest.approx(20)


def test_a_later_plan_keeps_what_has_begun() -> None:
    clock = Clock(DAY)
    clock.tell("bars", 60, 60)
    clock.outlook.plan((Stage("bars", 99, "tickers", 9.0), Stage("fit", 10, "folds", 1.0)))
    headway = clock.outlook.headway(clock.now)
    assert (headway.done, headway.total) == (60, 60)
    assert clock.left < 15


def test_without_a_plan_there_is_a_count_and_no_promise() -> None:
    outlook = Outlook(0.0)
    outlook.hear(Progress("audit", 2, 9, "folds"), 5.0)
    headway = outlook.headway(6.0)
    assert (headway.done, headway.total, headway.share, headway.seconds_left) == (2, 9, None, None)


def test_units_of_unlike_length_are_planned_one_by_one() -> None:
    clock = Clock((Stage("audit", 4, "probes", 0.0, each=(60.0, 1.0, 1.0, 1.0)),))
    clock.tell("audit", 0, 4)
    assert clock.left == pytest.approx(63)
    clock.wait(60)
    clock.tell("audit", 1, 4)
    assert clock.left == pytest.approx(3, abs=1)
