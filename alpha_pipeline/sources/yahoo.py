"""Bars from Yahoo Finance, through the real yfinance, one ticker at a time.

`yfinance.download` swallows rate limits and failed tickers, so it is not used: `Ticker.history` raises. Two
habits of yfinance 1.7 shape this module. It caches every response in memory, errors too, so that cache is
emptied before each attempt; and it asks twice at once whenever Yahoo refuses, so the session raises at the
first refusal. It also asks for a ticker's time zone before its bars, which would be every second request: the zones
that are known are kept for all processes of the machine.
"""

import atexit
import datetime as dt
import logging
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pandas as pd
import polars as pl
import yfinance as yf
import yfinance.cache
from yfinance.data import YfData
from yfinance.exceptions import YFPricesMissingError

from alpha_pipeline import sessions
from alpha_pipeline.errors import AlphaError, SourceError, UnknownTickerError
from alpha_pipeline.settings import SourceKind
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer, Reading
from alpha_pipeline.sources.pace import Pace
from alpha_pipeline.sources.shared_state import SharedState, machine_folder
from alpha_pipeline.sources.waits import Waits
from alpha_pipeline.sources.yahoo_chart import OddChartError
from alpha_pipeline.sources.yahoo_session import ChartRefusedError, YahooSession
from alpha_pipeline.words import said

ATTEMPTS: Final = 4
TIMEOUT_S: Final = 15.0
PATIENCE_S: Final = 180.0
OVERLAP: Final = 15
CONCURRENCY: Final = 4
NAMES: Final = "Yahoo's names: BRK-B, ^VIX, VOD.L"
COLUMNS: Final = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}
ACTIONS: Final = {"Dividends": "dividend", "Stock Splits": "split", "Capital Gains": "capital_gain"}


logger = logging.getLogger(__name__)


class YahooSource:
    """Daily bars, dividends, splits and capital gains from Yahoo.

    Args:
        base_url: a server that answers like Yahoo; None asks Yahoo itself.
        now: the clock that decides which bars are final.
        pace: how fast all processes of this machine together may ask this server.
        timeout_s: how long an answer may take.
        patience_s: how long one refresh may wait in vain.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        now: Callable[[], dt.datetime],
        pace: Pace,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        host = f" ({urlsplit(base_url).hostname})" if base_url else ""
        self._waits = Waits(f"Yahoo{host}", patience_s, pace.clock)
        self._session = YahooSession(base_url, pace, self._waits, timeout_s)
        self._now = now
        self._pace = pace
        self._timeout_s = timeout_s
        self._zones = SharedState(pace.folder / "time_zones.json")
        self._known_zones = self._zones.read()

    @property
    def kind(self) -> SourceKind:
        """The kind that settings name."""
        return "yahoo"

    @property
    def market(self) -> str:
        """The market these bars belong to."""
        return "yahoo"

    @property
    def overlap(self) -> int:
        """Enough that a restatement shows, and that a session missing for ten sessions is asked for again."""
        return OVERLAP

    @property
    def concurrency(self) -> int:
        """Few: the limiter decides how fast, these only keep one slow answer from holding up the others."""
        return CONCURRENCY

    @property
    def waits(self) -> Waits:
        """Turns, cooling periods, and answers that do not come."""
        return self._waits

    def tickers(self) -> None:
        """Yahoo cannot list what it holds."""

    def readings(self) -> tuple[Reading, ...]:
        """None: there are no files."""
        return ()

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        """The bars and actions of one ticker from `first` to `last`, both included.

        A row that Yahoo leaves empty comes back as nulls: a hole is a fact, not an absence. A range without
        any session is answered without asking.

        Raises:
            UnknownTickerError: Yahoo does not know the ticker.
            CoolingError: Yahoo refused requests, and the cooling period lasts.
            GaveUpError: enough was waited for it.
            SourceError: Yahoo did not answer, or not with bars, in any of the attempts.
        """
        if not sessions.between(first, last):
            no_bars, no_actions = pl.DataFrame(schema=ANSWER_SCHEMA), pl.DataFrame(schema=ACTION_SCHEMA)
            return Answer(ticker, no_bars, no_actions, self.kind)
        try:
            with _PREPARING:
                _prepare_yfinance()
            with self._waits.asking(ticker):
                bars, actions = self._answer(ticker, first, last)
        finally:
            _close_files_of_this_thread()
        within = pl.col("session").is_between(first, last)
        return Answer(ticker, bars.filter(within), actions.filter(within), self.kind)

    def _answer(self, ticker: str, first: dt.date, last: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Bars and actions, in as many attempts as it takes and is worth."""
        cause = ""
        for attempt in range(1, ATTEMPTS + 1):
            self._waits.require_patience()
            try:
                history = self._ask(ticker, first, last)
                bars = _bars(ticker, history, sessions.last_closed(self._now()))
                actions = _actions(ticker, history)
            except AlphaError:
                raise
            except (ChartRefusedError, OddChartError) as error:
                cause = str(error)
            except YFPricesMissingError as error:
                cause = f"no bars from {first} to {last}: {said(str(error.rationale))}"
                if error.yahoo_reason is not None:  # without a reason it may be an empty answer in passing
                    raise SourceError(f"Yahoo has {cause} ({ticker}).") from error
            # Whatever an odd answer, a dead network or yfinance's own files make of it: it is one ticker's failure.
            except Exception as error:
                logger.debug("%s: attempt %d failed", ticker, attempt, exc_info=True)
                cause = _in_words(error)
            else:
                self._keep_zone(ticker, history)
                return bars, actions
            self._waits.because(f"gives no answer about {ticker} ({said(cause)})")
            if attempt < ATTEMPTS:
                self._pace.pause(attempt)
        raise SourceError(
            f"Yahoo gave no bars of {ticker} in {ATTEMPTS} attempts ({said(cause)}). Held bars stay; try later."
        )

    def _ask(self, ticker: str, first: dt.date, last: dt.date) -> pd.DataFrame:
        """One attempt; a refusal for asking too much is everybody's to know."""
        # This cache keeps errors, and values that Yahoo has restated since, for the life of the process.
        YfData.cache_get.cache_clear()
        if isinstance(zone := self._known_zones.get(ticker), str):
            yfinance.cache.get_tz_cache().store(ticker, zone)
        try:
            history = yf.Ticker(ticker, session=self._session).history(
                start=first,
                end=last + dt.timedelta(days=1),  # exclusive
                auto_adjust=False,
                actions=True,
                keepna=True,
                timeout=self._timeout_s,
            )
        except ChartRefusedError as error:
            if error.status == 404:
                raise UnknownTickerError(ticker, "Yahoo", error.reason, NAMES, brief="404") from error
            if error.status == 429:
                self._pace.refused(error.retry_after_s)
            raise
        self._pace.answered()
        return history

    def _keep_zone(self, ticker: str, history: pd.DataFrame) -> None:
        """Remember the exchange's time zone, which the answer names, for the next process."""
        zone = str(getattr(history.index, "tz", None) or "")
        if zone and self._known_zones.get(ticker) != zone:
            self._known_zones = self._zones.update(lambda held: {**held, ticker: zone})


def meeting_place(base_url: str | None) -> Path:
    """The folder in which all processes of this machine that ask one server meet."""
    if base_url is None:
        return machine_folder("yahoo")
    server = urlsplit(base_url)
    # The host alone: whoever asks with which password asks the same server.
    return machine_folder((server.hostname or "nobody") + (f"_{server.port}" if server.port else ""))


def _in_words(error: Exception) -> str:
    """What went wrong, without curl's advice to read its documentation."""
    words = str(error).removeprefix("Failed to perform, ").partition(" See https://curl.se")[0]
    return f"{type(error).__name__}: {words}"


_PREPARING: Final = threading.Lock()


@cache
def _prepare_yfinance() -> None:
    """Make yfinance raise, and give this process its own folder for its SQLite files: shared ones lock up.

    So do those of one process while two threads create them: they are created here, before any thread asks.
    """
    yf.config.debug.hide_exceptions = False
    # It warns on every call under pandas 3, and logs what it now raises.
    warnings.filterwarnings("ignore", category=Warning, module="yfinance")
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    folder = tempfile.mkdtemp(prefix="yfinance-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    yf.set_tz_cache_location(folder)
    yfinance.cache.get_tz_cache().initialise()
    yfinance.cache.get_cookie_cache().initialise()


def _close_files_of_this_thread() -> None:
    """Close yfinance's SQLite files: it opens them once for each thread and closes none, not even at a thread's end."""
    for database in (yfinance.cache.tz_db_proxy.obj, yfinance.cache.Cookie_db_proxy.obj):
        if database is not None:
            database.close()


def _days(history: pd.DataFrame) -> pl.Series:
    """The exchange-local dates of the index, which is in the exchange's own time zone."""
    return pl.Series("session", [None if pd.isna(stamp) else stamp.date() for stamp in history.index], dtype=pl.Date)


def _bars(ticker: str, history: pd.DataFrame, last_closed: dt.date) -> pl.DataFrame:
    """The frame's bars in the columns of `ANSWER_SCHEMA`; NaN becomes null."""
    values = [pl.Series(name, history[theirs].to_numpy(dtype="float64")) for theirs, name in COLUMNS.items()]
    frame = pl.DataFrame([_days(history), *values]).with_columns(
        pl.col(*COLUMNS.values()).fill_nan(None),
        ticker=pl.lit(ticker),
        is_final=pl.col("session") <= last_closed,
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())


def _actions(ticker: str, history: pd.DataFrame) -> pl.DataFrame:
    """The frame's dividends, splits and capital gains (funds only) in the columns of `ACTION_SCHEMA`."""
    frames = [pl.DataFrame(schema=ACTION_SCHEMA)]
    for column, kind in ACTIONS.items():
        if column in history.columns:
            values = pl.Series("value", history[column].to_numpy(dtype="float64"))
            rows = pl.DataFrame([_days(history), values]).filter(pl.col("value") > 0)
            frames.append(rows.select(pl.lit(ticker).alias("ticker"), "session", pl.lit(kind).alias("kind"), "value"))
    return pl.concat(frames).sort("session", "kind")
