"""Where the command writes: answers to standard output, progress and refusals to standard error."""

from collections.abc import Sequence

from rich.console import Console


class Output(Console):
    """A console that says when whoever read it has gone, and leaves it to the command's end what becomes of that."""

    def on_broken_pipe(self) -> None:
        """Hand the `BrokenPipeError` on."""
        raise  # noqa: PLE0704  called where it is caught


console = Output()
errors = Console(stderr=True)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines as they are, however long."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
