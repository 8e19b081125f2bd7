"""The exception family: every mistake a user can make, named with its culprit and its fix.

The command line turns any `AlphaError` into one line and exit code 1; a `UsageError` into exit code 2.
Anything else that escapes is a defect of ours and keeps its traceback.
"""

from collections.abc import Sequence


class AlphaError(Exception):
    """Base of every error whose message is meant for a user."""


class UsageError(AlphaError):
    """The call itself is wrong: an unknown option value, a name that cannot be a ticker."""


class SettingError(UsageError):
    """A setting has a value that it cannot take."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name}={value!r} is not allowed. Use {allowed}.")


class TickerNameError(UsageError):
    """A name that cannot be a ticker."""

    def __init__(self, ticker: str, why: str) -> None:
        super().__init__(f"{ticker!r} cannot be a ticker: {why}")


class UnknownTickerError(AlphaError):
    """A source does not know a ticker; `names` shows how it spells them."""

    def __init__(self, ticker: str, source: str, detail: str = "", names: str = "") -> None:
        self.ticker = ticker
        tail, spelled = f" ({detail})" if detail else "", f" ({names})" if names else ""
        super().__init__(f"{source} has no ticker {ticker!r}{tail}. Check the spelling{spelled}.")


class SourceError(AlphaError):
    """A source could not answer: missing file, malformed file, network failure."""


class CoolingError(SourceError):
    """The source asked everybody to slow down, and nobody asks it until the cooling period is over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"the source refused requests (rate limit); nothing is asked for another {seconds:.0f} s. Held bars stay, "
            "and the next run goes on from them"
        )


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
        listed = "; ".join(f"{ticker}: {why}" for ticker, why in failures)
        super().__init__(f"{step}: {len(failures)} ticker(s) failed, the others were kept. {listed}")
