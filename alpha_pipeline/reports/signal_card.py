"""The signal card: tomorrow's position on one screen, with its reasons and its record."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alpha_pipeline.digits import number, probability
from alpha_pipeline.evaluation.metrics import FEWEST_OF_A_YEAR
from alpha_pipeline.evaluation.records import Record
from alpha_pipeline.signals.sector_rotation import QQQ_GATE

_VOTE_STYLE = {"strong_buy": "bold cyan", "neutral": "bold", "abstain": "bold yellow"}
BALLOT_MARKS: Final = {True: "▲", False: "·"}  # beside the colour, for those who cannot see it
_YEARLY: Final = ("Sharpe", "CAGR")


class Cause(NamedTuple):
    """Why something that a signal reads is not there.

    Attributes:
        form: the cause in words, with ``{}`` where tickers are named.
        tickers: those it is said of.
        fix: what helps, if anything is known to.
    """

    form: str
    tickers: tuple[str, ...] = ()
    fix: str = ""

    @property
    def words(self) -> str:
        """The cause."""
        return self.form.format(", ".join(self.tickers))

    @property
    def said(self) -> str:
        """The cause and the fix."""
        return f"{self.words} ({self.fix})" if self.fix else self.words


def together(causes: Iterable[Cause]) -> list[Cause]:
    """Causes that are said of several tickers alike as one."""
    alike: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in causes:
        before = alike.get((one.form, one.fix), ())
        alike[one.form, one.fix] = (*before, *(ticker for ticker in one.tickers if ticker not in before))
    return [Cause(form, tickers, fix) for (form, fix), tickers in alike.items()]


@dataclass(frozen=True)
class SignalCard:
    """Everything the card shows.

    Attributes:
        market: the market's name.
        is_simulated: mark everything SIMULATED.
        session: the session at whose close this was decided.
        next_session: the session at whose open it is filled.
        target_weight: QQQ weight, 0 to 1.
        reason: why, in words.
        vote: n_bull, n_voting, signal and missing of the Mag-7 vote.
        ballots: ticker -> (probability of a bull move, or of a rise where none is forecast; is_bull).
        rotation: pick, qqq_allowed and missing.
        ranks: (ticker, expected return as a log return) from best to worst.
        regime: the row of `signals.vix_regime`.
        record: strategy -> how it did, out of sample, after costs.
        record_from: first session of the record.
        problems: what is wrong with the bars, and what went wrong on the way, in words.
        above_luck: strategy -> deflated Sharpe ratio, the probability that it is above what luck alone would show.
        luck: what else is said of luck, a sentence each.
        causes: by signal (vote, rotation, regime), why what it reads is not there.
        is_early: whether the record and whatever the signals do not read are still to be made.
        age: how old the position is, in words; empty where it is of the last session that has closed.
    """

    market: str
    is_simulated: bool
    session: dt.date
    next_session: dt.date
    target_weight: float
    reason: str
    vote: Mapping[str, object]
    ballots: Mapping[str, tuple[float, bool]]
    rotation: Mapping[str, object]
    ranks: tuple[tuple[str, float], ...]
    regime: Mapping[str, object]
    record: Mapping[str, Record]
    record_from: dt.date | None
    problems: tuple[str, ...] = ()
    above_luck: Mapping[str, float] = field(default_factory=dict)
    luck: tuple[str, ...] = ()
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)
    is_early: bool = False
    age: str = ""


def render(card: SignalCard) -> RenderableType:
    """The card for a terminal."""
    mark = "SIMULATED · " if card.is_simulated else ""
    parts: list[RenderableType] = [_headline(card), Text(), _signals(card)]
    if card.record:
        parts += [Text(), _record(card)]
    if short := short_record_words(card.record):
        parts += [Text(short, style="yellow")]
    if card.luck:
        parts += [Text(" ".join(card.luck), style="dim")]
    if card.is_early:
        early = "The signals are made. The record, the scores and what they do not read are still to come."
        parts += [Text(), Text(early, style="yellow")]
    parts += [Text(), Text(f"{mark}market: {card.market}", style="dim")]
    parts += [Text(f"! {problem}", style="red") for problem in card.problems]
    card_itself = Panel(
        Group(*parts),
        title=f"{mark}QQQ at the open of {card.next_session}",
        subtitle=f"{mark}decided at the close of {card.session}",
        border_style="magenta" if card.is_simulated else "cyan",
        box=box.ROUNDED,
        padding=(1, 2),
    )
    # Above the card: whoever reads one line alone reads this.
    return Group(Text(card.age, style="bold red"), card_itself) if card.age else card_itself


def _headline(card: SignalCard) -> Text:
    text = Text()
    text.append(
        f"Hold {number(card.target_weight, '.0%')} QQQ", style="bold" + (" cyan" if card.target_weight else " yellow")
    )
    text.append(f"   {reason_words(card)}")
    return text


def reason_words(card: SignalCard) -> str:
    """Why the position is what it is; where it abstains, for which cause rather than with which consequence."""
    if not card.reason.startswith("abstains"):
        return card.reason
    gate_lacks = any(ticker in str(card.rotation.get("missing", "")) for ticker in QQQ_GATE)
    decisive = {
        "vote": card.vote.get("signal") == "abstain",
        "regime": card.regime.get("regime") is None or card.regime.get("size_multiplier") is None,
        "rotation": card.vote.get("signal") == "neutral" and gate_lacks,
    }
    found = [one for signal, is_so in decisive.items() if is_so for one in card.causes.get(signal, ())]
    return f"abstains: {'; '.join(one.words for one in together(found))}" if found else card.reason


def missing_words(row: Mapping[str, object], causes: Sequence[Cause]) -> str:
    """What a signal lacks: the causes, or what its row says is missing where none is known; empty where nothing is."""
    if not row.get("missing"):
        return ""
    return "; ".join(one.said for one in causes) or f"missing: {row['missing']}"


def _signals(card: SignalCard) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    signal = str(card.vote.get("signal", "abstain"))
    vote = Text(f"{card.vote.get('n_bull', 0)} of {card.vote.get('n_voting', 0)} bull: ")
    vote.append(signal.replace("_", " "), style=_VOTE_STYLE[signal])
    for ticker, (prob, is_bull) in card.ballots.items():
        vote.append(f"  {BALLOT_MARKS[is_bull]} {ticker} {number(prob, '.0%')}", style="cyan" if is_bull else "dim")
    table.add_row("Mag-7 vote", _with_missing(vote, card.vote, card.causes.get("vote", ())))
    allowed = "allowed" if card.rotation.get("qqq_allowed") else "not allowed"
    rotation = Text(f"{card.rotation.get('pick') or 'cash'}; QQQ {allowed} by XLK and XLY ")
    for ticker, expected in card.ranks:
        rotation.append(f"  {ticker} {number(expected, '+.2%')}", style="dim")
    table.add_row("Rotation", _with_missing(rotation, card.rotation, card.causes.get("rotation", ())))
    regime = Text(regime_words(card.regime))
    table.add_row("VIX regime", _with_missing(regime, card.regime, card.causes.get("regime", ())))
    return table


def _with_missing(text: Text, row: Mapping[str, object], causes: Sequence[Cause]) -> Text:
    if words := missing_words(row, causes):
        text.append(f"  {words}", style="red")
    return text


def regime_words(row: Mapping[str, object]) -> str:
    """A row of `signals.vix_regime` in words; what is null reads unknown."""

    def percent(value: object) -> str:
        return number(value, "+.1%") if isinstance(value, float) else "unknown"

    spike, size = row.get("prob_spike"), row.get("size_multiplier")
    return (
        f"{row.get('regime') or 'unknown'}; expected change {percent(row.get('expected_change'))}; "
        f"P(spike > 10 %) {number(spike, '.0%') if isinstance(spike, float) else 'unknown'}; "
        f"{'EXIT LONGS' if row.get('exit_longs') else 'no exit'}; "
        f"size {number(size, '.2f') if isinstance(size, float) else 'unknown'}"
    )


def _record(card: SignalCard) -> Table:
    table = Table(
        title=f"Record since {card.record_from}, next-open fills, 5 bp a side",
        title_justify="left",
        title_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("strategy")
    columns = (*record_columns(card.record), *(["above luck"] if card.above_luck else []))
    for column in columns:
        table.add_column(column, justify="right")
    for name, record in card.record.items():
        luck = [probability(card.above_luck.get(name))] if card.above_luck else []
        table.add_row(name.replace("_", " "), *record_figures(record, columns), *luck)
    return table


def record_columns(record: Mapping[str, Record]) -> tuple[str, ...]:
    """What is shown of each strategy: with a short one among them also how long each is, and what it earned in all."""
    is_short = any(one.is_short for one in record.values())
    return ("sessions", "return", *_YEARLY, "max drawdown") if is_short else (*_YEARLY, "max drawdown")


def record_figures(record: Record, columns: Sequence[str]) -> list[str]:
    """The figures of one strategy under `record_columns`; a dash for what it has not, as a Sharpe ratio in cash."""
    shown = {
        "sessions": f"{record.sessions:,}",
        "return": number(record.equity - 1, ".1%"),
        "Sharpe": number(record.sharpe, ".2f"),
        "CAGR": number(record.cagr, ".1%"),
        "max drawdown": number(record.max_drawdown, ".1%"),
    }
    return [shown[name] for name in columns if name in shown]


def short_record_words(record: Mapping[str, Record]) -> str:
    """That a record is too short for figures a year, with how many sessions it has; empty where none is."""
    lengths = sorted({one.sessions for one in record.values() if one.is_short})
    if not lengths:
        return ""
    held = f"{lengths[0]:,}" if len(lengths) == 1 else f"{lengths[0]:,} to {lengths[-1]:,}"
    plural = "" if lengths[-1] == 1 else "s"
    return f"{held} session{plural}: figures a year (Sharpe, CAGR) are of {FEWEST_OF_A_YEAR} or more."
