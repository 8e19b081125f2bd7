"""Which ticker a name means: of a file, or of a cell."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from alpha_pipeline.errors import TickerNameError
from alpha_pipeline.universe import checked

# How vendors dress a ticker in the name of a file.
_FILE_NAMES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<ticker>.+?)(?: ETF)? (?:Historical Data|Stock Price History|Historical Prices)",  # Investing.com
        r"(?P<ticker>.+?) (?:Historische Daten|Données Historiques|Datos históricos|Dati Storici|Dados Históricos)",
        r"daily(?:_adjusted)?_(?P<ticker>.+)",  # Alpha Vantage
        r"(?P<ticker>.+?)(?:_us)?_d",  # stooq's web page
        r"(?:WIKI|EOD)-(?P<ticker>.+)",  # Quandl
        r"[A-Z]+_(?:DLY_)?(?P<ticker>[^,_]+), 1D(?:_\w+)?",  # TradingView
        r"(?P<ticker>\^?VIX)_History",  # CBOE
    )
)
# What vendors put before or after a ticker: NASDAQ:QQQ, QQQ US Equity, stooq's and EODHD's qqq.us.
_PREFIX: Final = re.compile(
    r"^(?:NASDAQ|NYSE|NYSEARCA|NYSEAMERICAN|AMEX|ARCA|BATS|CBOE|INDEXCBOE|XNAS|XNYS|ARCX):", re.IGNORECASE
)
_SUFFIX: Final = re.compile(r"(?:\.US| US(?: Equity)?)$", re.IGNORECASE)
# Words that name what is in a file and no ticker, though they could.
_WORDS: Final = frozenset(
    {
        "bars", "candles", "combined", "daily", "data", "download", "eod", "export", "file", "history",
        "historical", "historicaldata", "market", "merged", "ohlc", "ohlcv", "output", "panel", "price", "prices",
        "quotes", "result", "series", "sheet1", "stock", "stocks", "table", "tickers", "untitled",
    }
)  # fmt: skip


def ticker(name: str) -> str:
    """The ticker that a cell names.

    Raises:
        TickerNameError: it names none.
    """
    return checked(bare(name))


def bare(name: str) -> str:
    """A name without what vendors put before or after a ticker."""
    return _SUFFIX.sub("", _PREFIX.sub("", name.strip()))


def ticker_of_file(file: Path, root: Path) -> str:
    """The ticker in a file's name (``BRK-B.csv``, ``%5EVIX.csv.gz``) or a folder's (``ticker=QQQ/part-0.parquet``).

    Raises:
        TickerNameError: neither can be one.
    """
    for folder in file.relative_to(root).parts[:-1] if file != root else ():
        if partition := re.fullmatch(r"(?:ticker|symbol)=(.+)", folder, re.IGNORECASE):
            return ticker(unquote(partition[1]))
    stem = re.sub(r" ?\(\d+\)$", "", unquote(stem_of(file)).strip())  # a browser numbers what it downloads again
    for pattern in _FILE_NAMES:
        if match := pattern.fullmatch(stem):
            stem = match["ticker"]
            break
    if stem.lower() in _WORDS:
        raise TickerNameError(stem, "it is a word for data")
    named = ticker(stem)
    if named.isdigit():
        raise TickerNameError(stem, "it is a number")
    return named


def stem_of(file: Path) -> str:
    """The name without its endings; a dot inside a ticker stays."""
    return re.sub(r"(?i)(\.(?:csv|txt|tsv|parquet|pq))?(\.gz)?$", "", file.name)
