"""Taking over the objects of the versions that sealed none: once in the life of a warehouse.

These versions left a hash of what an object says, made from its values by Polars. Where Polars still makes it, it tells
whether an object is what was stored. Values are changed nowhere, and nothing is made again for it.
"""

import io
from collections.abc import Sequence
from functools import partial

import polars as pl

from alpha_pipeline.training.artifact import sealed_card
from alpha_pipeline.warehouse import seal
from alpha_pipeline.warehouse.store import CONTENT, TABLES_FOLDER, Warehouse, frame_hash
from alpha_pipeline.warehouse.table import Table


def take_over(warehouse: Warehouse, tables: Sequence[Table]) -> list[str]:
    """Seal every object of an earlier version that is sound; says how many, and names those that are not.

    Args:
        warehouse: where they lie; nothing is done where it was done before.
        tables: all of them.
    """
    if warehouse.is_sealed or not warehouse.objects.path(TABLES_FOLDER).exists():
        return []
    looked = {
        warehouse.key(table, unit): _is_as_hashed(warehouse, table, unit)
        for table in tables
        for unit in warehouse.units(table)
    }
    can_be_told = True in looked.values()
    bad = [key for key, is_same in looked.items() if is_same is False and can_be_told]
    unsure = [key for key, is_same in looked.items() if is_same is False and not can_be_told]
    n_sealed = 0
    for key, is_same in looked.items():
        if is_same is not None and key not in bad:
            warehouse.objects.update(key, partial(_sealed, key))
            n_sealed += 1
    for key in warehouse.objects.list("models"):
        if key.endswith(".json"):
            warehouse.objects.update(key, lambda held: sealed_card(held) if held else None)
    warehouse.mark_sealed()
    if not n_sealed and not bad:
        return []
    said = [f"{n_sealed:,} objects of an earlier version were looked at and sealed; from now on each reading verifies."]
    if unsure:
        said.append(
            f"Another version of Polars made the hash of {len(unsure):,} of them, so nothing tells whether they were "
            "damaged before."
        )
    if bad:
        said.append(f"Not sealed, because they do not say what they said when they were stored: {', '.join(bad)}.")
    return said


def _is_as_hashed(warehouse: Warehouse, table: Table, unit: str) -> bool | None:
    """Whether an object says what its hash is of; None where it cannot be read at all, or has its seal."""
    data = warehouse.objects.get(warehouse.key(table, unit)) or b""
    try:
        if seal.find(data) is not None:
            return None
        rows = pl.read_parquet(io.BytesIO(data))
        said = pl.read_parquet_metadata(io.BytesIO(data)).get(CONTENT)
        owners = rows["session"].dt.year().cast(pl.String) if table.unit == "year" else rows[table.unit]
    except pl.exceptions.ColumnNotFoundError:
        return False
    except (seal.SealError, pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeDecodeError):
        return None
    if not (owners == unit).all():
        return False
    return said is None or frame_hash(rows.drop(table.volatile, strict=False)) == said


def _sealed(key: str, held: bytes | None) -> bytes | None:
    return seal.sealed(key, held) if held and seal.find(held) is None else None
