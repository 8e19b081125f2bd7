import datetime as dt

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.reports.health import (
    NEWEST,
    coverage_words,
    quarantine_words,
    refused_words,
    revisions_words,
)
from alpha_pipeline.warehouse.tables import raw

DAYS = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 6, 28))


def covered(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `raw.coverage` with what a test says of them."""
    return raw.COVERAGE.conform(pl.concat([raw.COVERAGE.empty(), rows], how="diagonal_relaxed"))


def test_tickers_that_are_not_whole_are_named() -> None:
    rows = covered(
        pl.DataFrame(
            {
                "ticker": ["QQQ", "SPY"],
                "first_session": DAYS[:1] * 2,
                "last_session": DAYS[-1:] * 2,
                "n_sessions": [len(DAYS), len(DAYS) - 1],
                "n_missing": [0, 1],
                "status": ["complete", "gaps"],
                "detail": ["", "missing <2024-01-05>"],
            }
        )
    )
    html = coverage_words(rows)
    assert "1 of 2 tickers hold every session" in html
    assert ">SPY</td>" in html
    assert "&lt;2024-01-05&gt;" in html
    assert "QQQ" not in html


def test_tickers_that_lack_the_same_are_named_together() -> None:
    rows = covered(
        pl.DataFrame({"ticker": ["QQQ", "SPY", "XLK"], "n_missing": [3, 3, 4]}).with_columns(
            first_session=pl.lit(DAYS[0]),
            last_session=pl.lit(DAYS[-1]),
            n_sessions=pl.lit(90),
            status=pl.lit("stale"),
            detail=pl.format("{} sessions", "n_missing"),
        )
    )
    html = coverage_words(rows)
    assert "QQQ, SPY" in html
    assert html.count("<tr>") == 3


def test_revisions_are_counted_by_cause_and_the_newest_are_shown() -> None:
    assert "No held value was ever replaced" in revisions_words(raw.REVISIONS.empty())
    at = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
    n = NEWEST + 5
    rows = raw.REVISIONS.conform(
        pl.DataFrame(
            {"session": DAYS[:n], "superseded_at": [at + dt.timedelta(hours=i) for i in range(n)]}
        ).with_columns(
            *(pl.lit(7.0).alias(name) for name in ("open", "high", "low", "close", "adj_close")),
            ticker=pl.lit("QQQ"),
            volume=pl.lit(1),
            source=pl.lit("yahoo"),
            fetched_at=pl.lit(at),
            cause=pl.lit("correction"),
        )
    )
    html = revisions_words(rows)
    assert f"correction {n}" in html
    assert html.count("<tr>") == 1 + NEWEST
    assert str(DAYS[n - 1]) in html
    assert str(DAYS[0]) not in html


def test_what_the_last_refresh_refused_is_shown_with_its_words_and_what_it_took_is_not() -> None:
    assert refused_words(raw.COVERAGE.empty()) == ""
    rows = {"ticker": ["QQQ", "SPY", "XLK"], "n_refused": [0, 2, None], "said": ["", "low -3 <0", None]}
    html = refused_words(covered(pl.DataFrame(rows)))
    assert "low -3 &lt;0" in html
    assert (html.count("<tr>"), ">SPY</td><td>2</td>" in html) == (2, True)


def test_refused_rows_are_shown_with_their_reason() -> None:
    assert "No row was refused" in quarantine_words(raw.QUARANTINE.empty())
    rows = raw.QUARANTINE.conform(
        pl.DataFrame({"ticker": ["QQQ"], "session": [None], "reason": ["high below <low>"]}).with_columns(
            *(pl.lit(None, pl.Float64).alias(name) for name in ("open", "high", "low", "close", "adj_close", "volume")),
            source=pl.lit("files"),
            fetched_at=pl.lit(dt.datetime(2024, 7, 1, tzinfo=dt.UTC)),
        )
    )
    html = quarantine_words(rows)
    assert "no date" in html
    assert "high below &lt;low&gt;" in html


def test_what_a_source_says_of_each_ticker_alike_is_said_once() -> None:
    said = pl.format("two.parquet has no ticker '{}' (it holds 3 tickers).", "ticker")
    rows = covered(
        pl.DataFrame({"ticker": ["QQQ", "SPY", "^VIX"], "n_missing": 0}).with_columns(
            first_session=None, last_session=None, n_sessions=0, status=pl.lit("failed"), detail=said
        )
    )
    html = coverage_words(rows)
    assert html.count("has no ticker") == 1
    assert "QQQ, SPY, ^VIX" in html
    assert "has no ticker &#x27;SPY&#x27;" in coverage_words(rows.filter(ticker="SPY")), "one alone keeps its name"
