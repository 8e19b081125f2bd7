"""An explanation as it is shown: the numbers given, in a terminal and on a page that needs nothing beside itself."""

import dataclasses
import datetime as dt

import numpy as np
import polars as pl
from rich.console import Console

from alpha_pipeline import sessions as calendar
from alpha_pipeline.forecasting.explain import Edge, Explanation
from alpha_pipeline.forecasting.importance import Importance
from alpha_pipeline.forecasting.occlusion import Effect
from alpha_pipeline.reports.explanation import ExplainedForecast, render, sparkline
from alpha_pipeline.reports.explanation_page import render_html
from alpha_pipeline_tests.training.test_artifact import card as member_card

WINDOW = calendar.between(dt.date(2016, 1, 4), dt.date(2016, 1, 13))
EDGE = Edge("close change over 5 sessions", 2, 1, np.linspace(-2, 2, 41), np.linspace(0, 1, 41), 0.31)
EXPLANATION = Explanation(
    session=WINDOW[-1],
    horizon=5,
    window=WINDOW,
    expected_return=0.0021,
    prob_event=0.33,
    groups=(Effect("technical", -0.0012, 0.021), Effect("price_action", 0.0004, -0.003)),
    features=(Effect("technical.rsi_14", -0.0009, 0.011),),
    importance=(Importance("price_action", 0.0123, 0.0045), Importance("technical", -0.0007, 0.0002)),
    attention=np.array([0.02, 0.4, 0.08, 0.1, 0.1, 0.1, 0.1, 0.1]),
    edges=(EDGE,),
)
EXPLAINED = ExplainedForecast(
    market="files",
    is_simulated=False,
    forecast={
        "model": "v13_bull_sniper",
        "ticker": "QQQ",
        "horizon": 5,
        "expected_return": 0.0021,
        "forecast_vol": 0.024,
        "prob_up": 0.53,
        "prob_spike": None,
        "spike_threshold": None,
        "prob_bull": 0.33,
        "bull_threshold": 0.41,
        "trained_through": dt.date(2015, 12, 30),
        "model_id": "abc+def",
        "seeds": 2,
        "seed_spread": 0.0003,
        "made_at": dt.datetime(2016, 1, 13, 22, 5, tzinfo=dt.UTC),
        "is_live": True,
    },
    fold=3,
    explanation=EXPLANATION,
    closes=pl.DataFrame({"session": WINDOW, "adj_close": np.linspace(100, 107, 8)}),
    bars_changed=False,
    members=tuple(
        member_card(seed=seed, epochs=3, training_curve=(1.5, 1.2, 0.9), validation_curve=(1.4, 1.3, 1.25 - seed, 1.35))
        for seed in (0, 1)
    ),
)
BARE = dataclasses.replace(EXPLANATION, prob_event=None, attention=None, edges=())


def text(explained: ExplainedForecast) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(render(explained))
    return capture.get()


def rows(shown: str) -> list[str]:
    """Lines without the frame, runs of blanks as one."""
    return [" ".join(line.strip("│ ").split()) for line in shown.splitlines()]


def test_the_terminal_shows_the_numbers_given() -> None:
    shown = rows(text(EXPLAINED))
    for line in (
        "Expected return +0.210% over 5 sessions, volatility 2.40%, P(up) 53%, P(bull move) 33.0% (fires from 41.0%)",
        "Fold 3, trained through 2015-12-30; 2 seed(s), which differ by 0.030%; made live 2016-01-13 22:05 UTC",
        "Members abc, def",
        "technical -0.120% +2.10 pp -0.0007 0.0002",
        "price_action +0.040% -0.30 pp +0.0123 0.0045",
        "technical.rsi_14 -0.090% +1.10 pp",
        "2016-01-04 ▁█▂▃▃▃▃▃ 2016-01-13",
        "close change over 5 sessions 2 1 0.310 -2.0 +2.0 ▁▁▂▂▂▃▃▃▄▄▅▅▅▆▆▆▇▇▇██",
    ):
        assert line in shown
    assert any(line.startswith("Most on 2016-01-05 40.0%, 2016-01-07 10.0%") for line in shown)
    assert "SIMULATED" not in text(EXPLAINED)
    assert "The bars changed" not in text(EXPLAINED)


def test_what_a_model_does_not_have_is_not_shown() -> None:
    closed = (member_card(epochs=0),)
    bare = text(dataclasses.replace(EXPLAINED, explanation=BARE, members=closed))
    for word in ("Attention", "KAN", "P(event)", "learned"):
        assert word in text(EXPLAINED)
        assert word not in bare
    whole, html = render_html(EXPLAINED), render_html(dataclasses.replace(EXPLAINED, explanation=BARE, members=closed))
    for title in ("Where it looked", "Its strongest KAN edges", "What moved the event", "How its members learned"):
        assert f"<h2>{title}</h2>" in whole
        assert title not in html
    assert whole.count("<svg") == 14  # seven figures, each for two widths
    assert html.count("<svg") == 6


def test_a_simulated_market_and_changed_bars_are_said() -> None:
    changed = dataclasses.replace(EXPLAINED, is_simulated=True, bars_changed=True)
    shown = text(changed)
    assert shown.splitlines()[0].count("SIMULATED") == shown.splitlines()[-1].count("SIMULATED") == 1
    assert "! The bars changed since it was made: those held now give +0.210%" in shown
    html = render_html(changed)
    assert 'class="banner"' in html
    assert "The bars changed since it was made" in html


def test_a_model_that_never_fires_says_so() -> None:
    never = dataclasses.replace(EXPLAINED, forecast={**EXPLAINED.forecast, "bull_threshold": 1.0})
    assert "P(bull move) 33.0% (never fires)" in text(never)


def test_the_page_needs_nothing_and_is_the_same_each_time() -> None:
    html = render_html(EXPLAINED)
    assert html == render_html(EXPLAINED)
    for outside in ("http", "<script", "<link", "@import", " onclick"):
        assert outside not in html
    assert len(html.encode()) < 150_000


def test_a_sparkline_spans_its_values() -> None:
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"
    assert sparkline([3.0, 3.0]) == "▁▁"
