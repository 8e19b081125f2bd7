"""Has the progress of the work done inside a block shown on a console."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console

from alpha_pipeline.reports.progress_display import (
    SECONDS_BETWEEN_LINES,
    LogDisplay,
    TerminalDisplay,
    display,
    own_console,
)
from alpha_pipeline.steps.outlook import Outlook
from alpha_pipeline.steps.progress import Progress, watching


@contextmanager
def shown(
    console: Console, *, longest_silence_s: float = SECONDS_BETWEEN_LINES
) -> "Iterator[TerminalDisplay | LogDisplay]":
    """Show how far the work inside the block is, as one line with the time left; of each stage a line stays.

    Args:
        console: where to.
        longest_silence_s: of a log, seconds.

    Yields:
        What shows it, to be paused while something else is printed.
    """
    outlook = Outlook(monotonic())
    stages: set[str] = set()

    def observe(progress: Progress) -> None:
        if progress.notice:
            where.noted(progress.notice)
        ended = outlook.hear(progress, monotonic())
        stage = outlook.headway(monotonic()).stage
        if ended is not None:
            where.ended(ended)
        elif stage not in stages:
            stages.add(stage)
            where.begun()

    with own_console(console) as own:
        where = display(own, lambda: outlook.headway(monotonic()), longest_silence_s)
        with where, watching(observe, outlook.plan):
            yield where
