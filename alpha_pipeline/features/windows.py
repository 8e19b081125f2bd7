"""Trailing windows over whole columns, without a running state.

A running sum carries rounding from everything before the window, so its last bits depend on where the
history began and on what stood before it in the column. Here a window of n rows is composed of windows of
1, 2, 4, 8, ... rows: ``s2[i] = x[i] + x[i - 1]``, ``s4[i] = s2[i] + s2[i - 2]``, and so on. The value at a
row is then a fixed expression of the n rows that end there: the same bits alone or in a panel, with or
without later rows. It also costs only a few vectorised additions per window, whatever n, and lets one
column hold many tickers.

Every function takes and returns Series of one length, over many tickers one after the other. The first n -
1 rows of each ticker look into the ticker before and mean nothing: `alpha_pipeline.features.panel` nulls
them from the features' declared warm-up. NaN marks a missing value; it stays within the windows that hold
it.
"""

import polars as pl


def filled(x: pl.Series, rows: int) -> pl.Series:
    """`x` at the end of a column of `rows` rows; what comes before it means nothing."""
    if x.is_empty():
        return pl.Series(values=[0.0], dtype=pl.Float64).new_from_index(0, rows)
    column = x.new_from_index(0, rows - len(x))
    return column.extend(x)


def lag(x: pl.Series, rows: int) -> pl.Series:
    """The value `rows` rows before."""
    return filled(x.slice(0, max(len(x) - rows, 0)), len(x))


class Sums:
    """Sums over the last n rows, sharing their parts between window lengths."""

    def __init__(self, x: pl.Series) -> None:
        self._rows = len(x)
        # Level k holds the sums over 2**k rows; its first entry ends at row 2**k - 1.
        self._levels = [x]

    def __call__(self, n: int) -> pl.Series:
        """The sum over the n rows that end at each row."""
        size = self._rows - n + 1
        if size <= 0:
            return filled(pl.Series(dtype=pl.Float64), self._rows)
        total: pl.Series | None = None
        remaining = n
        for k in range(n.bit_length()):
            if n >> k & 1:
                remaining -= 1 << k
                part = self._level(k).slice(remaining, size)
                total = part if total is None else total + part
        assert total is not None  # noqa: S101 - n >= 1 has a bit set
        return filled(total, self._rows)

    def mean(self, n: int) -> pl.Series:
        """The mean over the n rows that end at each row."""
        return self(n) / n

    def _level(self, k: int) -> pl.Series:
        while len(self._levels) <= k:
            last, width = self._levels[-1], 1 << len(self._levels) - 1
            self._levels.append(last.slice(width) + last.slice(0, len(last) - width))
        return self._levels[k]


class Highest:
    """Largest values over the last n rows, sharing their parts between window lengths."""

    def __init__(self, x: pl.Series) -> None:
        self._rows = len(x)
        self._levels = [x]

    def __call__(self, n: int) -> pl.Series:
        """The largest of the n rows that end at each row."""
        size = self._rows - n + 1
        if size <= 0:
            return filled(pl.Series(dtype=pl.Float64), self._rows)
        k = n.bit_length() - 1
        level = self._level(k)
        # Two windows of 2**k rows that may overlap cover the n rows.
        return filled(larger(level.slice(0, size), level.slice(n - (1 << k), size)), self._rows)

    def _level(self, k: int) -> pl.Series:
        while len(self._levels) <= k:
            last, width = self._levels[-1], 1 << len(self._levels) - 1
            self._levels.append(larger(last.slice(width), last.slice(0, len(last) - width)))
        return self._levels[k]


class Lowest:
    """Smallest values over the last n rows, sharing their parts between window lengths."""

    def __init__(self, x: pl.Series) -> None:
        self._highest = Highest(-x)

    def __call__(self, n: int) -> pl.Series:
        """The smallest of the n rows that end at each row."""
        return -self._highest(n)


class Variances:
    """Sums of squared deviations from the window's mean, over the last n rows.

    Two neighbouring windows of a and b rows are merged by ``M = Ma + Mb + (mean_a - mean_b)**2 * a * b / (a
    + b)`` (Chan, Golub and LeVeque, 1979), which never subtracts one large number from another.
    """

    def __init__(self, x: pl.Series) -> None:
        self._rows = len(x)
        # Level k holds (sum, squared deviations) over 2**k rows.
        self._levels = [(x, x - x)]

    def squared_deviations(self, n: int) -> pl.Series:
        """The sum of squared deviations over the n rows that end at each row."""
        size = self._rows - n + 1
        if size <= 0:
            return filled(pl.Series(dtype=pl.Float64), self._rows)
        merged: tuple[pl.Series, pl.Series, int] | None = None
        remaining = n
        for k in range(n.bit_length()):
            if n >> k & 1:
                remaining -= 1 << k
                total, squares = (level.slice(remaining, size) for level in self._level(k))
                part = (total, squares, 1 << k)
                merged = part if merged is None else _merged(merged, part)
        assert merged is not None  # noqa: S101 - n >= 1 has a bit set
        return filled(merged[1], self._rows)

    def deviation(self, n: int, ddof: int = 0) -> pl.Series:
        """The standard deviation over the n rows that end at each row."""
        return (self.squared_deviations(n) / (n - ddof)).sqrt()

    def _level(self, k: int) -> tuple[pl.Series, pl.Series]:
        while len(self._levels) <= k:
            (total, squares), width = self._levels[-1], 1 << len(self._levels) - 1
            size = len(total) - width
            later = (total.slice(width), squares.slice(width), width)
            earlier = (total.slice(0, size), squares.slice(0, size), width)
            self._levels.append(_merged(later, earlier)[:2])
        return self._levels[k]


def _merged(
    a: tuple[pl.Series, pl.Series, int], b: tuple[pl.Series, pl.Series, int]
) -> tuple[pl.Series, pl.Series, int]:
    """(sum, squared deviations, rows) of two windows together."""
    rows = a[2] + b[2]
    gap = a[0] - b[0] if a[2] == b[2] else a[0] * (b[2] / a[2]) - b[0]  # in units of the second window's sum
    between = gap * gap * (a[2] / (b[2] * rows))
    return a[0] + b[0], a[1] + b[1] + between, rows


def indicator(flag: pl.Series) -> pl.Series:
    """1 where the flag holds, else 0; several times as fast as a cast from Boolean to Float64."""
    return pl.Series(values=[0.0], dtype=pl.Float64).new_from_index(0, len(flag)).set(flag, 1.0)


def larger(a: pl.Series, b: pl.Series) -> pl.Series:
    """The larger of two columns, row by row."""
    return a.zip_with(a > b, b)


def smaller(a: pl.Series, b: pl.Series) -> pl.Series:
    """The smaller of two columns, row by row."""
    return a.zip_with(a < b, b)


def within(x: pl.Series, low: float, high: float) -> pl.Series:
    """`x`, or the bound that it exceeds; NaN stays NaN."""
    return x.set(x < low, low).set((x > high) & x.is_not_nan(), high)


def ratio(above: pl.Series, below: pl.Series, *, otherwise: float | None, floor: pl.Series | float = 0.0) -> pl.Series:
    """`above / below` where `below` exceeds `floor`, else `otherwise`, for when nothing moved."""
    return (above / below).set(~(below > floor), otherwise)
