"""A clock that was once ahead: its times win nothing, somebody hears of them, and the next answer puts them right."""

import datetime as dt
from dataclasses import dataclass, replace

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.settings import machine_now
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.steps.ahead import ahead
from alpha_pipeline.steps.alerts import session_alerts
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.outcomes import IngestReport
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.pipeline_world import FrameSource, after_close

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
DAYS = sessions.between(FIRST, LAST)
PRICES = ("open", "high", "low", "close", "adj_close")
AHEAD = machine_now().replace(microsecond=0) + dt.timedelta(days=400)
SAME = [name for name in raw.BARS.columns if name != "fetched_at"]
Bars = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class Splitting(FrameSource):
    """Tells of a 2:1 split."""

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        actions = pl.DataFrame({"ticker": [ticker], "session": [DAYS[-2]], "kind": ["split"], "value": [2.0]})
        return replace(super().fetch(ticker, first, last), actions=actions)


def evening(
    warehouse: Warehouse, rows: pl.DataFrame, at: dt.datetime, overlap: int | None = 15, *, splits: bool = False
) -> IngestReport:
    source = (Splitting if splits else FrameSource)({"QQQ": rows}, overlapping=overlap)
    return ingest_ticker(warehouse, source, "QQQ", through=LAST, now=at)


def halved(rows: pl.DataFrame) -> pl.DataFrame:
    """The bars as they are restated after a 2:1 split."""
    return rows.with_columns(*(pl.col(name) / 2 for name in PRICES), volume=pl.col("volume") * 2)


@pytest.mark.parametrize("overlap", [15, None])
def test_a_split_is_restated_over_bars_of_a_time_to_come(warehouse: Warehouse, bars: Bars, overlap: int | None) -> None:
    rows = bars["QQQ"].with_columns(volume=pl.col("volume") + 1000)
    evening(warehouse, rows.filter(pl.col("session") < DAYS[-2]), AHEAD, overlap)
    assert [(one.table, one.units, one.n_rows) for one in ahead(warehouse, machine_now())] == [
        ("raw.bars", ("QQQ",), len(DAYS) - 2)
    ]
    report = evening(warehouse, halved(rows), after_close(LAST), overlap, splits=True)
    held = warehouse.read(raw.BARS, ["QQQ"])
    moves = (held["adj_close"] / held["adj_close"].shift(1)).drop_nulls()
    assert moves.is_between(0.7, 1.4).all()
    assert held.select(PRICES).equals(halved(rows).select(PRICES))
    assert "stamped with a time that had not come yet" in report.said
    assert ahead(warehouse, machine_now()) == []


@pytest.mark.parametrize("overlap", [15, None])
def test_an_answer_that_says_the_same_puts_the_times_right(
    warehouse: Warehouse, bars: Bars, overlap: int | None
) -> None:
    evening(warehouse, bars["QQQ"], AHEAD, overlap)
    before = warehouse.read(raw.BARS, ["QQQ"])
    [alert] = [one for one in session_alerts(warehouse, LAST) if one.kind == "clock"]
    assert f"raw.bars: {len(DAYS)} rows of QQQ are stamped up to {AHEAD:%Y-%m-%d %H:%M} UTC" in alert.body
    report = evening(warehouse, bars["QQQ"], after_close(LAST), overlap)
    after = warehouse.read(raw.BARS, ["QQQ"])
    assert after.select(SAME).equals(before.select(SAME))
    assert after["fetched_at"].unique().to_list() == [after_close(LAST)]
    assert warehouse.read(raw.REVISIONS, ["QQQ"]).is_empty()
    assert f"{len(DAYS)} held bars were stamped with a time that had not come yet" in report.said
    assert [one for one in session_alerts(warehouse, LAST) if one.kind == "clock"] == []


def test_what_was_fetched_later_stays_in_a_replay(warehouse: Warehouse, bars: Bars) -> None:
    later = machine_now() - dt.timedelta(seconds=30)
    evening(warehouse, bars["QQQ"], later)
    before = warehouse.read(raw.BARS, ["QQQ"])
    moved = bars["QQQ"].with_columns(
        pl.when(pl.col("session") == DAYS[-5]).then(pl.col("close") * 0.999).otherwise("close").alias("close"),
        low=pl.col("low") * 0.9,
    )
    evening(warehouse, moved, after_close(LAST))
    assert warehouse.read(raw.BARS, ["QQQ"]).equals(before)
