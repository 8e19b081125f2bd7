"""The daily report, self-contained HTML: a brief of one page, and a tear sheet with everything behind it.

They open offline, on a telephone or a wide screen, light or dark. The record stands beside naive rivals and
every score beside what a forecaster without skill gets, so that a reader sees when there is no edge.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Final

import plotly.graph_objects as go
import polars as pl

from alpha_pipeline.evaluation.bootstrap import LEVEL
from alpha_pipeline.evaluation.comparisons import PRIMARY
from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS
from alpha_pipeline.reports import figures, forecast_figures, record_figures, signal_figures
from alpha_pipeline.reports.cells import number
from alpha_pipeline.reports.changes import changes
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.reports.health import completeness_grid, coverage_words, quarantine_words, revisions_words
from alpha_pipeline.reports.page import Section, bullets, page, table
from alpha_pipeline.reports.proof_tables import audit_table, leads_table, luck_table, questions_table, records_table
from alpha_pipeline.reports.score_tables import bulls_table, scores_table, spikes_table
from alpha_pipeline.reports.signal_card import SignalCard, regime_words
from alpha_pipeline.universe import VIX

SIMULATED_BANNER: Final = "SIMULATED market: no bar, forecast or figure on this page is of a real market"
OWN_STRATEGY: Final = "qqq_position"
NO_SIGNAL_YET: Final = "<p>No rows yet.</p>"
_VOTE_CLASS = {"strong_buy": "good", "neutral": "warn", "abstain": "bad"}
_SCORES_NOTE = (
    f"Out of sample, stocks and funds pooled, each in units of its own volatility. In grey: {LEVEL:.0%} of "
    "the bootstrap resamples of whole sessions. A forecaster without skill has IC and rank IC 0; direction is "
    "beside always saying up. expanding_mean, last_value, ridge and lightgbm are rivals: a model has to beat them too."
)
_EVENTS_NOTE = (
    "Bull moves: rises by more than a multiple of the stock's own volatility, pooled. Spikes: rises of more than 10 %. "
    "Precision is the share of fires with the move, recall the share of moves with a fire, lift the precision over the "
    "base rate. Firing at random gets an AUC of one half, the base rate as precision, and a lift of 1. Calibration "
    "error: how far forecast and frequency are apart, beside what faultless forecasts show by chance."
)


def render_html(evidence: Evidence) -> str:
    """The tear sheet of the newest session: everything. Equal values make equal pages."""
    today = [_questions(evidence), *_today(evidence), _votes(evidence)]
    rest = [*_record(evidence), *_luck(evidence), *_forecasts(evidence), *_data(evidence)]
    return _page(evidence, [*today, *rest], whole=True)


def render_brief(evidence: Evidence) -> str:
    """The daily brief: today's position, why, what changed, and how it has done. Equal values make equal pages."""
    today = _today(evidence)
    record = Section("Record", _record_note(evidence.card), record_table(evidence.card))
    return _page(evidence, [*today, record, _equity(evidence)], whole=False)


def _page(evidence: Evidence, sections: list[Section], *, whole: bool) -> str:
    card = evidence.card
    mark = "SIMULATED · " if card.is_simulated else ""
    return page(
        title=f"{mark}QQQ {card.target_weight:.0%} at the open of {card.next_session}",
        lead=_lead(card),
        sections=sections,
        footer=(
            f"{mark}Market: {card.market}. A description of rules and their past, not advice. "
            "What was earned in the past, simulated or real, promises nothing."
        ),
        banner=SIMULATED_BANNER if card.is_simulated else "",
        has_contents=whole,
    )


def _today(evidence: Evidence) -> list[Section]:
    return [
        Section(
            "What changed",
            "Against the session before.",
            bullets(changes(evidence) or ["Nothing: every signal says what it said at the last close."]),
        ),
        Section(
            "Who voted what",
            f"Green where a stock's forecast is bull, last {figures.VOTE_SESSIONS} sessions; a gap is no ballot.",
            _figure(evidence.ballots, signal_figures.ballots, "ballots"),
        ),
        Section(
            "VIX regime under QQQ",
            "Adjusted close, log scale; the strip is the regime of each session, marks above it are exits.",
            _figure(evidence.regimes, lambda rows: figures.regimes(rows, evidence.qqq_bars), "regime"),
        ),
        Section(
            "Sector ranks",
            f"At the last close of each of {signal_figures.RANKED_WEEKS} weeks, green the best; a dot marks the pick.",
            _figure(evidence.rotation, lambda rows: signal_figures.sector_ranks(evidence.ranks, rows), "ranks"),
        ),
    ]


def _questions(evidence: Evidence) -> Section:
    return Section(
        "Questions and verdicts",
        "Better and worse only where the interval of the advantage excludes 0; undecided is no evidence of equality. "
        "Smallest found: a true difference as large would be found 4 times in 5. The criteria were written before the "
        "results: docs/questions.md.",
        questions_table(evidence.comparisons, PRIMARY),
    )


def _luck(evidence: Evidence) -> list[Section]:
    return [
        Section(
            "Costs on and off, and a session late",
            "Sharpe ratio with its interval. A record that halves when every decision is filled a session later leaned "
            "on something that it could hardly have known.",
            records_table(evidence.records),
        ),
        Section(
            "Do NVDA and TSLA lead QQQ?",
            "What a close says of the other's return from a later open on, the strongest test of each pair; the last p "
            "counts every test that was run.",
            leads_table(evidence.lead_lag),
        ),
        Section(
            "What luck would explain",
            f"{evidence.n_trials:,} trials were ever evaluated in this warehouse, counted by itself. The more that "
            "were tried, the better the best of them looks without any skill. Above luck: the deflated Sharpe ratio, "
            "by the number of trials and by that of independent ones. All are long or in cash, so the drift of what "
            "they hold is in them: a record has to beat holding it too.",
            luck_table(evidence.luck),
        ),
    ]


def _votes(evidence: Evidence) -> Section:
    return Section(
        f"Mag-7 votes, last {figures.VOTE_SESSIONS} sessions",
        "Above the dotted line is a strong buy; a cross is an abstention: fewer than 5 ballots.",
        _figure(evidence.votes, figures.votes, "votes"),
    )


def _record(evidence: Evidence) -> list[Section]:
    own = evidence.ledger.filter(strategy=OWN_STRATEGY)
    return [
        Section("Record", _record_note(evidence.card), record_table(evidence.card)),
        _equity(evidence),
        Section(
            "Month by month",
            "The QQQ position after costs, %. Colours end at 10 % either way.",
            _figure(own, record_figures.months, "months"),
        ),
        Section(
            "Sharpe ratio of the last year",
            "Of the last 252 sessions at each. A year is short: one standard error of it is about 1.",
            _figure(evidence.ledger, record_figures.rolling_sharpe, "rolling_sharpe"),
        ),
    ]


def _equity(evidence: Evidence) -> Section:
    return Section(
        "Equity and drawdown",
        "Log scale, 1 before the first session. Below: distance under the highest close so far.",
        _figure(evidence.ledger, figures.equity, "equity"),
    )


def _forecasts(evidence: Evidence) -> list[Section]:
    up, bull = (forecast_figures.shown_pool(evidence.reliability, event, horizon=1) for event in ("up", "bull"))
    spikes = evidence.reliability.filter(event="spike", horizon=1, ticker=VIX)
    return [
        Section("How good the forecasts are", _SCORES_NOTE, scores_table(evidence.scores)),
        Section(
            "Whether large moves are called",
            _EVENTS_NOTE,
            f"<h3>Bull moves</h3>{bulls_table(evidence.scores)}<h3>Spikes of ^VIX</h3>{spikes_table(evidence.scores)}",
        ),
        Section(
            "Whether P(up) means what it says",
            "How often a rise came over the probability forecast, tenths of the forecasts of one session; on the "
            f"dotted line it means what it says. Bars: {LEVEL:.0%} of the resamples.",
            _figure(up, forecast_figures.reliability, "reliability_up"),
        ),
        Section(
            "Whether P(bull move) and P(spike) mean what they say",
            "The same for bull moves, and below for spikes of ^VIX.",
            _figure(bull, forecast_figures.reliability, "reliability_bull")
            + _figure(spikes, forecast_figures.reliability, "reliability_spike"),
        ),
        Section(
            "How long a forecast is of use",
            "Information coefficient of one-session forecasts with the returns of later sessions, pooled.",
            _figure(evidence.decay, forecast_figures.decay, "decay"),
        ),
        Section(
            "Fold by fold",
            "Information coefficient of each walk-forward fold, pooled; below, how far the seeds were apart, in units "
            "of the forecast's volatility. With one seed that is 0 and says nothing.",
            _figure(evidence.folds, forecast_figures.folds, "folds"),
        ),
    ]


def _data(evidence: Evidence) -> list[Section]:
    return [
        Section(
            "Which sessions are held",
            "A ticker per row, a quarter per column: green is whole, yellow lacks a session, red lacks many.",
            coverage_words(evidence.coverage) + _figure(evidence.held, completeness_grid, "completeness"),
        ),
        Section(
            "What was revised and refused",
            "Held values that the source replaced later, and rows that could not be trusted.",
            revisions_words(evidence.revisions) + quarantine_words(evidence.quarantine),
        ),
        Section(
            "The leak audit",
            "Whether the pipeline, or what is held, knows the future: a probe for each way in which it could. "
            "`alpha audit` looks again.",
            audit_table(evidence.audit),
        ),
    ]


def _figure(rows: pl.DataFrame, drawn: Callable[[pl.DataFrame], go.Figure], name: str) -> str:
    return figures.fragment(drawn(rows), name) if rows.height else NO_SIGNAL_YET


def record_table(card: SignalCard) -> str:
    """The record of every strategy as an HTML table, and what else is said of luck."""
    rows = []
    for name in figures.in_order(card.record):
        sharpe, cagr, drawdown = card.record[name]
        words = escape(name.replace("_", " "))
        luck = number(card.above_luck.get(name), ".0%")
        rows.append([words, number(sharpe, ".2f"), number(cagr, ".1%"), number(drawdown, ".1%"), luck])
    said = f'<p class="note">{escape(" ".join(card.luck))}</p>' if card.luck else ""
    return table(["strategy", "Sharpe", "CAGR", "max drawdown", "above luck"], rows) + said if rows else NO_SIGNAL_YET


def _lead(card: SignalCard) -> str:
    colour = "good" if card.target_weight else "bad"
    problems = "".join(f'<p class="problem">{escape(problem)}</p>' for problem in card.problems)
    return (
        f"<h1>At the open of {card.next_session}, decided at the close of {card.session}</h1>"
        f'<p class="headline {colour}">Hold {card.target_weight:.0%} QQQ</p>'
        f'<p class="reason">{escape(card.reason)}</p>{problems}'
        f'<div class="cards">{_vote_card(card)}{_rotation_card(card)}{_regime_card(card)}</div>'
    )


def _vote_card(card: SignalCard) -> str:
    signal = str(card.vote.get("signal", "abstain"))
    counted = f"{card.vote.get('n_bull', 0)} of {card.vote.get('n_voting', 0)} bull"
    chips = [
        f'<span class="{"good" if bull else "bad"}">{escape(t)} {prob:.0%}</span>'
        for t, (prob, bull) in card.ballots.items()
    ]
    lead = f'<strong class="{_VOTE_CLASS[signal]}">{escape(signal.replace("_", " "))}</strong> {counted}'
    return _card("Mag-7 vote, P(bull move)", lead, chips, card.vote)


def _rotation_card(card: SignalCard) -> str:
    allowed = "allowed" if card.rotation.get("qqq_allowed") else "not allowed"
    chips = [f"<span>{escape(ticker)} {expected:+.2%}</span>" for ticker, expected in card.ranks]
    lead = f"<strong>{escape(str(card.rotation.get('pick') or 'cash'))}</strong> QQQ {allowed} by XLK and XLY"
    return _card("Sector rotation, expected log return over 5 sessions", lead, chips, card.rotation)


def _regime_card(card: SignalCard) -> str:
    name, *rest = regime_words(card.regime).split("; ")
    chips = [f"<span{' class=bad' if words == 'EXIT LONGS' else ''}>{escape(words)}</span>" for words in rest]
    return _card("VIX regime", f"<strong>{escape(name)}</strong>", chips, card.regime)


def _card(title: str, lead: str, chips: list[str], row: Mapping[str, object]) -> str:
    missing = f'<p class="bad">missing: {escape(str(row["missing"]))}</p>' if row.get("missing") else ""
    return f'<div class="card"><h3>{title}</h3><p>{lead}</p>{missing}<div class="chips">{"".join(chips)}</div></div>'


def _record_note(card: SignalCard) -> str:
    since = f"Since {card.record_from}, out of sample" if card.record_from else "Out of sample"
    filled = f"filled at the next open, {DEFAULT_COST_BPS:g} bp a side, dividends reinvested, cash earns 0"
    luck = "the probability that the Sharpe ratio exceeds what the best of all trials would show without skill"
    return f"{since}; {filled}. Above luck: {luck}."
