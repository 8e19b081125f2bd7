"""Known bars in random dress come back exactly, or the file is refused; never otherwise."""

import datetime as dt
import gzip
import itertools
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline_tests.sources.files.known_bars import FIRST, LAST, PRICES, known

# From so many sessions on, their weekdays leave one reading of any date or stamp.
TELLING = 25
ZONES = ("America/New_York", "Europe/Berlin", "Europe/London", "Asia/Tokyo", "UTC", "Etc/GMT-2", "America/Los_Angeles")
DAYS: dict[str, Callable[[dt.date], object]] = {
    form: (lambda day, form=form: day.strftime(form))
    for form in (
        "%Y-%m-%d",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%y",
        "%Y%m%d",
        "%b %d, %Y",
        "%d-%b-%Y",
        "%-m/%-d/%Y 16:00:00",
    )
}
SPELLINGS = {
    "ticker": ("ticker", "Symbol", "<TICKER>", "Name"),
    "date": ("Date", "session", "timestamp", "<DATE>", "Datetime"),
    "open": ("Open", "open", "1. open", "<OPEN>", "Open Price", "o"),
    "high": ("High", "high", "2. high", "<HIGH>", "High Price", "h"),
    "low": ("Low", "low", "3. low", "<LOW>", "Low Price", "l"),
    "close": ("Close", "close", "4. close", "<CLOSE>", "Close/Last", "Price", "c"),
    "adj_close": (
        "Adj Close",
        "Adj. Close",
        "adjClose",
        "Adjusted_close",
        "Adj Close**",
        "5. adjusted close",
        "close_adj",
    ),
    "volume": ("Volume", "volume", "6. volume", "<VOL>", "Vol.", "v"),
}
MARKS = {".": ("", ",", " ", "'"), ",": ("", ".", " ", "\u00a0")}


@dataclass(frozen=True)
class Dress:
    """How bars are written."""

    n: int
    level: float
    first: int
    day: str
    zone: str
    stamps: str
    decimal: str
    thousands: str
    currency: str
    delimiter: str
    encoding: str
    names: dict[str, str]
    order: str
    container: str
    adjusted: bool
    together: bool
    titles: int
    trailing: bool
    quoted: bool
    seed: int


@st.composite
def dresses(draw: st.DrawFn) -> Dress:
    decimal = draw(st.sampled_from([".", ","]))
    return Dress(
        n=draw(st.integers(1, 70)),
        level=draw(st.sampled_from([3.5, 45.0, 370.0, 998.0, 23_456.0])),
        first=draw(st.integers(0, 200)),
        day=draw(st.sampled_from(["stamp", "stamp", *DAYS])),
        zone=draw(st.sampled_from(ZONES)),
        stamps=draw(st.sampled_from(["+00:00", "own", "naive", "s", "ms", "ns"])),
        decimal=decimal,
        thousands=draw(st.sampled_from(MARKS[decimal])),
        currency=draw(st.sampled_from(["", "", "$", "€"])),
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        names={meaning: draw(st.sampled_from(spellings)) for meaning, spellings in SPELLINGS.items()},
        order=draw(st.sampled_from(["up", "down", "any"])),
        container=draw(st.sampled_from(["csv", "csv.gz", "txt", "text parquet", "parquet"])),
        adjusted=draw(st.booleans()),
        together=draw(st.booleans()),
        titles=draw(st.integers(0, 3)),
        trailing=draw(st.booleans()),
        quoted=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )


def day_cell(dress: Dress, day: dt.date) -> object:
    if dress.day != "stamp":
        return DAYS[dress.day](day)
    midnight = dt.datetime.combine(day, dt.time(0), ZoneInfo(dress.zone))
    if dress.stamps == "own":
        return midnight.isoformat(sep=" ")
    utc = midnight.astimezone(dt.UTC)
    epochs = {"s": 1, "ms": 1000, "ns": 10**9}
    if dress.stamps in epochs:
        return int(utc.timestamp()) * epochs[dress.stamps]
    return utc.strftime("%Y-%m-%d %H:%M:%S") + dress.stamps.removeprefix("naive")


def number_cell(dress: Dress, value: float, *, is_price: bool) -> str:
    text = f"{value:,.2f}" if is_price else f"{value:,.0f}"
    text = text.translate(str.maketrans({",": dress.thousands, ".": dress.decimal}))
    return dress.currency + text if is_price else text


def wear(dress: Dress, bars: pl.DataFrame, folder: Path, name: str, *, with_ticker: bool) -> None:
    """Write the bars in the dress to a file of a folder."""
    meanings = [
        *(["ticker"] if with_ticker else []),
        "date",
        *PRICES,
        *(["adj_close"] if dress.adjusted else []),
        "volume",
    ]
    rows = []
    for bar in bars.iter_rows(named=True):
        cells: dict[str, object] = {"ticker": bar["ticker"], "date": day_cell(dress, bar["session"])}
        for meaning in (*PRICES, "adj_close", "volume"):
            plain = dress.container == "parquet"
            is_price = meaning != "volume"
            cells[meaning] = bar[meaning] if plain else number_cell(dress, bar[meaning], is_price=is_price)
        rows.append([cells[meaning] for meaning in meanings])
    names = [dress.names[meaning] for meaning in meanings]
    if dress.container.endswith("parquet"):
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        text = {name: [str(cell) for cell in column] for name, column in columns.items()}
        pl.DataFrame(text if dress.container == "text parquet" else columns).write_parquet(folder / f"{name}.parquet")
        return
    title = [f"Title {number} of what is below" for number in range(dress.titles)]
    data = "\n".join(title + [line(dress, row) for row in [names, *rows]]).encode(dress.encoding)
    packed = gzip.compress(data) if dress.container.endswith("gz") else data
    (folder / f"{name}.{dress.container}").write_bytes(packed)


def line(dress: Dress, row: Sequence[object]) -> str:
    """A line of a text; quotes stand at least where a cell holds the delimiter."""
    cells = [f'"{cell}"' if dress.quoted or dress.delimiter in str(cell) else str(cell) for cell in row]
    return dress.delimiter.join(cells) + dress.delimiter * dress.trailing


def known_market(dress: Dress) -> dict[str, pl.DataFrame]:
    first = dt.date(2022, 1, 3) + dt.timedelta(days=dress.first)
    begin = next(day for i in itertools.count() if (day := first + dt.timedelta(days=i)).weekday() == 1)
    market = {}
    for ticker in ("QQQ", "BRK-A"):
        bars = known(dress.n, ticker=ticker, first=begin, level=dress.level)
        market[ticker] = bars.with_columns(
            adj_close=pl.col("adj_close").round(2) if dress.adjusted else pl.col("close")
        )
    return market


def ordered(dress: Dress, bars: pl.DataFrame) -> pl.DataFrame:
    if dress.order == "any":
        places = list(range(bars.height))
        random.Random(dress.seed).shuffle(places)
        return bars[places]
    return bars.sort("session", descending=dress.order == "down")


EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@EXAMPLES
@given(dresses())
def test_bars_in_any_dress_come_back_exactly_or_are_refused(dress: Dress) -> None:
    assert_undressed(dress)


@pytest.mark.slow
@pytest.mark.minutes(1)
@settings(EXAMPLES, max_examples=500)
@given(dresses())
def test_bars_in_many_dresses_come_back_exactly_or_are_refused(dress: Dress) -> None:
    assert_undressed(dress)


def assert_undressed(dress: Dress) -> None:
    """The source gives the very bars that wear the dress, or refuses what so few sessions cannot tell."""
    market = known_market(dress)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if dress.together:
            wear(dress, ordered(dress, pl.concat(market.values())), folder, "my market", with_ticker=True)
        else:
            for ticker, bars in market.items():
                wear(dress, ordered(dress, bars), folder, ticker, with_ticker=False)
        source = FilesSource(folder)
        try:
            held = source.tickers()
        except SourceError:
            assert dress.n < TELLING, dress
            return
        assert held == market.keys()
        for ticker, bars in market.items():
            got = source.fetch(ticker, FIRST, LAST)
            read = got.bars.sort("session").select(bars.columns)
            assert read.equals(bars), dress
            assert got.notes == ()
