"""Probe: a decision is filled at the next open, and earns what shares bought there earn.

The ledger is kept a second time here, in shares and cash instead of weights and growth.
"""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.portfolio.costs import BASIS_POINT, DEFAULT_COST_BPS

PROBE: Final = "fill"
SAME_RETURN: Final = 1e-9
DECISIONS: Final = 200


def fill(pipeline: Pipeline, bars: pl.DataFrame, tickers: Sequence[str]) -> Finding:
    """Account for decisions drawn at random, and compare with shares bought at the next open.

    Args:
        pipeline: its ledger is looked at.
        bars: anchored bars.
        tickers: those traded.
    """
    held = [ticker for ticker in tickers if ticker in set(bars["ticker"].unique())]
    days = bars.filter(pl.col("ticker") == held[0])["session"].to_list() if held else []
    if len(days) < 10:
        return Finding(PROBE, "nothing", f"fewer than ten bars of {', '.join(tickers)}")
    rng = np.random.default_rng(11)
    decided = sorted(days[place] for place in rng.choice(len(days) - 1, min(len(days) - 1, DECISIONS), replace=False))
    drawn = rng.dirichlet(np.ones(len(held) + 1), len(decided))[:, : len(held)]
    weights = pl.DataFrame(
        [
            (day, ticker, float(w))
            for day, row in zip(decided, drawn, strict=True)
            for ticker, w in zip(held, row, strict=True)
        ],
        schema={"session": pl.Date(), "ticker": pl.String(), "weight": pl.Float64()},
        orient="row",
    )
    own = bars.filter(pl.col("ticker").is_in(held))
    made = pipeline.ledger("drawn", weights, own, DEFAULT_COST_BPS)
    wrong = apart_from_shares("drawn decisions", made, weights, own)
    return judged(
        PROBE,
        wrong,
        f"{len(decided)} drawn decisions earn, over {made.height} sessions, what shares bought at the next open do",
        {"decisions": len(decided), "sessions": made.height},
    )


def apart_from_shares(
    name: str, ledger: pl.DataFrame, weights: pl.DataFrame, bars: pl.DataFrame, cost_bps: float = DEFAULT_COST_BPS
) -> list[str]:
    """Where a ledger differs from one kept in shares, in words; nothing where it does not.

    Args:
        name: whose.
        ledger: rows of `portfolio.ledger` of one strategy.
        weights: its decisions: session, ticker, weight.
        bars: anchored bars of its tickers.
        cost_bps: basis points of the traded notional, each side.
    """
    due = by_shares(weights, bars, cost_bps)
    both = ledger.join(due, on="session", how="full", coalesce=True, maintain_order="left_right").sort("session")
    gap = (pl.col("net_return") - pl.col("due")).abs()
    apart = both.filter(gap.is_null() | (gap > SAME_RETURN))
    if apart.is_empty():
        return []
    first = apart.row(0, named=True)
    said, right = (math.nan if first[column] is None else first[column] for column in ("net_return", "due"))
    words = (
        f"{name} earn {said:+.4%} in {first['session']}, shares bought at the next open {right:+.4%} "
        f"({apart.height} of {both.height} sessions differ)"
    )
    return [words.replace("%", " %")]


def by_shares(weights: pl.DataFrame, bars: pl.DataFrame, cost_bps: float) -> pl.DataFrame:
    """Net returns per session of decisions filled at the next open, by counting shares: session and due."""
    tickers = weights["ticker"].unique().sort().to_list()
    factor = pl.col("adj_close") / pl.col("close")
    rows = bars.filter(pl.col("ticker").is_in(tickers)).with_columns(pl.col("open") * factor, close="adj_close")
    prices = _by_session(rows.select("session", "ticker", "open", "close"))
    orders = _by_session(weights.select("session", "ticker", "weight"))
    waiting = sorted(orders)
    shares, last = dict.fromkeys(tickers, 0.0), dict.fromkeys(tickers, math.nan)
    cash, order, begun, made = 1.0, None, False, []
    for day, quoted in prices.items():
        before = cash + sum(n * last[t] for t, n in shares.items() if n)
        while waiting and waiting[0] < day:
            order = orders[waiting.pop(0)]
            begun = True
        wanted = {} if order is None else {t: order.get(t, 0.0) for t in tickers}
        touched = [t for t in tickers if wanted.get(t, 0.0) > 0 or shares[t] > 0]
        if order is not None and all(t in quoted for t in touched):
            now = cash + sum(n * quoted[t][0] for t, n in shares.items() if n)
            traded = math.fsum(
                abs(w * now - shares[t] * (quoted[t][0] if t in quoted else 0.0)) for t, w in wanted.items()
            )
            left = now - cost_bps * BASIS_POINT * traded
            shares = {t: w * left / quoted[t][0] if w else 0.0 for t, w in wanted.items()}
            cash = left * (1 - math.fsum(wanted.values()))
            order = None
        last |= {t: close for t, (_, close) in quoted.items()}
        after = cash + sum(n * last[t] for t, n in shares.items() if n)
        if begun:
            made.append((day, after / before - 1))
    return pl.DataFrame(made, schema={"session": pl.Date(), "due": pl.Float64()}, orient="row")


def _by_session(rows: pl.DataFrame) -> dict[dt.date, dict[str, Any]]:
    """The values of (session, ticker, …) by session, ascending, and ticker; one value by itself."""
    found: dict[dt.date, dict[str, Any]] = {}
    for day, ticker, *values in rows.sort("session", "ticker").iter_rows():
        found.setdefault(day, {})[ticker] = values[0] if len(values) == 1 else tuple(values)
    return found
