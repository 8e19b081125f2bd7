"""Gathers the run card of a signal row: what it was made from, who made it, and whether it is made again.

Everything on a card lies at or before its session, so a card is the same whether or not later sessions are held.
"""

import datetime as dt
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.reports.run_card import Row, RunCard
from alpha_pipeline.signals import mag7_vote, qqq_position, sector_rotation, vix_regime, volatility_target
from alpha_pipeline.signals.replay import Difference, Evidence, differences, replay, trace
from alpha_pipeline.steps.forecasting import FORECAST_VERSION
from alpha_pipeline.steps.provenance import bars, features, member_ids, models, readers, values_hash
from alpha_pipeline.steps.results import COST_BPS
from alpha_pipeline.steps.signals import FIRST_SESSION, NO_INPUTS, SIGNALS_VERSION, evidence, input_digests
from alpha_pipeline.training.artifact import CODE_VERSION
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import signals as tables

VOTE: Final = "mag7_vote"
ROTATION: Final = "sector_rotation"
REGIME: Final = "vix_regime"
POSITION: Final = "qqq_position"
SIGNALS: Final[Mapping[str, Table]] = {
    POSITION: tables.QQQ_POSITION,
    VOTE: tables.MAG7_VOTE,
    ROTATION: tables.SECTOR_ROTATION,
    REGIME: tables.VIX_REGIME,
}
LIBRARIES: Final = ("numpy", "polars", "torch", "safetensors", "exchange_calendars")
_PARTS: Final = {
    POSITION: (VOTE, ROTATION, REGIME),
    VOTE: (VOTE,),
    ROTATION: (ROTATION,),
    REGIME: (REGIME,),
}
_TABLES: Final = {
    POSITION: (tables.QQQ_POSITION,),
    VOTE: (tables.MAG7_BALLOTS, tables.MAG7_VOTE),
    ROTATION: (tables.SECTOR_RANKS, tables.SECTOR_ROTATION),
    REGIME: (tables.VIX_REGIME,),
}
# What a forecast says and who made it; what only some models forecast is null for the others.
_FORECAST: Final = (
    "model",
    "ticker",
    "session",
    "horizon",
    "expected_return",
    "prob_up",
    "prob_bull",
    "bull_threshold",
    "prob_spike",
    "spike_threshold",
    "trained_through",
    "seeds",
    "made_at",
    "is_live",
)


def run_card(warehouse: Warehouse, signal: str = POSITION, session: dt.date | None = None) -> RunCard:
    """The run card of one row of a signal.

    Args:
        warehouse: with signals.
        signal: a name of `SIGNALS`.
        session: at whose close; None for the newest row.

    Raises:
        NotEnoughDataError: there is no such row, or the day is no session.
    """
    day = _session(warehouse, SIGNALS[signal], session)
    known = evidence(warehouse).until(day)
    parts = _PARTS[signal]
    shown = [name for name in _TABLES if name == signal or name in parts]
    held = {table.name: _rows(warehouse, table, day) for name in shown for table in _TABLES[name]}
    used = _used(known, parts, day)
    experiments = {name: one for name, one in load_experiments().items() if name in set(used["model"])}
    market = read_market(warehouse)
    read_by = readers(used, experiments)
    if REGIME in parts:
        read_by.setdefault(VIX, set()).add("regime")
        read_by.setdefault("QQQ", set()).add("size")
    row = held[SIGNALS[signal].name].row(0, named=True)
    return RunCard(
        signal=signal,
        session=day,
        next_session=calendar.offset(day, 1),
        market=market.market if market else "none yet",
        is_simulated=market is not None and market.is_simulated,
        row={name: value for name, value in row.items() if name != "session"},
        rules=_rules(held) if signal == POSITION else (),
        vote=_vote(held) if VOTE in parts else {},
        rotation=_rotation(warehouse, held, day) if ROTATION in parts else {},
        regime=_regime(known, held, day) if REGIME in parts else {},
        forecasts=tuple(_forecast(one) for one in used.select(*_FORECAST, "model_id").iter_rows(named=True)),
        models=models(warehouse, used),
        features=features(experiments.values()),
        bars=bars(warehouse, read_by, day),
        code=_code(row),
        libraries=_libraries(),
        settings={
            "cost_bps": COST_BPS,
            "first_session": FIRST_SESSION,
            "seeds": used["seeds"].unique().sort().to_list(),
        },
        replay=tuple(_replayed(warehouse, known, held, day)),
    )


def _session(warehouse: Warehouse, table: Table, asked: dt.date | None) -> dt.date:
    """The session asked for, once a row of it is known to be held."""
    days = warehouse.read(table, columns=["session"])["session"].sort()
    if days.is_empty():
        raise NotEnoughDataError(f"{warehouse.root} holds no {table.name} yet. `alpha run` makes it.")
    newest: dt.date = days[-1]
    day = newest if asked is None else asked
    if day not in set(days):
        why = f"{table.name} holds no row of {day}"
        if not calendar.is_session(day):
            why += ", which is no session"
        raise NotEnoughDataError(f"{why}. It holds {len(days)} sessions, {days[0]} to {newest}.")
    return day


def _rows(warehouse: Warehouse, table: Table, day: dt.date) -> pl.DataFrame:
    return warehouse.read(table, [str(day.year)]).filter(pl.col("session") == day)


def _used(known: Evidence, parts: Sequence[str], day: dt.date) -> pl.DataFrame:
    """The forecasts that a session's row was made from; the regime remembers earlier ones too."""
    ranked = [day, sector_rotation.last_rebalance(day)]
    frames = {
        VOTE: known.ballots.filter(pl.col("session") == day),
        ROTATION: known.sectors.filter(pl.col("session").is_in(ranked)),
        REGIME: known.vix.filter(pl.col("session") == day),
    }
    return pl.concat([frames[name].sort("session", "ticker") for name in parts])


def _rules(held: Mapping[str, pl.DataFrame]) -> tuple[Row, ...]:
    """The rules of the position in their order, by the signals held."""
    frames = (held[table.name] for table in (tables.MAG7_VOTE, tables.SECTOR_ROTATION, tables.VIX_REGIME))
    joined = qqq_position.joined(*frames)
    found = qqq_position.rules(joined.row(0, named=True)) if joined.height else ()
    deciding = next((rule.name for rule in found if rule.is_met), None)

    def verdict(rule: qqq_position.Rule) -> str:
        return "decided" if rule.name == deciding else "overruled" if rule.is_met else "not met"

    return tuple({"rule": one.name, "verdict": verdict(one), "weight": one.weight, "why": one.words} for one in found)


def _vote(held: Mapping[str, pl.DataFrame]) -> Row:
    return {
        "row": _only(held[tables.MAG7_VOTE.name]),
        "ballots": held[tables.MAG7_BALLOTS.name].drop("session").to_dicts(),
        "bull_probability": mag7_vote.BULL_PROBABILITY,
        "strong_buy_above": mag7_vote.STRONG_BUY_ABOVE,
        "min_ballots": mag7_vote.MIN_BALLOTS,
    }


def _rotation(warehouse: Warehouse, held: Mapping[str, pl.DataFrame], day: dt.date) -> Row:
    since = sector_rotation.last_rebalance(day)
    then = _rows(warehouse, tables.SECTOR_RANKS, since).sort("rank")
    return {
        "row": _only(held[tables.SECTOR_ROTATION.name]),
        "ranks": held[tables.SECTOR_RANKS.name].drop("session").sort("rank").to_dicts(),
        "rebalanced_at": since,
        "ranks_at_rebalance": then.select("ticker", "expected_return", "rank").to_dicts(),
        "gate": sector_rotation.QQQ_GATE,
        "bull_probability": mag7_vote.BULL_PROBABILITY,
    }


def _regime(known: Evidence, held: Mapping[str, pl.DataFrame], day: dt.date) -> Row:
    return {
        "row": _only(held[tables.VIX_REGIME.name]),
        **asdict(trace(known, day)),
        "forecasts_sha256": values_hash(known.vix.sort("session").select("session", "expected_return")),
        "calm_enter": vix_regime.CALM_ENTER,
        "calm_leave": vix_regime.CALM_LEAVE,
        "stressed_enter": vix_regime.STRESSED_ENTER,
        "stressed_leave": vix_regime.STRESSED_LEAVE,
        "exit_change": vix_regime.EXIT_CHANGE,
        "target_volatility_ann": volatility_target.TARGET_VOLATILITY_ANN,
        "look_back": volatility_target.LOOK_BACK,
        "size_band": volatility_target.BAND,
        "size_cap": volatility_target.CAP,
    }


def _only(rows: pl.DataFrame) -> Row:
    return rows.drop("session").row(0, named=True) if rows.height else {}


def _forecast(row: Mapping[str, Any]) -> Row:
    return {name: row[name] for name in _FORECAST} | {"members": member_ids(row["model_id"])}


def _code(row: Mapping[str, Any]) -> Row:
    """Versions of the code that runs now; of a position also the one that its row says made it."""
    made_by = {"signals_of_the_row": str(row["inputs"]).partition(":")[0]} if "inputs" in row else {}
    return {
        "alpha_pipeline": version("alpha_pipeline"),
        "signals": SIGNALS_VERSION,
        **made_by,
        "forecasts": FORECAST_VERSION,
        "training": CODE_VERSION,
    }


def _libraries() -> Row:
    """Versions of what the code runs on now; what a model was trained with is on its own card."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _replayed(
    warehouse: Warehouse, known: Evidence, held: Mapping[str, pl.DataFrame], day: dt.date
) -> Iterable[Difference]:
    """Where the held rows differ from those that the forecasts and bars held now give."""
    fresh = replay(known, day)
    if tables.QQQ_POSITION.name in held:
        inputs = input_digests(warehouse).filter(pl.col("session") == day)["inputs"]
        now = pl.lit(inputs[0] if len(inputs) else NO_INPUTS).alias("inputs")
        fresh[tables.QQQ_POSITION.name] = fresh[tables.QQQ_POSITION.name].with_columns(now)
    for name in _TABLES:
        for table in _TABLES[name]:
            if table.name in held:
                yield from differences(table, held[table.name], fresh[table.name])
