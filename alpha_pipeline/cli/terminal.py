"""Where the command writes: answers to standard output, progress and refusals to standard error."""

from collections.abc import Sequence

from rich.console import Console

console = Console()
errors = Console(stderr=True)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines as they are, however long."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
