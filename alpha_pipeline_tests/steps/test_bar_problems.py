"""What is told of the bars: who failed, who is behind, what was refused, in sentences."""

import datetime as dt
import io
from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import AlphaError, CoolingError, SourceError, UnknownTickerError
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.steps.alerts import session_alerts
from alpha_pipeline.steps.bar_problems import NAMES_SAID, SENTENCES_SAID, BarProblems, bar_problems, failure_words
from alpha_pipeline.steps.outcomes import IngestReport, reason, record_failure
from alpha_pipeline.steps.refresh import refresh
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.seal import sealed
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import add, followed, remove
from alpha_pipeline_tests.pipeline_world import FrameSource, after_close

LAST = dt.date(2016, 3, 31)
EVENINGS = [sessions.offset(LAST, place) for place in range(-4, 1)]
GONE = UnknownTickerError("WDAY", "Yahoo", "Not Found: No data found, symbol may be delisted", brief="404")
Bars = dict[str, pl.DataFrame]


class Yahoo(FrameSource):
    """A source that cannot list what it holds, and answers some questions with an error."""

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "yahoo"

    @property
    def market(self) -> str:
        return "yahoo"

    def tickers(self) -> None:  # type: ignore[override]
        return None

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        if ticker == "WDAY" and last > EVENINGS[0]:
            raise GONE
        return super().fetch(ticker, first, last)


def evening(
    warehouse: Warehouse, source: FrameSource, tickers: list[str], day: dt.date
) -> Mapping[str, IngestReport | AlphaError]:
    """What became of tickers on the evening of a session."""
    return dict(refresh(warehouse, source, tickers, through=day, now=after_close(day), wait_s=0.0))


def test_a_holding_that_is_gone_is_told_each_evening_and_after_five_how_to_stop_following_it(
    warehouse: Warehouse, bars: Bars
) -> None:
    days = [*EVENINGS, *(sessions.offset(LAST, place) for place in (1, 2))]
    rows = bars["QQQ"]
    later = [
        rows.tail(1).with_columns(pl.col("volume") + day.day, session=pl.lit(day), ticker=pl.lit("QQQ"))
        for day in days
        if day > LAST
    ]
    source = Yahoo({"QQQ": pl.concat([rows, *later]), "WDAY": rows.with_columns(ticker=pl.lit("WDAY"))})
    said = []
    for day in days:
        evening(warehouse, source, ["QQQ", "WDAY"], day)
        said.append(bar_problems(warehouse))
    assert said[0] == BarProblems()
    n = len(followed(warehouse))
    assert [one.failed for one in said[1:5]] == [(f"1 of {n} failed: WDAY (404).",)] * 4
    [words] = said[5].failed
    assert words == (
        f"1 of {n} failed: WDAY (404). WDAY has failed since {EVENINGS[1]} (5 sessions). "
        "`alpha tickers remove WDAY` stops following, and keeps the history."
    )
    assert (said[4].hopeless, said[5].hopeless) == ((), ("WDAY",))
    alerts = [one for one in session_alerts(warehouse, days[-1]) if one.key == "failing WDAY"]
    assert [one.title for one in alerts] == ["alpha_pipeline: 1 ticker(s) failed for 5 sessions or more"]
    row = warehouse.read(raw.COVERAGE, ["WDAY"]).row(0, named=True)
    assert (row["n_sessions"], row["last_session"]) == (rows.filter(pl.col("session") <= EVENINGS[0]).height, days[0])
    remove(warehouse, ["WDAY"])
    assert bar_problems(warehouse) == BarProblems()


def test_one_good_answer_ends_the_count(warehouse: Warehouse, bars: Bars) -> None:
    source = FrameSource({"QQQ": bars["QQQ"]})
    evening(warehouse, source, ["QQQ"], EVENINGS[0])
    for day in EVENINGS:
        record_failure(warehouse, "QQQ", SourceError("QQQ: down."), day)
    assert bar_problems(warehouse).hopeless == ("QQQ",)
    assert "alpha tickers remove" not in bar_problems(warehouse).failed[0], "signals rest on it"
    evening(warehouse, source, ["QQQ"], LAST)
    assert bar_problems(warehouse) == BarProblems()
    record_failure(warehouse, "QQQ", SourceError("QQQ: down."), LAST)
    assert bar_problems(warehouse).hopeless == ()


def test_a_ticker_that_ends_before_the_others_is_behind(warehouse: Warehouse, bars: Bars) -> None:
    add(warehouse, ["OLD"])
    source = FrameSource({"QQQ": bars["QQQ"], "OLD": bars["QQQ"].head(-7).with_columns(ticker=pl.lit("OLD"))})
    evening(warehouse, source, ["QQQ", "OLD"], LAST)
    [words] = bar_problems(warehouse).sentences
    ends = sessions.offset(LAST, -7)
    assert words == (
        f"1 of {len(CORE) + 1} without {LAST}: OLD ends on {ends}. "
        "`alpha tickers remove OLD` stops following, and keeps the history."
    )


def test_what_a_file_lacks_is_one_sentence(warehouse: Warehouse, bars: Bars) -> None:
    evening(warehouse, FrameSource({"QQQ": bars["QQQ"]}), list(CORE), LAST)
    lacking = [ticker for ticker in CORE if ticker != "QQQ"]
    assert bar_problems(warehouse).sentences == (
        f"{len(lacking)} of the {len(CORE)} tickers followed are not in frames: {', '.join(lacking)}.",
    )


def test_failures_are_grouped_by_reason_and_a_crowd_is_cut() -> None:
    crowd = {f"T{place}": "not in two.parquet" for place in range(NAMES_SAID + 3)}
    words = failure_words({"WDAY": "404", **crowd, "PDD": "404"}, 67)
    assert words[0] == "2 of 67 failed: WDAY, PDD (404)."
    assert words[1].endswith(f"T{NAMES_SAID - 1} and 3 more.")
    assert failure_words({"WDAY": "404"}, 1) == ["WDAY failed: 404."]
    assert failure_words({"QQQ": "not in bars.csv"}, 1) == ["QQQ is not in bars.csv."]


def test_a_reason_is_alike_for_all_whom_it_befell() -> None:
    down = "Yahoo gave no bars of {} in 4 attempts (HTTP 500). Held bars stay; try later."
    reasons = {ticker: reason(ticker, SourceError(down.format(ticker))) for ticker in ("QQQ", "^VIX")}
    assert set(reasons.values()) == {"Yahoo gave no bars of it in 4 attempts (HTTP 500). Held bars stay; try later"}
    assert reason("QQQ", CoolingError(40.0)) == reason("SPY", CoolingError(55.0))
    hourly = "/prices/QQQ.csv holds several bars a session"
    assert reason("QQQ", SourceError(f"{hourly}.")) == hourly


def broken(rows: pl.DataFrame, days: list[dt.date]) -> pl.DataFrame:
    """The same bars with a negative low on some days."""
    return rows.with_columns(low=pl.when(pl.col("session").is_in(days)).then(-3.0).otherwise("low"))


def test_refused_rows_are_told_until_the_next_refresh_takes_all(warehouse: Warehouse, bars: Bars) -> None:
    spoilt = dt.date(2016, 2, 10)
    evening(warehouse, FrameSource({"QQQ": broken(bars["QQQ"], [spoilt])}), ["QQQ"], LAST)
    found = bar_problems(warehouse)
    n = bars["QQQ"].height
    assert found.refused == (
        f"QQQ: 1 of {n} rows refused: price_not_positive 1 ({spoilt} low -3, expected a price above 0).",
    )
    assert found.grave == ("QQQ",), "its session is not held"
    keys = [one.key.split()[0] for one in session_alerts(warehouse, LAST)]
    assert keys.count("refused") == 1
    evening(warehouse, FrameSource({"QQQ": bars["QQQ"]}), ["QQQ"], LAST)
    assert bar_problems(warehouse) == BarProblems()
    assert warehouse.height(raw.QUARANTINE, "QQQ") == 1, "older ones are only counted"


@pytest.mark.parametrize(("n_twice", "grave"), [(1, ()), (2, ("QQQ",))])
def test_few_refused_rows_whose_sessions_are_held_are_told_and_many_have_to_be_looked_at(
    warehouse: Warehouse, bars: Bars, n_twice: int, grave: tuple[str, ...]
) -> None:
    twice = bars["QQQ"].tail(n_twice + 3).head(n_twice).with_columns(pl.col("volume") + 1)
    evening(warehouse, FrameSource({"QQQ": bars["QQQ"]}), ["QQQ"], LAST)
    evening(warehouse, FrameSource({"QQQ": pl.concat([twice, bars["QQQ"]])}), ["QQQ"], LAST)
    assert bars["QQQ"].height < 200
    found = bar_problems(warehouse)
    assert "duplicate" in found.refused[0]
    assert found.grave == grave


def test_a_screen_of_refusals_is_shown_and_the_rest_is_counted(warehouse: Warehouse, bars: Bars) -> None:
    names = list(CORE[: SENTENCES_SAID + 2])
    spoilt = {
        name: broken(bars["QQQ"], [sessions.offset(LAST, -place)]).with_columns(ticker=pl.lit(name))
        for place, name in enumerate(names)
    }
    evening(warehouse, FrameSource(spoilt), names, LAST)
    sentences = bar_problems(warehouse).sentences
    assert sentences[-1] == "2 more: `alpha doctor` tells all."


def test_what_was_mended_is_noted_and_no_problem(warehouse: Warehouse, bars: Bars) -> None:
    class Mended(FrameSource):
        def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
            return replace(super().fetch(ticker, first, last), notes=("The split of 2016-01-04 was carried through.",))

    source = Mended({"QQQ": bars["QQQ"], "SPY": bars["QQQ"].with_columns(ticker=pl.lit("SPY"))})
    done = evening(warehouse, source, ["QQQ", "SPY"], LAST)
    found = bar_problems(warehouse)
    assert found.notes == ("QQQ, SPY: The split of 2016-01-04 was carried through.",)
    assert (found.sentences, found.grave) == ((), ())
    assert [one.notes for one in done.values() if isinstance(one, IngestReport)] == [
        ("The split of 2016-01-04 was carried through.",)
    ] * 2


def test_a_warehouse_written_before_these_columns_goes_on(warehouse: Warehouse, bars: Bars) -> None:
    """Coverage as an earlier version stored it: without what the last refresh came to."""
    source = FrameSource({"QQQ": bars["QQQ"]})
    evening(warehouse, source, ["QQQ"], EVENINGS[0])
    new = ["n_refused", "refused_share", "n_lost", "said", "failed_since", "failed_through", "failure"]
    for ticker, status in (("QQQ", "complete"), ("SPY", "failed")):
        row = warehouse.read(raw.COVERAGE, ["QQQ"]).drop(new)
        row = row.with_columns(ticker=pl.lit(ticker), status=pl.lit(status), detail=pl.lit("HTTP 500"))
        buffer = io.BytesIO()
        row.write_parquet(buffer, metadata={"alpha.content": "old", "alpha.inputs": ""})
        key = warehouse.key(raw.COVERAGE, ticker)
        warehouse.objects.put(key, sealed(key, buffer.getvalue()))
    raw.COVERAGE.validate(warehouse.read(raw.COVERAGE), "every unit")
    assert bar_problems(warehouse).sentences == (f"1 of {len(CORE)} failed: SPY (HTTP 500).",)
    record_failure(warehouse, "SPY", SourceError("HTTP 500"), LAST)
    evening(warehouse, source, ["QQQ"], LAST)
    rows = warehouse.read(raw.COVERAGE)
    assert rows.select("ticker", "n_refused", "said", "failed_since").rows() == [
        ("QQQ", 0, "", None),
        ("SPY", None, None, LAST),
    ]
