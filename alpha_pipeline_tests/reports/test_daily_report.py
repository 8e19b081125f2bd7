"""The daily report: what it shows equals what it was given, and it needs nothing from anywhere."""

import base64
import datetime as dt
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import NotEnoughDataError, UsageError
from alpha_pipeline.evaluation import metrics
from alpha_pipeline.reports import figures
from alpha_pipeline.reports.daily_report import render_brief, render_html
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.reports.frames import write_text
from alpha_pipeline.reports.record_figures import monthly_returns
from alpha_pipeline.reports.score_tables import bulls_table, scores_table, spikes_table, verdict
from alpha_pipeline.reports.signal_card import SignalCard
from alpha_pipeline.steps.report import write_report
from alpha_pipeline.universe import MAG7, SECTORS
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw, results, signals

DAYS = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 6, 28))
N = len(DAYS)
RETURNS = np.where(np.arange(N) % 3 == 0, -0.02, 0.012)
EQUITY = np.cumprod(1 + RETURNS)


def _ledger(strategy: str, equity: np.ndarray = EQUITY) -> pl.DataFrame:
    net = equity / np.concatenate([[1.0], equity[:-1]]) - 1
    return results.LEDGER.conform(
        pl.DataFrame({"session": DAYS, "gross_return": net, "net_return": net, "equity": equity}).with_columns(
            strategy=pl.lit(strategy), weight=pl.lit(1.0), cost=pl.lit(0.0)
        )
    )


LEDGER = pl.concat([_ledger("buy_and_hold"), _ledger("qqq_position", np.linspace(1.01, 1.2, N))])
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
    record={"qqq_position": (1.23, 0.154, -0.087), "buy_and_hold": (float("nan"), 0.194, -0.351)},
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


def _own(html: str) -> str:
    """The page without the inlined plotly.js."""
    start = html.index("<script>")
    return html[:start] + html[html.index("</script>", start) :]


def _traces(html: str, name: str) -> list[dict[str, object]]:
    """The data of one figure as the page carries it."""
    found = re.search(rf'Plotly\.newPlot\(\s*"{name}",\s*', html)
    assert found is not None
    data, _ = json.JSONDecoder().raw_decode(html, found.end())
    return list(data)


def _values(array: object) -> list[float]:
    if isinstance(array, dict):
        return np.frombuffer(base64.b64decode(array["bdata"]), dtype=array["dtype"]).tolist()
    assert isinstance(array, list)
    return array


def test_nothing_is_loaded_from_anywhere() -> None:
    html = _html()
    assert "http" not in _own(html)
    tags = re.findall(r"<(?:link|img|iframe|script|source|object)\b[^>]*>", _own(html))
    assert [tag for tag in tags if "src" in tag or "href" in tag] == []
    assert "@import" not in _own(html)
    assert "url(" not in _own(html)


def test_plotly_is_inlined_once() -> None:
    assert _html().count("* plotly.js v") == 1


def test_the_same_values_make_the_same_page() -> None:
    assert render_html(EVIDENCE) == _html()


def test_the_card_is_shown() -> None:
    html = _own(_html())
    for words in (
        "Hold 83% QQQ",
        CARD.reason,
        "At the open of 2024-07-01, decided at the close of 2024-06-28",
        "5 of 7 bull",
        "NVDA 57%",
        "AAPL 46%",
        "XLK +0.42%",
        "XLU -0.31%",
        "QQQ allowed by XLK and XLY",
        "expected change +1.2%",
    ):
        assert words in html, words


def test_the_record_is_shown_with_the_product_before_its_rivals_and_luck_beside_it() -> None:
    card = replace(CARD, above_luck={"qqq_position": 0.66}, luck=("220 trials & more.",))
    record = _own(_html(card)).partition('<section id="record">')[2]
    cells = re.findall(r"<td>(.*?)</td>", record)[:10]
    first = ["qqq position", "1.23", "15.4%", "-8.7%", "66%"]
    assert cells == [*first, "buy and hold", "&ndash;", "19.4%", "-35.1%", "&ndash;"]
    assert "220 trials &amp; more." in record


def test_only_pooled_scores_of_the_whole_window_are_shown() -> None:
    html = scores_table(SCORES)
    assert html.count("<tr>") == 2
    for words in ("+0.012", "-0.004 to +0.028", "+0.022", "53.2%", "52.1% to 54.2%", "53.6%", "40,528"):
        assert words in html, words
    assert "no edge shown: the IC's interval holds 0" in html


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


def test_the_leaderboard_begins_with_the_best() -> None:
    rows = [
        (model, "*", horizon, "whole", "ic", value, -0.1, 0.1, 900, 0.0)
        for horizon in (5, 1)
        for model, value in (("worse", 0.01), ("best", 0.02))
    ]
    rows.append(("constant", "*", 1, "whole", "auc", 0.5, 0.4, 0.6, 900, 0.5))
    html = scores_table(pl.DataFrame(rows, schema=SCORES.schema, orient="row"))
    cells = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td>", html)
    assert cells == [("best", "1"), ("worse", "1"), ("constant", "1"), ("best", "5"), ("worse", "5")]


def test_constant_forecasts_have_no_verdict_on_ic() -> None:
    assert verdict({}) == "forecasts do not vary: no IC"


def test_equity_and_drawdown_are_the_ledgers() -> None:
    html = _html()
    shown = {(str(t["name"]), t["yaxis"]): _values(t["y"]) for t in _traces(html, "equity")}
    for strategy, rows in LEDGER.group_by("strategy"):
        name = str(strategy[0]).replace("_", " ")
        assert shown[name, "y"] == rows["equity"].to_list()
        assert min(shown[name, "y2"]) == pytest.approx(metrics.max_drawdown(rows["net_return"].to_numpy()), abs=1e-12)


def test_drawdown_counts_the_start_as_a_high() -> None:
    rows = pl.DataFrame({"session": DAYS[:3], "equity": [0.9, 1.2, 0.6]})
    assert figures.drawdown(rows)["drawdown"].to_list() == pytest.approx([-0.1, 0.0, -0.5])


def test_the_strip_holds_every_stretch_of_a_regime() -> None:
    assert list(figures.regime_spans(REGIMES)) == [
        ("unknown", DAYS[0], DAYS[0]),
        ("calm", DAYS[1], DAYS[2]),
        ("stressed", DAYS[3], DAYS[3]),
        ("normal", DAYS[4], DAYS[-1]),
    ]
    traces = {str(trace["name"]): trace for trace in _traces(_html(), "regime")}
    assert _values(traces["QQQ"]["y"]) == BARS["adj_close"].to_list()
    assert traces["exit longs"]["x"] == [DAYS[3].isoformat()]


def test_votes_are_the_last_sixty() -> None:
    bars = [trace for trace in _traces(_html(), "votes") if trace["type"] == "bar"]
    shown = {day: n for bar in bars for day, n in zip(bar["x"], _values(bar["y"]), strict=True)}  # type: ignore[call-overload]
    last = VOTES.tail(figures.VOTE_SESSIONS)
    assert shown == {day.isoformat(): n for day, n in last.select("session", "n_bull").iter_rows()}


def test_simulated_is_said_only_of_a_simulated_market() -> None:
    assert "SIMULATED" not in _own(_html())
    simulated = _own(_html(replace(CARD, is_simulated=True, market="simulated(seed=7, planted_ic=0.0)")))
    assert simulated.count('<span class="tag">SIMULATED</span>') == simulated.count("<section ") > 10
    assert '<div class="banner" role="note">SIMULATED market' in simulated
    assert "<title>SIMULATED · QQQ" in simulated


def test_words_from_outside_are_escaped() -> None:
    html = _html(replace(CARD, problems=("A: <script>alert(1)</script>",)))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_what_is_not_there_yet_is_said() -> None:
    html = _own(render_html(Evidence(replace(CARD, record={}, ballots={}, ranks=(), regime={}))))
    drawn = {"ballots", "votes", "regime", "ranks", "equity", "months", "rolling_sharpe", "decay", "folds"}
    assert not [name for name in drawn if f'Plotly.newPlot("{name}"' in html.replace(" ", "")]
    assert html.count("No rows yet.") == 22
    assert "This is the first session of the record." in html


def test_the_brief_is_today_and_its_record_and_no_more() -> None:
    brief = _own(render_brief(EVIDENCE))
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
    html = _own(_html())
    links = re.findall(r'<a href="#(.*?)">', html)
    assert links == re.findall(r'<section id="(.*?)">', html)
    assert len(set(links)) == len(links) > 10


def test_months_compound_to_the_year_and_the_year_to_the_equity() -> None:
    own = LEDGER.filter(strategy="qqq_position")
    returns = monthly_returns(own)
    assert returns["month"].to_list() == [1, 2, 3, 4, 5, 6]
    assert (1 + returns["monthly_return"]).product() == pytest.approx(own["equity"][-1])
    (heat,) = _traces(_html(), "months")
    assert heat["text"][0][12] == f"{100 * (own['equity'][-1] - 1):.1f}"  # type: ignore[index]


def test_the_matrix_holds_every_ballot_of_the_last_sixty_sessions() -> None:
    (heat,) = _traces(_html(), "ballots")
    days = DAYS[-figures.VOTE_SESSIONS :]
    assert heat["x"] == [day.isoformat() for day in days]
    said = {
        (ticker, day): int(bull) for ticker, day, bull in BALLOTS.select("ticker", "session", "is_bull").iter_rows()
    }
    assert [list(row) for row in heat["z"]] == [[said[ticker, day] for day in days] for ticker in MAG7]  # type: ignore[attr-defined]


def test_a_stock_without_a_ballot_leaves_a_gap() -> None:
    silent = BALLOTS.filter(~((pl.col("ticker") == "TSLA") & (pl.col("session") == DAYS[-1])))
    html = render_html(replace(EVIDENCE, ballots=silent))
    (heat,) = _traces(html, "ballots")
    assert heat["z"][list(MAG7).index("TSLA")][-1] is None  # type: ignore[index]


def test_the_pick_of_each_week_has_a_dot_on_its_row() -> None:
    heat, dots = _traces(_html(), "ranks")
    weeks = ROTATION.filter("is_rebalance").tail(len(heat["x"]))  # type: ignore[arg-type]
    assert heat["x"] == [day.isoformat() for day in weeks["session"].to_list()]
    assert dots["y"] == weeks.drop_nulls("pick")["pick"].to_list()


def test_figures_of_forecasts_show_their_tables() -> None:
    html = _html()
    lines = {str(trace["name"]): trace for trace in _traces(html, "reliability_up") if trace.get("name")}
    own = RELIABILITY.filter(event="up")
    assert _values(lines["v12"]["x"]) == own["forecast"].to_list()
    assert _values(lines["v12"]["y"]) == own["frequency"].to_list()
    assert _values(_traces(html, "decay")[0]["y"]) == DECAY["ic"].to_list()
    assert [_values(trace["y"]) for trace in _traces(html, "folds")] == [[0.02], [0.04]]


def test_an_unwritable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot write .*missing.*--out"):
        write_text("", tmp_path / "missing" / "report.html")


def test_the_report_lies_beside_the_tables(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(NotEnoughDataError):
        write_report(warehouse)
    claim_market(warehouse, MarketRecord("files", "files"))
    position = VOTES.select("session", target_weight=pl.lit(0.83), reason=pl.lit(CARD.reason), inputs=pl.lit(""))
    warehouse.write(signals.QQQ_POSITION, "2024", position)
    warehouse.write(signals.MAG7_VOTE, "2024", VOTES)
    warehouse.write(signals.VIX_REGIME, "2024", REGIMES)
    warehouse.write(results.LEDGER, "buy_and_hold", _ledger("buy_and_hold"))
    bars = BARS.with_columns(
        *(pl.col("adj_close").alias(price) for price in ("open", "high", "low", "close")),
        ticker=pl.lit("QQQ"),
        volume=pl.lit(1),
        source=pl.lit("files"),
        fetched_at=pl.lit(dt.datetime(2024, 7, 1, tzinfo=dt.UTC)),
        is_final=pl.lit(value=True),
    )
    warehouse.write(raw.BARS, "QQQ", raw.BARS.conform(bars))
    path = Path(write_report(warehouse, ("TSLA: no answer",)))
    assert path == tmp_path / "reports" / "daily_2024-06-28.html"
    assert path.read_bytes() == (tmp_path / "reports" / "latest.html").read_bytes()
    assert "Hold 83% QQQ" in path.read_text()
    assert "TSLA: no answer" in path.read_text()
    brief = tmp_path / "reports" / "brief_2024-06-28.html"
    assert brief.read_bytes() == (tmp_path / "reports" / "latest_brief.html").read_bytes()
    assert len(_own(brief.read_text())) < len(_own(path.read_text()))
