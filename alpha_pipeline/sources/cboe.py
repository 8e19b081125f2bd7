"""CBOE's own history of ^VIX, as a second opinion beside the source of the bars.

CBOE makes the index and publishes its daily open, high, low and close from 1990 as one CSV, without a key:
``DATE,OPEN,HIGH,LOW,CLOSE``, dates mm/dd/yyyy. It prints on some NYSE holidays; those rows are no sessions and
are left out.
"""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from alpha_pipeline import sessions
from alpha_pipeline.errors import SourceError
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer
from alpha_pipeline.sources.regular import read_regular
from alpha_pipeline.sources.waits import Waits
from alpha_pipeline.universe import VIX
from alpha_pipeline.words import address, quoted, said

HISTORY_URL: Final = "https://cdn.cboe.com/api/global/us_indices/daily_prices/VIX_History.csv"
ATTEMPTS: Final = 3
FIRST_PAUSE_S: Final = 1.0
TIMEOUT_S: Final = 15.0
# All attempts and the pauses between them.
PATIENCE_S: Final = 48.0
PRICES: Final = ("open", "high", "low", "close")
FIX: Final = "Set ALPHA_CBOE_VIX to CBOE's VIX_History.csv (a URL or a file), or to off."


@dataclass(frozen=True)
class CboeVix:
    """The history of ^VIX as CBOE says it.

    Args:
        where: URL or path of the CSV.
        now: the clock that decides which bars are final.
        sleep: waits between attempts; a test gives its own.
        waits: what is waited for while it is asked.
    """

    where: str
    now: Callable[[], dt.datetime]
    sleep: Callable[[float], None] = time.sleep
    waits: Waits = field(default_factory=lambda: Waits("CBOE", PATIENCE_S), compare=False)

    @property
    def name(self) -> str:
        """The place as it may be shown: an address can hold a password."""
        return address(self.where)

    def fetch(self, first: dt.date, last: dt.date) -> Answer:
        """The sessions from `first` to `last`, both included; adj_close is the close, volume 0, no actions.

        A price that cannot be read comes back as null.

        Raises:
            SourceError: the CSV cannot be had, or is not CBOE's.
        """
        with self.waits.asking(VIX):
            data = self._downloaded() if self.where.startswith(("http://", "https://")) else self._read()
        rows = _parsed(self.name, data)
        bars = rows.filter(pl.col("session").is_in(sessions.between(first, last))).with_columns(
            ticker=pl.lit(VIX),
            adj_close=pl.col("close"),
            volume=0.0,
            is_final=pl.col("session") <= sessions.last_closed(self.now()),
        )
        typed = bars.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())
        return Answer(VIX, typed.sort("session", maintain_order=True), pl.DataFrame(schema=ACTION_SCHEMA), "cboe")

    def _read(self) -> bytes:
        try:
            return read_regular(Path(self.where).expanduser())
        except (OSError, RuntimeError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise SourceError(f"{self.name} cannot be read: {why}. {FIX}") from error

    def _downloaded(self) -> bytes:
        """The body of the URL. Only what may pass is tried again: no connection, 429, 5xx."""
        # It takes a tenth of a second to import; a warehouse without a second opinion need not wait for it.
        from curl_cffi import requests  # noqa: PLC0415

        cause = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = requests.get(self.where, impersonate="chrome", timeout=TIMEOUT_S)
            except Exception as error:  # noqa: BLE001 - curl's own, or what it makes of an address that is none
                cause = said(f"{type(error).__name__}: {str(error).partition(' See https://curl.se')[0]}")
            else:
                if response.status_code == 200:
                    return response.content
                cause = f"HTTP {response.status_code}"
                if response.status_code != 429 and response.status_code < 500:
                    raise SourceError(f"{self.name} answers {cause}. {FIX}")
            if attempt < ATTEMPTS:
                self.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
        raise SourceError(f"{self.name} gave no history of {VIX} in {ATTEMPTS} attempts ({cause}). Try later. {FIX}")


def make_second_opinion(settings: Settings) -> CboeVix | None:
    """The second opinion that the settings ask for, or None. Nothing is fetched or read yet.

    CBOE's own is the default only for bars that come from Yahoo itself: a server that stands in for Yahoo may say
    anything. A simulated ^VIX has none in any case, for CBOE knows the real one.
    """
    where = settings.cboe_vix
    if where is None and settings.source == "yahoo" and settings.yahoo_base_url is None:
        where = HISTORY_URL
    if where is None or where == "off" or settings.source == "simulated":
        return None
    return CboeVix(where, settings.now)


def _parsed(where: str, data: bytes) -> pl.DataFrame:
    """Columns session, open, high, low, close: every row of the CSV.

    Raises:
        SourceError: no CSV, a column missing, no row, or a date that is none.
    """
    try:
        texts = pl.read_csv(data, infer_schema=False, truncate_ragged_lines=True, encoding="utf8-lossy")
        texts = texts.rename(lambda name: name.strip().lower())
    except PolarsError as error:
        raise SourceError(f"{where} is no CSV: {str(error).partition(chr(10))[0]}. {FIX}") from error
    missing = [name.upper() for name in ("date", *PRICES) if name not in texts.columns]
    if missing:
        begins = data[:40].decode(errors="replace").partition("\n")[0].strip()
        raise SourceError(f"{where} lacks the column(s) {', '.join(missing)}; it begins with {quoted(begins)}. {FIX}")
    stripped = texts.select(pl.col("date", *PRICES).str.strip_chars())
    rows = stripped.with_columns(
        pl.col(*PRICES).cast(pl.Float64, strict=False), session=pl.col("date").str.to_date("%m/%d/%Y", strict=False)
    )
    if rows.is_empty():
        raise SourceError(f"{where} holds no row below its header. {FIX}")
    undated = rows.filter(pl.col("session").is_null())
    if undated.height:
        raise SourceError(
            f"{where}: {quoted(undated['date'][0])} is no date mm/dd/yyyy ({undated.height} such rows). {FIX}"
        )
    return rows.select("session", *PRICES)
