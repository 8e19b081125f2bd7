"""The daily report, self-contained HTML: a brief of one page, and a tear sheet with everything behind it.

They open offline, on a telephone or a wide screen, light or dark. The record stands beside naive rivals and
every score beside what a forecaster without skill gets, so that a reader sees when there is no edge.
"""

from collections.abc import Callable
from typing import Final

import polars as pl
from matplotlib.figure import Figure

from alpha_pipeline.digits import number
from alpha_pipeline.evaluation.bootstrap import LEVEL
from alpha_pipeline.evaluation.comparisons import PRIMARY
from alpha_pipeline.reports.cells import NOTHING_YET, listed
from alpha_pipeline.reports.changes import changes
from alpha_pipeline.reports.edge import POSITION, edge
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.reports.figures import forecasts, signals, strategies
from alpha_pipeline.reports.figures.completeness import completeness_grid
from alpha_pipeline.reports.figures.sheet import fragment
from alpha_pipeline.reports.health import coverage_words, quarantine_words, refused_words, revisions_words
from alpha_pipeline.reports.lead import lead
from alpha_pipeline.reports.leaderboard import leaderboard, luck_note
from alpha_pipeline.reports.months import months_table
from alpha_pipeline.reports.page import Section, page
from alpha_pipeline.reports.proof_tables import audit_table, leads_table, luck_table, questions_table, records_table
from alpha_pipeline.reports.record_table import record_note, record_table
from alpha_pipeline.reports.score_tables import bulls_table, spikes_table
from alpha_pipeline.reports.signal_card import short_record_words
from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR
from alpha_pipeline.universe import VIX

SIMULATED_BANNER: Final = "SIMULATED market: no bar, forecast or figure on this page is of a real market"
_SCORES_NOTE = (
    f"Out of sample, stocks and funds pooled, each in units of its own volatility. Bar: {LEVEL:.0%} of the bootstrap "
    "resamples of whole sessions; the dotted line is what no skill gets. The surest skill first: where the bar begins. "
    "Above luck: it would leave out 0 even widened for as many models as there are. Direction stands beside always "
    "saying up; log loss skill is over the base rate."
)
_EVENTS_NOTE = (
    "Bull moves: rises by more than a multiple of the stock's own volatility, pooled. Spikes: rises of more than 10 %. "
    "Precision is the share of fires with the move, recall the share of moves with a fire, lift the precision over the "
    "base rate. Firing at random gets an AUC of one half, the base rate as precision, and a lift of 1. Calibration "
    "error: how far forecast and frequency are apart, beside what faultless forecasts show by chance."
)


def render_html(evidence: Evidence) -> str:
    """The tear sheet of the newest session: everything. Equal values make equal pages."""
    return _tear_sheet(evidence, _today(evidence), _equity(evidence))


def render_brief(evidence: Evidence) -> str:
    """The daily brief: today's position, why, what changed, and how it has done. Equal values make equal pages."""
    return _brief(evidence, _today(evidence), _equity(evidence))


def render_both(evidence: Evidence) -> tuple[str, str]:
    """The tear sheet and the brief; the figures that both show are drawn once."""
    today, equity = _today(evidence), _equity(evidence)
    return _tear_sheet(evidence, today, equity), _brief(evidence, today, equity)


def _tear_sheet(evidence: Evidence, today: list[Section], equity: Section) -> str:
    first = [_leaderboard(evidence), _questions(evidence), *today, _votes(evidence)]
    rest = [*_record(evidence, equity), *_luck(evidence), *_forecasts(evidence), *_data(evidence)]
    return _page(evidence, [*first, *rest], whole=True)


def _brief(evidence: Evidence, today: list[Section], equity: Section) -> str:
    record = Section("Record", record_note(evidence.card), record_table(evidence.card))
    return _page(evidence, [*today, record, equity], whole=False)


def _page(evidence: Evidence, sections: list[Section], *, whole: bool) -> str:
    card = evidence.card
    mark = "SIMULATED · " if card.is_simulated else ""
    return page(
        title=f"{mark}QQQ {number(card.target_weight, '.0%')} at the open of {card.next_session}",
        lead=lead(card, edge(evidence)),
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
            listed(changes(evidence) or ["Nothing: every signal says what it said at the last close."]),
        ),
        Section(
            "Who voted what",
            f"Filled where a stock's forecast is bull, last {signals.VOTE_SESSIONS} sessions; a gap is no ballot.",
            _figure(evidence.ballots, signals.ballots, "who voted bull"),
        ),
        Section(
            "VIX regime under QQQ",
            "Adjusted close, log scale; the strip is the regime of each session, marks above it are exits.",
            _figure(
                evidence.regimes,
                lambda rows, width: signals.regimes(rows, evidence.qqq_bars, width),
                "the regime under the price of QQQ",
            ),
        ),
        Section(
            "Sector ranks",
            f"At the last close of each of {signals.RANKED_WEEKS} weeks, 1 the best; a dot marks the pick.",
            _figure(
                evidence.ranks,
                lambda rows, width: signals.sector_ranks(rows, evidence.rotation, width),
                "the ranks of the sectors",
            ),
        ),
    ]


def _leaderboard(evidence: Evidence) -> Section:
    note = f"{_SCORES_NOTE} {luck_note(evidence.scores)}".strip()
    board = leaderboard(evidence.scores, evidence.survivor_biased)
    return Section("How good the forecasts are", note, board)


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
            f"on something that it could hardly have known. {short_record_words(evidence.card.record)}".strip(),
            records_table(evidence.records),
        ),
        Section(
            "Do NVDA and TSLA lead QQQ?",
            "What a close says of the other's return from a later open on, the strongest test of each pair. Slope: "
            "basis points for one standard deviation of the leader, with the interval of this test alone; the verdict "
            "and the last p count every test that was run.",
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
        f"Mag-7 votes, last {signals.VOTE_SESSIONS} sessions",
        "Above the dotted line is a strong buy; a cross is an abstention: fewer than 5 ballots.",
        _figure(evidence.votes, signals.votes, "bull ballots by session"),
    )


def _record(evidence: Evidence, equity: Section) -> list[Section]:
    own = evidence.ledger.filter(strategy=POSITION)
    return [
        Section("Record", record_note(evidence.card), record_table(evidence.card)),
        equity,
        Section(
            "Month by month",
            "The QQQ position after costs, in percent: orange lost, blue earned, paler the less.",
            months_table(own),
        ),
        Section(
            "Sharpe ratio of the last year",
            "Of the last 252 sessions at each. A year is short: one standard error of it is about 1.",
            _rolling(evidence.ledger),
        ),
    ]


def _rolling(ledger: pl.DataFrame) -> str:
    """The figure, once any strategy has a whole window."""
    longest = ledger.group_by("strategy").len()["len"].max()
    if isinstance(longest, int) and longest < SESSIONS_PER_YEAR:
        return f"<p>No record has {SESSIONS_PER_YEAR} sessions yet: the longest has {longest}.</p>"
    return _figure(ledger, strategies.rolling_sharpe, "Sharpe ratio of the last year")


def _equity(evidence: Evidence) -> Section:
    return Section(
        "Equity and drawdown",
        "Log scale, 1 before the first session; rivals are dashed. Below: how far the position and its rivals stand "
        "under their highest close so far.",
        _figure(evidence.ledger, strategies.equity, "equity and drawdown of every strategy"),
    )


def _forecasts(evidence: Evidence) -> list[Section]:
    up, bull = (forecasts.shown_pool(evidence.reliability, event, horizon=1) for event in ("up", "bull"))
    spikes = evidence.reliability.filter(event="spike", horizon=1, ticker=VIX)
    several = evidence.folds.filter(pl.col("seeds") > 1)
    return [
        Section(
            "Whether large moves are called",
            _EVENTS_NOTE,
            f"<h3>Bull moves</h3>{bulls_table(evidence.scores)}<h3>Spikes of ^VIX</h3>{spikes_table(evidence.scores)}",
        ),
        Section(
            "Whether P(up) means what it says",
            "How often a rise came over the probability forecast, tenths of the forecasts of one session; on the "
            f"dotted line it means what it says. Bars: {LEVEL:.0%} of the resamples.",
            _figure(up, forecasts.reliability, "how often a rise came"),
        ),
        Section(
            "Whether P(bull move) and P(spike) mean what they say",
            "The same for bull moves, and below for spikes of ^VIX.",
            _figure(bull, forecasts.reliability, "how often a bull move came")
            + _figure(spikes, forecasts.reliability, "how often a spike came"),
        ),
        Section(
            "How long a forecast is of use",
            "Information coefficient of one-session forecasts with the returns of later sessions, pooled; the band is "
            f"its interval, {LEVEL:.0%}.",
            _figure(evidence.decay, forecasts.decay, "information coefficient by age"),
        ),
        Section(
            "Fold by fold",
            "Information coefficient of each walk-forward fold, pooled; below, where there are several seeds, how far "
            "they were apart, in units of the forecast's volatility.",
            _figure(evidence.folds, forecasts.folds, "information coefficient by fold")
            + (_figure(several, forecasts.spreads, "spread of the seeds by fold") if several.height else ""),
        ),
    ]


def _data(evidence: Evidence) -> list[Section]:
    return [
        Section(
            "Which sessions are held",
            "A ticker per row, by quarter.",
            coverage_words(evidence.coverage) + _figure(evidence.held, completeness_grid, "the sessions held"),
        ),
        Section(
            "What was revised and refused",
            "Held values that the source replaced later, and rows that could not be trusted.",
            revisions_words(evidence.revisions)
            + refused_words(evidence.coverage)
            + quarantine_words(evidence.quarantine),
        ),
        Section(
            "The leak audit",
            "Whether the pipeline, or what is held, knows the future: a probe for each way in which it could. "
            "`alpha audit` looks again.",
            audit_table(evidence.audit),
        ),
    ]


def _figure(rows: pl.DataFrame, drawn: Callable[[pl.DataFrame, int], Figure], label: str) -> str:
    return fragment(lambda width: drawn(rows, width), label) if rows.height else NOTHING_YET
