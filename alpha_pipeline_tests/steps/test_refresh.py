"""The step that brings bars: what it would do, what it leaves of an empty answer, and what it says of files."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import NotEnoughDataError, SourceError
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import Reading
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.steps.admission import require_acceptable, require_usable
from alpha_pipeline.steps.outcomes import IngestReport, NothingTakenError, Outcome
from alpha_pipeline.steps.refresh import hearing, refresh, rehearse, said_of_files, wanted
from alpha_pipeline.universe import CORE, HOLDINGS
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import add, remove
from alpha_pipeline_tests.pipeline_world import FrameSource, after_close

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
NOW = after_close(LAST)
SETTINGS = Settings(fixed_now=NOW)
Bars = dict[str, pl.DataFrame]


def spoilt(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(-1.0).alias("low"))


def brought(warehouse: Warehouse, source: FrameSource, tickers: list[str]) -> dict[str, Outcome]:
    return dict(refresh(warehouse, source, tickers, through=LAST, now=NOW, wait_s=0.0))


def everything(root: Path) -> dict[Path, tuple[bytes, int]]:
    """Every file and folder below a root, locks too."""
    return {
        path: (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [root, *root.rglob("*")]
    }


def test_a_rehearsal_says_what_a_refresh_does_and_writes_nothing(warehouse: Warehouse, bars: Bars) -> None:
    eve = bars["QQQ"].head(-1)
    source = FrameSource({"QQQ": eve, "NVDA": spoilt(bars["NVDA"])})
    said = dict(rehearse(warehouse, source, ["QQQ", "NVDA", "SPY"], through=LAST, now=NOW))
    assert not warehouse.root.exists()
    report = said["QQQ"]
    assert isinstance(report, IngestReport)
    assert (report.n_sessions, report.n_new, report.changed, report.first_session) == (
        eve.height,
        eve.height,
        True,
        FIRST,
    )
    done = brought(warehouse, source, ["QQQ", "NVDA", "SPY"])
    assert done["QQQ"] == report
    assert [str(done[one]) for one in ("NVDA", "SPY")] == [str(said[one]) for one in ("NVDA", "SPY")]

    before = everything(warehouse.root)
    mended = pl.col("session") == dt.date(2016, 2, 10)
    rows = bars["QQQ"].with_columns(pl.when(mended).then(pl.col("high") * 1.01).otherwise("high").alias("high"))
    now = FrameSource({"QQQ": rows})
    report = dict(rehearse(warehouse, now, ["QQQ"], through=LAST, now=NOW))["QQQ"]
    assert everything(warehouse.root) == before
    assert isinstance(report, IngestReport)
    assert (report.n_new, report.n_revised, report.n_sessions) == (1, 1, rows.height)
    assert brought(warehouse, now, ["QQQ"])["QQQ"] == report
    assert not dict(rehearse(warehouse, now, ["QQQ"], through=LAST, now=NOW))["QQQ"].changed  # type: ignore[union-attr]


def test_a_rehearsal_of_another_basis_asks_for_the_whole_history(warehouse: Warehouse, bars: Bars) -> None:
    brought(warehouse, FrameSource({"QQQ": bars["QQQ"]}), ["QQQ"])
    prices = pl.col("open", "high", "low", "close", "adj_close") / 2
    split = bars["QQQ"].with_columns(prices, pl.col("volume") * 2)
    source = FrameSource({"QQQ": split}, overlapping=15)
    report = dict(rehearse(warehouse, source, ["QQQ"], through=LAST, now=NOW))["QQQ"]
    assert isinstance(report, IngestReport)
    assert [first for _, first, _ in source.asked][-1] == FIRST
    assert warehouse.read(raw.REVISIONS).is_empty()


def test_an_answer_of_which_nothing_can_be_taken_leaves_a_new_warehouse_as_it_was(
    warehouse: Warehouse, bars: Bars
) -> None:
    source = FrameSource({"QQQ": spoilt(bars["QQQ"]), "NVDA": bars["NVDA"].clear()})
    outcomes = brought(warehouse, source, ["QQQ", "NVDA", "SPY"])
    assert not warehouse.root.exists()
    assert isinstance(outcomes["QQQ"], NothingTakenError)
    words = (
        f"QQQ: nothing could be taken. {bars['QQQ'].height} of {bars['QQQ'].height} rows refused: price_not_positive"
    )
    assert str(outcomes["QQQ"]).startswith(words)
    assert str(outcomes["NVDA"]) == "NVDA: the source has no row of it"
    with pytest.raises(
        NotEnoughDataError, match=r"No bars were taken\. 1 of 2 failed: QQQ \(nothing could .*low -1, exp"
    ):
        require_acceptable(warehouse, source, ["QQQ", "NVDA"], SETTINGS)
    assert not warehouse.root.exists()


def test_beside_a_good_ticker_what_was_refused_whole_is_kept_and_told(warehouse: Warehouse, bars: Bars) -> None:
    source = FrameSource({"NVDA": spoilt(bars["NVDA"]), "QQQ": bars["QQQ"]})
    require_acceptable(warehouse, source, ["NVDA", "QQQ"], SETTINGS)
    brought(warehouse, source, ["NVDA", "QQQ"])
    assert warehouse.units(raw.BARS) == ["QQQ"], "no object without a bar"
    assert warehouse.height(raw.QUARANTINE, "NVDA") == bars["NVDA"].height
    row = warehouse.read(raw.COVERAGE, ["NVDA"]).row(0, named=True)
    assert (row["status"], row["n_sessions"], row["refused_share"]) == ("failed", 0, 1.0)
    assert row["failure"].startswith("nothing could be taken")


def test_the_market_is_claimed_with_the_first_bar(warehouse: Warehouse, bars: Bars) -> None:
    source = FrameSource({"QQQ": bars["QQQ"]})
    brought(warehouse, source, ["SPY"])
    assert read_market(warehouse) is None
    brought(warehouse, source, ["QQQ"])
    market = read_market(warehouse)
    assert market is not None
    assert market.market == source.market


@pytest.mark.parametrize("name", ["empty.parquet", "bare.csv"])
def test_a_file_without_a_row_cannot_be_used(tmp_path: Path, warehouse: Warehouse, bars: Bars, name: str) -> None:
    nothing, file = bars["QQQ"].clear().drop("is_final"), tmp_path / name
    nothing.write_parquet(file) if file.suffix == ".parquet" else nothing.write_csv(file)
    with pytest.raises(SourceError, match=name):
        require_usable(warehouse, FilesSource(file))
    assert not warehouse.root.exists()


def test_whoever_listens_hears_what_became_of_each(warehouse: Warehouse, bars: Bars) -> None:
    heard: dict[str, Outcome] = {}
    with hearing(heard.update):
        brought(warehouse, FrameSource({"QQQ": bars["QQQ"]}), ["QQQ", "SPY"])
    brought(warehouse, FrameSource({"QQQ": bars["QQQ"]}), ["NVDA"])
    assert {ticker: isinstance(one, IngestReport) for ticker, one in heard.items()} == {"QQQ": True, "SPY": False}


def test_a_holding_that_the_files_never_had_is_not_asked_for_and_one_that_they_had_is(
    warehouse: Warehouse, bars: Bars
) -> None:
    had, listed, never = HOLDINGS[:3]
    add(warehouse, ["PLTR"])
    remove(warehouse, ["UVXY"])
    brought(warehouse, FrameSource({had: bars["QQQ"].with_columns(ticker=pl.lit(had))}), [had])
    asked = wanted(warehouse, FrameSource({listed: bars["QQQ"]}))
    assert set(asked) == {*CORE, "PLTR", had, listed} - {"UVXY"}
    assert never not in asked


def test_what_of_the_files_is_not_used_is_said_once_with_the_fix() -> None:
    readings = (
        Reading("a.csv", ("BRK.B", "IWM", "QQQ"), 10, ignored=("The column Turnover is not used.",)),
        Reading("b.csv", ("DIA",), 10, ignored=("The column Turnover is not used.",)),
        Reading("notes.txt", refused="is no table. Take it out of the folder."),
    )
    assert said_of_files(readings, ["QQQ", "BRK-B"]) == [
        "notes.txt is left out: it is no table. Take it out of the folder.",
        "The column Turnover is not used.",
        "Nobody follows DIA, IWM, which the files hold: `alpha tickers add DIA IWM` does.",
    ]
    assert said_of_files(readings[:1], ["QQQ", "IWM", "BRK-B"]) == ["The column Turnover is not used."]
    crowd = (Reading("c.csv", tuple(f"T{place:02}" for place in range(12))),)
    [words] = said_of_files(crowd, [])
    assert words == (
        "Nobody follows T00, T01, T02, T03, T04, T05, T06, T07, T08, T09 and 2 more, which the files hold: "
        "`alpha tickers add T00 T01 T02 T03 T04 T05 T06 T07 T08 T09` does."
    )
