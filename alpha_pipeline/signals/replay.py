"""The signals of one session made again, and compared with the rows that are held.

What is made here comes from the functions that made the held rows, and from forecasts and bars up to the session
alone. A difference means that a row was changed, that forecasts or bars were revised after it was made, or that the
arithmetic is another now.
"""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from alpha_pipeline.signals import mag7_vote, qqq_position, sector_rotation, vix_regime, volatility_target
from alpha_pipeline.signals.frames import of_one_model
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import signals as tables

NO_ROW: Final = "no row"
A_ROW: Final = "a row"


@dataclass(frozen=True)
class Evidence:
    """What the rules of one session are made from: nothing after it.

    Attributes:
        ballots: ``forecasts.daily`` rows of the model that casts the ballots.
        sectors: of the model that ranks the sectors.
        vix: of the model of ^VIX, from its first forecast on.
        vix_closes: columns session and close (^VIX points), from the first bar on.
        qqq_bars: QQQ's bars, columns session and adj_close at least, from the first on.
    """

    ballots: pl.DataFrame
    sectors: pl.DataFrame
    vix: pl.DataFrame
    vix_closes: pl.DataFrame
    qqq_bars: pl.DataFrame

    def until(self, session: dt.date) -> "Evidence":
        """The same without what lies after a session."""
        frames = (self.ballots, self.sectors, self.vix, self.vix_closes, self.qqq_bars)
        return Evidence(*(frame.filter(pl.col("session") <= session) for frame in frames))


@dataclass(frozen=True)
class Difference:
    """One value that is held otherwise than it is made now.

    Attributes:
        table: ``schema.table``.
        ticker: whose row; empty in tables of one row per session.
        field: the column, or ``row`` where one of the two has no such row.
        held: the held value.
        replayed: the one made now.
    """

    table: str
    ticker: str
    field: str
    held: object
    replayed: object


@dataclass(frozen=True)
class RegimeTrace:
    """What the VIX regime and the size of one session were made from; None where it is unknown.

    Attributes:
        vix_close: ^VIX points.
        vix_forecast: the close expected next, ^VIX points.
        regime_before: the last regime before this session.
        volatility_ann: realised over the last `volatility_target.LOOK_BACK` returns of QQQ, annualised.
        target_size: what the volatility target alone would hold, 0 to 1.
        size_before: the size of the bar before.
        n_forecasts: forecasts of ^VIX that the regime remembers, this session's included.
    """

    vix_close: float | None
    vix_forecast: float | None
    regime_before: str | None
    volatility_ann: float | None
    target_size: float | None
    size_before: float | None
    n_forecasts: int


def replay(evidence: Evidence, session: dt.date) -> dict[str, pl.DataFrame]:
    """Make every signal of one session again.

    Returns:
        Rows by name of their table; those of ``signals.qqq_position`` without `inputs`.
    """
    known = evidence.until(session)
    since = sector_rotation.last_rebalance(session)
    ballots = mag7_vote.ballots(known.ballots.filter(pl.col("session") == session))
    ranks = sector_rotation.ranks(known.sectors.filter(pl.col("session") >= since))
    vote = mag7_vote.vote(ballots, [session])
    rotation = sector_rotation.rotation(ranks, [session])
    regime = vix_regime.regime(known.vix, known.vix_closes, known.qqq_bars, [session])
    return {
        tables.MAG7_BALLOTS.name: ballots,
        tables.MAG7_VOTE.name: vote,
        tables.SECTOR_RANKS.name: ranks.filter(pl.col("session") == session),
        tables.SECTOR_ROTATION.name: rotation,
        tables.VIX_REGIME.name: regime,
        tables.QQQ_POSITION.name: qqq_position.position(vote, rotation, regime),
    }


def differences(table: Table, held: pl.DataFrame, fresh: pl.DataFrame) -> list[Difference]:
    """Where two versions of a session's rows of one table differ; equal to the bit or different.

    Args:
        table: both are rows of it.
        held: the rows held.
        fresh: the rows made now.
    """
    found = []
    before, after = _by_ticker(held), _by_ticker(fresh)
    for ticker in sorted({*before, *after}):
        if ticker not in before or ticker not in after:
            sides = (A_ROW if ticker in rows else NO_ROW for rows in (before, after))
            found.append(Difference(table.name, ticker, "row", *sides))
            continue
        found += [
            Difference(table.name, ticker, name, before[ticker][name], after[ticker][name])
            for name in table.columns
            if before[ticker][name] != after[ticker][name]
        ]
    return found


def trace(evidence: Evidence, session: dt.date) -> RegimeTrace:
    """What the regime and the size of one session were made from."""
    known = evidence.until(session)
    expected = of_one_model(known.vix, (VIX,), vix_regime.HORIZON).select("session", "expected_return")
    remembered = known.vix_closes.select("session", "close").join(expected, on="session").sort("session")
    earlier = remembered.filter(pl.col("session") < session)
    before = earlier["session"].to_list()[-1:]
    regimes = vix_regime.regime(known.vix, known.vix_closes, known.qqq_bars, before)["regime"].to_list()
    close = _at(known.vix_closes, session, "close")
    change = _at(expected, session, "expected_return")
    bars = known.qqq_bars.sort("session")
    volatility, sizes = _volatility(bars, session), volatility_target.sizes(bars)
    return RegimeTrace(
        vix_close=close,
        vix_forecast=None if close is None or change is None else close * math.exp(change),
        regime_before=regimes[0] if regimes else None,
        volatility_ann=volatility,
        target_size=_target(volatility),
        size_before=_last(sizes.filter(pl.col("session") < session)["size_multiplier"]),
        n_forecasts=remembered.height,
    )


def _volatility(bars: pl.DataFrame, session: dt.date) -> float | None:
    """Realised volatility at a session; None without a bar of it or with too few."""
    if bars.is_empty() or bars["session"][-1] != session:
        return None
    closes = bars["adj_close"].to_numpy().astype(np.float64)
    value = float(volatility_target.realised_volatility_ann(closes)[-1])
    return None if math.isnan(value) else value


def _target(volatility: float | None) -> float | None:
    if volatility is None:
        return None
    if volatility == 0:
        return volatility_target.CAP
    return min(volatility_target.CAP, volatility_target.TARGET_VOLATILITY_ANN / volatility)


def _by_ticker(rows: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {str(row.get("ticker", "")): row for row in rows.iter_rows(named=True)}


def _at(rows: pl.DataFrame, session: dt.date, column: str) -> float | None:
    return _last(rows.filter(pl.col("session") == session)[column])


def _last(values: pl.Series) -> float | None:
    return None if values.is_empty() else values[-1]
