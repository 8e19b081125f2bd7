"""The signal card: tomorrow's position on one screen, with its reasons and its record."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alpha_pipeline.digits import number, probability

_VOTE_STYLE = {"strong_buy": "bold cyan", "neutral": "bold", "abstain": "bold yellow"}
BALLOT_MARKS: Final = {True: "▲", False: "·"}  # beside the colour, for those who cannot see it


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
        record: strategy -> (Sharpe, CAGR, largest drawdown), out of sample, after costs.
        record_from: first session of the record.
        problems: what is wrong with the bars, and what went wrong on the way, in words.
        above_luck: strategy -> deflated Sharpe ratio, the probability that it is above what luck alone would show.
        luck: what else is said of luck, a sentence each.
        is_early: whether the record and whatever the signals do not read are still to be made.
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
    record: Mapping[str, tuple[float, float, float]]
    record_from: dt.date | None
    problems: tuple[str, ...] = ()
    above_luck: Mapping[str, float] = field(default_factory=dict)
    luck: tuple[str, ...] = ()
    is_early: bool = False


def render(card: SignalCard) -> RenderableType:
    """The card for a terminal."""
    mark = "SIMULATED · " if card.is_simulated else ""
    parts: list[RenderableType] = [_headline(card), Text(), _signals(card)]
    if card.record:
        parts += [Text(), _record(card)]
    if card.luck:
        parts += [Text(" ".join(card.luck), style="dim")]
    if card.is_early:
        early = "The signals are made. The record, the scores and what they do not read are still to come."
        parts += [Text(), Text(early, style="yellow")]
    parts += [Text(), Text(f"{mark}market: {card.market}", style="dim")]
    parts += [Text(f"! {problem}", style="red") for problem in card.problems]
    return Panel(
        Group(*parts),
        title=f"{mark}QQQ at the open of {card.next_session}",
        subtitle=f"{mark}decided at the close of {card.session}",
        border_style="magenta" if card.is_simulated else "cyan",
        box=box.ROUNDED,
        padding=(1, 2),
    )


def _headline(card: SignalCard) -> Text:
    text = Text()
    text.append(
        f"Hold {number(card.target_weight, '.0%')} QQQ", style="bold" + (" cyan" if card.target_weight else " yellow")
    )
    text.append(f"   {card.reason}")
    return text


def _signals(card: SignalCard) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    signal = str(card.vote.get("signal", "abstain"))
    vote = Text(f"{card.vote.get('n_bull', 0)} of {card.vote.get('n_voting', 0)} bull: ")
    vote.append(signal.replace("_", " "), style=_VOTE_STYLE[signal])
    for ticker, (prob, is_bull) in card.ballots.items():
        vote.append(f"  {BALLOT_MARKS[is_bull]} {ticker} {number(prob, '.0%')}", style="cyan" if is_bull else "dim")
    table.add_row("Mag-7 vote", _with_missing(vote, card.vote))
    allowed = "allowed" if card.rotation.get("qqq_allowed") else "not allowed"
    rotation = Text(f"{card.rotation.get('pick') or 'cash'}; QQQ {allowed} by XLK and XLY ")
    for ticker, expected in card.ranks:
        rotation.append(f"  {ticker} {number(expected, '+.2%')}", style="dim")
    table.add_row("Rotation", _with_missing(rotation, card.rotation))
    table.add_row("VIX regime", _with_missing(Text(regime_words(card.regime)), card.regime))
    return table


def _with_missing(text: Text, row: Mapping[str, object]) -> Text:
    if row.get("missing"):
        text.append(f"  missing: {row['missing']}", style="red")
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
    columns = ("Sharpe", "CAGR", "max drawdown", *(["above luck"] if card.above_luck else []))
    for column in columns:
        table.add_column(column, justify="right")
    for name, (sharpe, cagr, drawdown) in card.record.items():
        # A strategy that never moved has no Sharpe ratio.
        figures = (number(sharpe, ".2f"), number(cagr, ".1%"), number(drawdown, ".1%"))
        luck = [probability(card.above_luck.get(name))] if card.above_luck else []
        table.add_row(name.replace("_", " "), *figures, *luck)
    return table
