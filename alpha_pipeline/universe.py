"""The tickers, their groups, and what a ticker name may look like."""

import re
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

_NAME = re.compile(r"\^?[A-Z0-9][A-Z0-9.=-]{0,14}")


def is_index(ticker: str) -> bool:
    """Whether the ticker is an index: its level means something, its volume does not, it cannot be traded."""
    return ticker.startswith("^")


def checked(ticker: str) -> str:
    """The ticker as Yahoo spells it: upper case, share classes with a dash (``brk.b`` -> ``BRK-B``).

    A dot before one letter is a share class; a dot before more is an exchange and stays (``005930.KS``).

    Raises:
        TickerNameError: the name cannot be a ticker.
    """
    name = ticker.strip().upper()
    if not name:
        raise TickerNameError(ticker, "it is empty")
    if not _NAME.fullmatch(name):
        raise TickerNameError(ticker, "use letters, digits, '-', '.', '=' and a leading '^', 16 characters at most")
    return re.sub(r"\.([A-Z])$", r"-\1", name)
