"""Signals of a range of sessions, from the forecasts held.

Each signal is computed over the whole history, because regimes, rotation and size carry state from session to
session, and only the rows of the sessions asked for are written: a session's row does not depend on the range.
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.signals import mag7_vote, qqq_position, sector_rotation, vix_regime
from alpha_pipeline.signals.replay import Evidence
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.universe import CORE, MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import signals as tables
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS

BALLOT_MODEL = "v13_bull_sniper"
SECTOR_MODEL = "v15_sector_context"
VIX_MODEL = "bear_headhunter"
MODELS = sorted({BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL})
FIRST_SESSION = dt.date(2016, 1, 4)
# Raise it when the arithmetic of a signal changes, so that held rows are made anew.
SIGNALS_VERSION = "2"
NO_INPUTS = "none"
# To fill one of the six tables on an idle machine, most of it for Dagster's record of each session.
SECONDS_A_SESSION = 0.0012


def sessions_to_signal(warehouse: Warehouse) -> tuple[dt.date, ...]:
    """The sessions that have a signal: those out of sample for which any core ticker can hold a bar.

    Raises:
        NotEnoughDataError: no core ticker has bars, or they end before the first session out of sample.
    """
    held = span(warehouse.read(BARS, CORE, columns=["session"]))
    if held is None:
        raise NotEnoughDataError(
            f"None of the core tickers ({', '.join(CORE)}) has bars: no signal can be made. "
            "`alpha train` trains and forecasts what is held."
        )
    first, last = held
    if last < FIRST_SESSION:
        raise NotEnoughDataError(
            f"The bars end on {last}, before the first out-of-sample session {FIRST_SESSION}: there is no signal, and "
            "nothing to train for one."
        )
    return calendar.between(max(first, FIRST_SESSION), last)


def stale_sessions(warehouse: Warehouse, sessions: Sequence[dt.date]) -> list[str]:
    """The sessions (ISO dates) to be made anew: from the first whose position is missing or has other inputs.

    Signals carry state forward, so everything after the first stale session is stale too.
    """
    held = warehouse.read(tables.QQQ_POSITION, columns=["session", "inputs"])
    asked = pl.DataFrame({"session": list(sessions)}, schema={"session": pl.Date})
    fresh = asked.join(input_digests(warehouse), on="session", how="left").fill_null(NO_INPUTS)
    current = fresh.join(held, on=["session", "inputs"], how="semi")
    stale = set(sessions) - set(current.get_column("session"))
    return [session.isoformat() for session in sessions if stale and session >= min(stale)]


def last_bar(warehouse: Warehouse) -> dt.date | None:
    """The last session of which a bar is held of what the signals rest on; None before the first."""
    held = span(warehouse.read(BARS, CORE, columns=["session"]))
    return held[1] if held else None


def write_ballots(warehouse: Warehouse, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Fill `signals.mag7_ballots`; returns the rows written."""
    forecasts = _forecasts(warehouse, BALLOT_MODEL, MAG7, mag7_vote.HORIZON)
    return _write(warehouse, tables.MAG7_BALLOTS, mag7_vote.ballots(forecasts), sessions)


def write_vote(warehouse: Warehouse, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Fill `signals.mag7_vote`; returns the rows written."""
    held = warehouse.read(tables.MAG7_BALLOTS, _years(sessions))
    return _write(warehouse, tables.MAG7_VOTE, mag7_vote.vote(held, tuple(sessions)), sessions)


def write_ranks(warehouse: Warehouse, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Fill `signals.sector_ranks`; returns the rows written."""
    forecasts = _forecasts(warehouse, SECTOR_MODEL, SECTORS, sector_rotation.HORIZON)
    return _write(warehouse, tables.SECTOR_RANKS, sector_rotation.ranks(forecasts), sessions)


def write_rotation(warehouse: Warehouse, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Fill `signals.sector_rotation`; returns the rows written."""
    ranks = warehouse.read(tables.SECTOR_RANKS)
    rows = sector_rotation.rotation(ranks, _history(sessions))
    return _write(warehouse, tables.SECTOR_ROTATION, rows, sessions)


def write_regime(warehouse: Warehouse, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Fill `signals.vix_regime`; returns the rows written."""
    forecasts = _forecasts(warehouse, VIX_MODEL, [VIX], vix_regime.HORIZON)
    closes = final_bars(warehouse, [VIX]).select("session", "close")
    rows = vix_regime.regime(forecasts, closes, final_bars(warehouse, ["QQQ"]), _history(sessions))
    return _write(warehouse, tables.VIX_REGIME, rows, sessions)


def write_position(warehouse: Warehouse, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Fill `signals.qqq_position`; returns the rows written."""
    years = _years(sessions)
    vote = warehouse.read(tables.MAG7_VOTE, years)
    rotation = warehouse.read(tables.SECTOR_ROTATION, years)
    regime = warehouse.read(tables.VIX_REGIME, years)
    rows = qqq_position.position(vote, rotation, regime).join(input_digests(warehouse), on="session", how="left")
    return _write(warehouse, tables.QQQ_POSITION, rows.with_columns(pl.col("inputs").fill_null(NO_INPUTS)), sessions)


def evidence(warehouse: Warehouse) -> Evidence:
    """What every signal is made from, as it is held now."""
    return Evidence(
        ballots=_forecasts(warehouse, BALLOT_MODEL, MAG7, mag7_vote.HORIZON),
        sectors=_forecasts(warehouse, SECTOR_MODEL, SECTORS, sector_rotation.HORIZON),
        vix=_forecasts(warehouse, VIX_MODEL, [VIX], vix_regime.HORIZON),
        vix_closes=final_bars(warehouse, [VIX]).select("session", "close"),
        qqq_bars=final_bars(warehouse, ["QQQ"]),
    )


def input_digests(warehouse: Warehouse) -> pl.DataFrame:
    """A hash per session of the forecasts and bars that its signals are made from.

    What lies before the first session counts as the first session's: regimes and sizes begin there.
    """
    forecasts = warehouse.read(DAILY, [*MAG7, *SECTORS, VIX]).filter(pl.col("model").is_in(MODELS))
    bars = final_bars(warehouse, ["QQQ", VIX])
    parts = [
        forecasts.drop("made_at", "is_live").select("session", row=pl.struct(pl.exclude("session")).hash(seed=1)),
        bars.drop("fetched_at").select("session", row=pl.struct(pl.exclude("session")).hash(seed=2)),
    ]
    session = pl.col("session").clip(lower_bound=FIRST_SESSION)
    # A sum that wraps around does not depend on the order of the rows.
    total = pl.concat(parts).group_by(session).agg(pl.col("row").sum()).sort("session")
    return total.select("session", inputs=pl.format("{}:{}", pl.lit(SIGNALS_VERSION), "row"))


def _forecasts(warehouse: Warehouse, model: str, tickers: Sequence[str], horizon: int) -> pl.DataFrame:
    rows = warehouse.read(DAILY, tickers)
    return rows.filter((pl.col("model") == model) & (pl.col("horizon") == horizon))


def _history(sessions: Sequence[dt.date]) -> tuple[dt.date, ...]:
    return calendar.between(FIRST_SESSION, max(sessions))


def _years(sessions: Sequence[dt.date]) -> list[str]:
    return sorted({str(session.year) for session in sessions})


def _write(warehouse: Warehouse, table: Table, rows: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
    asked = rows.filter(pl.col("session").is_in(list(sessions)))
    warehouse.replace_sessions(table, sessions, asked)
    return asked
