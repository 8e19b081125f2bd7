import re

import polars as pl
import pytest

from alpha_pipeline.evaluation.luck import survives_many
from alpha_pipeline.reports.leaderboard import leaderboard, luck_note
from alpha_pipeline.reports.standing import standings
from alpha_pipeline.warehouse.tables import results
from alpha_pipeline_tests.reports.test_daily_report import SCORES

Row = tuple[str, str, int, str, str, float, float | None, float | None, int, float]


def frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=results.SCORES.empty().schema, orient="row")


def ic(model: str, value: float, half: float, ticker: str = "*", horizon: int = 1) -> Row:
    return (model, ticker, horizon, "whole", "ic", value, value - half, value + half, 900, 0.0)


def first_cells(html: str) -> list[str]:
    return [re.sub(r"<.*?>", "", name) for name in re.findall(r'<tr class="row.*?"><td>(.*?)<br>', html)]


def test_a_model_has_one_row_with_its_interval_and_its_verdict() -> None:
    html = leaderboard(SCORES)
    assert html.count('<tr class="row') == 1
    for words in (
        "+0.012",
        "-0.004 to +0.028",
        "53.2%",
        "53.6%",
        "40,528",
        "no skill shown",
        "52.1% to 54.2%",
        "+0.022",
    ):
        assert words in html, words
    assert 'aria-label="IC +0.012, -0.004 to +0.028; no skill: 0"' in html
    assert "+1.000" not in html  # of one year alone


def test_the_surest_skill_stands_first_and_rivals_below() -> None:
    rows = [
        ic("wide", 0.05, 0.06),
        ic("sure", 0.03, 0.005),
        ic("hopeful", 0.02, 0.018),
        ic("sunk", -0.03, 0.01),
        ic("ridge", 0.09, 0.001),
        ic("v17_no_kan", 0.0, 0.01),
        ("constant", "*", 1, "whole", "auc", 0.5, 0.4, 0.6, 900, 0.5),
    ]
    html = leaderboard(frame(rows))
    assert first_cells(html) == ["sure", "hopeful", "wide", "sunk", "constant", "ridge", "v17_no_kan"]
    own, rivals = html.split("Rivals and ablations")
    assert "ridge" not in own
    assert rivals.count("is-rival") == 2
    words = {one.model: one.word for one in standings(frame(rows))}
    assert words == {
        "sure": "above luck",
        "hopeful": "above 0, luck not ruled out",
        "wide": "no skill shown",
        "sunk": "below 0",
        "constant": "forecasts do not vary",
        "ridge": "above luck",
        "v17_no_kan": "no skill shown",
    }


def test_a_verdict_has_a_mark_beside_its_colour() -> None:
    html = leaderboard(frame([ic("sure", 0.03, 0.005), ic("sunk", -0.03, 0.01), ic("flat", 0.0, 0.01)]))
    for words in (
        '<span class="good">▲ above luck</span>',
        '<span class="bad">▼ below 0</span>',
        '<span class="warn">○ no skill shown</span>',
    ):
        assert words in html


@pytest.mark.parametrize(("n_looks", "is_above"), [(1, True), (14, False)])
def test_many_looks_ask_for_more(n_looks: int, is_above: bool) -> None:
    """Half a width of 1.96 errors: 2.2 errors above the bar are enough for one look and not for fourteen."""
    assert survives_many(2.2, 2.2 - 1.96, n_looks) is is_above
    assert survives_many(2.95, 2.95 - 1.96, 14) is True  # the quantile of 1 - 0.025 / 14 is 2.91


def test_tickers_are_folded_under_their_model_and_said_in_a_line() -> None:
    rows = [
        ic("v12", 0.01, 0.02),
        ic("v12", 0.05, 0.01, "NVDA"),
        ic("v12", -0.04, 0.01, "XLE"),
        ic("v12", 0.0, 0.01, "QQQ"),
        ic("v12", 0.02, 0.03, horizon=5),
    ]
    html = leaderboard(frame(rows))
    summary = re.findall(r"<summary>(.*?)</summary>", html)
    assert summary == ["by ticker: 1 of 3 above 0, 1 below; XLE -0.040 to NVDA +0.050"]
    folded = html.partition("<details>")[2]
    assert re.findall(r"<td>(NVDA|QQQ|XLE)</td>", folded) == ["NVDA", "QQQ", "XLE"]
    assert "5 sessions" in folded


def test_a_past_of_survivors_is_labelled() -> None:
    rows = frame([ic("matrix_transformer", 0.01, 0.02), ic("v12", 0.01, 0.02)])
    html = leaderboard(rows, {"matrix_transformer"})
    assert html.count("survivor-biased") == 1
    assert "survivor-biased" in html.partition("matrix_")[2].partition("</tr>")[0]


def test_luck_alone_would_lift_one_in_forty() -> None:
    assert "Of 40 models without any skill 1.0 would" in luck_note(frame([ic(f"m{i}", 0.0, 0.1) for i in range(40)]))
    assert luck_note(results.SCORES.empty()) == ""


def test_without_scores_there_is_no_board() -> None:
    assert leaderboard(results.SCORES.empty()) == "<p>No rows yet.</p>"
