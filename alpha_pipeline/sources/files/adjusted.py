"""Whether a file's adjusted closes belong to its closes: only payments part them further, and few days have any.

A column that is shifted by a row, of another ticker, or in another currency moves against the close on most days.
"""

from typing import Final

import polars as pl

# Of weekly payers one day in five has a payment.
MOST_DAYS: Final = 0.3
FEWEST_ROWS: Final = 20
# Within so many rows in a row half of the days are too many, for a column that is wrong in a part of the file alone.
WINDOW: Final = 60
MOST_OF_WINDOW: Final = 0.5
# Prices are written with two decimals, or with six digits.
_HALF_A_CENT: Final = 0.006
_DIGITS: Final = 1e-5


def not_of_the_close(rows: pl.DataFrame, column: str) -> dict[str, str]:
    """By ticker: why its adjusted closes cannot be those of its closes.

    Args:
        rows: columns ticker, session, close, adj_close.
        column: the file's name of the adjusted close.
    """
    ratio = (pl.col("adj_close") / pl.col("close")).log()
    noise = _HALF_A_CENT / pl.col("adj_close") + _HALF_A_CENT / pl.col("close") + _DIGITS
    positive = rows.filter(pl.col("adj_close") > 0, pl.col("close") > 0).drop_nulls("session").sort("session")
    moves = positive.select(
        "ticker",
        is_moved=((ratio - ratio.shift(1)).abs() > noise + noise.shift(1)).over("ticker"),
    ).drop_nulls()
    share = pl.col("is_moved").cast(pl.Float64)
    told = moves.group_by("ticker").agg(
        n=pl.len(),
        n_moved=pl.col("is_moved").sum(),
        most=share.rolling_mean(WINDOW, min_samples=FEWEST_ROWS).max(),
    )
    wrong = told.filter(
        pl.col("n") >= FEWEST_ROWS, (pl.col("n_moved") > MOST_DAYS * pl.col("n")) | (pl.col("most") > MOST_OF_WINDOW)
    )
    return {
        ticker: (
            f"the column {column} of {ticker} moves against the close on {n_moved} of {n} days, and payments are on "
            "few: it is of other days, of another ticker or in another currency. Put it right, or leave it out"
        )
        for ticker, n, n_moved in wrong.sort("ticker").select("ticker", "n", "n_moved").iter_rows()
    }
