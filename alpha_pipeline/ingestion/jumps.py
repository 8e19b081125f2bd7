"""Jumps between the sessions of one answer: how large, how the volume went with them, what ratio they are near to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from alpha_pipeline import sessions

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Ratios at which shares are split or merged. 6:1 is left out, rare and near SVXY's fall to 0.163 in February 2018. No
# true move of the real bars comes near to one of these.
SPLIT_RATIOS: Final = (2, 3, 4, 5, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100)
NEAR_RATIO: Final = 0.05
# No market comes near to the large ones, so that there the session's own move may have been a large one.
LARGE: Final = 8
NEAR_LARGE: Final = 0.12
# A split changes nothing by itself, so the session's own move is an ordinary one.
STAYS: Final = np.log(1.25)
# Sessions on each side whose median volume is compared, and on the first days the most that a true move is without.
VOLUME_SESSIONS: Final = 10
FEWEST_VOLUMES: Final = 3
SURGE: Final = 2.5
LONGEST_HOLE: Final = 5


@dataclass(frozen=True)
class Jumps:
    """What happens between each row and the one before it, in logarithms; NaN in the first row.

    Attributes:
        close: close to close.
        gap: close to open.
        adj_close: adjusted close to adjusted close.
        volume: median volume of the ten sessions from the row on to that of the ten before; NaN where fewer than
            three of either traded.
        first_volume: the same of the first three sessions.
        span: high to low of the row, to the median of the ten rows before.
        is_near: whether few sessions lie between the two rows. Over a longer hole any ratio is a market's.
    """

    close: Array
    gap: Array
    adj_close: Array
    volume: Array
    first_volume: Array
    span: Array
    is_near: Mask

    @property
    def stays(self) -> Mask:
        """Whether the session closed near its open."""
        return np.abs(self.close - self.gap) < STAYS

    @property
    def volume_other_way(self) -> Mask:
        """Whether the volume rose as the price fell, by the same factor rather than not at all; or the reverse."""
        left = np.abs(self.volume + self.close)
        return (left < np.abs(self.volume)) & (left < np.log(4))

    @property
    def is_quiet(self) -> Mask:
        """Whether the first sessions traded no more than an ordinary one; so where no volume is known."""
        return ~(self.first_volume > np.log(SURGE))


def jumps(rows: pl.DataFrame) -> Jumps:
    """The jumps of an answer's rows, ascending by session."""
    opened, high, low, close, adj_close, volume = (
        rows.get_column(name).to_numpy().astype(np.float64)
        for name in ("open", "high", "low", "close", "adj_close", "volume")
    )
    return Jumps(
        close=_change(close, close),
        gap=_change(opened, close),
        adj_close=_change(adj_close, adj_close),
        volume=_volume_change(volume, VOLUME_SESSIONS),
        first_volume=_volume_change(volume, FEWEST_VOLUMES),
        span=_span(high, low),
        is_near=_is_near(rows.get_column("session")),
    )


def _is_near(days: pl.Series) -> Mask:
    places = np.searchsorted(_calendar(), days.to_numpy().astype("datetime64[D]"))
    return np.diff(places, prepend=places[:1]) <= LONGEST_HOLE


@cache
def _calendar() -> npt.NDArray[np.datetime64]:
    return np.array(sessions.all_sessions(), dtype="datetime64[D]")


def near(gap: Array, ratio: float | Array) -> Mask:
    """Whether jumps (logarithms) are a ratio or its inverse."""
    away = np.abs(np.abs(gap) - np.abs(np.log(ratio)))
    return away < np.log1p(NEAR_RATIO)


def near_split(gap: Array, *, at_least: int = 2) -> Mask:
    """Whether jumps (logarithms) are near a ratio at which shares are split or merged."""
    return np.any([near(gap, float(ratio)) for ratio in SPLIT_RATIOS if ratio >= at_least], axis=0)


def like_split(gap: Array) -> Mask:
    """Whether jumps (logarithms) are near such a ratio, of a large one also after a large move of the session's own."""
    large = [np.abs(np.abs(gap) - np.log(ratio)) < np.log1p(NEAR_LARGE) for ratio in SPLIT_RATIOS if ratio >= LARGE]
    return near_split(gap) | np.any(large, axis=0)


def listed_ratios(rows: pl.DataFrame, splits: Mapping[date, float]) -> Array:
    """The split that came with each row (new shares per old one), 1 where none did; ascending rows.

    A split in a session without a row comes with the next row.
    """
    days = rows.get_column("session").to_list()
    ratios = np.ones(len(days))
    places = np.searchsorted(np.array(days, dtype="datetime64[D]"), np.array(list(splits), dtype="datetime64[D]"))
    for place, ratio in zip(places, splits.values(), strict=True):
        if 0 < place < len(days):
            ratios[place] *= ratio
    return ratios


def split_ratios(actions: pl.DataFrame) -> dict[date, float]:
    """New shares per old one by session, of what the action table calls a split."""
    value = pl.col("value")
    splits = actions.filter(pl.col("kind") == "split", value > 0, value.is_finite())
    splits = splits.unique(["session", "kind"], keep="last", maintain_order=True)
    return dict(splits.sort("session").select("session", "value").iter_rows())


def _change(to: Array, of: Array) -> Array:
    """The logarithm of each value to the one before it."""
    return np.concatenate([[np.nan], np.log(to[1:] / of[:-1])])[: len(to)]


def _volume_change(volume: Array, n_after: int) -> Array:
    series = pl.Series(volume)
    traded = series.replace(0.0, None) if len(series) else series
    before = traded.rolling_median(VOLUME_SESSIONS, min_samples=FEWEST_VOLUMES).shift(1)
    after = traded.reverse().rolling_median(n_after, min_samples=min(n_after, FEWEST_VOLUMES)).reverse()
    return (after / before).log().fill_null(np.nan).to_numpy()


def _span(high: Array, low: Array) -> Array:
    span = pl.Series(np.log(high / low))
    usual = span.rolling_median(VOLUME_SESSIONS, min_samples=1).shift(1)
    return (span / usual.clip(lower_bound=0.01)).fill_null(1.0).to_numpy()
