"""The stacks of a device: which member trains in which, and what becomes of those who have ended."""

from collections.abc import Hashable
from concurrent.futures import Future

from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.fitting import Start, begin, finish, one_thread, reproducible
from alpha_pipeline.training.loop import DivergedError
from alpha_pipeline.training.member import Member, Task
from alpha_pipeline.training.slots import slots_for
from alpha_pipeline.training.stack import Ended, Stack


class Stacks:
    """A stack for each shape of model, made when the first member of that shape comes.

    Args:
        device: torch's name of the device.
        slots: of every stack; None for as many as the device's memory bears.
    """

    def __init__(self, device: str, slots: int | None) -> None:
        self._device = device
        self._slots = slots
        self._stacks: dict[Hashable, Stack] = {}
        self._futures: dict[Start, Future[Artifact]] = {}

    @property
    def busy(self) -> bool:
        """Whether members wait or train."""
        return bool(self._futures)

    def submit(self, task: Task) -> Future[Artifact]:
        """Have a member trained. What it starts from is prepared at once, on the CPU."""
        future: Future[Artifact] = Future()
        self._begin(task.member, task.parent, future, resets=0)
        return future

    def turn(self) -> None:
        """Start each stack's next round, then see to those who ended in the last one while the device works."""
        ended = [one for shape in list(self._stacks) for one in self._next_round(shape)]
        for one in ended:
            self._finish(one)

    def _begin(self, member: Member, parent: Artifact | None, future: Future[Artifact], *, resets: int) -> None:
        try:
            with reproducible(member.seed):
                start = begin(member, parent, "cpu", resets=resets)
            self._stack_of(start).submit(start)
        except Exception as error:  # noqa: BLE001 - handed on, as an executor does
            future.set_exception(error)
        else:
            self._futures[start] = future

    def _stack_of(self, start: Start) -> Stack:
        sizes = tuple((name, value.shape) for name, value in start.model.state_dict().items())
        shape = start.member.config_hash, sizes
        if shape not in self._stacks:
            self._stacks[shape] = Stack(start, self._slots or slots_for(start, self._device), self._device)
        return self._stacks[shape]

    def _next_round(self, shape: Hashable) -> list[Ended]:
        try:
            with one_thread():
                return self._stacks[shape].turn()
        except Exception as error:  # noqa: BLE001 - a device out of memory fails those who train there, and no other
            for start in self._stacks.pop(shape).members:
                self._futures.pop(start).set_exception(error)
            return []

    def _finish(self, ended: Ended) -> None:
        """Hand over the artifact. Who diverges begins anew, once, as in `fit_member`."""
        start, future = ended.start, self._futures.pop(ended.start)
        try:
            future.set_result(_artifact(ended))
        except DivergedError as error:
            if start.resets:
                future.set_exception(error)
            else:
                self._begin(start.member, None, future, resets=1)
        except Exception as error:  # noqa: BLE001 - handed on, as an executor does
            future.set_exception(error)


def _artifact(ended: Ended) -> Artifact:
    if ended.error is not None:
        raise ended.error
    with reproducible(ended.start.member.seed):
        return finish(ended.start, ended.curve)
