"""How far work is, in one line of text that fits where it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_TRAINING: Final = "training "


@dataclass(frozen=True)
class Headway:
    """How far work is, the whole of it.

    Attributes:
        stage: what is being done.
        done: units finished of its kind, in all stages.
        total: units of its kind, in all stages; 0 when they are not counted.
        counted: what a unit is, in the plural.
        share: of the time that the whole takes, 0 to 1; None when there is no plan.
        seconds_left: until the whole is done; None when there is no plan.
        seconds: since the work began.
        detail: what was last done, in words.
    """

    stage: str
    done: int = 0
    total: int = 0
    counted: str = ""
    share: float | None = None
    seconds_left: float | None = None
    seconds: float = 0.0
    detail: str = ""


def line(headway: Headway, width: int) -> str:
    """The line, with as much as fits: nothing is ever cut or wrapped.

    The time left is said last of all to go, before it the share, the stage, the count, what is counted and the detail.

    Args:
        headway: what to say.
        width: columns there are.
    """
    count = f"{headway.done:,} of {headway.total:,}" if headway.total else ""
    counted = f"{count} {headway.counted}".strip() if count else ""
    share = "" if headway.share is None else f"{headway.share:.0%}".replace("%", " %")
    left = "" if headway.seconds_left is None else f"{in_words(headway.seconds_left)} left"
    stage, bare = headway.stage, headway.stage.removeprefix(_TRAINING)
    forms = (
        (stage, counted, share, left, headway.detail),
        (stage, counted, share, left),
        (stage, count, share, left),
        (stage, share, left),
        (bare, share, left),
        (bare, share, left.replace("about ", "~").replace("a few seconds", "<10 s")),
        (share, left),
        (left or share or bare,),
    )
    return _fitting([" · ".join(part for part in form if part) for form in forms], width)


@dataclass(frozen=True)
class Ended:
    """A stage that has ended.

    Attributes:
        stage: what was done.
        done: units finished; 0 when they were not counted.
        counted: what a unit is, in the plural.
        seconds: that it took.
        failure: how it ended, if not well.
    """

    stage: str
    done: int
    counted: str
    seconds: float
    failure: str = ""


def last_line(ended: Ended, width: int) -> str:
    """What stays of a stage: how many units in how long, or how it ended; with as much as fits."""
    time, bare = taken(ended.seconds), ended.stage.removeprefix(_TRAINING)
    if ended.failure:
        forms = [f"{stage}: {ended.failure} after {time}" for stage in (ended.stage, bare)]
    else:
        forms = [f"{ended.stage}: {time}", f"{bare}: {time}"]
        forms[:0] = [f"{ended.stage}: {ended.done:,} {ended.counted} in {time}"] if ended.done > 1 else []
    return _fitting(forms, width)


def _fitting(forms: Sequence[str], width: int) -> str:
    """The first that fits, or the last."""
    return next((form for form in forms if len(form) <= width), forms[-1])


def in_words(seconds: float) -> str:
    """A time left as a person says it: no more exact than it is known."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 55:
        return f"about {max(round(seconds / 10), 1) * 10} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {max(minutes, 1)} min"
    hours, rest = divmod(round(minutes / 5) * 5, 60)
    return f"about {hours} h {rest} min" if rest else f"about {hours} h"


def taken(seconds: float) -> str:
    """A time that has passed: seconds, minutes and seconds, or hours and minutes."""
    if round(seconds) < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"
