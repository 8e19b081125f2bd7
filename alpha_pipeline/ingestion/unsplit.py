"""Splits that an answer's prices do not carry: mended where one is listed, refused where none is.

Prices are split-adjusted, so a split must not show in them. One that does leaves the rows before it on another basis.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from alpha_pipeline.ingestion.jumps import NEAR_RATIO, Jumps, Mask, jumps, like_split, listed_ratios, near, near_split
from alpha_pipeline.universe import is_index

OHLC: Final = ("open", "high", "low", "close")
# After so many sessions a source would have mended it: a move by a split ratio without the volume of a split is true.
CONFIRMING_SESSIONS: Final = 10
# Two rows cannot accuse each other: a level before a move is three closes.
LEVEL: Final = 3
# By 3:2 stocks do fall, but not as exactly, on the volume of a split, in an ordinary session.
HALF_AGAIN: Final = 1.5
EXACTLY: Final = 0.02
# How much more than a split's the first days' volume may be, and how much wider than usual the session: what news move
# is beyond. To a quarter and further hardly anything falls, so that there more is put down to chance.
ORDINARY: Final = (2.5, 3.0)
LARGE: Final = np.log(3.5)
ORDINARY_IF_LARGE: Final = (4.0, 6.0)
VOLUME_NOISE: Final = 0.25
# Volume of a small ratio is lost in the volume's own noise: there it is taken to need mending as the price does.
TELLING_RATIO: Final = 3.0


def mended(rows: pl.DataFrame, splits: Mapping[date, float]) -> tuple[pl.DataFrame, list[str]]:
    """The rows with the listed splits carried through that they show, and what was done in words.

    A split is carried through where it explains the jump exactly: the open is the close before, divided by it. OHLC,
    adjusted close and volume of the rows before are put on the new basis, each unless it is on it already.

    Args:
        rows: sound rows of one ticker, ascending by session.
        splits: new shares per old one by session.
    """
    ratios, notes = listed_ratios(rows, splits), list[str]()
    if (ratios == 1).all():
        return rows, notes
    found = jumps(rows)
    size = np.log(ratios)
    shows = (np.abs(size) > 2 * NEAR_RATIO) & (np.abs(found.gap + size) < np.log1p(NEAR_RATIO)) & found.stays
    shows &= found.is_near
    of_price, of_adj, of_volume = (np.ones(rows.height) for _ in range(3))
    for place in np.flatnonzero(shows).tolist():
        ratio = ratios[place]
        of_price[:place] /= ratio
        if abs(found.adj_close[place] + size[place]) < abs(found.adj_close[place]):
            of_adj[:place] /= ratio
        if _volume_shows(found, place, float(size[place])):
            of_volume[:place] *= ratio
        notes.append(_in_words(rows, place, float(ratio)))
    if not notes:
        return rows, notes
    prices = [(pl.col(name) * pl.Series(of_price)).alias(name) for name in OHLC]
    return rows.with_columns(
        *prices, adj_close=pl.col("adj_close") * pl.Series(of_adj), volume=pl.col("volume") * pl.Series(of_volume)
    ), notes


def broken(rows: pl.DataFrame, splits: Mapping[date, float], is_held: Mask, first_held: date | None) -> pl.Series:
    """The reason for each row that a jump by a split parts from the others; null for the rest.

    Jumps are recent ones by a split ratio or a listed split, and older ones that only a split explains or that a listed
    split leaves. ``unexplained_move``: the rows from a jump on, if it is recent or bars from before it are held.
    ``unlisted_split``: else, or if the bars held are those from the jump on, the rows before it.

    Args:
        rows: sound rows of one ticker, ascending by session.
        splits: new shares per old one by session.
        is_held: whether a bar of the same values is held.
        first_held: the first session held, if any.
    """
    n, days = rows.height, rows.get_column("session")
    reasons = pl.Series("reason", [None] * n, dtype=pl.String)
    if n == 0 or is_index(str(rows.get_column("ticker")[0])):
        return reasons
    found, ratios = jumps(rows), listed_ratios(rows, splits)
    place = np.arange(n)
    is_listed = ratios != 1
    own = near(found.gap, ratios) & (np.abs(np.log(ratios)) > 2 * NEAR_RATIO)
    could_be = np.where(is_listed, own, near_split(found.gap)) & found.stays & (place >= LEVEL)
    must_be = np.where(is_listed, own & found.stays, _only_a_split_explains(found)) & (place >= LEVEL)
    is_recent = place >= n - CONFIRMING_SESSIONS
    from_, before = n, 0
    is_break = ((could_be & is_recent) | (must_be & ~is_recent)) & found.is_near
    for at in np.flatnonzero(is_break).tolist():
        held_before, held_after = is_held[:at].any(), is_held[at:].any()
        if held_before and held_after and is_recent[at]:
            continue  # believed before: the move is known, and what is held on both sides stays
        is_newer_wrong = held_before or is_recent[at] or (first_held is not None and first_held < days[at])
        if held_after or not is_newer_wrong:
            before = at
        else:
            from_ = min(from_, at)
    rule = pl.when(pl.Series(place) >= from_).then(pl.lit("unexplained_move"))
    return pl.select(rule.when(pl.Series(place) < before).then(pl.lit("unlisted_split")).alias("reason")).to_series()


def _only_a_split_explains(found: Jumps) -> Mask:
    """Whether the jump is near a split ratio and stays, and volume, range and adjusted close are as after a split."""
    half_again = np.abs(found.gap + np.log(HALF_AGAIN)) < np.log1p(EXACTLY)
    no_payment = np.abs(found.adj_close - found.close) < np.log1p(NEAR_RATIO)
    is_large = np.abs(found.close) > LARGE
    surge, span = (np.where(is_large, large, usual) for large, usual in zip(ORDINARY_IF_LARGE, ORDINARY, strict=True))
    no_news = ~(found.first_volume + found.close > np.log(surge)) & (found.span <= span)
    other_way = np.abs(found.volume + found.close) < np.abs(found.volume) + VOLUME_NOISE
    is_alike = found.stays & other_way & no_payment & no_news
    return (like_split(found.gap) | half_again) & is_alike


def _volume_shows(found: Jumps, place: int, size: float) -> bool:
    """Whether the volume before the split needs mending too: it jumped, or is too noisy to tell."""
    jumped = found.volume[place]
    return bool(np.isnan(jumped) or abs(size) < np.log(TELLING_RATIO) or abs(jumped - size) < abs(jumped))


def _in_words(rows: pl.DataFrame, place: int, ratio: float) -> str:
    before, after = rows.row(place - 1, named=True), rows.row(place, named=True)
    return (
        f"the split of {ratio:g} for 1 on {after['session']} is listed but was not carried through "
        f"(close {before['close']:g} on {before['session']}, open {after['open']:g}): "
        f"the {place} rows before it were mended, prices divided by {ratio:g} and volume multiplied"
    )
