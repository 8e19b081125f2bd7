"""The record of every strategy as an HTML table."""

from html import escape

from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS
from alpha_pipeline.reports.cells import NOTHING_YET, probability, said
from alpha_pipeline.reports.figures.strategies import RIVALS, in_order
from alpha_pipeline.reports.page import table
from alpha_pipeline.reports.signal_card import SignalCard, record_columns, record_figures, short_record_words


def record_table(card: SignalCard) -> str:
    """The record of every strategy as an HTML table, and what else is said of luck."""
    if not card.record:
        return NOTHING_YET
    columns, rows = record_columns(card.record), []
    for name in in_order(card.record):
        words = f"{escape(name.replace('_', ' '))}{' (rival)' if name in RIVALS else ''}"
        luck = probability(card.above_luck.get(name))
        rows.append([words, *map(said, record_figures(card.record[name], columns)), luck])
    notes = [words for words in (short_record_words(card.record), " ".join(card.luck)) if words]
    below = "".join(f'<p class="note">{escape(words)}</p>' for words in notes)
    return table(["strategy", *columns, "above luck"], rows) + below


def record_note(card: SignalCard) -> str:
    """What has to be known to read the record, in plain text."""
    since = f"Since {card.record_from}, out of sample" if card.record_from else "Out of sample"
    filled = f"filled at the next open, {DEFAULT_COST_BPS:g} bp a side, dividends reinvested, cash earns 0"
    luck = "the probability that the Sharpe ratio exceeds what the best of all trials would show without skill"
    return f"{since}; {filled}. Above luck: {luck}."
