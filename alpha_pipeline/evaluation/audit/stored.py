"""Probes of what a warehouse holds: cards, forecasts and ledgers, held against each other and against the bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.folds import SliceRule, TrainingData
from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.evaluation.audit.fill import apart_from_shares
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.slices import of_slices
from alpha_pipeline.training.artifact import Card

CARDS: Final = "stored_cards"
SLICES: Final = "stored_slices"
FORECASTS: Final = "stored_forecasts"
LEDGER: Final = "stored_ledger"
SAME: Final = 1e-9


def stored_cards(cards: Sequence[Card], horizons: Mapping[str, int]) -> Finding:
    """Every member's labels were known before its fold, and it started from none that was trained later.

    Args:
        cards: of the members stored.
        horizons: the longest horizon of each experiment; 1 for one that is not known any more.
    """
    if not cards:
        return Finding(CARDS, "nothing", "no trained member is held")
    by_id = {card.model_id: card for card in cards}
    wrong = []
    for card in cards:
        name = f"{card.experiment}, {card.ticker}, fold from {card.first_session}"
        ahead = 1 + horizons.get(card.experiment, 1)
        if calendar.position(card.trained_through) + ahead >= calendar.position(card.first_session):
            wrong.append(f"{name}: trained on the label of {card.trained_through}, not known before the fold")
        if card.end_session <= card.first_session:
            wrong.append(f"{name}: ends before it begins")
        parent = by_id.get(card.parent_id or "")
        if parent is not None and (
            parent.first_session >= card.first_session or parent.trained_through > card.trained_through
        ):
            wrong.append(f"{name}: its weights start from a member trained through {parent.trained_through}")
    return judged(
        CARDS, wrong, f"the labels of {len(cards):,} members were known before their folds", {"cards": len(cards)}
    )


@dataclass(frozen=True)
class Rebuilt:
    """A stored member, and what would be learned from in its place today.

    Attributes:
        card: of the member.
        samples: its ticker's, from the bars and features held now.
        data: cut for its fold.
        rule: how.
    """

    card: Card
    samples: Samples
    data: TrainingData
    rule: SliceRule


def stored_slices(rebuilt: Sequence[Rebuilt]) -> Finding:
    """Members learned from slices that are in order: those that can be rebuilt to the bit are looked at.

    Where a correction of the bars came after the training, data are others today, which is no fault.

    Args:
        rebuilt: some of the newest members.
    """
    same = [one for one in rebuilt if one.data.digest() == one.card.data_hash]
    if not same:
        return Finding(SLICES, "nothing", f"none of {len(rebuilt)} members learned from the bars as they are held now")
    wrong = [
        f"{one.card.experiment}, {one.card.ticker}, {words}"
        for one in same
        for words in of_slices(one.samples, one.data, one.rule)
    ]
    figures = {"members": len(rebuilt), "rebuilt": len(same)}
    clean = (
        f"what {len(same)} of the {len(rebuilt)} newest members learned from is rebuilt to the bit, its slices in order"
    )
    return judged(SLICES, wrong, clean, figures)


def stored_forecasts(forecasts: pl.DataFrame, cards: Sequence[Card]) -> Finding:
    """Every forecast is of its members' fold, by every seed of it, and carries what their cards say.

    A seed that is missing is suspicious and no proof: its training may have been killed.

    Forecasts whose members are no longer stored are counted and not judged by their cards.

    Args:
        forecasts: rows of `forecasts.daily`.
        cards: of the members stored.
    """
    if forecasts.is_empty():
        return Finding(FORECASTS, "nothing", "no forecast is held")
    by_id = {card.model_id: card for card in cards}
    wrong = _early(forecasts)
    groups = forecasts.group_by("model", "ticker", "model_id", maintain_order=True).agg(
        first=pl.col("session").min(),
        last=pl.col("session").max(),
        trained_through=pl.col("trained_through").unique(),
        seeds=pl.col("seeds").unique(),
        thresholds=pl.struct("horizon", "spike_threshold", "bull_threshold").unique(maintain_order=True),
    )
    strangers, picked = 0, list[str]()
    for row in groups.iter_rows(named=True):
        ids = row["model_id"].split("+")
        members = [by_id[one] for one in ids if one in by_id]
        name = f"{row['model']}, {row['ticker']} from {row['first']}"
        if len(members) < len(ids):
            strangers += 1
        else:
            wrong += [f"{name}: {words}" for words in _against_cards(row, members)]
            numbers = sorted(card.seed for card in members)
            if numbers != list(range(len(members))):
                picked.append(f"{name} is by the seeds {', '.join(map(str, numbers))} alone")
        if row["seeds"] != [len(ids)] or len(set(ids)) != len(ids):
            wrong.append(f"{name}: {len(set(ids))} members made it, and it counts {row['seeds']}")
    figures = {"forecasts": forecasts.height, "groups": groups.height, "without_members": strangers}
    if picked and not wrong:
        words = f"{picked[0]}, and {len(picked)} in all lack a seed: picked, or a training that was not finished"
        return Finding(FORECASTS, "warning", words, {**figures, "picked": len(picked)})
    clean = f"{forecasts.height:,} forecasts are of their own fold's members, every seed of it"
    return judged(FORECASTS, wrong, clean, figures)


def _early(forecasts: pl.DataFrame) -> list[str]:
    """The label of t at horizon h is known at t + 1 + h: before the session forecast."""
    place = {day: number for number, day in enumerate(calendar.all_sessions())}
    at = pl.col("trained_through", "session").replace_strict(place, return_dtype=pl.Int64)
    rows = forecasts.with_columns(at.name.suffix("_place"))
    early = rows.filter(pl.col("trained_through_place") + 1 + pl.col("horizon") >= pl.col("session_place"))
    return [
        f"{model}, {ticker}: {day} at horizon {horizon} was forecast from labels not known before it"
        for model, ticker, day, horizon in early.select("model", "ticker", "session", "horizon").iter_rows()
    ]


def _against_cards(row: Mapping[str, Any], members: Sequence[Card]) -> list[str]:
    first, last = row["first"], row["last"]
    wrong = []
    if {(card.first_session, card.end_session) for card in members} != {
        (members[0].first_session, members[0].end_session)
    }:
        wrong.append("its members are of several folds")
    if not members[0].first_session <= first or not last < members[0].end_session:
        wrong.append(
            f"forecasts of {first} to {last} by members of {members[0].first_session} to {members[0].end_session}"
        )
    if row["trained_through"] != [max(card.trained_through for card in members)]:
        wrong.append("says another last label than its members' cards")
    wrong += _other_thresholds(row, members)
    return wrong


def _other_thresholds(row: Mapping[str, Any], members: Sequence[Card]) -> list[str]:
    """Whether thresholds differ from the mean of the cards', or change within the fold."""
    due: dict[str, np.ndarray] = {}
    events = [card.event for card in members if card.event is not None]
    if events:
        name = "bull_threshold" if events[0].kind == "bull" else "spike_threshold"
        due[name] = np.mean([event.thresholds for event in events], axis=0)
    spikes = [card.spike_thresholds for card in members if card.spike_thresholds]
    if not events and len(spikes) == len(members):
        due["spike_threshold"] = np.mean(spikes, axis=0)
    said = sorted(row["thresholds"], key=lambda one: one["horizon"])
    wrong = []
    for name, values in due.items():
        held = [one[name] for one in said]
        if len(held) != len(values) or None in held or not np.allclose(held, values, rtol=0, atol=SAME):
            wrong.append(f"its {name.replace('_', ' ')} is not the one that its members' validation slices chose")
    return wrong


def stored_ledger(ledger: pl.DataFrame, decided: Mapping[str, pl.DataFrame], bars: pl.DataFrame) -> Finding:
    """Every ledger earns what its decisions do when filled at the next open, counted in shares.

    Args:
        ledger: rows of `portfolio.ledger`.
        decided: what each strategy decides, by its name.
        bars: anchored bars of all their tickers.
    """
    held = {str(name): rows for (name,), rows in ledger.group_by("strategy", maintain_order=True)}
    known = [name for name in held if name in decided]
    if not known:
        return Finding(LEDGER, "nothing", "no ledger is held")
    wrong = []
    for name in known:
        wrong += apart_from_shares(f"{name}'s decisions", held[name], decided[name], bars)
    sessions = max(rows.height for rows in held.values())
    clean = f"{len(known)} ledgers over {sessions:,} sessions earn what shares bought at the next open do"
    return judged(LEDGER, wrong, clean, {"strategies": len(known), "sessions": sessions})
