"""The report beside the tables: what is written, and what makes room for it."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.reports import daily_report
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.steps.report import LATEST, LATEST_BRIEF, find_report, gather, write_report
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw, results, signals
from alpha_pipeline_tests.reports.test_daily_report import BARS, CARD, REGIMES, VOTES, ledger_of

OLD = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(5)]
FOREIGN = [
    "notes.html",
    "daily_2024-01-01.html.bak",
    "daily_mine.html",
    "brief_2024-01-01 copy.html",
    "sub/daily_2024-01-01.html",
]


def filled(root: Path) -> Warehouse:
    """A warehouse whose newest position is of the last of `DAYS`."""
    warehouse = Warehouse(root)
    claim_market(warehouse, MarketRecord("files", "files"))
    position = VOTES.select("session", target_weight=pl.lit(0.83), reason=pl.lit(CARD.reason), inputs=pl.lit(""))
    warehouse.write(signals.QQQ_POSITION, "2024", position)
    warehouse.write(signals.MAG7_VOTE, "2024", VOTES)
    warehouse.write(signals.VIX_REGIME, "2024", REGIMES)
    warehouse.write(results.LEDGER, "buy_and_hold", ledger_of("buy_and_hold"))
    bars = BARS.with_columns(
        *(pl.col("adj_close").alias(price) for price in ("open", "high", "low", "close")),
        ticker=pl.lit("QQQ"),
        volume=pl.lit(1),
        source=pl.lit("files"),
        fetched_at=pl.lit(dt.datetime(2024, 7, 1, tzinfo=dt.UTC)),
        is_final=pl.lit(value=True),
    )
    warehouse.write(raw.BARS, "QQQ", raw.BARS.conform(bars))
    return warehouse


def test_the_report_lies_beside_the_tables(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError):
        write_report(Warehouse(tmp_path), 30)
    warehouse = filled(tmp_path)
    path = Path(write_report(warehouse, 30, ("TSLA: no answer",)))
    assert path == tmp_path / "reports" / "daily_2024-06-28.html"
    assert path.read_bytes() == (tmp_path / "reports" / "latest.html").read_bytes()
    assert "Hold 83% QQQ" in path.read_text()
    assert "TSLA: no answer" in path.read_text()
    brief = tmp_path / "reports" / "brief_2024-06-28.html"
    assert brief.read_bytes() == (tmp_path / "reports" / "latest_brief.html").read_bytes()
    assert len(brief.read_text()) < len(path.read_text())


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A filled warehouse with pages of earlier sessions and files of a person; drawing is left out."""

    def render_both(evidence: Evidence) -> tuple[str, ...]:
        return tuple(f"{page} of {evidence.card.session}" for page in ("tear sheet", "brief"))

    monkeypatch.setattr(daily_report, "render_both", render_both)
    warehouse = filled(tmp_path)
    for session in OLD:
        for kind in ("daily", "brief"):
            warehouse.objects.put(f"reports/{kind}_{session}.html", b"old")
    for name in FOREIGN:
        warehouse.objects.put(f"reports/{name}", b"a person's own")
    return warehouse


def sessions(warehouse: Warehouse, kind: str) -> list[str]:
    keys = [key.removeprefix("reports/") for key in warehouse.objects.list("reports")]
    return [key[len(kind) + 1 : -5] for key in keys if key.startswith(f"{kind}_20") and key not in FOREIGN]


@pytest.mark.parametrize("kept", [1, 3, 6, 30])
def test_the_newest_sessions_stay(shelf: Warehouse, kept: int) -> None:
    write_report(shelf, kept)
    expected = [*map(str, OLD), "2024-06-28"][-kept:]
    assert sessions(shelf, "daily") == sessions(shelf, "brief") == expected


def test_all_stay_where_all_are_wanted(shelf: Warehouse) -> None:
    write_report(shelf, None)
    assert len(sessions(shelf, "daily")) == len(OLD) + 1


def test_nothing_else_is_touched(shelf: Warehouse) -> None:
    write_report(shelf, 1)
    for name in FOREIGN:
        assert shelf.objects.get(f"reports/{name}") == b"a person's own"
    assert shelf.objects.get(LATEST) == b"tear sheet of 2024-06-28"
    assert shelf.objects.get(LATEST_BRIEF) == b"brief of 2024-06-28"


def test_the_page_of_a_past_session_stays_beside_the_newest(shelf: Warehouse) -> None:
    """Someone writes the report of a past day again: neither that one nor the newest goes."""
    later = ["2025-01-02", "2025-01-03"]
    for session in later:
        shelf.objects.put(f"reports/daily_{session}.html", b"newer")
    write_report(shelf, 1)
    assert sessions(shelf, "daily") == ["2024-06-28", "2025-01-03"]


def test_old_pages_go_only_after_the_new_ones_are_written(shelf: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str, data: bytes) -> None:  # noqa: ARG001
        raise OSError("disk full")

    monkeypatch.setattr(shelf.objects, "put", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_report(shelf, 1)
    assert sessions(shelf, "daily") == [*map(str, OLD)]


def test_experiments_on_todays_holdings_carry_their_label(shelf: Warehouse) -> None:
    assert gather(shelf).survivor_biased == {"matrix_transformer"}
    assert "matrix_transformer" in load_experiments()


def test_the_report_of_the_newest_position_is_found_once_it_is_written(shelf: Warehouse) -> None:
    assert find_report(shelf) is None
    assert write_report(shelf, 30) == find_report(shelf)


def test_without_a_position_no_report_is_found(tmp_path: Path) -> None:
    assert find_report(Warehouse(tmp_path)) is None
