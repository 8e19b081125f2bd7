import datetime as dt

import polars as pl
import pytest
from matplotlib.patches import Rectangle

from alpha_pipeline import sessions as calendar
from alpha_pipeline.reports.figures.completeness import completeness, completeness_grid

DAYS = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 6, 28))
GONE = DAYS[3]


def held() -> pl.DataFrame:
    """QQQ whole; SPY without one session of the first quarter; NEW listed in the second."""
    rows = [("QQQ", day) for day in DAYS] + [("SPY", day) for day in DAYS if day != GONE]
    rows += [("NEW", day) for day in DAYS if day >= dt.date(2024, 5, 1)]
    return pl.DataFrame(rows, schema=["ticker", "session"], orient="row")


def test_a_missing_session_shows_in_its_quarter_and_a_late_listing_does_not() -> None:
    shares = {(t, q.month): share for t, q, share in completeness(held()).iter_rows()}
    first_quarter = len([day for day in DAYS if day.month <= 3])
    assert shares["QQQ", 1] == shares["QQQ", 4] == shares["SPY", 4] == shares["NEW", 4] == 1
    assert shares["SPY", 1] == pytest.approx(1 - 1 / first_quarter)
    assert ("NEW", 1) not in shares


def test_the_grid_has_a_row_per_ticker_and_a_stretch_for_what_is_alike() -> None:
    (axes,) = completeness_grid(held(), 980).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["NEW", "QQQ", "SPY"]
    said = [str(bar.get_gid()) for bar in axes.patches if isinstance(bar, Rectangle)]
    assert [words.split(",")[0] for words in said] == ["NEW", "QQQ", "SPY", "SPY"]
    assert said[1] == "QQQ, quarters from 2024-01-01 to before 2024-07-01: 100.0% of the sessions"
    assert "98.4%" in said[2]
