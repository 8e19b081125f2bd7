"""The exception family: every mistake a user can make, named with its culprit and its fix.

The command line turns any `AlphaError` into one line and exit code 1; a `UsageError` into exit code 2.
Anything else that escapes is a defect of ours and keeps its traceback.
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from alpha_pipeline.words import LONGEST_SAID, quoted, said, shown

# How the brief reason of an absence begins.
NOT_IN: Final = "not in"


class AlphaError(Exception):
    """Base of every error whose message is meant for a user, and so printable, short and without secrets."""

    def __init__(self, message: str = "") -> None:
        super().__init__(shown(message))

    @property
    def brief(self) -> str:
        """The reason in few words, alike for all whom it befell."""
        return str(self)


class UsageError(AlphaError):
    """The call itself is wrong: an unknown option value, a name that cannot be a ticker."""


class DefectError(AlphaError):
    """A defect of ours in a step, of which nothing but its words and its traceback is left.

    Args:
        message: what failed, in a line.
        trace: its traceback as text, to be reported.
    """

    def __init__(self, message: str, trace: str) -> None:
        self.trace = trace
        super().__init__(message)


class SettingError(UsageError):
    """A setting has a value that it cannot take."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name}={quoted(value, LONGEST_SAID)} is not allowed. Use {allowed}.")


class TickerNameError(UsageError):
    """A name that cannot be a ticker."""

    def __init__(self, ticker: str, why: str) -> None:
        super().__init__(f"{quoted(ticker)} cannot be a ticker: {why}")


class UnknownTickerError(AlphaError):
    """A source does not know a ticker.

    Args:
        ticker: Yahoo's name.
        source: who does not know it.
        detail: what it said.
        names: how it spells tickers, by examples.
        brief: why in few words; by default that it is not in the source.
    """

    def __init__(self, ticker: str, source: str, detail: str = "", names: str = "", brief: str = "") -> None:
        self.ticker = ticker
        self._brief = brief or said(f"{NOT_IN} {PurePath(source).name}")
        tail, spelled = f" ({said(detail)})" if detail else "", f" ({names})" if names else ""
        super().__init__(f"{source} has no ticker {ticker!r}{tail}. Check the spelling{spelled}.")

    @property
    def brief(self) -> str:
        """That the source does not have it."""
        return self._brief


class SourceError(AlphaError):
    """A source could not answer: missing file, malformed file, network failure."""


class CoolingError(SourceError):
    """The source asked everybody to slow down, and nobody asks it until the cooling period is over."""

    def __init__(self, seconds: float, until: str = "") -> None:
        self.seconds = seconds
        when = f", until {until}" if until else ""
        super().__init__(
            f"the source refused requests (rate limit); nothing is asked for another {seconds:.0f} s{when}. Held bars "
            "stay, and the next run goes on from them"
        )

    @property
    def brief(self) -> str:
        """The reason without the time that is left."""
        return "the source refused requests (rate limit)"


class MarketMismatchError(AlphaError):
    """A warehouse of one market was given bars of another."""

    def __init__(self, root: str, held: str, asked: str) -> None:
        super().__init__(
            f"The warehouse {root} holds the market {held}; it cannot take bars of {asked}. "
            f"Use --warehouse with another folder for {asked}."
        )


class TableError(AlphaError):
    """A frame does not fit the table it was to be written to. Nothing was written."""

    def __init__(self, table: str, unit: str, detail: str) -> None:
        super().__init__(f"{table}[{unit}] refused, nothing was written: {detail}")


class DamageError(AlphaError):
    """Something stored is not what was stored. It was not used.

    Args:
        path: of what is damaged.
        why: what is wrong with it.
        fix: what mends it, a sentence.
    """

    def __init__(self, path: str, why: str, fix: str) -> None:
        self.path = path
        super().__init__(f"{path} is damaged: {why}. {fix}")


class ExperimentError(AlphaError):
    """An experiment file is malformed."""

    def __init__(self, file: str, detail: str) -> None:
        super().__init__(f"{file}: {detail}")


class NotEnoughDataError(AlphaError):
    """There are too few sessions to do what was asked."""


class PartialFailureError(AlphaError):
    """Some tickers failed; the others were done and kept."""

    def __init__(self, step: str, failures: Sequence[tuple[str, str]]) -> None:
        self.failures = tuple(failures)
        alike: dict[str, list[str]] = {}
        for ticker, why in failures:
            alike.setdefault(why, []).append(ticker)
        listed = "; ".join(f"{', '.join(tickers)}: {why}" for why, tickers in alike.items())
        super().__init__(f"{step}: {len(failures)} ticker(s) failed, the others were kept. {listed}")
