"""What of a warehouse is not what was stored, and what mends it.

Whatever is made from something that is still held is set aside and made anew. What cannot be made again is left where
it lies until a person says so (`alpha doctor --mend`), and nothing of it is thrown away then either.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from alpha_pipeline.errors import DamageError
from alpha_pipeline.steps.luck import ALL_TRIALS
from alpha_pipeline.steps.proof import FOLLOWER
from alpha_pipeline.steps.taking_over import take_over
from alpha_pipeline.steps.training import stem_of
from alpha_pipeline.training.artifact import ArtifactError, read_artifact
from alpha_pipeline.warehouse.aside import FOLDER, set_aside
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.strangers import strays
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import proof, signals

MODELS: Final = "models"
# A unit is looked at to tell whether it and these are current: where one is lost, the other has to go too.
_SIGNALS: Final = (
    signals.MAG7_BALLOTS,
    signals.MAG7_VOTE,
    signals.SECTOR_RANKS,
    signals.SECTOR_ROTATION,
    signals.VIX_REGIME,
)
_TOLD_BY: Final[Mapping[str, str]] = {proof.LEAD_LAG.name: FOLLOWER, proof.LUCK.name: ALL_TRIALS}


@dataclass(frozen=True)
class Damage:
    """Something in a warehouse that is not what was stored.

    Attributes:
        path: where it lies, or should.
        said: what is wrong, and what mends it.
        table: of which table; None for a model.
        unit: of the table.
    """

    path: Path
    said: str
    table: Table | None = None
    unit: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether a person has to bring it back: it cannot be made again, at least not all of it."""
        return self.table is not None and bool(self.table.lost)


def damages(warehouse: Warehouse, tables: Sequence[Table]) -> list[Damage]:
    """Every object and model that is not what was stored; all of them are read."""
    found = [
        Damage(warehouse.objects.path(warehouse.key(table, unit)), why, table, unit)
        for table in tables
        for unit in warehouse.units(table)
        if (why := warehouse.fault(table, unit)) is not None
    ]
    return [*found, *_models(warehouse)]


def make_sound(warehouse: Warehouse, tables: Sequence[Table], now: dt.datetime) -> list[str]:
    """Bring the objects of earlier versions under seal, and mend what mends itself; says what was done."""
    prepared = [*take_over(warehouse, tables), *put_back(warehouse, tables)]
    found = damages(warehouse, tables)
    others = [f"{path} is no object, and is not read: move it elsewhere." for path in strays(warehouse, tables)]
    return [*prepared, *others, *(damage.said if damage.is_lost else mend(warehouse, damage, now) for damage in found)]


def mend(warehouse: Warehouse, damage: Damage, now: dt.datetime) -> str:
    """Set something damaged aside, so that the next run makes it anew as far as that can be; says so."""
    paths = [damage.path]
    if damage.table is None:
        paths = [path for suffix in (".json", ".safetensors") if (path := damage.path.with_suffix(suffix)).exists()]
    done = [set_aside(warehouse.root, path, now) for path in paths if path.is_symlink() or path.exists()]
    if damage.table is not None:
        _forget_who_tells(warehouse, damage.table, damage.unit)
    return f"{damage.said} Now {'; '.join(done)}." if done else damage.said


def kept_aside(warehouse: Warehouse, tables: Sequence[Table]) -> list[tuple[Path, Table]]:
    """What was set aside and cannot be made again, with its table: a person may still bring back the sound file."""
    return [
        (path, table)
        for table in tables
        if table.lost
        for path in sorted((warehouse.root / FOLDER).glob(f"*/{warehouse.folder(table)}/*.parquet*"))
    ]


def put_back(warehouse: Warehouse, tables: Sequence[Table]) -> list[str]:
    """Give objects that were renamed, or swapped with others, the names that they were stored under; says so."""
    moved = []
    for table in tables:
        for path, own in warehouse.misnamed(table):
            aside = path.with_name(f".{path.name}.tmp")
            path.rename(aside)
            moved.append((path, aside, own))
    said = []
    for path, aside, own in moved:
        if own.exists():  # a writer was faster, or two claim the name
            aside.rename(path)
            continue
        aside.rename(own)
        said.append(f"{path} was {own.name} under another name: it has its own again.")
    return said


def _forget_who_tells(warehouse: Warehouse, table: Table, unit: str) -> None:
    if table in _SIGNALS:
        warehouse.forget(signals.QQQ_POSITION, unit)
    elif table.name in _TOLD_BY:
        warehouse.forget(table, _TOLD_BY[table.name])


def _models(warehouse: Warehouse) -> Iterator[Damage]:
    for card in sorted(warehouse.objects.path(MODELS).glob("*/*/*.json")):
        said = partial(DamageError, str(card), fix="`alpha run` sets it aside and trains it again.")
        weights = card.with_suffix(".safetensors")
        try:
            artifact = read_artifact(card.read_bytes(), weights.read_bytes())
        except ArtifactError as error:
            yield Damage(card, str(said(error.detail)))
        except OSError as error:
            yield Damage(card, str(said(f"{error.strerror}: {error.filename}")))
        else:
            own = artifact.card
            if card != warehouse.objects.path(f"{stem_of(own.experiment, own.ticker, own.model_id)}.json"):
                whose = f"{own.experiment}/{own.ticker}/{own.model_id}"
                yield Damage(card, str(said(f"it is {whose} under another name")))
