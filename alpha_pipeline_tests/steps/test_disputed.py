"""A wrong refresh over a right warehouse: nothing is rewritten, somebody hears of it, and the next answer heals."""

import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.steps.alerts import session_alerts
from alpha_pipeline.steps.disputed import disputed
from alpha_pipeline.steps.ingest import IngestReport, ingest_ticker
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.pipeline_world import FrameSource, after_close

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
DAYS = sessions.between(FIRST, LAST)
PRICES = ("open", "high", "low", "close", "adj_close")
Bars = dict[str, pl.DataFrame]
Wrong = Callable[[pl.DataFrame], pl.DataFrame]


def evening(
    warehouse: Warehouse, rows: pl.DataFrame, through: dt.date, *, overlap: int | None = 15, take: bool = False
) -> IngestReport:
    source = FrameSource({"QQQ": rows}, overlapping=overlap)
    return ingest_ticker(
        warehouse, source, "QQQ", through=through, now=after_close(through), take_corrections=take
    )  # fmt: skip


def told(warehouse: Warehouse) -> list[str]:
    """The alerts about answers that were set aside."""
    return [alert.body for alert in session_alerts(warehouse, LAST) if alert.kind == "disputed"]


WRONG: dict[str, Wrong] = {
    "no volume": lambda rows: rows.with_columns(volume=pl.col("volume") * 0),
    "pence": lambda rows: rows.with_columns(pl.col(PRICES) * 100),
    "an hour in Tokyo": lambda rows: rows.with_columns(pl.col("session").dt.offset_by("-1d")),
    "a session late": lambda rows: rows.with_columns(pl.col("session").shift(-1)).drop_nulls("session"),
}


@pytest.mark.parametrize("overlap", [15, None])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_one_wrong_evening_leaves_nothing_behind(
    warehouse: Warehouse, bars: Bars, wrong: Wrong, overlap: int | None
) -> None:
    right = bars["QQQ"].with_columns(volume=pl.col("volume") + 1000)
    evening(warehouse, right, DAYS[-3], overlap=overlap)
    held = warehouse.read(raw.BARS, ["QQQ"])
    report = evening(warehouse, wrong(right), DAYS[-2], overlap=overlap)
    assert warehouse.read(raw.BARS, ["QQQ"]).equals(held)
    assert report.status == "stale"
    assert report.notes
    evening(warehouse, right, DAYS[-1], overlap=overlap)
    after = warehouse.read(raw.BARS, ["QQQ"])
    assert after.select("session", *PRICES).equals(right.select("session", *PRICES))
    assert disputed(warehouse) == []


@pytest.mark.parametrize("name", ["pence", "an hour in Tokyo"])
def test_an_alert_names_ticker_share_and_two_values_once(warehouse: Warehouse, bars: Bars, name: str) -> None:
    right = bars["QQQ"]
    evening(warehouse, right, DAYS[-3])
    evening(warehouse, WRONG[name](right), DAYS[-2])
    [body] = told(warehouse)
    if name == "pence":
        opened, day = right["open"][-3], DAYS[-3]
        assert body.startswith("QQQ: 16 of 16 held bars (100%)")
        assert f"open of {day} is {opened:.10g} here and {100 * opened:.10g} in the answer" in body
    else:
        assert body.startswith("QQQ: ")
        assert "rows were refused for their days" in body
    assert "--take-corrections" in body
    keys = {alert.key for alert in session_alerts(warehouse, LAST)}
    evening(warehouse, WRONG[name](right), DAYS[-2])
    assert {alert.key for alert in session_alerts(warehouse, LAST)} == keys


def test_what_is_taken_deliberately_is_taken_whole(warehouse: Warehouse, bars: Bars) -> None:
    right = bars["QQQ"]
    evening(warehouse, right, DAYS[-3])
    pence = WRONG["pence"](right)
    evening(warehouse, pence, DAYS[-2])
    assert told(warehouse)
    evening(warehouse, pence, DAYS[-1], take=True)
    assert warehouse.read(raw.BARS, ["QQQ"])["close"].to_list() == pence["close"].to_list()
    assert told(warehouse) == []


def test_what_was_corrected_at_the_edge_of_the_overlap_is_asked_for_again(warehouse: Warehouse, bars: Bars) -> None:
    right = bars["QQQ"]
    evening(warehouse, right, DAYS[-3])
    edge = DAYS[-18]
    there = pl.col("session") == edge
    wrong = right.with_columns(volume=pl.when(there).then(pl.col("volume") // 7).otherwise("volume"))
    evening(warehouse, wrong, DAYS[-2])
    corrected = warehouse.read(raw.BARS, ["QQQ"]).filter(there)["volume"].item()
    assert corrected == wrong.filter(there)["volume"].item()
    evening(warehouse, right, DAYS[-1])
    assert warehouse.read(raw.BARS, ["QQQ"])["volume"].to_list() == right["volume"].to_list()


def test_many_days_without_a_session_are_told(warehouse: Warehouse, bars: Bars) -> None:
    right = bars["QQQ"]
    saturdays = right.filter(pl.col("session").dt.weekday() == 5).with_columns(pl.col("session").dt.offset_by("1d"))
    evening(warehouse, pl.concat([right, saturdays]).sort("session"), LAST)
    [body] = told(warehouse)
    assert body.startswith(f"QQQ: {saturdays.height} rows were refused for their days, from Saturday, 2015-10-03")
