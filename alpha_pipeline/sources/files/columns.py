"""What the columns of people's files mean: one table of spellings."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

OHLC: Final = ("open", "high", "low", "close")
# What the file tells of a ticker and session; of several columns that mean one thing the first spelling is used.
# Spellings are as `spelled` makes them: lower case, letters and digits only, without units and footnote marks.
SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "ticker": (
        "ticker", "tickersymbol", "symbol", "stocksymbol", "actsymbol", "sym", "tic", "tickers", "symbols",
        "instrument", "stockcode", "code", "ric", "security", "scrip", "stock", "asset", "name",
    ),
    "date": (
        "session", "date", "dates", "tradedate", "tradingdate", "tradingday", "day", "datetime", "timestamp",
        "windowstart", "opentime", "pricedate", "quotedate", "businessdate", "asofdate", "dt", "t",
        "datum", "fecha", "data",
    ),
    "time": ("time", "timeofday", "hour"),
    "period": ("per", "period", "interval", "timeframe", "granularity"),
    "open": (
        "open", "openprice", "openingprice", "opening", "priceopen", "pxopen", "o",
        "eroffn", "eroffnung", "eroffnungskurs", "erster", "apertura", "abertura", "ouv", "ouverture",
        "otwarcie",
    ),
    "high": (
        "high", "highprice", "highest", "dayhigh", "pricehigh", "pxhigh", "max", "h",
        "hoch", "tageshoch", "maximo", "massimo", "maxima", "plushaut", "najwyzszy",
    ),
    "low": (
        "low", "lowprice", "lowest", "daylow", "pricelow", "pxlow", "min", "l",
        "tief", "tagestief", "minimo", "minima", "plusbas", "najnizszy",
    ),
    "close": (
        "close", "closeprice", "closingprice", "closing", "closelast", "priceclose", "c", "last", "lastprice",
        "lasttrade", "pxlast", "price", "schlusskurs", "schluss", "zuletzt", "ultimo", "cierre", "dernier", "cloture",
        "zamkniecie",
    ),
    "volume": (
        "volume", "vol", "sharevolume", "volumeshares", "totalvolume", "tradedvolume", "sharestraded",
        "totaltradedquantity", "tottrdqty", "pxvolume", "v", "stucke", "stuecke", "volumen", "volumes", "wolumen",
    ),
    "adj_open": ("adjopen", "adjustedopen", "openadj", "openadjusted"),
    "adj_high": ("adjhigh", "adjustedhigh", "highadj", "highadjusted"),
    "adj_low": ("adjlow", "adjustedlow", "lowadj", "lowadjusted"),
    "adj_close": (
        "adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjustedcloseprice",
        "adjclosingprice", "adjustedclosingprice", "closingpriceadjusted", "closepriceadjusted", "priceadjusted",
        "adjprice", "adjustedprice", "adjlast", "adjc", "adjcp",
        "adjcls", "adjusted", "aclose", "cierreajustado", "totalreturnclose",
        "bereinigterschlusskurs", "schlusskursbereinigt",
    ),
    "adj_volume": ("adjvolume", "adjustedvolume", "adjvol", "volumeadj", "volumeadjusted"),
    "dividend": (
        "dividends", "dividend", "divcash", "exdividend", "dividendamount", "cashdividend", "div",
    ),
    "split": (
        "stocksplits", "stocksplit", "splits", "split", "splitfactor", "splitratio", "splitcoefficient",
    ),
    "capital_gain": ("capitalgains", "capitalgain"),
}  # fmt: skip
_MEANING: Final = {spelling: meaning for meaning, spellings in SPELLINGS.items() for spelling in spellings}
_CURRENCY: Final = re.compile(r"(?:in)?(?:usd|eur|gbp|chf|cad|aud|jpy|inr)$")
# A volume in money, or in thousands, is no number of shares.
_NO_SHARES: Final = re.compile(r"usd|eur|gbp|chf|cad|aud|jpy|inr|[$€£¥₹]|000|thous|mill|mln|lac|lakh|\(\s*[km]m?\s*\)")
# Words of a name that hold an adjusted close whatever stands between them ("Adj. Close (split and dividend)").
_OF_ADJUSTED: Final = re.compile(r"(?:adj(?:usted)?)(?:.*)(?:clos(?:e|ing))|clos(?:e|ing).*adj(?:usted)?$")
# An adjusted close that is not adjusted for dividends, or not at all, stands for no adjusted close.
_OF_OTHER: Final = re.compile(
    r"unadj|nonadj|notadj|raw|prev|splitadj|adj(?:usted)?(?:for)?splits?(?!and)|factor|change"
)


def spelled(name: str) -> str:
    """A name in lower case, letters and digits only: ``5. adjusted close`` and ``Adjusted_Close**`` are one."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip().lower()
    plain = re.sub(r"^\d+[a-z]?\.\s*", "", plain)  # Alpha Vantage numbers its columns
    plain = re.sub(r"\((?!.*adj).*?\)|\[.*?\]", "", plain)  # a unit, but not "Close (adjusted)"
    return re.sub(r"[^a-z0-9]", "", plain)


@lru_cache(maxsize=10_000)
def meaning(name: str) -> str | None:
    """What a column means, or None where its name says nothing that is known."""
    key = spelled(name)
    known = _MEANING.get(key) or _MEANING.get(_CURRENCY.sub("", key))
    if known in {"volume", "adj_volume"} and _NO_SHARES.search(name.lower()):
        return None
    if known is not None:
        return known
    # Yahoo's web table says in the header what it adjusts for: "Close Close price adjusted for splits."
    if key.startswith("closecloseprice"):
        return "close"
    if key.startswith("adjclose"):
        return "adj_close"
    if re.fullmatch(r"close(?:split)?adj(?:usted)?(?:forsplits?)", key):
        return "close"
    return "adj_close" if _OF_ADJUSTED.search(key) and not _OF_OTHER.search(key) else None


def rank(name: str) -> int:
    """The place of a name among the spellings of its meaning; the lowest is used."""
    means = meaning(name)
    spellings = SPELLINGS[means] if means is not None else ()
    key = spelled(name)
    return spellings.index(key) if key in spellings else len(spellings)
