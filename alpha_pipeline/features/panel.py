"""From bars to a feature frame: blocks of whole tickers, computed side by side, warm-up rows nulled.

A block holds some ten tickers one after the other in plain columns. It is small enough to stay in the
processor's cache and large enough that the cost of a call does not count. No value of a ticker depends on
what else is in its block, so how tickers are grouped changes no bit of the result.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.universe import is_index

KEY = ("ticker", "session")
PRICES = ("open", "high", "low", "close", "adj_close")
BLOCK_ROWS = 60_000

# Adjusted prices carry float32 precision at worst, and a tick is larger than this part of a price. Two prices
# nearer than this are the same price; without it, rounding would decide what is an up day.
SAME = 1e-6


@dataclass(frozen=True)
class Panel:
    """A block of whole tickers, sorted by ticker and session, with adjusted prices.

    Attributes:
        frame: ``ticker, session, open, high, low, close, volume`` (float, NaN where missing) and whatever
            else the bars carried.
        starts: the row at which each ticker begins.
    """

    frame: pl.DataFrame
    starts: Sequence[int]

    def __getitem__(self, column: str) -> pl.Series:
        """A column of the frame."""
        return self.frame.get_column(column)

    @cached_property
    def row(self) -> pl.Series:
        """The row's number within its ticker, from 0."""
        lengths = pl.Series([*self.starts[1:], self.frame.height]) - pl.Series(self.starts)
        return pl.int_ranges(lengths, eager=True).explode()

    @cached_property
    def ticker_number(self) -> pl.Series:
        """The ticker's number within the block, from 0; cheaper to group by than its name."""
        return self["ticker"].rle_id().set_sorted()

    def ewm(self, averages: Mapping[str, tuple[pl.Series, float]], *, begin: int) -> dict[str, pl.Series]:
        """Exponential averages ``y[t] = y[t-1] + alpha * (x[t] - y[t-1])``, begun anew with every ticker.

        Args:
            averages: name -> (column, alpha).
            begin: first row of each ticker that has a value; it seeds the average.
        """
        before = self.row < begin
        columns = {name: column.set(before, None) for name, (column, _) in averages.items()}
        smooth = [
            pl.col(name).ewm_mean(alpha=alpha, adjust=False).over("number") for name, (_, alpha) in averages.items()
        ]
        return pl.DataFrame({"number": self.ticker_number, **columns}).select(smooth).to_dict()


Compute = Callable[[Panel], Mapping[str, pl.Series]]


def described(bars: pl.DataFrame, features: Sequence[Feature], compute: Compute) -> pl.DataFrame:
    """One row per bar with the features that `compute` derives, null in each ticker's warm-up.

    Rows count a ticker's own bars: a missing session shortens no window. A bar with a missing, infinite or
    non-positive price is left out of every calculation as if it were missing, and all its features are null.

    Args:
        bars: at least ``ticker, session, open, high, low, close, adj_close, volume``, sorted by ticker and
            session.
        features: what `compute` returns, in the order of the result's columns.
        compute: from a panel to one Float64 column per feature, as long as the panel. First rows of a
            ticker that lie in the feature's warm-up may hold anything. NaN stands for a missing value.

    Returns:
        ``ticker, session`` and one Float64 column per feature, in the order of the bars.

    Raises:
        ValueError: the bars are not sorted, or a (ticker, session) comes twice.
    """
    trusted = bars.filter(usable())
    if trusted.is_empty():
        return bars.select(*KEY, *(pl.lit(None, dtype=pl.Float64).alias(feature.name) for feature in features))
    volume = pl.col("volume").cast(pl.Float64).fill_null(float("nan"))
    blocks = list(_blocks(adjusted(trusted).with_columns(volume).rechunk()))
    if len(blocks) == 1:
        frame = _one_block(blocks[0], features, compute)
    else:
        with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            frame = pl.concat(pool.map(lambda block: _one_block(block, features, compute), blocks))
    if trusted.height == bars.height:
        return frame
    return bars.select(KEY).join(frame, on=KEY, how="left", maintain_order="left")


def usable() -> pl.Expr:
    """Whether a bar can be calculated with: every price is there, finite and positive."""
    return pl.all_horizontal(pl.col(PRICES).is_finite() & (pl.col(PRICES) > 0)).fill_null(value=False)


def _one_block(block: Panel, features: Sequence[Feature], compute: Compute) -> pl.DataFrame:
    """The features of a block: computed, nulled in the warm-up, NaN turned into null."""
    columns = compute(block)
    warm_up = {rows: block.row < rows for rows in {feature.warm_up for feature in features}}
    named = {feature.name: columns[feature.name].set(warm_up[feature.warm_up], None) for feature in features}
    frame = pl.DataFrame({name: block[name] for name in KEY} | named)
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _blocks(bars: pl.DataFrame) -> Iterator[Panel]:
    """The bars cut into blocks of whole tickers."""
    tickers, session = bars["ticker"], bars["session"]
    fresh = tickers.ne_missing(tickers.shift(1))
    starts = fresh.arg_true().to_list()
    names = tickers.gather(starts)
    if names.n_unique() < len(names) or (~fresh & (session <= session.shift(1))).any():
        raise ValueError("bars must be sorted by ticker and session, each pair once")
    first = 0
    for i, end in enumerate([*starts[1:], bars.height]):
        begin = starts[first]
        if end - begin >= BLOCK_ROWS or end == bars.height:
            frame = bars.slice(begin, end - begin)
            yield Panel(_without_index_volume(frame, names[first : i + 1]), [s - begin for s in starts[first : i + 1]])
            first = i + 1


def _without_index_volume(bars: pl.DataFrame, tickers: pl.Series) -> pl.DataFrame:
    """The bars with zero volume for every index: what a source calls the volume of an index is not one."""
    indices = [name for name in tickers if is_index(name)]
    if not indices:
        return bars
    return bars.with_columns(volume=pl.when(pl.col("ticker").is_in(indices)).then(0.0).otherwise(pl.col("volume")))
