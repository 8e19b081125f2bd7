"""How far work is, as a line that fits."""

import pytest

from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.reports.headway import Ended, Headway, in_words, last_line, line, taken

MIDDLE = Headway(
    "training v12_super_model", 412, 1350, "folds", 0.38, 360.0, 240.0, "QQQ fold 7, loss 1.2345, 15,597 samples/s"
)


def test_the_line_says_what_how_much_and_how_long_still() -> None:
    assert line(MIDDLE, 80) == "training v12_super_model · 412 of 1,350 folds · 38 % · about 6 min left"
    assert line(MIDDLE, 200) == f"{line(MIDDLE, 80)} · QQQ fold 7, loss 1.2345, 15,597 samples/s"


@pytest.mark.parametrize("name", load_experiments())
@pytest.mark.parametrize("left", [3.0, 42.0, 360.0, 3600.0 * 9.5])
def test_at_80_columns_any_experiment_is_named_with_count_share_and_time(name: str, left: float) -> None:
    said = line(Headway(f"training {name}", 1412, 1460, "folds", 0.97, left, 0.0, "x" * 50), 80)
    assert len(said) <= 80
    for words in (f"training {name} · 1,412 of 1,460", "97 %", f"{in_words(left)} left"):
        assert words in said


@pytest.mark.parametrize("width", range(20, 81))
def test_a_narrow_line_drops_whole_parts_and_cuts_none(width: int) -> None:
    said = line(MIDDLE, width)
    assert len(said) <= width
    parts = line(MIDDLE, 200).split(" · ")
    allowed = {*parts, "412 of 1,350", "v12_super_model", "~6 min left"}
    assert set(said.split(" · ")) <= allowed
    assert said.endswith("6 min left")


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (60, "training v12_super_model · 38 % · about 6 min left"),
        (44, "v12_super_model · 38 % · about 6 min left"),
        (40, "v12_super_model · 38 % · ~6 min left"),
        (25, "38 % · about 6 min left"),
    ],
)
def test_what_is_dropped_first_is_what_is_missed_least(width: int, said: str) -> None:
    assert line(MIDDLE, width) == said


def test_without_a_plan_nothing_is_promised() -> None:
    assert line(Headway("leak audit", 3, 22, "", detail="warm_up"), 80) == "leak audit · 3 of 22 · warm_up"
    assert line(Headway("start", detail="loading"), 80) == "start · loading"


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (60, "training v12_super_model: 180 folds in 3 min 17 s"),
        (40, "training v12_super_model: 3 min 17 s"),
        (30, "v12_super_model: 3 min 17 s"),
    ],
)
def test_of_a_stage_that_has_ended_its_time_stays(width: int, said: str) -> None:
    assert last_line(Ended("training v12_super_model", 180, "folds", 197.0), width) == said


def test_how_a_stage_failed_stays_too() -> None:
    assert last_line(Ended("training ridge", 3, "folds", 4.2, "failed"), 80) == "training ridge: failed after 4.2 s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (9, "about 10 s"),
        (44, "about 40 s"),
        (56, "about 1 min"),
        (100, "about 2 min"),
        (59 * 60, "about 59 min"),
        (3600, "about 1 h"),
        (3600 + 17 * 60, "about 1 h 15 min"),
        (2 * 3600 - 60, "about 2 h"),
    ],
)
def test_a_time_left_is_no_more_exact_than_it_is_known(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (42.4, "42 s"), (59.7, "1 min 0 s"), (125, "2 min 5 s"), (7300, "2 h 1 min")],
)
def test_a_time_that_has_passed_is_exact(seconds: float, words: str) -> None:
    assert taken(seconds) == words
