"""The ledger: what a strategy would have earned, session by session, after costs.

A decision made at session t's close is filled at the open of t+1. So a session has two parts: overnight,
close to open, with the weights carried; intraday, open to close, with the new ones. The overnight gap of a
decision's own night is never earned. Prices are adjusted, so dividends are reinvested. Cash earns nothing.

A decision restores its weights at one open; after that weights drift with prices until the next decision. A
strategy that decides every session (the volatility target, the QQQ position) is so brought back to its weight
at each open, and pays for it: about .4 of its 2.4 turnover a year. One that decides weekly or once drifts in
between.

A ticker without a bar is carried at its last close, and a decision that would trade it waits, whole, for an
open at which it can be filled.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS, cost_rate
from alpha_pipeline.warehouse.tables.results import LEDGER

Array = NDArray[np.float64]
ROUNDING = 1e-12  # A weight differs from its target by less than this through arithmetic alone.


@dataclass(frozen=True)
class _Market:
    """Price moves of the tickers of one strategy; S sessions, N tickers. A move without a bar is 1."""

    sessions: pl.Series  # (S,)
    overnight: Array  # (S, N): open / close before
    intraday: Array  # (S, N): close / open
    has_bar: NDArray[np.bool_]  # (S, N)


def ledger(
    strategy: str, weights: pl.DataFrame, bars: pl.DataFrame, cost_bps: float = DEFAULT_COST_BPS
) -> pl.DataFrame:
    """Account for a strategy's decisions.

    Args:
        strategy: the strategy's name.
        weights: columns session, ticker, weight: what to hold from the next open, as fractions of equity.
            The rows of a session are the whole portfolio: a ticker without a row is sold. A session without
            rows is no decision.
        bars: rows of ``raw.bars``, of the tickers in `weights` at least.
        cost_bps: basis points of the traded notional, each side.

    Returns:
        Rows of ``portfolio.ledger`` from the first session after the first decision to the last bar.
        ``net_return = (1 + gross_return) * (1 - cost) - 1``, and equity starts from 1.
        The cost is taken on the weights before it is paid, which leaves out a term of cost squared.

    Raises:
        NotEnoughDataError: a ticker has no bars at all.
        ValueError: negative weights, or a sum above 1: short and leveraged holdings are not accounted for.
    """
    rate = cost_rate(cost_bps)
    _check(weights)
    if weights.is_empty():
        return LEDGER.empty()
    tickers = weights["ticker"].unique().sort().to_list()
    market = _market(tickers, bars)
    orders = _orders(weights, tickers, market.sessions)
    if not orders:
        return LEDGER.empty()
    first = min(orders)
    held, order, equity, rows = np.zeros(len(tickers)), None, 1.0, []
    for i in range(first, len(market.sessions)):
        order = orders.get(i, order)
        overnight, held = _grow(held, market.overnight[i])
        traded = 0.0
        if order is not None and _can_fill(order, held, market.has_bar[i]):
            change = np.abs(order - held)
            traded = math.fsum(change[change > ROUNDING])
            held, order = order, None
        weight, cost = math.fsum(held), rate * traded
        intraday, held = _grow(held, market.intraday[i])
        gross = overnight * intraday - 1
        net = (1 + gross) * (1 - cost) - 1
        equity *= 1 + net
        rows.append((market.sessions[i], weight, gross, cost, net, equity))
    columns = ["session", "weight", "gross_return", "cost", "net_return", "equity"]
    return LEDGER.conform(pl.DataFrame(rows, schema=columns, orient="row").with_columns(strategy=pl.lit(strategy)))


def _grow(held: Array, moves: Array) -> tuple[float, Array]:
    """The growth of equity over a part of a session, and the weights it leaves behind."""
    # fsum is exact whatever the order and the number of idle tickers, so later tickers change no earlier bit.
    growth = 1 + math.fsum(held * (moves - 1))
    return growth, held * moves / growth


def _can_fill(order: Array, held: Array, has_bar: NDArray[np.bool_]) -> bool:
    return bool(has_bar[(order > 0) | (held > 0)].all())


def _check(weights: pl.DataFrame) -> None:
    sums = weights.group_by("session").agg(total=pl.col("weight").sum(), least=pl.col("weight").min())
    allowed = (pl.col("least") >= 0) & (pl.col("total") <= 1 + ROUNDING)
    bad = sums.filter(~allowed | pl.col("total").is_nan()).sort("session")["session"].to_list()
    if bad:
        raise ValueError(f"weights of {bad[0]} are negative or sum to more than 1")


def _market(tickers: list[str], bars: pl.DataFrame) -> _Market:
    rows = adjusted(bars.filter(pl.col("ticker").is_in(tickers)))
    absent = sorted(set(tickers) - set(rows["ticker"]))
    if absent:
        raise NotEnoughDataError(f"no bars of {', '.join(absent)}: ingest them first")
    opens = rows.pivot("ticker", index="session", values="open").sort("session")
    closes = rows.pivot("ticker", index="session", values="close").sort("session")
    open_, close = opens.select(tickers).to_numpy(), closes.select(tickers).to_numpy()
    marks = closes.select(pl.col(tickers).forward_fill()).to_numpy()
    before = np.vstack([np.full((1, len(tickers)), np.nan), marks[:-1]])
    overnight = np.nan_to_num(open_ / before, nan=1.0)
    return _Market(opens["session"], overnight, np.nan_to_num(close / open_, nan=1.0), ~np.isnan(close))


def _orders(weights: pl.DataFrame, tickers: list[str], sessions: pl.Series) -> dict[int, Array]:
    """Each decision as a weight vector, by the place of the session that fills it; the latest counts."""
    decisions = weights.pivot("ticker", index="session", values="weight").sort("session")
    places = np.searchsorted(sessions.to_numpy(), decisions["session"].to_numpy(), side="right")
    vectors = decisions.select(pl.col(tickers).fill_null(0.0)).to_numpy()
    return {i: order for i, order in zip(places.tolist(), vectors, strict=True) if i < len(sessions)}
