"""The files of a path together: each ticker's rows, from one file or several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from alpha_pipeline.sources.base import Reading
from alpha_pipeline.sources.files.reading import FileBars

VALUES: Final = ("open", "high", "low", "close", "adj_close", "volume")
# Two files say the same of a session when they differ by no more than the rounding of their numbers.
SAME: Final = 1e-4
FIX: Final = "Keep one of them, or give one file that holds the whole history"


@dataclass(frozen=True)
class Held:
    """What the files at a path hold.

    Attributes:
        readings: what each file is read as.
        bars: by ticker, columns of `ANSWER_SCHEMA` in the order of the files and of their rows.
        actions: by ticker, columns of `ACTION_SCHEMA`.
        notes: by ticker, what could not be read.
        broken: by ticker, why its rows are not used; such a ticker has no bars.
    """

    readings: tuple[Reading, ...]
    bars: Mapping[str, pl.DataFrame]
    actions: Mapping[str, pl.DataFrame]
    notes: Mapping[str, tuple[str, ...]]
    broken: Mapping[str, str]

    @property
    def tickers(self) -> frozenset[str]:
        """Every ticker that a file names, those whose rows are not used too."""
        return frozenset({*self.bars, *self.broken})


def joined(read: Sequence[FileBars]) -> Held:
    """The files together. A ticker of several files is joined by session; where they contradict, it is broken."""
    bars = _by_ticker(pl.concat([one.bars for one in read]))
    actions = _by_ticker(pl.concat([one.actions for one in read]))
    notes: dict[str, tuple[str, ...]] = {}
    broken: dict[str, str] = {}
    for one in read:
        broken |= {ticker: f"{one.reading.file}: {why}" for ticker, why in one.broken.items() if ticker not in bars}
        for ticker, lines in one.notes.items():
            notes[ticker] = (*notes.get(ticker, ()), *lines)
    places = _places(read)
    shared = {ticker: at for ticker, at in places.items() if len(at) > 1}
    readings = [one.reading for one in read]
    if shared:
        contradicted = _contradicted(read, shared)
        broken |= contradicted
        bars = {ticker: rows for ticker, rows in bars.items() if ticker not in contradicted}
        readings = [_with_others(reading, place, shared, readings) for place, reading in enumerate(readings)]
    return Held(tuple(readings), bars, actions, notes, broken)


def _by_ticker(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    groups = rows.partition_by("ticker", as_dict=True, maintain_order=True)
    return {str(ticker): own for (ticker,), own in groups.items()}


def _places(read: Sequence[FileBars]) -> dict[str, list[int]]:
    """By ticker: the places of the files whose bars of it are used."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(read):
        for ticker in one.reading.tickers:
            if ticker not in one.broken:
                places.setdefault(ticker, []).append(place)
    return places


def _contradicted(read: Sequence[FileBars], shared: Mapping[str, list[int]]) -> dict[str, str]:
    """Why the rows of a ticker that several files hold are not used, by ticker."""
    of = pl.col("ticker").is_in(list(shared))
    rows = pl.concat([one.bars.filter(of).with_columns(place=pl.lit(place)) for place, one in enumerate(read)])
    rows = rows.drop_nulls("session")
    reasons = {}
    apart = pl.any_horizontal((pl.col(name).max() / pl.col(name).min() - 1) > SAME for name in VALUES)
    said = rows.group_by("ticker", "session").agg(
        apart.alias("apart"),
        pl.col("place").n_unique().alias("n"),
        pl.col("place"),
        pl.col("close"),
        pl.col("adj_close"),
    )
    first = said.filter("apart", pl.col("n") > 1).sort("ticker", "session").unique("ticker", keep="first")
    for row in first.iter_rows(named=True):
        names = [read[place].reading.file for place in (row["place"][0], row["place"][-1])]
        one, other = ((row["close"][i], row["adj_close"][i]) for i in (0, -1))
        reasons[row["ticker"]] = (
            f"{row['ticker']} is in {names[0]} and in {names[1]}, and they differ: (close, adjusted close) at "
            f"{row['session']} is {one} and {other}. {FIX}"
        )
    for place, file in enumerate(read):
        for ticker in sorted(file.divided & shared.keys()):
            beside = next(at for at in shared[ticker] if at != place)
            reasons[ticker] = (
                f"{ticker} is in {file.reading.file} with raw prices, which were divided by its splits, and in "
                f"{read[beside].reading.file}, which knows nothing of them. {FIX}"
            )
    return _anchored_apart(read, rows) | reasons


def _anchored_apart(read: Sequence[FileBars], rows: pl.DataFrame) -> dict[str, str]:
    """Tickers whose files follow one another and are each adjusted up to their own end: two bases."""
    kept = pl.col("adj_close") / pl.col("close")
    ends = (
        rows.sort("session")
        .group_by("ticker", "place")
        .agg(
            begin=pl.col("session").first(),
            end=pl.col("session").last(),
            first=kept.first(),
            last=kept.last(),
            is_adjusted=((kept - 1).abs() > SAME).any(),
        )
        .sort("ticker", "begin")
    )
    names = ("place", "end", "last", "is_adjusted")
    pairs = ends.with_columns(pl.col(name).shift(1).over("ticker").name.suffix("_before") for name in names)
    apart = pairs.filter(
        pl.col("end_before") < pl.col("begin"),
        "is_adjusted_before",
        (pl.col("last_before") - 1).abs() < SAME / 100,
        (pl.col("first") - 1).abs() > SAME,
    )
    return {
        ticker: (
            f"{ticker} is in {read[before].reading.file} and goes on in {read[place].reading.file}, but each is "
            f"adjusted for the dividends up to its own end. {FIX}"
        )
        for ticker, place, before in apart.select("ticker", "place", "place_before").iter_rows()
    }


def _with_others(reading: Reading, place: int, shared: Mapping[str, list[int]], readings: Sequence[Reading]) -> Reading:
    """The reading, with the other files that hold some of its tickers."""
    also = {ticker: at for ticker in reading.tickers if place in (at := shared.get(ticker, []))}
    if not also:
        return reading
    ticker, at = next(iter(also.items()))
    other = next(readings[other].file for other in at if other != place)
    said = f"{len(also)} ticker(s), first {ticker}, are in other files too, first {other}; their sessions are joined"
    return replace(reading, scale="; ".join(filter(None, (reading.scale, said))))
