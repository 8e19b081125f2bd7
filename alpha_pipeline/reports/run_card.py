"""The run card of one signal row as a value: what made the row, as JSON, and the digest over it."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from alpha_pipeline.digits import number
from alpha_pipeline.signals.replay import Difference

Row = Mapping[str, object]

STORED: Final = "stored"
NOT_STORED: Final = "no longer stored"
# When something was made or fetched: shown, and left out of the digest.
TIMES: Final = frozenset({"made_at", "is_live", "fetched_at"})


@dataclass(frozen=True)
class RunCard:
    """Everything that a run card shows. What a signal does not have is empty.

    Attributes:
        signal: ``qqq_position``, ``mag7_vote``, ``sector_rotation`` or ``vix_regime``.
        session: the session at whose close the row was decided.
        next_session: the session at whose open it is filled.
        market: the market's name.
        is_simulated: mark everything SIMULATED.
        row: the held row without its session.
        rules: of the position in their order: rule, verdict, weight and why.
        vote: the vote's row, every ballot, and the thresholds.
        rotation: the rotation's row, the ranks of the session and of the last rebalance.
        regime: the regime's row, what it was made from, and the thresholds.
        forecasts: every forecast that was used, with its members and when it was made.
        models: the stored card of every member, or what is wrong with it.
        features: the tables that the models read, with the version of their code.
        bars: per ticker looked at: last session, number of bars, hash, source and who looked.
        code: versions of the code that runs now, and of the signals' code that made the row.
        libraries: versions of what it runs on.
        settings: the settings that matter.
        replay: where the held rows differ from those that the same rules make now.
    """

    signal: str
    session: dt.date
    next_session: dt.date
    market: str
    is_simulated: bool
    row: Row
    rules: tuple[Row, ...]
    vote: Row
    rotation: Row
    regime: Row
    forecasts: tuple[Row, ...]
    models: tuple[Row, ...]
    features: tuple[Row, ...]
    bars: tuple[Row, ...]
    code: Row
    libraries: Row
    settings: Row
    replay: tuple[Difference, ...]

    @property
    def is_identical(self) -> bool:
        """Whether the same inputs gave the same row again."""
        return not self.replay


def digest(card: RunCard) -> str:
    """SHA-256 of the card's canonical JSON (sorted keys, no blanks, ASCII) without `TIMES`, in hexadecimal."""
    text = json.dumps(_plain(asdict(card), leaving_out=TIMES), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def render_json(card: RunCard) -> str:
    """The card with its digest as JSON. Dates are ISO; what is unknown is null."""
    content = {"digest": digest(card)} | _plain(asdict(card))
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def render_markdown(card: RunCard) -> str:
    """The card in a few lines, for the metadata of an asset."""
    lines = [
        f"**{title(card)}**, {headline(card)}",
        "",
        *(f"* {rule['rule']}: {rule['verdict']} ({rule['why']})" for rule in card.rules),
        f"* {len(card.forecasts)} forecasts by {len(card.models)} members, {_lacking(card)} of them no longer readable",
        f"* bars of {len(card.bars)} tickers, the newest of {_newest(card)}",
        f"* {replayed(card)}",
        f"* digest `{digest(card)}`",
        "",
        f"`alpha explain {card.session}` shows all of it.",
    ]
    return "\n".join(lines)


def title(card: RunCard) -> str:
    """Which row of which market."""
    mark = "SIMULATED · " if card.is_simulated else ""
    return f"{mark}Run card of signals.{card.signal} at the close of {card.session}"


def headline(card: RunCard) -> str:
    """The row in words."""
    row: Mapping[str, Any] = card.row
    match card.signal:
        case "qqq_position":
            return (
                f"Hold {number(row['target_weight'], '.0%')} QQQ from the open of {card.next_session}: {row['reason']}"
            )
        case "mag7_vote":
            return f"{row['n_bull']} of {row['n_voting']} bull: {str(row['signal']).replace('_', ' ')}"
        case "sector_rotation":
            allowed = "both" if row["qqq_allowed"] else "not both"
            return f"{row['pick'] or 'cash'}; XLK and XLY {allowed} bullish"
        case _:
            return f"{row['regime'] or 'unknown'}; {'EXIT LONGS' if row['exit_longs'] else 'no exit'}"


def replayed(card: RunCard) -> str:
    """Whether the rows were made again, in a few words."""
    if card.is_identical:
        return "replayed: identical"
    return f"replayed: {len(card.replay)} value(s) differ"


def _lacking(card: RunCard) -> int:
    return sum(model["state"] != STORED for model in card.models)


def _newest(card: RunCard) -> str:
    return max((str(one["last_session"]) for one in card.bars if one["last_session"]), default="no session")


def _plain(value: Any, leaving_out: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401 - any JSON value
    """What JSON can say of a value: dates and times in ISO."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one, leaving_out) for name, one in value.items() if name not in leaving_out}
    if isinstance(value, list | tuple):
        return [_plain(one, leaving_out) for one in value]
    return value.isoformat() if isinstance(value, dt.date) else value
