"""The objects of the tables and the artifacts of the models, as far as a glance tells: their names, sizes and ends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.doctor.aside import set_aside
from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.steps.mending import empty_units, remove_empty

NAMED: Final = 5
_PARQUET: Final = b"PAR1"


def look(patient: Patient) -> Iterator[Finding]:
    """Objects cut short, and units without rows."""
    warehouse = patient.warehouse
    paths = [path for table in TABLES for path in sorted(warehouse.folder_path(table).glob("[!.]*.parquet"))]
    short = [path for path in paths if path.stat().st_size and not _is_whole(path)]
    if short:
        yield Finding(
            "objects",
            False,
            f"damaged: {_listed(short)}, not whole Parquet files. Bring them back from a copy, or let `alpha doctor "
            "--mend` set them aside: the next run makes anew what it makes, and asks the source for bars",
            lambda: "; ".join(set_aside(warehouse.root, path, patient.settings.now()) for path in short),
        )
        return
    empty = [warehouse.key(table, unit) for table, unit in empty_units(warehouse, TABLES)]
    if not empty:
        yield Finding("units", True, "sound")
        return
    yield Finding(
        "units",
        False,
        f"without rows: {', '.join(empty)}; `alpha doctor --mend` removes them",
        lambda: "; ".join(remove_empty(warehouse, TABLES)),
    )


def artifacts(patient: Patient) -> Iterator[Finding]:
    """Cards without weights, weights without a card, and cards that cannot be read."""
    warehouse = patient.warehouse
    bad: list[Path] = []
    n_cards = 0
    for card in sorted(warehouse.objects.path("models").glob("*/*/*.json")):
        n_cards += 1
        weights = card.with_suffix(".safetensors")
        if not (weights.is_file() and weights.stat().st_size and _is_json(card)):
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
