"""Runs of sessions on another scale than the rest of an answer: pence for pounds, or a column of its own.

Between sessions a unit changes at once and, at the end of the run, back by the same factor. A market does neither.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from alpha_pipeline.ingestion.jumps import Array, Jumps, Mask, jumps, like_split, listed_ratios, near, near_split
from alpha_pipeline.universe import is_index

Places = npt.NDArray[np.int64]

# Two prices that differ by less are the same: float32 noise is 1.2e-7.
SAME: Final = 1e-6
# Two jumps that cancel out are the ends of a run: such as no market makes, such as are near a unit or a split ratio, or
# larger than this in sessions of ordinary volume. The largest move of ^VIX, which has none, is by 2.2.
STEEP: Final = np.log(3.0)
CANCELS: Final = 0.25
# One jump alone is of a unit if no market makes it, or if it is a power of ten (of shares: a split ratio from three on)
# that comes in an ordinary session.
IMPOSSIBLE: Final = np.log(20.0)
UNITS: Final = (10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
SMALLEST_RATIO: Final = 3
# Dividends only ever raise adj_close / close from the past to the present. In no ticker of the real bars does it fall.
ADJ_FALLS: Final = np.log(1.02)
ADJ_RISES: Final = np.log(1.5)  # Yahoo's own worst is ASML's 1.25 of November 2012
CENT: Final = 0.01
# One or two rows are a bad print, which has a rule of its own.
SHORTEST: Final = 3


def other_scale(
    rows: pl.DataFrame, splits: Mapping[date, float], is_known: Mask, *, n_recent: int
) -> tuple[Mask, Mask]:
    """Which rows are on another scale than the others.

    The scale that held bars are on is the right one; where none tells, that of most rows. A run may be of any length
    up to half of the answer, in the middle or at either end.

    Args:
        rows: sound rows of one ticker, ascending by session.
        splits: new shares per old one by session; a jump by a listed split is none of scale.
        is_known: whether a bar of the same values is held.
        n_recent: how many of the newest rows are left to the rule of recent moves.

    Returns:
        (all prices or OHLC, the adjusted close alone).
    """
    if rows.height < SHORTEST:
        nothing = np.zeros(rows.height, dtype=bool)
        return nothing, nothing
    found, ratios = jumps(rows), listed_ratios(rows, splits)
    index = is_index(str(rows.get_column("ticker")[0]))
    prices = _close_steps(found, ratios, n_recent, index=index)
    adjusted = _adj_steps(found, ratios, rows.get_column("adj_close").to_numpy())
    return _minority(prices, is_known, SHORTEST, CANCELS), _minority(adjusted, is_known, 1, ADJ_FALLS)


def is_held(rows: pl.DataFrame, held: pl.DataFrame) -> Mask:
    """Whether a bar with the row's closes is held, for each row."""
    both = rows.join(
        held.select("session", "close", "adj_close"), on="session", how="left", suffix="_held", maintain_order="left"
    )
    agree = [(pl.col(name) / pl.col(f"{name}_held") - 1).abs() < SAME for name in ("close", "adj_close")]
    return both.select(pl.all_horizontal(agree).fill_null(value=False)).to_series().to_numpy()


def _close_steps(found: Jumps, ratios: Array, n_recent: int, *, index: bool) -> Array:
    """The jumps of scale among those of the close; 0 elsewhere."""
    is_split = near(found.gap, ratios) & (np.abs(np.log(ratios)) > np.log(1.1))
    unit = np.any([near(found.gap, factor) for factor in UNITS], axis=0)
    steep, sudden = np.abs(found.close) > STEEP, np.abs(found.close) > IMPOSSIBLE
    # News bring volume, and both ends of a split's basis move it.
    no_news = found.is_quiet | found.volume_other_way
    by_ratio = near_split(found.gap) & found.stays & no_news & found.is_near
    ends = sudden | _near_unit(found.close) | by_ratio | (steep & found.is_quiet)
    steps, alone = _paired(found.close, ends, CANCELS, is_split)
    n = len(steps)
    unit |= near_split(found.gap, at_least=SMALLEST_RATIO) & (not index)
    is_unit = ((sudden & (np.abs(found.gap) > STEEP)) | (unit & found.stays & found.is_quiet)) & found.is_near
    # A recent move by a split ratio may be one that the source has yet to carry through: that rule asks for it.
    is_recent = near_split(found.gap) & (np.arange(n) >= max(n - n_recent, SHORTEST)) & (not index)
    unlisted = found.volume_other_way & like_split(found.gap)
    for place in alone:
        if is_unit[place] and not (is_split[place] or is_recent[place] or unlisted[place]):
            steps[place] = found.close[place]
    return steps


def _near_unit(moves: Array) -> Mask:
    """Whether moves are near a power of ten, as far as two ends of a run may differ."""
    return np.any([np.abs(np.abs(moves) - np.log(factor)) < CANCELS for factor in UNITS], axis=0)


def _adj_steps(found: Jumps, ratios: Array, adj_close: Array) -> Array:
    """The jumps of scale between the adjusted close and the close; 0 elsewhere."""
    moves = found.adj_close - found.close
    noise = ADJ_FALLS + CENT / np.fmin(adj_close, np.concatenate([[np.inf], adj_close[:-1]]))
    is_split = near(moves, ratios) & (np.abs(np.log(ratios)) > np.log(1.1))
    steps, alone = _paired(moves, np.abs(moves) > noise, ADJ_FALLS, is_split)
    for place in alone:
        own = np.abs(found.adj_close[place]) > np.abs(found.close[place]) + np.log(1.2)
        if not is_split[place] and (moves[place] < 0 or (moves[place] > ADJ_RISES and own)):
            steps[place] = moves[place]
    return steps


def _paired(moves: Array, candidates: Mask, tolerance: float, is_split: Mask) -> tuple[Array, list[int]]:
    """(the jumps that cancel out in pairs, each pair by one amount, 0 elsewhere; the places of those left alone)."""
    steps, open_ = np.zeros(len(moves)), list[int]()
    for place in np.flatnonzero(candidates).tolist():
        for first in reversed(open_):
            both_listed = is_split[first] and is_split[place]
            if abs(moves[first] + moves[place]) < tolerance and not both_listed:
                open_.remove(first)
                steps[first], steps[place] = moves[first], -moves[first]
                break
        else:
            open_.append(place)
    return steps, open_


def _minority(steps: Array, is_known: Mask, shortest: int, tolerance: float) -> Mask:
    """Which rows are on another level than the right one, in runs of `shortest` or more."""
    if not steps.any():
        return np.zeros(len(steps), dtype=bool)
    level = _levels(np.cumsum(steps), tolerance)
    counts = np.bincount(level)
    told = np.unique(level[is_known])
    most = counts.max()
    newest_of_most = next(int(one) for one in level[::-1] if counts[one] == most)
    right = int(told[0]) if len(told) == 1 else newest_of_most
    off = level != right
    if counts[right] < SHORTEST and len(told) != 1:
        return np.zeros(len(steps), dtype=bool)
    return _without_short_runs(off, level, shortest)


def _levels(level: Array, tolerance: float) -> Places:
    """The levels numbered, near ones alike."""
    order = np.argsort(level, kind="stable")
    starts = np.concatenate([[0], np.diff(level[order]) > tolerance]).astype(np.int64)
    numbers = np.empty(len(level), dtype=np.int64)
    numbers[order] = np.cumsum(starts)
    return numbers


def _without_short_runs(off: Mask, level: Places, shortest: int) -> Mask:
    """The rows that are off in runs of `shortest` or more; at an end in any run, for there no print shows them."""
    kept, n = off.copy(), len(off)
    edges = np.flatnonzero(np.diff(level)) + 1
    for first, last in zip([0, *edges.tolist()], [*edges.tolist(), n], strict=True):
        at_end = first == 0 or last == n
        if not at_end and last - first < shortest:
            kept[first:last] = False
    return kept
