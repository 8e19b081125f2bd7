"""Reports how far a Dagster run is, from the events of its steps: its assets need not do so themselves."""

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import dagster as dg
from dagster._core.events.log import EventLogEntry

from alpha_pipeline.steps import plan
from alpha_pipeline.steps.progress import Progress, report
from alpha_pipeline.steps.results import SECONDS as RESULTS

_RENAMED: Final = {"audit": "leak audit"}  # as the audit itself calls it


class StepProgress:
    """Hears the events of one run.

    The steps of the results are stages of their own. Those of any other run that has several count as its units.

    Args:
        title: of the stage.
        job: which job is run.
        assets: which of its assets; all when None.
        place: of this run among those of the stage, from 0, and how many they are.
    """

    def __init__(
        self, title: str, job: dg.JobDefinition, assets: Sequence[dg.AssetKey] | None, place: tuple[int, int]
    ) -> None:
        self.run_id = str(uuid4())
        self._title = title
        self._is_results = title == plan.RESULTS
        self._total = len(assets) if assets is not None else n_checks(job) if self._is_results else len(job.graph.nodes)
        self._done = 0
        self._place = place

    def begin(self) -> None:
        """Report that the run begins; one whose only step counts what it does counts from 0 again."""
        if self._place[0] == 0 or self._total == 1:
            report(Progress(self._title, 0, 0))

    def hear(self, entry: EventLogEntry) -> None:
        """Report a step that begins or ends."""
        event = entry.dagster_event
        if event is None or event.step_key is None:
            return
        name, is_over = _words(event.step_key), event.is_step_success or event.is_step_failure
        if self._is_results and name in RESULTS:
            if event.is_step_start or is_over:
                failed = "failed" if event.is_step_failure else ""
                report(Progress(name, 0, 0, failed, is_over=is_over))
        elif is_over and self._total > 1:
            self._done += 1
            number, runs = self._place  # a step counts once it has run on every range
            report(Progress(self._title, (number * self._total + self._done) // runs, self._total, name))


def n_checks(job: dg.JobDefinition) -> int:
    """How many steps of the results are no result themselves: the checks."""
    return sum(_words(node.name) not in RESULTS for node in job.graph.nodes)


def _words(step: str) -> str:
    """The last part of an asset's or a check's key."""
    name = step.rsplit("__", 1)[-1]
    return _RENAMED.get(name, name).replace("_", " ")
