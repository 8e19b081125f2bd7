"""Reads the newest signals into a signal card."""

import datetime as dt
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.evaluation.records import record_of
from alpha_pipeline.reports.signal_card import SignalCard
from alpha_pipeline.steps.age import age_at
from alpha_pipeline.steps.bar_problems import bar_problems
from alpha_pipeline.steps.causes import causes
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import signals
from alpha_pipeline.warehouse.tables.proof import LUCK
from alpha_pipeline.warehouse.tables.results import LEDGER

# Of each (name, metric) of `evaluation.luck` the card has the words.
SAID_OF_LUCK: Final = (("all trials", "n_trials"), ("strategies on QQQ", "pbo"), ("strategies on QQQ", "spa_p"))


def signal_card(
    warehouse: Warehouse, problems: tuple[str, ...] = (), *, is_early: bool = False, now: dt.datetime | None = None
) -> SignalCard:
    """The card of the newest position.

    Args:
        warehouse: holds it.
        problems: what went wrong on the way, in words; what is wrong with the bars is read from the warehouse.
        is_early: whether the record is still to be made; the one held is of an earlier day, and left out.
        now: against which the card says how old it is; None where it is read at any time, as on a page.

    Raises:
        NotEnoughDataError: the warehouse holds no position yet.
    """
    market = read_market(warehouse)
    years = warehouse.newest(signals.QQQ_POSITION)
    if market is None or not years:
        raise NotEnoughDataError(f"{warehouse.root} holds no position yet. `alpha run` makes one.")
    position = warehouse.read(signals.QQQ_POSITION, years).tail(1).row(0, named=True)
    session = position["session"]

    def rows(table: Table) -> pl.DataFrame:
        return warehouse.read(table, years).filter(pl.col("session") == session)

    ballots = rows(signals.MAG7_BALLOTS)
    ranks = rows(signals.SECTOR_RANKS).sort("rank")
    made: list[str] | None = [] if is_early else None
    ledger, luck = warehouse.read(LEDGER, made), warehouse.read(LUCK, made)
    vote, rotation, regime = (
        _only(rows(table)) for table in (signals.MAG7_VOTE, signals.SECTOR_ROTATION, signals.VIX_REGIME)
    )
    is_whole = not any(row.get("missing") for row in (vote, rotation, regime))
    said = {(name, metric): words for name, metric, words in luck.select("name", "metric", "words").iter_rows()}
    records = {str(name): record_of(held) for (name,), held in ledger.group_by("strategy", maintain_order=True)}
    return SignalCard(
        market=market.market,
        is_simulated=market.is_simulated,
        session=session,
        next_session=calendar.offset(session, 1),
        target_weight=position["target_weight"],
        reason=position["reason"],
        vote=vote,
        ballots={t: (p, bull) for t, p, bull in _ballots(ballots).iter_rows()},
        rotation=rotation,
        ranks=tuple(ranks.select("ticker", "expected_return").iter_rows()),
        regime=regime,
        record=records,
        record_from=ledger.get_column("session").min() if ledger.height else None,  # type: ignore[arg-type]
        problems=(*bar_problems(warehouse).sentences, *problems),
        above_luck=dict(luck.filter(metric="dsr").select("name", "value").iter_rows()),
        luck=tuple(said[of] for of in SAID_OF_LUCK if of in said),
        causes={} if is_whole else causes(warehouse, session),
        is_early=is_early,
        age="" if now is None else age_at(session, now).words,
    )


def _ballots(rows: pl.DataFrame) -> pl.DataFrame:
    """Ticker, the probability that its ballot was cast by, and whether it is bull."""
    return rows.select("ticker", pl.coalesce("prob_bull", "prob_up"), "is_bull")


def _only(rows: pl.DataFrame) -> dict[str, object]:
    return rows.row(0, named=True) if rows.height else {}
