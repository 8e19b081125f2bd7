"""From answers to trusted bars, whole: against the tables, with real oddities, and twice."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpha_pipeline import sessions
from alpha_pipeline.ingestion import quality
from alpha_pipeline.ingestion.coverage import COVERAGE_SCHEMA
from alpha_pipeline.ingestion.ingest import Ingested, ingest
from alpha_pipeline.ingestion.quality import QUARANTINE_SCHEMA
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA, REVISIONS_SCHEMA
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.sources.pace import Pace
from alpha_pipeline.sources.yahoo import YahooSource
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.loopback_yahoo import Listing, LoopbackYahoo, trades

NOW = dt.datetime(2024, 1, 18, 22, tzinfo=dt.UTC)
THROUGH = dt.date(2024, 1, 18)
NO_BARS, NO_QUARANTINE = pl.DataFrame(schema=BARS_SCHEMA), pl.DataFrame(schema=QUARANTINE_SCHEMA)
REAL_BARS = os.environ.get("ALPHA_REAL_BARS")

Days = tuple[dt.date, ...]
Row = Callable[..., dict[str, Any]]
MakeAnswer = Callable[..., Answer]


def first_ingest(answer: Answer, now: dt.datetime = NOW, through: dt.date = THROUGH) -> Ingested:
    return ingest(answer, NO_BARS, NO_QUARANTINE, now=now, through=through)


@pytest.mark.parametrize(
    ("schema", "table"),
    [
        (BARS_SCHEMA, raw.BARS),
        (ACTION_SCHEMA, raw.ACTIONS),
        (REVISIONS_SCHEMA, raw.REVISIONS),
        (QUARANTINE_SCHEMA, raw.QUARANTINE),
        (COVERAGE_SCHEMA, raw.COVERAGE),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else "",
)
def test_frames_have_the_columns_of_their_tables(schema: dict[str, pl.DataType], table: Table) -> None:
    assert pl.DataFrame(schema=schema).schema == table.empty().schema


def test_every_frame_passes_its_table(days: Days, row: Row, answer: MakeAnswer) -> None:
    rows = [row(day) for day in days] + [row(None), row(days[2], close=None), row(days[3], 101.0)]
    actions = [(days[1], "dividend", 0.5), (days[1], "dividend", 0.6), (days[4], "split", 0.0)]
    done = first_ingest(answer(rows, actions))
    changed = ingest(answer([row(days[-1], 100.5)]), done.bars, done.quarantine, now=NOW, through=THROUGH)
    assert changed.revisions.height == 1
    for result in (done, changed):
        raw.BARS.validate(result.bars, "QQQ")
        raw.ACTIONS.validate(result.actions, "QQQ")
        raw.REVISIONS.validate(result.revisions, "QQQ")
        raw.QUARANTINE.validate(result.quarantine, "QQQ")
        raw.COVERAGE.validate(result.coverage, "QQQ")
    assert done.actions.rows() == [("QQQ", days[1], "dividend", 0.6)]
    assert done.quarantine["reason"].to_list() == ["session_missing", "price_missing", "duplicate", "duplicate #2"]
    assert done.bars["session"].to_list() == [*days[:3], *days[4:]]


def test_the_clock_decides_what_is_final(days: Days, row: Row, answer: MakeAnswer) -> None:
    said = answer([row(day) for day in days])
    during = first_ingest(said, now=dt.datetime(2024, 1, 18, 21, 44, tzinfo=dt.UTC))
    assert during.bars["is_final"].to_list() == [True] * 11 + [False]
    assert during.coverage["status"].item() == "stale"
    after = first_ingest(said, now=dt.datetime(2024, 1, 18, 21, 45, tzinfo=dt.UTC))
    assert after.bars["is_final"].all()


def test_the_source_may_know_better_than_the_clock(days: Days, row: Row, answer: MakeAnswer) -> None:
    done = first_ingest(answer([row(days[-1], is_final=False)]))
    assert not done.bars["is_final"].any()


def test_an_empty_answer_keeps_what_is_held(days: Days, row: Row, answer: MakeAnswer) -> None:
    held = first_ingest(answer([row(day) for day in days[:-1]]))
    done = ingest(answer([]), held.bars, held.quarantine, now=NOW, through=THROUGH)
    assert done.bars.equals(held.bars)
    assert done.coverage["status"].item() == "stale"
    assert first_ingest(answer([])).coverage["status"].item() == "failed"


def test_a_nan_in_place_of_a_held_bar_does_not_remove_it(days: Days, row: Row, answer: MakeAnswer) -> None:
    held = first_ingest(answer([row(day) for day in days]))
    done = ingest(answer([row(days[-1], close=None)]), held.bars, held.quarantine, now=NOW, through=THROUGH)
    assert done.bars.equals(held.bars)
    assert done.quarantine["reason"].to_list() == ["price_missing"]


def test_bad_last_prints_never_confirm_each_other(days: Days, row: Row, answer: MakeAnswer) -> None:
    rows = [row(day) for day in days[:10]] + [row(days[10], 6_400.0)]
    waiting = first_ingest(answer(rows), through=days[10])
    assert waiting.coverage["status"].item() == "stale"
    assert waiting.quarantine["reason"].to_list() == ["other_scale"]
    stays = [*rows, row(days[11], 6_500.0)]
    again = ingest(answer(stays), waiting.bars, waiting.quarantine, now=NOW, through=THROUGH)
    assert again.coverage["status"].item() == "stale"
    assert again.quarantine["reason"].to_list() == ["other_scale", "other_scale"]
    reverts = [*rows, row(days[11], 101.0)]
    refused = ingest(answer(reverts), waiting.bars, waiting.quarantine, now=NOW, through=THROUGH)
    assert refused.coverage["detail"].item() == f"missing {days[10]}"


SESSIONS = sessions.between(dt.date(2024, 1, 2), THROUGH)
PRICE = st.one_of(st.floats(50, 200), st.sampled_from([None, float("nan"), float("inf"), -1.0, 0.0, 9_999.0]))
BAR = st.fixed_dictionaries({
    "session": st.one_of(st.sampled_from(SESSIONS), st.sampled_from([None, dt.date(2024, 1, 6)])),
    "open": PRICE,
    "high": st.one_of(st.just(210.0), PRICE),
    "low": st.one_of(st.just(40.0), PRICE),
    "close": PRICE,
    "adj_close": PRICE,
    "volume": st.sampled_from([0.0, 1000.0, 1000.5, -5.0, None]),
    "is_final": st.booleans(),
})  # fmt: skip


@given(rows=st.lists(BAR, max_size=30).flatmap(lambda rows: st.permutations(rows + rows[:5])))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_second_run_changes_nothing(rows: list[dict[str, Any]]) -> None:
    bars = pl.DataFrame(rows, schema=ANSWER_SCHEMA).with_columns(ticker=pl.lit("QQQ"))
    said = Answer("QQQ", bars, pl.DataFrame(schema=ACTION_SCHEMA), "files")
    once = first_ingest(said)
    raw.BARS.validate(once.bars, "QQQ")
    raw.QUARANTINE.validate(once.quarantine, "QQQ")
    assert once.quarantine.select("session", "reason").is_unique().all()
    later = NOW + dt.timedelta(hours=1)
    twice = ingest(said, once.bars, once.quarantine, now=later, through=THROUGH)
    assert twice.bars.equals(once.bars)
    assert twice.quarantine.equals(once.quarantine)
    assert twice.coverage.equals(once.coverage)
    assert twice.revisions.is_empty()
    # Every row of a known session is accounted for: accepted, refused, or a twin of one that is.
    kept = set(once.bars["session"]) | set(once.quarantine["session"])
    assert {row["session"] for row in rows} == kept


def test_yahoo_restates_a_split_and_a_dividend(tmp_path: Path) -> None:
    start = dt.date(2024, 2, 1)
    splits = {dt.date(2024, 3, 18): 10.0}
    with LoopbackYahoo(dt.datetime(2024, 3, 14, 21, tzinfo=dt.UTC)) as server:
        server.listings["AAA"] = Listing(
            trades(start, dt.date(2024, 3, 28), splits=splits),
            splits=splits,
            dividends={dt.date(2024, 3, 15): 1.0},
        )
        source = YahooSource(server.url, now=lambda: server.now, pace=Pace(tmp_path, 1000))
        held = ingest(
            source.fetch("AAA", start, dt.date(2024, 3, 14)),
            NO_BARS, NO_QUARANTINE, now=server.now, through=dt.date(2024, 3, 14),
        )  # fmt: skip
        assert held.bars.height == 30

        server.now = dt.datetime(2024, 3, 15, 21, tzinfo=dt.UTC)
        paid = source.fetch("AAA", dt.date(2024, 3, 1), dt.date(2024, 3, 15))
        seam = ingest(paid, held.bars, held.quarantine, now=server.now, through=dt.date(2024, 3, 15))
        assert seam.revisions["cause"].unique().to_list() == ["dividend"]
        assert seam.needs_full_history
        paid = source.fetch("AAA", start, dt.date(2024, 3, 15))
        whole = ingest(paid, held.bars, held.quarantine, now=server.now, through=dt.date(2024, 3, 15))
        assert not whole.needs_full_history
        assert whole.revisions.height == 30

        server.now = dt.datetime(2024, 3, 18, 21, tzinfo=dt.UTC)
        split = source.fetch("AAA", start, dt.date(2024, 3, 18))
        done = ingest(split, whole.bars, whole.quarantine, now=server.now, through=dt.date(2024, 3, 18))
        assert done.revisions["cause"].unique().to_list() == ["split"]
        assert done.actions["kind"].to_list() == ["dividend", "split"]
        # Neither seam shows as a return: the trades move by less than 3 % a day.
        adjusted = done.bars["adj_close"]
        assert (adjusted / adjusted.shift(1)).log().abs().max() < 0.03


@pytest.mark.real_bars
@pytest.mark.skipif(REAL_BARS is None, reason="ALPHA_REAL_BARS names no file")
def test_nothing_true_is_refused_of_the_real_bars() -> None:
    source = FilesSource(Path(REAL_BARS or ""))
    last = dt.date(2025, 6, 30)
    now = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)
    tickers = source.tickers()
    assert len(tickers) == 82
    moves = {}
    for ticker in sorted(tickers):
        done = first_ingest(source.fetch(ticker, dt.date(2010, 1, 1), last), now=now, through=last)
        assert done.quarantine.is_empty(), ticker
        assert done.coverage["status"].item() == "complete", ticker
        returns = done.bars.select("session", move=pl.col("close") / pl.col("close").shift(1) - 1)
        moves[ticker] = dict(returns.iter_rows())
    extremes = {
        ("SVXY", dt.date(2018, 2, 6)): -0.83,
        ("UVXY", dt.date(2018, 2, 5)): 0.66,
        ("AMD", dt.date(2016, 4, 22)): 0.52,
        ("DXCM", dt.date(2024, 7, 26)): -0.41,
        ("KDP", dt.date(2018, 7, 10)): 0.115,
    }
    for (ticker, session), move in extremes.items():
        assert moves[ticker][session] == pytest.approx(move, abs=0.01)


@pytest.mark.real_bars
@pytest.mark.skipif(REAL_BARS is None, reason="ALPHA_REAL_BARS names no file")
@pytest.mark.parametrize("later", [0, 1, 5, 9])
def test_no_true_move_is_refused_on_its_evening_or_soon_after(later: int) -> None:
    """A refresh sees some sessions before the move and none, or few, after it."""
    source, last = FilesSource(Path(REAL_BARS or "")), dt.date(2025, 6, 30)
    judged = 0
    for ticker in sorted(source.tickers()):
        bars = source.fetch(ticker, dt.date(2010, 1, 1), last).bars.sort("session")
        gap = (pl.col("open") / pl.col("close").shift(1)).log().abs()
        for place in bars.select(gap > 0.25).to_series().arg_true():
            seen = bars.slice(place - 15 + later, 16) if place > 15 else bars.head(place + later + 1)
            answer = Answer(ticker, seen, pl.DataFrame(schema=ACTION_SCHEMA), "files")
            assert quality.judge(answer, last).refused.is_empty(), (ticker, bars["session"][place])
            judged += 1
    assert judged > 15
