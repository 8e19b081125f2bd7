"""Ask CBOE about ^VIX: keep what it says, and fill the sessions that the source of the bars has not given."""

import datetime as dt
from dataclasses import dataclass

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.ingestion import quality
from alpha_pipeline.ingestion.coverage import cover
from alpha_pipeline.ingestion.second_opinion import closes, disagreements, fill_missing
from alpha_pipeline.settings import machine_now
from alpha_pipeline.sources.cboe import CboeVix
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.tables import raw


@dataclass(frozen=True)
class ConsultReport:
    """What the second opinion came to.

    Attributes:
        n_compared: sessions that both sources hold.
        disagreements: session, close, opinion_close, difference, where the closes differ.
        filled: sessions that were missing and are held now, from the second source.
    """

    n_compared: int
    disagreements: pl.DataFrame
    filled: tuple[dt.date, ...]


def consult(warehouse: Warehouse, opinion: CboeVix, *, through: dt.date, now: dt.datetime) -> ConsultReport:
    """Store the second opinion of ^VIX, and fill the gaps of its bars from it.

    Rows that cannot be trusted go to `raw.quarantine`. Where no bar of ^VIX is held, nothing is filled.

    Args:
        warehouse: which warehouse.
        opinion: whom to ask.
        through: the last session wanted.
        now: the clock's time.

    Raises:
        SourceError: the opinion cannot be had. Nothing was written.
    """
    held = warehouse.read(raw.BARS, [VIX])
    first, _ = span(held) or (calendar.CALENDAR_FIRST, through)
    answer = opinion.fetch(first, through)
    judged = quality.judge(answer, through)
    said = judged.accepted.filter("is_final").with_columns(source=pl.lit(answer.source), fetched_at=pl.lit(now))
    _store(warehouse, said)
    refused = quality.quarantined(warehouse.read(raw.QUARANTINE, [VIX]), judged.refused, answer.source, now)
    warehouse.write(raw.QUARANTINE, VIX, refused)
    filled = fill_missing(held, said, through)
    if filled.height:
        warehouse.upsert(raw.BARS, VIX, filled)
        covered = cover(VIX, warehouse.read(raw.BARS, [VIX]), through)
        # What the source of the bars last answered stays said.
        told = warehouse.read(raw.COVERAGE, [VIX], columns=["ticker", "n_refused", "refused_share", "said"])
        warehouse.write(raw.COVERAGE, VIX, covered.update(told, on="ticker"))
    return ConsultReport(
        n_compared=closes(held, said).height,
        disagreements=disagreements(held, said),
        filled=tuple(filled.get_column("session")),
    )


def _store(warehouse: Warehouse, said: pl.DataFrame) -> None:
    """Keep what is new; a row that says the same keeps the time at which it was first fetched, unless it lies ahead."""
    values, clock = [name for name in raw.SECOND_OPINION.columns if name != "fetched_at"], machine_now()

    def merged(held: pl.DataFrame) -> pl.DataFrame:
        new = said.join(held.filter(pl.col("fetched_at") <= clock), on=values, how="anti").select(held.columns)
        return pl.concat([held.join(new, on=raw.SECOND_OPINION.key, how="anti"), new.cast(held.schema)])

    warehouse.revise(raw.SECOND_OPINION, VIX, merged, keeps_times=False)
