"""Probe: what ^VIX prints until 16:15 New York moves no fill before the next open, least of all one at 16:00."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.audit.fill import SAME_RETURN
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.live import PRINTING
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.sources import PRINTED, ingested
from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS
from alpha_pipeline.portfolio.strategies import SignalRows
from alpha_pipeline.universe import MAG7, SECTORS, VIX

PROBE: Final = "vix_clock"


def vix_clock(pipeline: Pipeline, bars: pl.DataFrame, sessions: Sequence[dt.date]) -> Finding:
    """Let ^VIX jump at one session's close, printed until 16:15: nothing is earned otherwise before the next open.

    The session after it is flattened from open to close, so that it holds the night alone.

    Args:
        pipeline: its ingest, and from the forecasts on, through signals and decisions, its ledger are looked at.
        bars: anchored bars of QQQ and ^VIX.
        sessions: at whose closes to jump.
    """
    wrong = _final_while_printing(pipeline)
    looked = 0
    for session in sessions:
        after = calendar.offset(session, 1)
        flat = _flattened(bars, after)
        calm, jumped = (_earned(pipeline, flat, session, jump=jump) for jump in (False, True))
        both = calm.join(jumped, on="session", suffix="_jumped").filter(pl.col("session") <= after)
        if both.is_empty() or calm.filter(session=after)["weight"].item() == 0:
            continue
        looked += 1
        moved = both.filter((pl.col("gross_return") - pl.col("gross_return_jumped")).abs() > SAME_RETURN)
        if moved.height:
            wrong.append(
                f"what ^VIX says at 16:15 of {session} changes what is earned in {moved['session'][0]} before its open"
            )
        if jumped.filter(session=after)["weight"].item() != 0:
            wrong.append(f"what ^VIX says at the close of {session} is not heeded at the next open")
    if not looked and not wrong:
        return Finding(PROBE, "nothing", "QQQ would be held on none of the sessions looked at")
    return judged(
        PROBE,
        wrong,
        f"a jump of ^VIX at {looked} closes, known at 16:15, moves no fill before the next open",
        {"sessions": looked},
    )


def _final_while_printing(pipeline: Pipeline) -> list[str]:
    """Whether a bar of ^VIX is final, and so read by features, while it still prints."""
    day = PRINTED[-1]
    early = calendar.close_time(day) + PRINTING - dt.timedelta(minutes=1)
    if ingested(pipeline, [day], early).filter("is_final").is_empty():
        return []
    return [f"a bar of ^VIX fetched at {early:%H:%M} UTC of {day}, a minute before its last print, is taken for final"]


def _flattened(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """QQQ's bar of a session without a move from open to close; the night before it moves by 1 %."""
    hit = (pl.col("ticker") == "QQQ") & (pl.col("session") == session)
    return bars.with_columns(
        pl.when(hit).then(pl.col("close") * 1.01).otherwise(pl.col(n)).alias(n)
        for n in ("open", "high", "low", "close")
    ).with_columns(adj_close=pl.when(hit).then(pl.col("adj_close") * 1.01).otherwise("adj_close"))


def _earned(pipeline: Pipeline, bars: pl.DataFrame, session: dt.date, *, jump: bool) -> pl.DataFrame:
    """The ledger of QQQ positions when every stock is bull and ^VIX is calm, or jumps at a session."""
    jumps = pl.col("session") == session if jump else pl.lit(value=False)
    qqq, vix = (bars.filter(pl.col("ticker") == ticker) for ticker in ("QQQ", VIX))
    days = [day for day in qqq["session"] if calendar.offset(session, -5) <= day]
    closes = vix.select("session", close=pl.when(jumps).then(2 * pl.col("close")).otherwise("close"))
    forecasts = _calm_forecasts(days).with_columns(
        prob_spike=pl.when(jumps & (pl.col("ticker") == VIX)).then(1.0).otherwise("prob_spike")
    )
    vote = pipeline.vote(pipeline.ballots(forecasts), days)
    rotation = pipeline.rotation(pipeline.ranks(forecasts), days)
    regime = pipeline.regime(forecasts, closes, qqq, days)
    position = pipeline.position(vote, rotation, regime)
    decided = pipeline.decisions(SignalRows(position, vote, rotation, regime), qqq)
    return pipeline.ledger("qqq_position", decided["qqq_position"], qqq, DEFAULT_COST_BPS)


def _calm_forecasts(days: Sequence[dt.date]) -> pl.DataFrame:
    """Forecasts of every ticker that a signal reads, as far as signals read them: all bull, no spike."""
    wanted = [*((t, 1) for t in MAG7), *((t, 5) for t in SECTORS), (VIX, 1)]
    none = pl.lit(None, pl.Float64())
    return (
        pl.DataFrame({"session": days}, schema={"session": pl.Date()})
        .join(pl.DataFrame(wanted, schema=["ticker", "horizon"], orient="row"), how="cross")
        .with_columns(
            model=pl.lit("calm"),
            expected_return=0.0,
            prob_up=0.9,
            prob_spike=pl.when(pl.col("ticker") == VIX).then(0.0),
            spike_threshold=pl.when(pl.col("ticker") == VIX).then(0.5),
            prob_bull=none,
            bull_threshold=none,
        )
    )
