"""What a report opens with, as HTML: what to hold, why, whether there is an edge, and the signals behind it."""

from html import escape
from typing import Final

from alpha_pipeline.digits import number
from alpha_pipeline.reports.cells import marked
from alpha_pipeline.reports.edge import Advantage, Edge
from alpha_pipeline.reports.figures.sheet import dot_and_bar
from alpha_pipeline.reports.signal_card import BALLOT_MARKS, SignalCard, missing_words, reason_words, regime_words

_VOTE_KINDS: Final = {"strong_buy": "good", "neutral": "warn", "abstain": "bad"}


def lead(card: SignalCard, found: Edge) -> str:
    """The opening of a page: the answers to what to hold, why, and whether there is an edge.

    Args:
        card: of the newest session.
        found: what its record says.
    """
    colour = "good" if card.target_weight else "warn"
    problems = "".join(f'<p class="problem">{escape(problem)}</p>' for problem in card.problems)
    return (
        f"<h1>At the open of {card.next_session}, decided at the close of {card.session}</h1>"
        f'<p class="headline {colour}">Hold {number(card.target_weight, ".0%")} QQQ</p>'
        f'<p class="reason">{escape(reason_words(card))}</p>{problems}{_edge(found)}'
        f'<div class="cards">{_vote_card(card)}{_rotation_card(card)}{_regime_card(card)}</div>'
    )


def _edge(found: Edge) -> str:
    """Whether there is one: the first question after what to hold."""
    answer, *why = found.words
    kind = "good" if found.is_shown else "warn"
    pictures = "".join(f"<p>{_advantage(one, found.advantages)}</p>" for one in found.advantages)
    reasons = "".join(f'<p class="note">{escape(words)}</p>' for words in why)
    shown = " shown" if found.is_shown else ""
    return f'<div class="edge{shown}"><p><strong>{marked(kind, answer)}</strong></p>{pictures}{reasons}</div>'


def _advantage(one: Advantage, all_of_them: tuple[Advantage, ...]) -> str:
    reach = (min(0.0, *(x.low for x in all_of_them)) - 0.05, max(0.0, *(x.high for x in all_of_them)) + 0.05)
    name = one.over.replace("_", " ")
    words = f"Sharpe ratio less that of {name}: {number(one.value, '+.2f')}; no advantage: 0"
    picture = dot_and_bar(one.value, one.low, one.high, reach, 0.0, words)
    return f"{picture} {number(one.value, '+.2f')} over {escape(name)}"


def _vote_card(card: SignalCard) -> str:
    signal = str(card.vote.get("signal", "abstain"))
    counted = f"{card.vote.get('n_bull', 0)} of {card.vote.get('n_voting', 0)} bull"
    chips = [
        f"<span{' class=good' if bull else ''}>{BALLOT_MARKS[bull]} {escape(t)} {number(prob, '.0%')}</span>"
        for t, (prob, bull) in card.ballots.items()
    ]
    verdict = f"<strong>{marked(_VOTE_KINDS[signal], signal.replace('_', ' '))}</strong> {counted}"
    return _card("Mag-7 vote, P(bull move)", verdict, chips, missing_words(card.vote, card.causes.get("vote", ())))


def _rotation_card(card: SignalCard) -> str:
    allowed = "allowed" if card.rotation.get("qqq_allowed") else "not allowed"
    chips = [f"<span>{escape(ticker)} {number(expected, '+.2%')}</span>" for ticker, expected in card.ranks]
    pick = f"<strong>{escape(str(card.rotation.get('pick') or 'cash'))}</strong> QQQ {allowed} by XLK and XLY"
    missing = missing_words(card.rotation, card.causes.get("rotation", ()))
    return _card("Sector rotation, expected log return over 5 sessions", pick, chips, missing)


def _regime_card(card: SignalCard) -> str:
    name, *rest = regime_words(card.regime).split("; ")
    chips = [f"<span{' class=bad' if words == 'EXIT LONGS' else ''}>{escape(words)}</span>" for words in rest]
    missing = missing_words(card.regime, card.causes.get("regime", ()))
    return _card("VIX regime", f"<strong>{escape(name)}</strong>", chips, missing)


def _card(title: str, first: str, chips: list[str], words: str) -> str:
    missing = f'<p class="bad">{escape(words)}</p>' if words else ""
    return f'<div class="card"><h3>{title}</h3><p>{first}</p>{missing}<div class="chips">{"".join(chips)}</div></div>'
