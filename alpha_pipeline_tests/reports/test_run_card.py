"""A run card as it is shown: the values given, in a terminal, on a page, as JSON and in a few lines."""

import dataclasses
import datetime as dt
import hashlib
import json
import re
from typing import Any

import pytest
from rich.console import Console

from alpha_pipeline.reports.run_card import NOT_STORED, STORED, RunCard, digest, render_json, render_markdown
from alpha_pipeline.reports.run_card_page import render_html
from alpha_pipeline.reports.run_card_tables import tables
from alpha_pipeline.reports.run_card_terminal import render
from alpha_pipeline.signals.replay import Difference

DAY = dt.date(2016, 1, 29)
MADE = dt.datetime(2016, 1, 29, 22, 5, tzinfo=dt.UTC)
BALLOT = {"ticker": "NVDA", "prob_up": 0.52, "expected_return": 0.001, "is_bull": True}
FORECAST = {
    "model": "v13_bull_sniper",
    "ticker": "NVDA",
    "session": DAY,
    "horizon": 1,
    "expected_return": 0.0012,
    "prob_up": 0.52,
    "prob_bull": 0.46,
    "bull_threshold": 0.41,
    "prob_spike": None,
    "spike_threshold": None,
    "trained_through": dt.date(2015, 12, 30),
    "seeds": 2,
    "made_at": MADE,
    "is_live": True,
    "members": ("0123456789abcdef0123", "fedcba98765432100123"),
}
MODEL = {
    "model_id": "0123456789abcdef0123",
    "experiment": "v13_bull_sniper",
    "ticker": "NVDA",
    "state": STORED,
    "seed": 0,
    "fold": 3,
    "trained_through": "2015-12-30",
    "config_hash": "c0ffee00c0ffee",
    "data_hash": "da7ada7ada7a",
    "code_version": "3",
    "libraries": {"torch": "2.13.0", "numpy": "2.4.6"},
    "validation_loss": 1.4142,
}
CARD = RunCard(
    signal="qqq_position",
    session=DAY,
    next_session=dt.date(2016, 2, 1),
    market="files",
    is_simulated=False,
    row={"target_weight": 0.62, "reason": "strong buy: 5 of 6 bull; size 0.62 in a normal regime", "inputs": "2:77"},
    rules=(
        {"rule": "abstain", "verdict": "not met", "weight": 0.0, "why": "nothing is missing"},
        {"rule": "strong buy", "verdict": "decided", "weight": 0.62, "why": "strong buy: 5 of 6 bull"},
    ),
    vote={
        "row": {"n_bull": 5, "n_voting": 6, "signal": "strong_buy", "missing": "META"},
        "ballots": [
            BALLOT | {"prob_bull": 0.46, "bull_threshold": 0.41},
            BALLOT | {"ticker": "AAPL", "is_bull": False, "prob_bull": 0.2, "bull_threshold": 1.0},
            BALLOT | {"ticker": "MSFT", "prob_bull": None, "bull_threshold": None},
        ],
        "bull_probability": 0.5,
        "strong_buy_above": 4,
        "min_ballots": 5,
    },
    rotation={
        "row": {"pick": "XLK", "qqq_allowed": True, "is_rebalance": True, "missing": ""},
        "ranks": [{"ticker": "XLK", "expected_return": 0.004, "prob_up": 0.55, "rank": 1}],
        "rebalanced_at": DAY,
        "ranks_at_rebalance": [{"ticker": "XLK", "expected_return": 0.004, "rank": 1}],
        "gate": ("XLK", "XLY"),
        "bull_probability": 0.5,
    },
    regime={
        "row": {
            "expected_change": 0.013,
            "prob_spike": 0.07,
            "spike_threshold": 0.2,
            "regime": "normal",
            "exit_longs": False,
            "size_multiplier": 0.62,
            "missing": "",
        },
        "vix_close": 20.2,
        "vix_forecast": 20.46,
        "regime_before": "stressed",
        "volatility_ann": 0.234,
        "target_size": 0.641,
        "size_before": 0.62,
        "n_forecasts": 1518,
        "forecasts_sha256": "f0f0f0f0f0f0",
        "calm_enter": 15.0,
        "calm_leave": 17.0,
        "stressed_enter": 25.0,
        "stressed_leave": 22.0,
        "exit_change": 0.1,
        "target_volatility_ann": 0.15,
        "look_back": 20,
        "size_band": 0.1,
        "size_cap": 1.0,
    },
    forecasts=(FORECAST,),
    models=(
        MODEL,
        {"model_id": "fedcba98765432100123", "experiment": "v13_bull_sniper", "ticker": "NVDA", "state": NOT_STORED},
    ),
    features=({"table": "features.price_action", "code_version": "1", "read_by": ["v13_bull_sniper"]},),
    bars=(
        {
            "ticker": "NVDA",
            "first_session": dt.date(2012, 1, 3),
            "last_session": DAY,
            "n_bars": 1024,
            "sha256": "abcdef0123456789",
            "source": "files",
            "fetched_at": MADE,
            "read_by": ["v13_bull_sniper"],
        },
    ),
    code={"alpha_pipeline": "0.1.0", "signals": "2", "signals_of_the_row": "2"},
    libraries={"polars": "2.1.0"},
    settings={"cost_bps": 5.0, "first_session": dt.date(2016, 1, 4), "seeds": [1, 3]},
    replay=(),
)
CHANGED = dataclasses.replace(CARD, replay=(Difference("signals.mag7_ballots", "NVDA", "prob_up", 0.5, 0.52),))


def text(card: RunCard, width: int = 150) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(render(card))
    return capture.get()


def rows(shown: str) -> list[str]:
    """Lines without the frame, runs of blanks as one."""
    return [" ".join(line.strip("│ ").split()) for line in shown.splitlines()]


def test_the_terminal_shows_the_values_given() -> None:
    shown = rows(text(CARD))
    for line in (
        "Hold 62% QQQ from the open of 2016-02-01: strong buy: 5 of 6 bull; size 0.62 in a normal regime",
        "replayed: identical",
        f"digest {digest(CARD)}",
        "strong buy decided 62% strong buy: 5 of 6 bull",
        "NVDA bull bull move 46.0% 41.0%",
        "AAPL not bull bull move 20.0% never fires",
        "MSFT bull up 52.0% above 50%",
        "XLK 1 1 +0.40% 55.0%",
        "^VIX level 20.46 the higher of the close 20.20 and its forecast 20.46",
        "P(spike) 7.0% exits from 20.0%",
        "v13_bull_sniper NVDA 2016-01-29 1 +0.12% 2015-12-30 2 01234567, fedcba98 2016-01-29 22:05 live",
        "01234567 v13_bull_sniper NVDA 0 3 2015-12-30 c0ffee00 da7ada7a 3 1.4142 stored",
        "fedcba98 v13_bull_sniper NVDA - - - - - - - no longer stored",
        "NVDA 2016-01-29 1,024 abcdef01 files v13_bull_sniper",
        "seeds in a forecast 1, 3",
    ):
        assert line in shown
    assert any("before: stressed" in line for line in shown)
    assert any("15% / volatility 23.4% over 20 returns of QQQ = 0.64" in line for line in shown)
    assert any(line.startswith("Trained with torch 2.13.0 numpy 2.4.6. `alpha train` trains") for line in shown)
    assert "Missing: META." in " ".join(shown)
    assert "SIMULATED" not in text(CARD)


def test_a_simulated_market_is_marked_everywhere() -> None:
    card = dataclasses.replace(CARD, is_simulated=True, market="simulated(seed=7)")
    first, *_, last = text(card).splitlines()
    assert "SIMULATED" in first
    assert "SIMULATED" in last
    assert 'class="banner"' in render_html(card)
    assert render_markdown(card).startswith("**SIMULATED · Run card")
    assert json.loads(render_json(card))["is_simulated"] is True


def test_a_row_that_is_made_otherwise_now_is_said_first_and_last() -> None:
    shown = rows(text(CHANGED))
    assert "replayed: 1 value(s) differ" in shown
    assert "signals.mag7_ballots NVDA prob_up 0.5 0.52" in shown
    assert 'class="problem">replayed: 1 value(s) differ' in render_html(CHANGED)
    assert "* replayed: 1 value(s) differ" in render_markdown(CHANGED)
    assert digest(CHANGED) != digest(CARD)


@pytest.mark.parametrize(
    ("signal", "row", "words"),
    [
        ("mag7_vote", {"n_bull": 5, "n_voting": 6, "signal": "strong_buy"}, "5 of 6 bull: strong buy"),
        ("sector_rotation", {"pick": None, "qqq_allowed": False}, "cash; XLK and XLY not both bullish"),
        ("vix_regime", {"regime": None, "exit_longs": False}, "unknown; no exit"),
        ("vix_regime", {"regime": "stressed", "exit_longs": True}, "stressed; EXIT LONGS"),
    ],
)
def test_each_signal_has_words_of_its_own(signal: str, row: dict[str, Any], words: str) -> None:
    card = dataclasses.replace(CARD, signal=signal, row=row, rules=(), vote={}, rotation={}, regime={})
    assert words in text(card)
    assert [part.title for part in tables(card)][:2] == ["Forecasts used", "Models"]


def test_the_digest_is_of_everything_but_times() -> None:
    def made(**changes: Any) -> RunCard:
        return dataclasses.replace(CARD, forecasts=(FORECAST | changes,))

    assert digest(made(made_at=MADE + dt.timedelta(days=9), is_live=False)) == digest(CARD)
    assert digest(made(expected_return=0.0013)) != digest(CARD)
    assert digest(made(trained_through=dt.date(2015, 12, 29))) != digest(CARD)
    assert digest(dataclasses.replace(CARD, libraries={"polars": "2.1.1"})) != digest(CARD)


def test_anyone_can_compute_the_digest_from_the_json() -> None:
    card = json.loads(render_json(CARD))
    said = card.pop("digest")

    def without_times(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without_times(v) for k, v in value.items() if k not in {"made_at", "is_live", "fetched_at"}}
        return [without_times(one) for one in value] if isinstance(value, list) else value

    canonical = json.dumps(without_times(card), sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == said == digest(CARD)


def test_the_page_needs_nothing_beside_itself() -> None:
    html = render_html(CARD)
    assert html == render_html(CARD)
    assert len(html) < 50_000
    for outside in ("http", "<script", "<link", "@import"):
        assert outside not in html
    assert "prefers-color-scheme:dark" in html
    assert "width=device-width" in html
    assert re.findall(r"<h2>(.*?)</h2>", html) == [part.title for part in tables(CARD)]


def test_what_a_source_or_a_model_is_called_is_no_html() -> None:
    odd = {**CARD.bars[0], "source": "<b>files</b>"}
    html = render_html(dataclasses.replace(CARD, bars=(odd,)))
    assert "<b>files" not in html
    assert "&lt;b&gt;files" in html


def test_the_short_form_says_what_decided() -> None:
    shown = render_markdown(CARD)
    assert "* strong buy: decided (strong buy: 5 of 6 bull)" in shown
    assert "* 1 forecasts by 2 members, 1 of them no longer readable" in shown
    assert "* bars of 1 tickers, the newest of 2016-01-29" in shown
    assert f"`{digest(CARD)}`" in shown
