"""Shows how far work is while it goes on: one line at the foot of a terminal, or plain lines in a log.

The line in a terminal is drawn anew several times a second. A log gets a line at the beginning and the end of each
stage, and one whenever nothing was said for a while. Neither waits for the work to report: a thread looks by itself.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from time import monotonic
from typing import Final, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from alpha_pipeline.reports.headway import Ended, Headway, last_line, line

SECONDS_BETWEEN_LINES: Final = 30.0
_DRAWN_A_SECOND: Final = 4
_SPINNER: Final = 2  # columns

Look = Callable[[], Headway]


@contextmanager
def own_console(console: Console) -> Iterator[Console]:
    """A console that writes where another does, over a descriptor of its own; the same where there is none.

    While a step runs, Dagster turns the process's standard error into a file: no terminal, and read with a delay.
    """
    try:
        descriptor = os.dup(console.file.fileno())
    except (OSError, ValueError):  # a stream in memory
        yield console
        return
    with os.fdopen(descriptor, "w", encoding=console.encoding, errors="backslashreplace") as stream:
        yield Console(file=stream)


def display(console: Console, look: Look, longest_silence_s: float) -> "TerminalDisplay | LogDisplay":
    """The display that suits where a console writes to; a terminal that cannot move its cursor is a log.

    Args:
        console: writes to the stream that progress belongs to.
        look: tells how far the work is; called from another thread.
        longest_silence_s: of a log, seconds.
    """
    # Not rich's own judgement: FORCE_COLOR makes it take a file for a terminal.
    if console.file.isatty() and not console.is_dumb_terminal:
        return TerminalDisplay(console, look)
    return LogDisplay(console, look, longest_silence_s)


class TerminalDisplay:
    """One line at the foot of a terminal; what is said stands above it.

    Args:
        console: of the terminal.
        look: tells how far the work is.
    """

    def __init__(self, console: Console, look: Look) -> None:
        self._console = console
        # What is printed on the other stream goes there, also while the line is shown.
        self._live = Live(
            _Foot(look),
            console=console,
            refresh_per_second=_DRAWN_A_SECOND,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begun(self) -> None:
        """Say so at once."""
        self._live.refresh()

    def ended(self, stage: Ended) -> None:
        """Leave a line of it above the one at the foot."""
        # The style is of the text alone: one of the print would be laid over the line at the foot too.
        self._console.print(Text(last_line(stage, self._console.width), style="dim"), soft_wrap=True)

    def noted(self, words: str) -> None:
        """Leave what a person should read above the line at the foot."""
        self._console.print(Text(words, style="yellow"), soft_wrap=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to others inside the block."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start(refresh=True)


class _Foot:
    """The line, as wide as the terminal is at the moment."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._spinner = Spinner("dots")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        turning = self._spinner.render(console.get_time())
        words = line(self._look(), options.max_width - _SPINNER)
        yield Text.assemble(turning if isinstance(turning, Text) else "", " ", words, no_wrap=True, end="")


class LogDisplay:
    """Plain lines for a file, a pipe or a log: no colour, no control characters, each flushed.

    Args:
        console: says how wide a line may be, and where to.
        look: tells how far the work is; called from the thread that breaks a silence.
        longest_silence_s: seconds.
    """

    def __init__(self, console: Console, look: Look, longest_silence_s: float) -> None:
        self._console = console
        self._look = look
        self._longest_silence_s = longest_silence_s
        self._said = monotonic()
        self._is_over = False
        self._changed = Condition()
        self._thread = Thread(target=self._break_silences, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._said = monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()
        self._thread.join()

    def begun(self) -> None:
        """Say how far the work is at the beginning of a stage."""
        with self._changed:
            self._say_headway()

    def ended(self, stage: Ended) -> None:
        """Write a line of it."""
        with self._changed:
            clock = _clock(self._look().seconds)
            self._write(f"{clock} {last_line(stage, self._console.width - len(clock) - 1)}")

    def noted(self, words: str) -> None:
        """Write what a person should read, however long."""
        with self._changed:
            self._write(f"{_clock(self._look().seconds)} {words}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Say nothing inside the block."""
        with self._changed:
            yield

    def _break_silences(self) -> None:
        with self._changed:
            while not self._is_over:
                silent = monotonic() - self._said
                if silent < self._longest_silence_s:
                    self._changed.wait(self._longest_silence_s - silent)
                else:
                    self._say_headway()

    def _say_headway(self) -> None:
        headway = self._look()
        clock = _clock(headway.seconds)
        self._write(f"{clock} {line(headway, self._console.width - len(clock) - 1)}")

    def _write(self, words: str) -> None:
        self._said = monotonic()
        # Whoever read the other end has gone, or closed the stream: the work goes on.
        with suppress(OSError, ValueError):
            self._console.file.write(f"{words}\n")
            self._console.file.flush()


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds since the beginning."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
