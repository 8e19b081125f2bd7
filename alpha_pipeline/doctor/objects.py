"""The objects of the tables and the artifacts of the models: names, sizes and ends, and with `--deep` every byte."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.steps.mending import empty_units, remove_empty
from alpha_pipeline.steps.soundness import Damage, damages, kept_aside, mend, put_back
from alpha_pipeline.steps.taking_over import take_over
from alpha_pipeline.warehouse import seal
from alpha_pipeline.warehouse.aside import set_aside
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.strangers import strays

NAMED: Final = 5
_PARQUET: Final = b"PAR1"


def look(patient: Patient) -> Iterator[Finding]:
    """Objects that are not what was stored, files among them that are no objects, and units without rows."""
    warehouse, now = patient.warehouse, patient.settings.now()
    is_taken_over = warehouse.is_sealed or not any(warehouse.units(table) for table in TABLES)
    if not is_taken_over:
        yield Finding(
            "seals",
            True,
            "the objects are of a version that did not seal them; the next `alpha run` looks at each and seals it",
            lambda: " ".join(take_over(warehouse, TABLES)),
        )
    renamed = [path for table in TABLES for path, _ in warehouse.misnamed(table)]
    if renamed:
        yield Finding(
            "objects",
            False,
            f"under another name than they were stored under: {_listed(renamed)}. `alpha doctor --mend` gives them "
            "their own again",
            lambda: " ".join(put_back(warehouse, TABLES)),
        )
    found = damages(warehouse, TABLES) if patient.is_deep else _glanced_at(warehouse)
    for damage in found:
        if damage.path not in renamed:
            yield Finding("objects", False, damage.said, _mending(patient, damage))
    others = [path for path in strays(warehouse, TABLES) if path not in renamed]
    if others:
        yield Finding(
            "strangers",
            False,
            f"among the objects lie {_listed(others)}, which are none and are never read. Move them elsewhere, or "
            "let `alpha doctor --mend` set them aside",
            lambda: "; ".join(
                set_aside(warehouse.root, path, now) for path in others if path.is_symlink() or path.exists()
            ),
        )
    for path, table in kept_aside(warehouse, TABLES):
        yield Finding("set aside", True, f"{path}: {table.lost}; a sound copy may take its place, or delete it")
    if found or renamed:
        return
    yield _units(warehouse)
    if patient.is_deep:
        yield Finding("every byte", True, "what is stored in tables and models is what was stored")


def _units(warehouse: Warehouse) -> Finding:
    empty = [warehouse.key(table, unit) for table, unit in empty_units(warehouse, TABLES)]
    if not empty:
        return Finding("units", True, "sound")
    return Finding(
        "units",
        False,
        f"without rows: {', '.join(empty)}; `alpha doctor --mend` removes them",
        lambda: "; ".join(remove_empty(warehouse, TABLES)),
    )


def _mending(patient: Patient, damage: Damage) -> Callable[[], str]:
    return lambda: mend(patient.warehouse, damage, patient.settings.now())


def _glanced_at(warehouse: Warehouse) -> list[Damage]:
    """The objects that are not whole, or whose seals say that they are others."""
    found = []
    for table in TABLES:
        for unit in warehouse.units(table):
            key = warehouse.key(table, unit)
            path = warehouse.objects.path(key)
            if path.is_file() and _is_whole(path) and seal.owner(path) in {key, None}:
                continue
            why = warehouse.fault(table, unit)
            if why is not None:
                found.append(Damage(path, why, table, unit))
    return found


def artifacts(patient: Patient) -> Iterator[Finding]:
    """Cards without weights, and cards that cannot be read; of a deep look the objects' findings say it."""
    warehouse = patient.warehouse
    bad: list[Path] = []
    n_cards = 0
    for card in sorted(warehouse.objects.path("models").glob("*/*/*.json")):
        n_cards += 1
        weights = card.with_suffix(".safetensors")
        if not patient.is_deep and not (weights.is_file() and weights.stat().st_size and _is_json(card)):
            bad += [path for path in (card, weights) if path.is_file()]
    if bad:
        yield Finding(
            "models",
            False,
            f"damaged: {_listed(bad)}. `alpha doctor --mend` sets them aside; the next run trains them again",
            lambda: "; ".join(set_aside(warehouse.root, path, patient.settings.now()) for path in bad),
        )
    elif n_cards:
        yield Finding("models", True, f"{n_cards:,} stored")


def _is_whole(path: Path) -> bool:
    """Whether a file begins and ends as Parquet does."""
    with path.open("rb") as file:
        begins = file.read(4) == _PARQUET
        size = file.seek(0, 2)
        if not begins or size < 12:
            return False
        file.seek(-8, 2)
        tail = file.read(8)
    return tail[4:] == _PARQUET and int.from_bytes(tail[:4], "little") <= size - 12


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except (ValueError, RecursionError):
        return False


def _listed(paths: list[Path]) -> str:
    more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
    return ", ".join(map(str, paths[:NAMED])) + more
