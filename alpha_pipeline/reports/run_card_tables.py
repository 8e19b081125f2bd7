"""A run card in words: the tables that the terminal and the page show alike."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from alpha_pipeline.digits import number
from alpha_pipeline.reports.run_card import STORED, RunCard
from alpha_pipeline.training.calibration import NEVER

SHORT: Final = 8  # digits of a hash that tell it from the others on a card
UNKNOWN: Final = "-"

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class CardTable:
    """One part of a card.

    Attributes:
        title: its heading.
        note: what the reader has to know to read it.
        columns: headings; none where the note says it all.
        rows: cells, one per column.
        words: the column that holds prose, if any.
    """

    title: str
    note: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    words: str = ""


def tables(card: RunCard) -> list[CardTable]:
    """The parts of a card in the order in which they are read; a signal's own parts first."""
    parts: list[CardTable] = []
    if card.rules:
        parts.append(_rules(card))
    if card.vote:
        parts.append(_vote(card.vote))
    if card.rotation:
        parts.append(_rotation(card.rotation))
    if card.regime:
        parts.append(_regime(card.regime))
    return [*parts, _forecasts(card), _models(card), _bars(card), _features(card), _versions(card), _replay(card)]


def _replay(card: RunCard) -> CardTable:
    again = "The rules were computed again from the forecasts and bars held up to the session"
    if card.is_identical:
        return CardTable("Replay", f"{again}, and made every field of the rows as it is held.")
    note = (
        f"{again}. The row was changed, or forecasts or bars were revised after it was made, or the rules are others "
        "now. `inputs` is a hash of the session's forecasts and bars."
    )
    rows = tuple(
        (one.table, one.ticker or UNKNOWN, one.field, _value(one.held), _value(one.replayed)) for one in card.replay
    )
    return CardTable("Replay", note, ("table", "ticker", "field", "held", "replayed"), rows, words="replayed")


def _rules(card: RunCard) -> CardTable:
    rows = tuple(
        (str(one["rule"]), str(one["verdict"]), _percent(one["weight"], ".0%"), str(one["why"])) for one in card.rules
    )
    note = "In this order; the first that applies decides, and overrules those that apply after it."
    return CardTable("Rules", note, ("rule", "verdict", "weight", "why"), rows, words="why")


def _vote(vote: Fields) -> CardTable:
    row: Fields = vote["row"]
    said = f"{row['n_bull']} of {row['n_voting']} bull: {row['signal'].replace('_', ' ')}. " if row else "No row. "
    missing = f" Missing: {row['missing']}." if row and row["missing"] else ""
    note = (
        f"{said}A strong buy needs more than {vote['strong_buy_above']} bull; fewer than {vote['min_ballots']} ballots "
        f"abstain.{missing}"
    )
    rows = tuple(_ballot(one, vote["bull_probability"]) for one in vote["ballots"])
    return CardTable("Mag-7 vote", note, ("ticker", "ballot", "probability", "bull from"), rows)


def _ballot(one: Fields, bull_probability: float) -> tuple[str, ...]:
    ballot = "bull" if one["is_bull"] else "not bull"
    if one["prob_bull"] is None:
        return one["ticker"], ballot, f"up {number(one['prob_up'], '.1%')}", f"above {bull_probability:.0%}"
    never = one["bull_threshold"] == NEVER
    fires = "never fires" if never else number(one["bull_threshold"], ".1%")
    return one["ticker"], ballot, f"bull move {number(one['prob_bull'], '.1%')}", fires


def _rotation(rotation: Fields) -> CardTable:
    row: Fields = rotation["row"]
    gate = " and ".join(rotation["gate"])
    pick, allowed, missing = (row.get(name) for name in ("pick", "qqq_allowed", "missing"))
    note = (
        f"{pick or 'Cash'} since the close of {rotation['rebalanced_at']}, the last one that ended a week. "
        f"QQQ is {'allowed' if allowed else 'not allowed'} by {gate}: P(up) of both above "
        f"{rotation['bull_probability']:.0%}.{f' Missing: {missing}.' if missing else ''}"
    )
    then = {one["ticker"]: str(one["rank"]) for one in rotation["ranks_at_rebalance"]}
    rows = tuple(
        (
            one["ticker"],
            str(one["rank"]),
            then.get(one["ticker"], UNKNOWN),
            _percent(one["expected_return"], "+.2%"),
            _percent(one["prob_up"], ".1%"),
        )
        for one in rotation["ranks"]
    )
    columns = ("sector", "rank", "rebalanced", "expected", "P(up)")
    return CardTable("Sector rotation", note, columns, rows)


def _regime(regime: Fields) -> CardTable:
    row: Fields = regime["row"]
    close, expected = regime["vix_close"], regime["vix_forecast"]
    level = None if close is None or expected is None else max(close, expected)
    level_by = f"the higher of the close {_number(close)} and its forecast {_number(expected)}"
    change = _percent(row.get("expected_change"), "+.1%")
    spike, threshold = (_percent(row.get(name), ".1%") for name in ("prob_spike", "spike_threshold"))
    never = " (never)" if row.get("spike_threshold") == NEVER else ""
    memory = f"forecasts of ^VIX from the first on, sha256 {_short(regime['forecasts_sha256'])}"
    rows = (
        ("regime", str(row.get("regime") or "unknown"), _hysteresis(regime)),
        ("^VIX level", _number(level), level_by),
        ("expected change", change, f"exits above {regime['exit_change']:+.0%}"),
        ("P(spike)", spike, f"exits from {threshold}{never}"),
        ("exit longs", "yes" if row.get("exit_longs") else "no", "where one of the two above does"),
        ("size", _number(row.get("size_multiplier")), _sizing(regime)),
        ("memory", f"{regime['n_forecasts']:,}", memory),
    )
    missing = f"Missing: {row['missing']}." if row.get("missing") else "Nothing is missing."
    return CardTable("VIX regime", missing if row else "No row.", ("what", "value", "by"), rows, words="by")


def _hysteresis(regime: Fields) -> str:
    return (
        f"calm from {regime['calm_enter']:.0f} down, left above {regime['calm_leave']:.0f}; stressed from "
        f"{regime['stressed_enter']:.0f} up, left below {regime['stressed_leave']:.0f}; "
        f"before: {regime['regime_before'] or 'none'}"
    )


def _sizing(regime: Fields) -> str:
    return (
        f"{regime['target_volatility_ann']:.0%} / volatility {_percent(regime['volatility_ann'], '.1%')} over "
        f"{regime['look_back']} returns of QQQ = {_number(regime['target_size'])}, at most {regime['size_cap']:.0f}; "
        f"moves when more than {regime['size_band']} off; before: {_number(regime['size_before'])}"
    )


def _forecasts(card: RunCard) -> CardTable:
    fields: Iterable[Fields] = card.forecasts
    rows = tuple(
        (
            f"{one['model']} {one['ticker']}",
            str(one["session"]),
            f"{one['horizon']}",
            _percent(one["expected_return"], "+.2%"),
            str(one["trained_through"]),
            str(one["seeds"]),
            ", ".join(_short(member) for member in one["members"]),
            _made(one),
        )
        for one in fields
    )
    columns = ("forecast", "session", "horizon", "expected", "trained through", "seeds", "members", "made (UTC)")
    return CardTable("Forecasts used", "None is held." if not rows else "As they are held now.", columns, rows)


def _made(one: Fields) -> str:
    made: dt.datetime = one["made_at"]
    return f"{made:%Y-%m-%d %H:%M}{' live' if one['is_live'] else ''}"


def _models(card: RunCard) -> CardTable:
    fields: Sequence[Fields] = card.models
    libraries = {" ".join(f"{k} {v}" for k, v in one["libraries"].items()) for one in fields if "libraries" in one}
    rows = tuple(_model(one) for one in fields)
    note = f"Trained with {' or '.join(sorted(libraries))}." if libraries else "None that is stored."
    if any(one["state"] != STORED for one in fields):
        note += " `alpha train` trains what is missing; the same data give the same id."
    columns = ("member", "model", "seed", "fold", "trained through", "config", "data", "code", "loss", "state")
    return CardTable("Models", note, columns, rows, words="state")


def _model(one: Fields) -> tuple[str, ...]:
    named = (_short(one["model_id"]), f"{one['experiment']} {one['ticker']}")
    if one["state"] != STORED:
        return (*named, *[UNKNOWN] * 7, one["state"])
    hashes = (_short(one["config_hash"]), _short(one["data_hash"]))
    numbers = (str(one["seed"]), str(one["fold"]), str(one["trained_through"]))
    return (*named, *numbers, *hashes, one["code_version"], number(one["validation_loss"], ".4f"), one["state"])


def _bars(card: RunCard) -> CardTable:
    fields: Iterable[Fields] = card.bars
    rows = tuple(
        (
            one["ticker"],
            str(one["last_session"] or UNKNOWN),
            f"{one['n_bars']:,}",
            _short(one["sha256"]) if one["n_bars"] else UNKNOWN,
            one["source"] or UNKNOWN,
            ", ".join(one["read_by"]),
        )
        for one in fields
    )
    note = "Final bars up to the session, closes adjusted forward from the first bar: no later dividend moves them."
    return CardTable("Bars", note, ("ticker", "through", "bars", "sha256", "source", "read by"), rows, words="read by")


def _features(card: RunCard) -> CardTable:
    fields: Iterable[Fields] = card.features
    rows = tuple((one["table"], one["code_version"], ", ".join(one["read_by"])) for one in fields)
    note = "What the models read, and the returns that they learned."
    return CardTable("Features", note, ("table", "code", "read by"), rows, words="read by")


def _versions(card: RunCard) -> CardTable:
    settings: Fields = card.settings
    rows = (
        ("code", _listed(card.code)),
        ("libraries", _listed(card.libraries)),
        ("cost", f"{settings['cost_bps']:g} basis points a side, in the ledger"),
        ("seeds in a forecast", ", ".join(map(str, settings["seeds"])) or UNKNOWN),
        ("first session", str(settings["first_session"])),
    )
    note = "What the replay ran on. What a model was trained with is said with the models."
    return CardTable("Versions and settings", note, ("what", "value"), rows, words="value")


def _listed(versions: Fields) -> str:
    return ", ".join(f"{name.replace('_of_the_row', ' of the row')} {value}" for name, value in versions.items())


def _short(digits: str) -> str:
    return digits[:SHORT]


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else number(value, ".2f")


def _percent(value: object, spec: str) -> str:
    return number(value, spec) if isinstance(value, float) else UNKNOWN


def _value(value: object) -> str:
    return UNKNOWN if value is None else str(value)
