"""The daily report: what it shows equals what it was given, and it needs nothing from anywhere."""

import datetime as dt
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import UsageError
from alpha_pipeline.evaluation.records import Record
from alpha_pipeline.reports.daily_report import render_brief, render_html
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.reports.frames import write_text
from alpha_pipeline.reports.score_tables import bulls_table, spikes_table, verdict
from alpha_pipeline.reports.signal_card import SignalCard
from alpha_pipeline.universe import MAG7, SECTORS
from alpha_pipeline.warehouse.tables import results, signals
from alpha_pipeline_tests.reports.full_evidence import full_evidence

DAYS = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 6, 28))
N = len(DAYS)
RETURNS = np.where(np.arange(N) % 3 == 0, -0.02, 0.012)
EQUITY = np.cumprod(1 + RETURNS)


def ledger_of(strategy: str, equity: np.ndarray = EQUITY) -> pl.DataFrame:
    net = equity / np.concatenate([[1.0], equity[:-1]]) - 1
    return results.LEDGER.conform(
        pl.DataFrame({"session": DAYS, "gross_return": net, "net_return": net, "equity": equity}).with_columns(
            strategy=pl.lit(strategy), weight=pl.lit(1.0), cost=pl.lit(0.0)
        )
    )


LEDGER = pl.concat([ledger_of("buy_and_hold"), ledger_of("qqq_position", np.linspace(1.01, 1.2, N))])
REGIMES = signals.VIX_REGIME.conform(
    pl.DataFrame(
        {
            "session": DAYS,
            "regime": [None, "calm", "calm", "stressed"] + ["normal"] * (N - 4),
            "exit_longs": [i == 3 for i in range(N)],
        }
    ).with_columns(
        expected_change=pl.lit(0.012),
        prob_spike=pl.lit(0.07),
        spike_threshold=pl.lit(0.2),
        size_multiplier=pl.lit(0.83),
        missing=pl.lit(""),
    )
)
N_BULL = [(3 * i) % 8 for i in range(N)]
VOTES = signals.MAG7_VOTE.conform(
    pl.DataFrame({"session": DAYS, "n_bull": N_BULL}).with_columns(
        n_voting=pl.lit(7),
        signal=pl.when(pl.col("n_bull") > 4).then(pl.lit("strong_buy")).otherwise(pl.lit("neutral")),
        missing=pl.lit(""),
    )
)
BARS = pl.DataFrame({"session": DAYS, "adj_close": 400 * EQUITY})
SCORES = results.SCORES.conform(
    pl.DataFrame(
        [
            ("v12_super_model", "*", 1, "whole", "ic", 0.0123, -0.004, 0.028, 40528, 0.0),
            ("v12_super_model", "*", 1, "whole", "rank_ic", 0.0217, 0.003, 0.041, 40528, 0.0),
            ("v12_super_model", "*", 1, "whole", "direction_accuracy", 0.5317, 0.521, 0.542, 40528, 0.5362),
            ("v12_super_model", "*", 1, "2024", "ic", 0.9999, None, None, 250, 0.0),
            ("v12_super_model", "QQQ", 1, "whole", "ic", 0.8888, 0.1, 0.9, 2386, 0.0),
        ],
        schema=results.SCORES.columns,
        orient="row",
    )
)
CARD = SignalCard(
    market="files",
    is_simulated=False,
    session=DAYS[-1],
    next_session=calendar.offset(DAYS[-1], 1),
    target_weight=0.83,
    reason="strong buy: 5 of 7 bull; size 0.83 in a normal regime",
    vote={"n_bull": 5, "n_voting": 7, "signal": "strong_buy", "missing": ""},
    ballots={"NVDA": (0.57, True), "AAPL": (0.46, False)},
    rotation={"pick": "XLK", "qqq_allowed": True, "missing": ""},
    ranks=(("XLK", 0.0042), ("XLU", -0.0031)),
    regime=REGIMES.row(-1, named=True),
    record={
        "qqq_position": Record(1.23, 0.154, -0.087, 1.2, 300),
        "buy_and_hold": Record(float("nan"), 0.194, -0.351, 1.3, 300),
    },
    record_from=DAYS[0],
)


BALLOTS = signals.MAG7_BALLOTS.conform(
    pl.DataFrame(
        [(day, ticker, (i + j) % 3 == 0) for i, day in enumerate(DAYS) for j, ticker in enumerate(MAG7)],
        schema=["session", "ticker", "is_bull"],
        orient="row",
    ).with_columns(prob_up=pl.lit(0.5), expected_return=pl.lit(0.0), prob_bull=pl.lit(0.3), bull_threshold=pl.lit(0.35))
)
RANKS = signals.SECTOR_RANKS.conform(
    pl.DataFrame(
        [(day, ticker, 1 + (i + j) % 7) for i, day in enumerate(DAYS) for j, ticker in enumerate(SECTORS)],
        schema=["session", "ticker", "rank"],
        orient="row",
    ).with_columns(expected_return=pl.lit(0.001), prob_up=pl.lit(0.5))
)
ROTATION = signals.SECTOR_ROTATION.conform(
    pl.DataFrame(
        {
            "session": DAYS,
            "pick": ["XLK" if i % 50 else None for i in range(N)],
            "is_rebalance": [calendar.is_last_of_week(day) for day in DAYS],
        }
    ).with_columns(qqq_allowed=pl.lit(value=True), missing=pl.lit(""))
)
POSITIONS = signals.QQQ_POSITION.conform(
    pl.DataFrame({"session": DAYS}).with_columns(
        target_weight=pl.lit(0.83), reason=pl.lit(CARD.reason), inputs=pl.lit("")
    )
)
RELIABILITY = results.RELIABILITY.conform(
    pl.DataFrame(
        [
            (model, ticker, 1, event, place + 1, p, p + 0.01, p - 0.02, p + 0.04, 100)
            for model, ticker, event in (("v12", "*", "up"), ("v13", "*", "bull"), ("bear", "^VIX", "spike"))
            for place, p in enumerate((0.2, 0.4, 0.6))
        ],
        schema=results.RELIABILITY.columns,
        orient="row",
    )
)
DECAY = results.DECAY.conform(
    pl.DataFrame(
        [("v12", lag, 0.02 / (1 + lag), -0.01, 0.03, 90) for lag in range(5)],
        schema=results.DECAY.columns,
        orient="row",
    )
)
FOLDS = results.FOLDS.conform(
    pl.DataFrame(
        [("v12", DAYS[0], DAYS[60], DAYS[0], 0.02, -0.01, 0.05, 3, 0.04, 900)],
        schema=results.FOLDS.columns,
        orient="row",
    )
)
EVIDENCE = Evidence(
    CARD,
    positions=POSITIONS,
    votes=VOTES,
    ballots=BALLOTS,
    ranks=RANKS,
    rotation=ROTATION,
    regimes=REGIMES,
    qqq_bars=BARS,
    ledger=LEDGER,
    scores=SCORES,
    reliability=RELIABILITY,
    decay=DECAY,
    folds=FOLDS,
    held=pl.DataFrame({"ticker": ["QQQ"] * N, "session": DAYS}),
)


@cache
def _whole() -> str:
    return render_html(EVIDENCE)


def _html(card: SignalCard | None = None) -> str:
    return _whole() if card is None else render_html(replace(EVIDENCE, card=card))


def test_nothing_is_loaded_from_anywhere_and_nothing_runs() -> None:
    html = _html()
    assert "http" not in html
    assert not re.findall(r"<(?:link|img|iframe|script|source|object)\b|\bon[a-z]+=|javascript:", html)
    assert "@import" not in html
    assert "url(" not in html


def test_a_full_brief_can_be_mailed() -> None:
    assert len(render_brief(full_evidence()).encode()) <= 300_000


@pytest.mark.slow
def test_a_full_tear_sheet_can_be_mailed() -> None:
    assert len(render_html(full_evidence()).encode()) <= 2_500_000


def test_the_evidence_of_the_limits_is_as_large_as_nine_years_of_real_bars() -> None:
    evidence = full_evidence()
    assert evidence.ledger["session"].n_unique() == 2386
    assert evidence.scores["model"].n_unique() >= 14
    assert evidence.scores["ticker"].n_unique() > 15
    empty = Evidence(CARD)
    tables = {name for name in vars(empty) if isinstance(getattr(empty, name), pl.DataFrame)}
    rare = {"coverage", "revisions", "quarantine"}  # lists of the newest few
    assert {name for name in tables if getattr(evidence, name).is_empty()} <= rare


def test_no_element_has_an_id_twice() -> None:
    ids = re.findall(r'\bid="(.*?)"', _html())
    assert len(ids) == len(set(ids)) > 10


def test_the_same_values_make_the_same_page() -> None:
    assert render_html(EVIDENCE) == _html()


def test_the_card_is_shown() -> None:
    html = _html()
    for words in (
        "Hold 83% QQQ",
        CARD.reason,
        "At the open of 2024-07-01, decided at the close of 2024-06-28",
        "5 of 7 bull",
        "▲ NVDA 57%",
        "· AAPL 46%",
        "XLK +0.42%",
        "XLU -0.31%",
        "QQQ allowed by XLK and XLY",
        "expected change +1.2%",
    ):
        assert words in html, words


def test_the_record_is_shown_with_the_product_before_its_rivals_and_luck_beside_it() -> None:
    card = replace(CARD, above_luck={"qqq_position": 0.66}, luck=("220 trials & more.",))
    record = render_brief(replace(EVIDENCE, card=card)).partition('<section id="record">')[2]
    cells = re.findall(r"<td>(.*?)</td>", record)[:10]
    first = ["qqq position", "1.23", "15.4%", "-8.7%", "66%"]
    assert cells == [*first, "buy and hold (rival)", "&ndash;", "19.4%", "-35.1%", "&ndash;"]
    assert "220 trials &amp; more." in record


@pytest.mark.parametrize(
    ("ic", "direction", "words"),
    [
        ((0.01, 0.03), (0.51, 0.53), "IC above 0; direction does not beat always up"),
        ((0.01, 0.03), (0.54, 0.56), "IC above 0; direction beats always up"),
        ((-0.03, -0.01), (0.54, 0.56), "IC below 0; direction beats always up"),
        ((0.0, 0.02), (0.53, 0.56), "no edge shown: the IC's interval holds 0; direction does not beat always up"),
    ],
)
def test_the_verdict_says_no_more_than_the_intervals(
    ic: tuple[float, float], direction: tuple[float, float], words: str
) -> None:
    held = {
        "ic": {"ci_low": ic[0], "ci_high": ic[1]},
        "direction_accuracy": {"ci_low": direction[0], "ci_high": direction[1], "baseline": 0.5362},
    }
    assert verdict(held) == words


def test_events_stand_beside_what_firing_at_random_gets() -> None:
    rows = [
        ("v13_bull_sniper", "*", 1, "whole", "bull_auc", 0.52, 0.51, 0.53, 900, 0.5),
        ("v13_bull_sniper", "*", 1, "whole", "bull_precision", 0.338, 0.32, 0.35, 900, 0.311),
        ("v13_bull_sniper", "*", 1, "whole", "bull_lift", 1.087, 0.99, 1.12, 900, 1.0),
        ("v13_bull_sniper", "QQQ", 1, "whole", "bull_lift", 7.777, 0.99, 1.12, 900, 1.0),
        ("v13_bull_sniper", "*", 1, "2024", "bull_lift", 8.888, None, None, 90, 1.0),
        ("bear_headhunter", "^VIX", 5, "whole", "spike_auc", 0.49, 0.45, 0.53, 2000, 0.5),
        ("bear_headhunter", "^VIX", 5, "whole", "spike_brier_skill", -0.01, -0.03, 0.01, 2000, 0.0),
    ]
    scores = pl.DataFrame(rows, schema=SCORES.schema, orient="row")
    bulls, spikes = bulls_table(scores), spikes_table(scores)
    assert bulls.count("<tr>") == spikes.count("<tr>") == 2
    for words in ("33.8%", "31.1%", "1.09", "0.99 to 1.12"):
        assert words in bulls, words
    assert "ranks them better than chance; fires no better than at random" in bulls
    assert "7.78" not in bulls
    assert "8.89" not in bulls
    assert "0.490" in spikes
    assert "no ranking shown: the AUC's interval holds 1/2; does not beat the base rate" in spikes


def test_constant_forecasts_have_no_verdict_on_ic() -> None:
    assert verdict({}) == "forecasts do not vary: no IC"


def test_simulated_is_said_only_of_a_simulated_market() -> None:
    assert "SIMULATED" not in _html()
    simulated = _html(replace(CARD, is_simulated=True, market="simulated(seed=7, planted_ic=0.0)"))
    assert simulated.count('<span class="tag">SIMULATED</span>') == simulated.count("<section ") > 10
    assert '<div class="banner" role="note">SIMULATED market' in simulated
    assert "<title>SIMULATED · QQQ" in simulated


def test_words_from_outside_are_escaped() -> None:
    html = render_brief(replace(EVIDENCE, card=replace(CARD, problems=("A: <script>alert(1)</script>",))))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_what_is_not_there_yet_is_said() -> None:
    html = render_html(Evidence(replace(CARD, record={}, ballots={}, ranks=(), regime={})))
    assert "<figure" not in html
    assert html.count("No rows yet.") == 22
    assert "Not known yet: there is no record to judge." in html
    assert "This is the first session of the record." in html


def test_the_brief_is_today_and_its_record_and_no_more() -> None:
    brief = render_brief(EVIDENCE)
    titles = re.findall(r"<h2>(.*?)</h2>", brief)
    assert titles == [
        "What changed",
        "Who voted what",
        "VIX regime under QQQ",
        "Sector ranks",
        "Record",
        "Equity and drawdown",
    ]
    assert "Hold 83% QQQ" in brief


def test_every_link_of_the_contents_leads_to_a_section() -> None:
    html = _html()
    links = re.findall(r'<a href="#(.*?)">', html)
    assert links == re.findall(r'<section id="(.*?)">', html)
    assert len(set(links)) == len(links) > 10


def test_the_first_words_say_what_to_hold_and_whether_there_is_an_edge() -> None:
    for html in (_html(), render_brief(EVIDENCE)):
        opening = html.partition("<main>")[2].partition("<section")[0]
        assert opening.index("Hold 83% QQQ") < opening.index("Not known yet") < opening.index("Mag-7 vote")


def test_an_unwritable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot write .*missing.*--out"):
        write_text("", tmp_path / "missing" / "report.html")
