"""What a refresh did to each ticker, or would do, and what a file is read as, for a terminal of 80 columns or a log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from alpha_pipeline.sources.base import Reading

_HEADINGS: Final = ("sessions", "first", "last", "new", "revised", "refused")
_WIDTHS: Final = (8, 10, 10, 7, 7, 7)
_TICKERS_SHOWN: Final = 6
_INDENT: Final = 4


@dataclass(frozen=True)
class Row:
    """What became of one ticker.

    Attributes:
        ticker: Yahoo's name.
        figures: sessions, first, last, new, revised and refused; none where it failed.
        words: why it failed, or what is to be said of its rows.
    """

    ticker: str
    figures: tuple[str, ...]
    words: str = ""


@dataclass(frozen=True)
class Line:
    """One line, or one paragraph.

    Attributes:
        text: plain.
        style: rich's.
        indent: columns, of each line that it is wrapped into.
    """

    text: str
    style: str = ""
    indent: int = 0

    def render(self, *, is_wrapped: bool) -> RenderableType:
        """For a console: wrapped between words, or one line however long."""
        if is_wrapped:
            return Padding(Text(self.text, style=self.style), (0, 0, 0, self.indent), expand=False)
        return Text(" " * self.indent + self.text, style=self.style)


def table(rows: Sequence[Row]) -> list[Line]:
    """A line for each ticker, and below it what is to be said of it; one for several that failed for one reason."""
    width = max(6, *(len(row.ticker) for row in rows)) if rows else 6
    lines = [Line(_line("ticker".ljust(width), _HEADINGS), "bold")]
    failed: dict[str, list[str]] = {}
    for row in rows:
        if not row.figures:
            failed.setdefault(row.words, []).append(row.ticker)
            continue
        lines.append(Line(_line(row.ticker.ljust(width), row.figures)))
        if row.words:
            lines.append(Line(row.words, "yellow", _INDENT))
    for words, tickers in failed.items():
        alone = f"{tickers[0].ljust(width)}  failed: {words}"
        together = f"{len(tickers)} failed, {words}: {', '.join(tickers)}"
        lines.append(Line(alone if len(tickers) == 1 else together, "red"))
    return lines


def _line(ticker: str, cells: Sequence[str]) -> str:
    return "  ".join([ticker, *(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))])


def readings(files: Sequence[Reading]) -> list[Line]:
    """What each file is read as: its tickers, its sessions, and how its columns, dates and prices are understood."""
    lines = []
    for read in files:
        lines.append(Line(read.file, "bold"))
        lines += [
            Line(f"{what}: {words}", "red" if what == "left out" else "", _INDENT) for what, words in _read_as(read)
        ]
    return lines


def _read_as(read: Reading) -> Iterator[tuple[str, str]]:
    if read.refused:
        yield "left out", f"it {read.refused}"
        return
    more = len(read.tickers) - _TICKERS_SHOWN
    names = ", ".join(read.tickers[:_TICKERS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    yield (
        "holds",
        f"{read.n_rows:,} rows of {names or 'no ticker'}" + (f", {read.first} to {read.last}" if read.first else ""),
    )
    said: Mapping[str, str] = {
        "columns": ", ".join(
            given if _is_plain(given, meant) else f"{given} as {meant}" for given, meant in read.columns
        ),
        "dates": read.dates,
        "prices": read.scale,
    }
    yield from ((what, words) for what, words in said.items() if words)
    yield from (("not used", words) for words in read.ignored)


def _is_plain(given: str, meant: str) -> bool:
    """Whether a column is named as what it is read as, but for case and blanks."""
    return given.strip().lower().replace(" ", "_") == meant
