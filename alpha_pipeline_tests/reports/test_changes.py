import datetime as dt
from dataclasses import replace

import polars as pl
import pytest

from alpha_pipeline.reports.changes import changes
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.reports.signal_card import SignalCard

BEFORE, NOW = dt.date(2024, 6, 27), dt.date(2024, 6, 28)
CARD = SignalCard(
    market="files",
    is_simulated=False,
    session=NOW,
    next_session=dt.date(2024, 7, 1),
    target_weight=0.5,
    reason="",
    vote={},
    ballots={},
    rotation={},
    ranks=(),
    regime={},
    record={},
    record_from=None,
)


def pair(**columns: tuple[object, object]) -> pl.DataFrame:
    return pl.DataFrame({"session": [BEFORE, NOW], **{name: list(values) for name, values in columns.items()}})


STILL = Evidence(
    CARD,
    positions=pair(target_weight=(0.5, 0.5)),
    votes=pair(n_bull=(3, 3), signal=("neutral", "neutral")),
    ballots=pl.DataFrame(
        {"session": [BEFORE, BEFORE, NOW, NOW], "ticker": ["NVDA", "AAPL"] * 2, "is_bull": [True, False] * 2}
    ),
    rotation=pair(pick=("XLK", "XLK"), qqq_allowed=(True, True)),
    regimes=pair(regime=("calm", "calm"), exit_longs=(False, False)),
)


def test_a_day_like_the_last_changes_nothing() -> None:
    assert changes(STILL) == []


def test_the_first_session_has_nothing_to_be_compared_with() -> None:
    assert changes(replace(STILL, positions=STILL.positions.tail(1))) == ["This is the first session of the record."]


@pytest.mark.parametrize(
    ("table", "rows", "words"),
    [
        ("positions", pair(target_weight=(0.5, 0.0)), "QQQ from 50% to 0%."),
        (
            "votes",
            pair(n_bull=(3, 5), signal=("neutral", "strong_buy")),
            "The vote went from neutral to strong buy: 3 bull, now 5.",
        ),
        ("votes", pair(n_bull=(3, 2), signal=("neutral",) * 2), "Bull ballots: 3, now 2; the vote stays the same."),
        ("rotation", pair(pick=(None, "XLE"), qqq_allowed=(True, True)), "The sector held goes from cash to XLE."),
        (
            "rotation",
            pair(pick=("XLK", "XLK"), qqq_allowed=(True, False)),
            "QQQ is no longer allowed by XLK and XLY.",
        ),
        (
            "regimes",
            pair(regime=("calm", None), exit_longs=(False, False)),
            "The volatility regime went from calm to unknown.",
        ),
        (
            "regimes",
            pair(regime=("calm", "calm"), exit_longs=(False, True)),
            "A VIX spike is forecast: every QQQ long is left.",
        ),
    ],
)
def test_each_change_is_said_in_a_sentence(table: str, rows: pl.DataFrame, words: str) -> None:
    assert changes(replace(STILL, **{table: rows})) == [words]


def test_stocks_that_turned_are_named_and_so_are_silent_ones() -> None:
    turned = pl.DataFrame(
        {
            "session": [BEFORE] * 3 + [NOW] * 2,
            "ticker": ["NVDA", "AAPL", "TSLA", "NVDA", "AAPL"],
            "is_bull": [True, False, True, False, True],
        }
    )
    said = changes(replace(STILL, ballots=turned))
    assert said == ["Now bull: AAPL.", "No longer bull: NVDA.", "Cast no ballot this time: TSLA."]
