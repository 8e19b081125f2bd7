"""How far planned work is and how long it will still take, at the pace seen so far on this machine."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from alpha_pipeline.reports.headway import Ended, Headway
from alpha_pipeline.steps.progress import Plan, Progress, Stage

# Seconds of planned work that an expectation counts as, beside what is observed: of the machine, of a kind of work and
# of one stage. The more, the slower the estimate follows what it sees.
_TRUST_IN_PLAN: Final = 5.0
_TRUST_IN_MACHINE: Final = 30.0
_TRUST_IN_KIND: Final = 15.0
# Units seen that the plan's word for what is held counts as.
_TRUST_IN_HELD: Final = 2.0
# A stage that is late and says nothing takes at least this share longer of the time since it last said something.
_SHARE_LATE: Final = 0.25
# An estimate that differs less from the one shown moves nothing on the screen.
_SHARE_UNSAID: Final = 0.1
_MOST_SHOWN: Final = 0.99


@dataclass
class _Tally:
    """A stage and how far it has come; several runs of it count together."""

    stage: Stage
    spent: float = 0.0
    begun: bool = False
    ended: bool = False
    before: int = 0
    found_before: int = 0
    done: int = 0
    found: int = 0
    total: int = 0
    part: float = 0.0

    @property
    def finished(self) -> int:
        return self.before + self.done

    @property
    def units(self) -> int:
        return self.finished if self.ended else max(self.stage.units, self.before + self.total)

    @property
    def all_found(self) -> int:
        return self.found_before + self.found

    @property
    def planned(self) -> float:
        """Seconds that the plan gave to what is finished; a stage that counted nothing is finished as a whole."""
        if self.ended and not self.finished:
            return self.stage.start + self.stage.takes(0, self.stage.units)
        made = self.finished + self.part - self.all_found
        start = self.stage.start if made else 0.0
        return start + self.stage.takes(0, made) + self.all_found * self.stage.seconds_held

    def left(self, trust: float) -> float:
        """Seconds that the plan gives to what is not finished, of whose held units a share `trust` will be found."""
        if self.ended:
            return 0.0
        rest = self.units - self.finished - self.part
        held = min(max(self.stage.held * trust - self.all_found, 0.0), rest)
        to_do = self.stage.takes(self.units - rest + held, self.units)
        start = self.stage.start if to_do and self.finished == self.all_found else 0.0
        return start + to_do + held * self.stage.seconds_held

    def advance(self, progress: Progress) -> Ended | None:
        """Take in what was reported of it; returns it when it has ended by that."""
        was_over = self.ended
        self.begun, self.ended = True, progress.is_over
        if progress.is_over:
            if self.stage.units == 1:
                self.done, self.part = 1, 0.0
            ended = Ended(self.stage.shown, self.finished, self.stage.counted, self.spent, progress.detail)
            return None if was_over else ended
        if self.stage.units == 1:
            self.done, self.part = 0, progress.done / progress.total if progress.total else 0.0
            return None
        if progress.done < self.done:  # a further run of the same stage counts from 0 again
            self.before, self.found_before = self.finished, self.all_found
        self.done, self.total = progress.done, max(progress.total, progress.done)
        self.found = progress.found
        return None


@dataclass
class Outlook:
    """What is planned, what was heard of it, and what that comes to. Every method may be called from any thread.

    Attributes:
        started: the time at which the work began, in seconds of any clock; the other methods take the same clock's.
    """

    started: float
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _is_planned: bool = False
    _now: str = ""
    _detail: str = ""
    _heard: float = 0.0
    _end: float = 0.0
    _share: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def plan(self, stages: Plan) -> None:
        """Take these as all that is still to be done, in order; what has begun goes on as it was."""
        with self._lock:
            begun = {name: one for name, one in self._tallies.items() if one.begun}
            fresh = {stage.name: begun.get(stage.name, _Tally(stage)) for stage in stages}
            self._tallies = {name: one for name, one in begun.items() if name not in fresh} | fresh
            self._is_planned = True

    def hear(self, progress: Progress, now: float) -> Ended | None:
        """Take in what was reported; returns the stage that has ended by it, if one has.

        Time passes for the stage that was last heard of: one within another takes from it only its own. A report of
        something that is not planned, while a planned stage is under way, is a detail of that stage.
        """
        with self._lock:
            if self._now:
                self._tallies[self._now].spent += now - self._heard
            self._heard = now
            if progress.stage not in self._tallies:
                if self._is_planned and self._now:
                    self._detail = _in_words(progress)
                    return None
                self._tallies[progress.stage] = _Tally(Stage(progress.stage, 0, "", 0.0))
            self._now, self._detail = progress.stage, progress.detail
            return self._tallies[progress.stage].advance(progress)

    def headway(self, now: float) -> Headway:
        """How far the whole is at a time."""
        with self._lock:
            left = self._shown(self._left(now), now) if self._is_planned else None
            tally = self._tallies.get(self._now, _Tally(Stage("", 0, "", 0.0)))
            alike = self._alike(tally.stage)
            units = sum(one.units for one in alike)
            return Headway(
                stage=tally.stage.shown,
                done=sum(one.finished for one in alike),
                total=units if units > 1 else 0,
                counted=tally.stage.counted,
                share=None if left is None else self._share_at(now, left),
                seconds_left=left,
                seconds=now - self.started,
                detail=self._detail,
            )

    def _left(self, now: float) -> float:
        """Seconds until all that is planned is done; a stage that was passed over is not waited for."""
        trust, left, passed = self._trust_in_held(), 0.0, False
        for name, tally in reversed(self._tallies.items()):
            if name == self._now:
                left += self._left_of_current(tally, now, trust)
                passed = True
            elif tally.begun or not passed:
                left += tally.left(trust) * self._pace(tally.stage)
        return left

    def _left_of_current(self, tally: _Tally, now: float, trust: float) -> float:
        if tally.ended:
            return 0.0
        pace = _blend(self._pace(tally.stage), _TRUST_IN_KIND, tally.spent, tally.planned)
        silent = now - self._heard
        return max(tally.left(trust) * pace - silent, _SHARE_LATE * silent)

    def _pace(self, stage: Stage) -> float:
        """Seconds on this machine for each second of the plan, of work of this kind."""
        typical = [one for one in self._tallies.values() if one.stage.is_typical]
        machine = _blend(1.0, _TRUST_IN_PLAN, *_sums(typical))
        return _blend(machine, _TRUST_IN_MACHINE, *_sums(self._alike(stage)))

    def _alike(self, stage: Stage) -> list[_Tally]:
        """The stages of its group, itself among them."""
        group = stage.group or stage.name
        return [one for one in self._tallies.values() if group in {one.stage.group, one.stage.name}]

    def _trust_in_held(self) -> float:
        """The share of what the plan took for held that was found so."""
        begun = [one for one in self._tallies.values() if one.stage.held]
        promised = sum(min(one.stage.held, one.finished) for one in begun)
        found = sum(min(one.all_found, one.stage.held) for one in begun)
        return min((_TRUST_IN_HELD + found) / (_TRUST_IN_HELD + promised), 1.0)

    def _shown(self, left: float, now: float) -> float:
        """The estimate, steadied: what was said counts down until it is wrong by more than a little."""
        before = self._end - now
        if before <= 0 or abs(left - before) > _SHARE_UNSAID * before:
            self._end = now + left
        return self._end - now

    def _share_at(self, now: float, left: float) -> float:
        spent = now - self.started
        self._share = max(self._share, min(spent / max(spent + left, 1e-9), _MOST_SHOWN))
        return self._share


def _blend(expected: float, weight: float, spent: float, planned: float) -> float:
    """A pace: what is expected, counting as much as `weight` seconds of the plan, and what was seen."""
    return (expected * weight + spent) / (weight + planned)


def _sums(courses: Iterable[_Tally]) -> tuple[float, float]:
    """Seconds spent and seconds planned for it."""
    begun = [one for one in courses if one.begun and one.planned]
    return sum(one.spent for one in begun), sum(one.planned for one in begun)


def _in_words(progress: Progress) -> str:
    count = f"{progress.done} of {progress.total}" if progress.total else ""
    return " · ".join(part for part in (progress.stage, count, progress.detail) if part)
