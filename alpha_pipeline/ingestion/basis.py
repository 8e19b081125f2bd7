"""Why held bars changed: a split or a dividend moved their basis, or somebody corrected them.

A split moves every earlier price by one ratio and the volume the other way; a dividend moves every earlier adjusted
close (of a source that adjusts everything: every price), the further back the more. Anything else is a correction.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from operator import mul
from typing import Final

import numpy as np
import polars as pl

from alpha_pipeline.ingestion.jumps import Array, Mask
from alpha_pipeline.ingestion.quality import PRICES, VALUES
from alpha_pipeline.universe import is_index

# Two downloads of one price differ by float32 noise of up to 1.2e-7; a cent on 1000 is 1e-5.
SAME: Final = 1e-6
# Rescaled prices are rounded again, so the ratios of one split agree less closely than equal prices do.
SAME_RATIO: Final = 1e-4
UNITS: Final = (1e-2, 1e-3, 1e-4)
WHOLE_UNIT: Final = 1e-5
LARGEST_ROUNDING: Final = 0.01
LISTED: Final = 1e-3
# What companies split or merge by, beside whole numbers; and two splits of them between two answers.
FRACTIONS: Final = (5 / 4, 4 / 3, 3 / 2, 5 / 2, 5 / 3, 7 / 2)
WHOLE: Final = (*range(2, 11), 12, 15, 20, 25, 30, 40, 50, 100)
# Volume of fewer shares is rounded too much to tell a ratio.
TELLING_VOLUME: Final = 100
VOLUME_AGREES: Final = 0.05
ROUNDED: Final = 0.02
# What all dividends between two answers take off an adjusted close at most, and one of them; more only where it is
# listed (KDP paid 84 % of its price in July 2018).
ALL_PAYMENTS: Final = 0.5
ONE_PAYMENT: Final = 0.8
LISTED_PAYMENTS: Final = 0.05
SMOOTHED: Final = 5


@dataclass(frozen=True)
class Basis:
    """What the action table says of the time between two answers.

    Attributes:
        splits: new shares per old one by session.
        pays: whether a dividend or capital gain is listed.
    """

    splits: Mapping[date, float]
    pays: bool = False


def moved(name: str) -> pl.Expr:
    """Whether a value differs from its ``_fresh`` one by more than noise, relative to the larger of the two."""
    old, new = pl.col(name), pl.col(f"{name}_fresh")
    return (new - old).abs() > SAME * pl.max_horizontal(old.abs(), new.abs())


def explained(pairs: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """Why each pair differs.

    Args:
        pairs: the held bars joined by session with the answer's (``_fresh``), ascending.
        basis: what is listed.

    Returns:
        A row for each pair: cause (split, dividend, correction or finalised; of no meaning where nothing moved), and
        is_explained: whether a split or dividend moves just this row by just this much.
    """
    n = pairs.height
    ratios = {name: _ratio(pairs, name) for name in PRICES}
    price, cents = ratios["close"], _cents(pairs)
    changed = {name: pairs.select(moved(name)).to_series().to_numpy() for name in VALUES}
    alike = np.all([np.abs(ratios[name] / price - 1) < cents for name in ("open", "high", "low")], axis=0)
    only_adj = changed["adj_close"] & ~np.any([changed[name] for name in VALUES if name != "adj_close"], axis=0)
    index = n > 0 and is_index(str(pairs.get_column("ticker")[0]))
    adjusts_all = n > 0 and pairs.filter(
        (pl.col("close") != pl.col("adj_close")) | (pl.col("close_fresh") != pl.col("adj_close_fresh"))
    ).is_empty()  # fmt: skip
    split = np.ones(n) if index else _splits(pairs, price, alike, basis.splits, adjusts_all=adjusts_all)
    is_split = split != 1
    paid = ratios["adj_close"] / split
    still = ~np.any([changed[name] for name in VALUES], axis=0)
    pays_all = adjusts_all & alike & (is_split | ~changed["volume"])
    may_pay = (still | only_adj | is_split | pays_all) & (not index)
    is_paid = _pays(paid, may_pay, cents, pays=basis.pays) & may_pay
    same_adj = np.abs(paid - 1) < cents
    is_explained = (is_split & (same_adj | is_paid)) | (~is_split & is_paid)
    cause = np.full(n, "correction", dtype=object)
    cause[only_adj | (pays_all & is_paid)] = "dividend"
    cause[is_split] = "split"
    cause[~pairs.get_column("is_final").to_numpy()] = "finalised"
    return pl.DataFrame({"cause": cause.tolist(), "is_explained": is_explained}, schema_overrides={"cause": pl.String})


def _ratio(pairs: pl.DataFrame, name: str) -> Array:
    return (pairs.get_column(f"{name}_fresh") / pairs.get_column(name)).to_numpy().astype(np.float64)


def _cents(pairs: pl.DataFrame) -> Array:
    """How far two ratios of one basis may lie apart: prices are rounded, those of some files to cents."""
    values = [pairs.get_column(name).to_numpy().astype(np.float64) for name in ("adj_close", "adj_close_fresh")]
    units = sum(_unit(side) for side in values)
    return SAME_RATIO + np.minimum(units / np.minimum(*values), LARGEST_ROUNDING)


def _unit(values: Array) -> float:
    """What all values are a multiple of, a cent or less; 0 where nothing tells."""
    for unit in UNITS:
        if np.all(np.abs(values / unit - np.round(values / unit)) < WHOLE_UNIT):
            return unit
    return 0.0


def _splits(
    pairs: pl.DataFrame, price: Array, alike: Mask, listed: Mapping[date, float], *, adjusts_all: bool
) -> Array:
    """The ratio by which a split moved each row; 1 where none did."""
    volumes = pairs.get_column("volume").to_numpy(), pairs.get_column("volume_fresh").to_numpy()
    tells = np.minimum(*volumes) >= TELLING_VOLUME
    turned = np.divide(volumes[0], volumes[1], out=np.full(len(price), np.nan), where=tells)
    known = _products(list(listed.values()))
    # Where dividends move the price as well, the volume alone has the split's own ratio.
    guess = np.where(tells, turned, price) if adjusts_all else price
    split = np.ones(len(price))
    candidates = alike & (np.abs(np.log(guess)) > np.log(1.01))
    for members, ratio in _clusters(guess, candidates):
        is_listed = any(abs(ratio * one - 1) < (ROUNDED if adjusts_all else LISTED) for one in known)
        told = turned[members & tells]
        turns = len(told) > 0 and abs(float(np.median(told)) / ratio - 1) < VOLUME_AGREES
        if is_listed or (members.sum() > 1 and turns and is_usual(ratio) and _reaches_back(members, candidates)):
            split[members] = _exact(ratio, known) if adjusts_all else price[members]
    return split


def _products(ratios: list[float]) -> set[float]:
    """Products of splits that follow one another."""
    return {product for first in range(len(ratios)) for product in accumulate(ratios[first:], mul)}


def is_usual(ratio: float) -> bool:
    """Whether companies split or merge by a ratio, in one go or in two."""
    size = max(ratio, 1 / ratio)
    once = (*FRACTIONS, *map(float, WHOLE))
    return any(abs(size / one / other - 1) < LISTED * 5 for one in once for other in (1.0, *once))


def _exact(ratio: float, known: Collection[float]) -> float:
    """A ratio told by volumes, which are noisy, as the split's own."""
    size = max(ratio, 1 / ratio)
    once = [*known, *(1 / one for one in known), *FRACTIONS, *map(float, WHOLE)]
    exact = min((one for one in once if one > 1), key=lambda one: abs(size / one - 1))
    exact = exact if abs(size / exact - 1) < VOLUME_AGREES else size
    return exact if ratio > 1 else 1 / exact


def _clusters(values: Array, candidates: Mask) -> list[tuple[Mask, float]]:
    """The candidates in groups of near values: which rows, and their median."""
    places = np.flatnonzero(candidates)
    places = places[np.argsort(values[places], kind="stable")]
    sizes = np.log(values[places])
    groups = np.split(places, np.flatnonzero(np.diff(sizes) > 2 * LISTED) + 1) if len(places) else []
    found = []
    for group in groups:
        members = np.zeros(len(values), dtype=bool)
        members[group] = True
        found.append((members, float(np.median(values[group]))))
    return found


def _reaches_back(members: Mask, candidates: Mask) -> bool:
    """Whether almost every row before the last one that a split moved was moved: it leaves no row behind."""
    last = int(np.flatnonzero(members)[-1])
    left = int((~candidates[: last + 1]).sum())
    return left <= most_corrections(last + 1)


def most_corrections(n_compared: int) -> int:
    """How many corrections of held final bars one answer may bring; more would rewrite the history.

    One bar in 100 and at least 5, of few bars half of them; never more than 20.
    """
    return max(min(5, max(2, n_compared // 2)), min(20, n_compared // 100))


def _pays(paid: Array, may_pay: Mask, cents: Array, *, pays: bool) -> Mask:
    """Whether dividends moved a row by just this much.

    Dividends take off the more the further back, in steps; a dividend put right moves all rows before it by one ratio.
    """
    if not may_pay.any():
        return may_pay
    places = np.flatnonzero(may_pay)
    smooth = pl.Series(paid[places]).rolling_median(SMOOTHED, min_samples=1, center=True).to_numpy()
    tolerance = 2 * cents[places]
    falls = np.diff(smooth) < -(tolerance[1:] + tolerance[:-1])
    steps = np.abs(np.diff(smooth)) > tolerance[1:] + tolerance[:-1]
    least, one = (LISTED_PAYMENTS, LISTED_PAYMENTS) if pays else (ALL_PAYMENTS, ONE_PAYMENT)
    largest_step = np.min(smooth[:-1] / smooth[1:], initial=1.0)
    accrues = not falls.any() and smooth.min() >= least and largest_step >= one
    accrues = accrues and bool(smooth[-1] <= 1 + tolerance[-1])
    put_right = steps.sum() <= 1 and one <= smooth.min() and smooth.max() <= 1 / ONE_PAYMENT
    result = np.zeros(len(paid), dtype=bool)
    if (accrues and steps.sum() <= max(2, len(places) // SMOOTHED)) or put_right:
        result[places] = np.abs(paid[places] / smooth - 1) < tolerance
    return result
