"""The tickers, their groups, and what a ticker name may look like."""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

from alpha_pipeline.errors import TickerNameError

MAG7: Final = ("NVDA", "AAPL", "MSFT", "AMZN", "GOOGL", "META", "TSLA")
SECTORS: Final = ("XLY", "XLP", "XLK", "XLU", "XLE", "XLF", "XLV")
VIX: Final = "^VIX"
# Futures on volatility: their decay is known to everyone, and forecasting it is no skill.
VOLATILITY_FUNDS: Final = ("UVXY",)
CORE: Final = ("QQQ", "SPY", *MAG7, *SECTORS, VIX, *VOLATILITY_FUNDS)
# The 49 largest QQQ holdings beside the Magnificent Seven, by today's weights: using them in the past is
# survivor-biased, and results built on them carry that label.
HOLDINGS: Final = (
    "AVGO", "COST", "NFLX", "TMUS", "CSCO", "AMD", "PEP", "LIN", "ADBE", "INTU",
    "TXN", "QCOM", "ISRG", "AMGN", "BKNG", "HON", "CMCSA", "AMAT", "PANW", "ADP",
    "VRTX", "GILD", "MU", "SBUX", "ADI", "LRCX", "MELI", "INTC", "KLAC", "CRWD",
    "MDLZ", "CTAS", "CDNS", "SNPS", "REGN", "FTNT", "PYPL", "MAR", "ORLY", "ASML",
    "MRVL", "CSX", "ROP", "MNST", "NXPI", "PDD", "WDAY", "AEP", "PAYX",
)  # fmt: skip
UNIVERSE: Final = (*CORE, *HOLDINGS)
# QQQ and its 49 largest holdings.
QQQ50: Final = ("QQQ", *MAG7, *HOLDINGS[:42])

_NAME = re.compile(r"\^?[A-Z0-9]+(?:[.&=-][A-Z0-9]+)*")
_LONGEST = 16
# A dot or a dash and one letter: a share class, where the source spells it so, or an exchange.
_SHARE_CLASS = re.compile(r"(.+)([.-])([A-Z])")


def is_index(ticker: str) -> bool:
    """Whether the ticker is an index: its level means something, its volume does not, it cannot be traded."""
    return ticker.startswith("^")


def checked(ticker: str) -> str:
    """The ticker as it is written, in upper case.

    Which spelling a source knows is for the source to say (`VOD.L` is on an exchange, `BRK.B` a share class), see
    `spellings`.

    Raises:
        TickerNameError: the name cannot be a ticker.
    """
    given = ticker.strip()
    # Before it is put in upper case: that would turn some letters into others (`ſ` into `S`).
    strange = next((letter for letter in given if not letter.isascii()), None)
    if strange is not None:
        kind = unicodedata.name(strange, "without a name")
        raise TickerNameError(
            ticker, f"{strange!r} ({kind}) is none of the letters A to Z, whatever it looks like; type the name anew"
        )
    name = given.upper()
    if not name:
        raise TickerNameError(ticker, "it is empty")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise TickerNameError(
            ticker,
            f"use letters and digits, with single '-', '.', '=' or '&' between them and a leading '^', {_LONGEST} "
            "characters at most",
        )
    return name


def spellings(ticker: str) -> tuple[str, ...]:
    """How a ticker may be spelled: as it is written first, and with the other mark before one letter (BRK.B, BRK-B)."""
    found = _SHARE_CLASS.fullmatch(ticker)
    if found is None:
        return (ticker,)
    return ticker, f"{found[1]}{'-' if found[2] == '.' else '.'}{found[3]}"


def among(ticker: str, known: Collection[str]) -> str | None:
    """The first spelling of a ticker that is one of the known, or None."""
    return next((name for name in spellings(ticker) if name in known), None)
