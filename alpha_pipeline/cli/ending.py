"""What a command ends with: an exit code, and one line for whatever a person, a system or a library did."""

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final

from rich.markup import escape

from alpha_pipeline import failures, interruption
from alpha_pipeline.cli.terminal import errors
from alpha_pipeline.errors import AlphaError, DefectError, UsageError

FAILED: Final = 1
MISUSED: Final = 2
OUTPUT: Final = "standard output"


def ended(command: Callable[[], object], farewell: str) -> int:
    """Run a command to its end.

    Args:
        command: what to run.
        farewell: what is said of an interruption.

    Returns:
        The exit code.

    Raises:
        BaseException: a defect of ours, with its traceback.
    """
    if not _streams():
        return _said(MISUSED, "standard output is closed, and nothing could be shown. `> /dev/null` shows nothing.")
    code = _code(command)
    if interruption.was_asked() or code == interruption.CODE:
        if not _is_flushed():
            _drop(sys.stdout)
        errors.print(farewell, highlight=False, soft_wrap=True)
        _drop(sys.stderr)  # libraries that were interrupted have more to say as the interpreter ends
        return interruption.CODE
    try:
        sys.stdout.flush()  # what is left to the interpreter's end fails without a word
    except (OSError, ValueError) as error:
        return _not_shown(error)
    return code


def _code(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as end:
        return _of_exit(end)
    except KeyboardInterrupt:
        return interruption.CODE
    except AlphaError as error:
        if isinstance(error, DefectError):
            errors.print(error.trace, highlight=False, markup=False, soft_wrap=True)
        return _said(MISUSED if isinstance(error, UsageError) else FAILED, str(error))
    except BaseException as error:
        code = _of_foreign(error)
        if code is None:
            raise
        return code
    return 0


def _of_exit(end: SystemExit) -> int:
    """The code of a command that has said what there was to say, unless nobody was there any more to read it."""
    if any(isinstance(one, BrokenPipeError) for one in failures.chain(end)):
        return _not_shown(BrokenPipeError())
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _of_foreign(error: BaseException) -> int | None:
    """The code for what a system or a library raised; None for a defect."""
    if interruption.was_asked():  # Dagster and others make exceptions of their own of it
        return interruption.CODE
    if isinstance(error, OSError) and error.filename == OUTPUT:
        return _not_shown(error)
    told = failures.words(error)
    return None if told is None else _said(FAILED, told)


def _said(code: int, words: str) -> int:
    errors.print(f"[red]error:[/] {escape(words)}", highlight=False, soft_wrap=True)
    return code


def _streams() -> bool:
    """Make the standard streams usable; whether there is an output.

    A file that is opened takes the first free number: without this, what is printed could end up in a database.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    is_open = sys.stdout is not None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  for good
    if sys.__stdout__ is not None and sys.stdout is sys.__stdout__:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(1, "w", closefd=False)),
            encoding=sys.__stdout__.encoding,
            errors="backslashreplace",  # where the terminal knows few letters
            line_buffering=sys.__stdout__.isatty(),
        )
    return is_open


class _Output(io.FileIO):
    """Standard output that says that it is what failed: the system names no file when a write does."""

    def write(self, data: Any, /) -> int:  # noqa: ANN401  any buffer
        """Write some bytes."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            raise


def _is_flushed() -> bool:
    """Whether standard output takes what is still to be written."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True


def _not_shown(error: OSError | ValueError) -> int:
    """Standard output took not all that was said."""
    _drop(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return _said(FAILED, f"not all was shown: whoever read {OUTPUT} has gone.")
    why = (error.strerror if isinstance(error, OSError) else None) or "it is closed"
    return _said(FAILED, f"not all was shown: {OUTPUT}: {why}. Send it where there is room.")


def _drop(stream: IO[str]) -> None:
    """Let what is still to be written to a stream of the process go nowhere."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor = stream.fileno()
        if descriptor in {1, 2}:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
