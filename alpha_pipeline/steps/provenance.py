"""Where forecasts came from: their members, the tables these read, and the bars behind them up to a session."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import polars as pl

from alpha_pipeline.datasets.inputs import FeatureInputs
from alpha_pipeline.datasets.matrix import ALL
from alpha_pipeline.features.tables import FEATURE_SETS
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.reports.run_card import NOT_STORED, STORED, Row
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.features import AROUND, VERSIONS
from alpha_pipeline.steps.training import load_artifact
from alpha_pipeline.training.artifact import Artifact, ArtifactError
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import FORWARD

_HASHED: Final = ("session", "open", "high", "low", "close", "adj_close", "volume")


def member_ids(model_id: str) -> tuple[str, ...]:
    """The members behind a forecast's `model_id`."""
    return tuple(model_id.split("+"))


def models(warehouse: Warehouse, used: pl.DataFrame) -> tuple[Row, ...]:
    """The stored card of every member that made a forecast used, or that it is no longer there."""
    asked = used.select("model", "ticker", "model_id").unique(maintain_order=True)
    wanted = [(m, t, one) for m, t, ids in asked.iter_rows() for one in member_ids(ids)]
    return tuple(_model(warehouse, *one) for one in dict.fromkeys(wanted))


def _model(warehouse: Warehouse, experiment: str, ticker: str, model_id: str) -> Row:
    named: Row = {"model_id": model_id, "experiment": experiment, "ticker": ticker}
    try:
        artifact = _stored(warehouse, experiment, ticker, model_id)
    except ArtifactError as error:
        return {**named, "state": str(error)}
    if artifact is None:
        return {**named, "state": NOT_STORED}
    # Where the fold ends says something of later sessions: the newest fold's end moves.
    left_out = {*named, "end_session"}
    return {**named, "state": STORED, **artifact.card.model_dump(mode="json", exclude=left_out)}


def _stored(warehouse: Warehouse, experiment: str, ticker: str, model_id: str) -> Artifact | None:
    """The artifact of a ticker's own member or of a shared one."""
    own = load_artifact(warehouse, experiment, ticker, model_id)
    return load_artifact(warehouse, experiment, ALL, model_id) if own is None else own


def features(experiments: Iterable[Experiment]) -> tuple[Row, ...]:
    """The tables that the models read, and what they learned from, with the version of the code."""
    found: dict[str, list[str]] = {}
    for one in experiments:
        sets = one.inputs.sets if isinstance(one.inputs, FeatureInputs) else ()
        for table in (*(FEATURE_SETS[name].table for name in sets), FORWARD):
            found.setdefault(table.name, []).append(one.name)
    return tuple(
        {"table": name, "code_version": VERSIONS[name], "read_by": sorted(found[name])} for name in sorted(found)
    )


def readers(used: pl.DataFrame, experiments: Mapping[str, Experiment]) -> dict[str, set[str]]:
    """Ticker -> the models that looked at its bars to make some forecasts."""
    found: dict[str, set[str]] = {}
    for model, ticker in used.select("model", "ticker").unique().iter_rows():
        inputs = experiments[model].inputs if model in experiments else None
        sets = inputs.sets if isinstance(inputs, FeatureInputs) else ()
        around = (other for name in sets for other in AROUND.get(FEATURE_SETS[name].table.name, ()))
        for looked_at in (ticker, *around):
            found.setdefault(looked_at, set()).add(model)
    return found


def bars(warehouse: Warehouse, read_by: Mapping[str, set[str]], day: dt.date) -> tuple[Row, ...]:
    """Each ticker's bars up to a session, as features and rules read them, with who did."""
    held = final_bars(warehouse, sorted(read_by)).filter(pl.col("session") <= day)
    return tuple(
        _bars_of(ticker, held.filter(pl.col("ticker") == ticker)) | {"read_by": sorted(read_by[ticker])}
        for ticker in sorted(read_by)
    )


def _bars_of(ticker: str, bars: pl.DataFrame) -> dict[str, object]:
    return {
        "ticker": ticker,
        "first_session": bars["session"].min(),
        "last_session": bars["session"].max(),
        "n_bars": bars.height,
        "sha256": values_hash(bars.select(_HASHED)),
        "source": ", ".join(bars["source"].unique().sort()),
        "fetched_at": bars["fetched_at"].max(),
    }


def values_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame of dates and numbers without nulls: of each column's name and its values, little-endian.

    It depends on no file format and no version of a library. Dates count as days since 1970.
    """
    digest = hashlib.sha256()
    for column in frame.sort("session").iter_columns():
        values = column.to_physical().to_numpy()
        kind = "<f8" if values.dtype.kind == "f" else "<i8"
        digest.update(column.name.encode() + b"\0" + np.ascontiguousarray(values, dtype=kind).tobytes())
    return digest.hexdigest()
