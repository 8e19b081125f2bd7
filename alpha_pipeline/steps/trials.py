"""Counts what was ever evaluated: fills `evaluation.trials`, which only grows."""

import datetime as dt
import hashlib
from functools import partial

import polars as pl

from alpha_pipeline.evaluation.natural import natural_returns
from alpha_pipeline.evaluation.trials import merged, model_trials, strategy_trials
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, SIGNALS_VERSION, VIX_MODEL
from alpha_pipeline.steps.training import config_of
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.proof import TRIALS
from alpha_pipeline.warehouse.tables.results import LEDGER

TRIALS_VERSION = "1"
UNKNOWN = "unknown"
# The forecasts that a strategy's decisions come from: (model, tickers).
_VOTE = (BALLOT_MODEL, MAG7)
_ROTATION = (SECTOR_MODEL, SECTORS)
_EXIT = (VIX_MODEL, (VIX,))
LISTENS_TO = {
    "qqq_position": (_VOTE, _ROTATION, _EXIT),
    "qqq_position_without_exit": (_VOTE, _ROTATION, _EXIT),
    "mag7_vote": (_VOTE,),
    "sector_rotation": (_ROTATION,),
}


def write_trials(warehouse: Warehouse, now: dt.datetime) -> int:
    """Add what was evaluated since; returns how many trials there are in all.

    Args:
        warehouse: with forecasts, targets and the ledger.
        now: the clock's time, for those seen for the first time.
    """
    inputs = inputs_of(warehouse, TRIALS_VERSION, DAILY, FORWARD, LEDGER)
    if not all(warehouse.is_current(TRIALS, kind, inputs) for kind in ("model", "strategy")):
        forecasts = configured(warehouse)
        targets = warehouse.read(FORWARD, forecasts["ticker"].unique().to_list())
        found = {
            "model": model_trials(natural_returns(forecasts, targets), now),
            "strategy": strategy_trials(warehouse.read(LEDGER), made_by(forecasts), now),
        }
        for kind, fresh in found.items():
            if fresh.height or kind in warehouse.units(TRIALS):
                # Merged under the object's lock: what another process counted meanwhile stays.
                warehouse.revise(TRIALS, kind, partial(merged, fresh=fresh), inputs)
    return sum(warehouse.height(TRIALS, kind) for kind in warehouse.units(TRIALS))


def configured(warehouse: Warehouse) -> pl.DataFrame:
    """Every forecast with the configuration that made it.

    Columns model, config, ticker, seeds, session, horizon and expected_return. The configuration is read from the
    card of the first member that made the forecast: its members differ in their seeds alone. The id of a member
    would not do: it changes with the data, so it is another one tomorrow. Where no card is held it is `UNKNOWN`.
    """
    columns = ["model", "ticker", "session", "horizon", "expected_return", "model_id", "seeds"]
    forecasts = warehouse.read(DAILY, columns=columns)
    made = forecasts.select("model", "ticker", member=_member()).unique().sort("model", "ticker", "member")
    hashes = [config_of(warehouse, *row) or UNKNOWN for row in made.iter_rows()]
    known = made.with_columns(config=pl.Series(hashes, dtype=pl.String))
    joined = forecasts.with_columns(member=_member()).join(known, on=["model", "ticker", "member"])
    return joined.drop("member", "model_id")


def made_by(forecasts: pl.DataFrame) -> pl.DataFrame:
    """Columns strategy, config and seeds: the configurations behind each strategy that listens to models.

    Args:
        forecasts: what `configured` gives.
    """
    behind = forecasts.group_by("model", "config", "ticker").agg(pl.col("seeds").max())
    rows = []
    for strategy, heard in LISTENS_TO.items():
        parts = [behind.filter(pl.col("model") == model, pl.col("ticker").is_in(tickers)) for model, tickers in heard]
        own = pl.concat(parts).group_by("model", "config").agg(pl.col("seeds").max()).sort("model", "config")
        said = f"{SIGNALS_VERSION} {own.rows()}"
        config = hashlib.sha256(said.encode()).hexdigest()
        rows.append((strategy, config, own["seeds"].max() or 0))
    return pl.DataFrame(rows, schema={"strategy": pl.String, "config": pl.String, "seeds": pl.Int64}, orient="row")


def inputs_of(warehouse: Warehouse, version: str, *tables: Table) -> str:
    """A hash of what some tables hold, and of the version of what is made from them."""
    held = [
        (table.name, unit, warehouse.fingerprint(table, unit)) for table in tables for unit in warehouse.units(table)
    ]
    return hashlib.sha256(f"{version} {held}".encode()).hexdigest()


def _member() -> pl.Expr:
    return pl.col("model_id").str.split("+").list.first()
