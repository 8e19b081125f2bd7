"""The record of every strategy as an HTML table."""

from html import escape

from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS
from alpha_pipeline.reports.cells import NOTHING_YET, number, probability
from alpha_pipeline.reports.figures.strategies import RIVALS, in_order
from alpha_pipeline.reports.page import table
from alpha_pipeline.reports.signal_card import SignalCard


def record_table(card: SignalCard) -> str:
    """The record of every strategy as an HTML table, and what else is said of luck."""
    rows = []
    for name in in_order(card.record):
        sharpe, cagr, drawdown = card.record[name]
        words = f"{escape(name.replace('_', ' '))}{' (rival)' if name in RIVALS else ''}"
        luck = probability(card.above_luck.get(name))
        rows.append([words, number(sharpe, ".2f"), number(cagr, ".1%"), number(drawdown, ".1%"), luck])
    said = f'<p class="note">{escape(" ".join(card.luck))}</p>' if card.luck else ""
    return table(["strategy", "Sharpe", "CAGR", "max drawdown", "above luck"], rows) + said if rows else NOTHING_YET


def record_note(card: SignalCard) -> str:
    """What has to be known to read the record, in plain text."""
    since = f"Since {card.record_from}, out of sample" if card.record_from else "Out of sample"
    filled = f"filled at the next open, {DEFAULT_COST_BPS:g} bp a side, dividends reinvested, cash earns 0"
    luck = "the probability that the Sharpe ratio exceeds what the best of all trials would show without skill"
    return f"{since}; {filled}. Above luck: {luck}."
