"""Files of a warehouse that are damaged: no number changes without a word, and mending leads back to what was held."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.doctor import objects as doctor
from alpha_pipeline.doctor.finding import Patient
from alpha_pipeline.errors import AlphaError
from alpha_pipeline.reports.signal_card import SignalCard
from alpha_pipeline.steps.card import signal_card
from alpha_pipeline.training.artifact import ArtifactError, read_artifact
from alpha_pipeline.warehouse.aside import FOLDER
from alpha_pipeline.warehouse.sql import query
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline_tests.chaos_world import PLAIN, Reference, chaos_world, equals, finish, reference_of
from alpha_pipeline_tests.defs.world import World

pytestmark = pytest.mark.slow
N_DAMAGES: Final = 210
# A run takes half a minute: what these leave is mended and run to the end, the rest is mended alone.
N_RUN: Final = 24
_KINDS: Final = ("tables", "models")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return chaos_world(tmp_path_factory.mktemp("damage") / "world")


@pytest.fixture(scope="module")
def reference(world: World, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return reference_of(world, PLAIN, tmp_path_factory)


def truncate(path: Path, dice: random.Random, _: list[Path]) -> None:
    path.write_bytes(path.read_bytes()[: dice.randrange(1, path.stat().st_size)])


def flip(path: Path, dice: random.Random, _: list[Path]) -> None:
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def empty(path: Path, _: random.Random, __: list[Path]) -> None:
    path.write_bytes(b"")


def swap(path: Path, dice: random.Random, others: list[Path]) -> None:
    beside = [one for one in others if one != path and one.parent == path.parent]
    other = dice.choice(beside if beside and dice.random() < 0.5 else [one for one in others if one != path])
    ours, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(ours)


def rename(path: Path, dice: random.Random, _: list[Path]) -> None:
    path.rename(path.with_name(dice.choice([f"{path.name}.bak", f"{path.stem} (1){path.suffix}", f"x{path.name}"])))


def block(path: Path, dice: random.Random, _: list[Path]) -> None:
    """Make a file one that nobody can read: an administrator may read whatever the permissions say."""
    path.unlink()
    if dice.random() < 0.5:
        path.mkdir()
    else:
        path.symlink_to("nowhere")


DAMAGES: Final[tuple[Callable[[Path, random.Random, list[Path]], None], ...]] = (
    truncate,
    flip,
    empty,
    swap,
    rename,
    block,
)


def files(root: Path) -> list[Path]:
    """The objects and models of a warehouse, and its mark."""
    found = [path for kind in _KINDS for path in sorted((root / kind).rglob("*")) if path.is_file()]
    return [*found, root / ".sealed"]


def restore(warehouse: Warehouse, reference: Reference) -> None:
    """Make the objects and models those of the reference again; hard links, which no damage writes through."""
    for kind in (*_KINDS, FOLDER):
        shutil.rmtree(warehouse.root / kind, ignore_errors=True)
    for kind in _KINDS:
        shutil.copytree(reference.warehouse.root / kind, warehouse.root / kind)
    for name in ("market.json", ".sealed"):
        path = warehouse.root / name
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        shutil.copyfile(reference.warehouse.root / name, path)


@dataclass(frozen=True)
class Held:
    """What the undamaged warehouse says, read once."""

    reference: Reference

    @cached_property
    def rows(self) -> dict[str, pl.DataFrame]:
        return {table.name: self.reference.warehouse.read(table) for table in TABLES}

    @cached_property
    def card(self) -> SignalCard:
        return signal_card(self.reference.warehouse)


def touched(warehouse: Warehouse, reference: Reference) -> list[Table]:
    """The tables whose folders are not as they were: what lies in the others is read by other tests."""

    def content(one: Warehouse, table: Table) -> list[tuple[str, object]]:
        found = sorted(one.folder_path(table).iterdir()) if one.folder_path(table).is_dir() else []
        return [(path.name, path.read_bytes() if path.is_file() else None) for path in found]

    return [table for table in TABLES if content(warehouse, table) != content(reference.warehouse, table)]


def numbers_are_as_held_or_named(warehouse: Warehouse, held: Held, tables: list[Table]) -> None:
    """A read and a query of each table, and the card of today: the same as held, or refused in words."""
    for table in tables:
        with suppress(AlphaError):
            assert warehouse.read(table).equals(held.rows[table.name]), f"{table.name} changed without a word"
        with suppress(AlphaError):
            n = query(warehouse, [table], f"select count(*) from {table.name}").item()
            assert n == held.rows[table.name].height, f"{table.name} by SQL changed without a word"
    with suppress(AlphaError):
        assert signal_card(warehouse) == held.card


def models_are_as_held_or_named(warehouse: Warehouse, reference: Reference) -> None:
    for card in sorted((warehouse.root / "models").rglob("*.json")):
        weights = card.with_suffix(".safetensors")
        held = reference.warehouse.root / card.relative_to(warehouse.root)
        try:
            artifact = read_artifact(card.read_bytes(), weights.read_bytes())
        except (ArtifactError, OSError):
            continue
        if artifact.card.model_id == card.stem:
            same = read_artifact(held.read_bytes(), held.with_suffix(".safetensors").read_bytes())
            assert artifact == same


def mend(world: World) -> list[str]:
    """What `alpha doctor --deep --mend` does about objects and models."""
    patient = Patient(world.settings, world.warehouse, is_deep=True)
    found = [finding for look in (doctor.look, doctor.artifacts) for finding in look(patient)]
    return [finding.mend() for finding in found if finding.mend is not None]


def what_is_left_is_sound(world: World, held: Held, tables: list[Table]) -> None:
    """After mending each unit is as it was, or is not there: the next run makes it or says who has to bring it."""
    patient = Patient(world.settings, world.warehouse, is_deep=True)
    bad = [finding for look in (doctor.look, doctor.artifacts) for finding in look(patient) if not finding.is_ok]
    assert bad == []
    for table in tables:
        for unit in world.warehouse.units(table):
            rows = world.warehouse.read(table, [unit])
            owner = pl.col("session").dt.year().cast(pl.String) if table.unit == "year" else pl.col(table.unit)
            assert rows.equals(held.rows[table.name].filter(owner == unit))


@pytest.mark.minutes(2)
def test_no_damage_changes_a_number_without_a_word_and_all_of_it_is_mended(world: World, reference: Reference) -> None:
    dice = random.Random(20260116)
    warehouse, held = world.warehouse, Held(reference)
    for number in range(N_DAMAGES):
        restore(warehouse, reference)
        there = files(warehouse.root)
        path = there[number % len(there)] if number < len(there) else dice.choice(there)
        damage = DAMAGES[number % len(DAMAGES)]
        damage(path, dice, there)
        where = f"{damage.__name__} {path.relative_to(warehouse.root)}"
        try:
            tables = touched(warehouse, reference)
            numbers_are_as_held_or_named(warehouse, held, tables)
            models_are_as_held_or_named(warehouse, reference)
            mend(world)
            what_is_left_is_sound(world, held, tables)
        except Exception as error:
            error.add_note(where)
            raise


def _several(dice: random.Random, there: list[Path]) -> Iterator[tuple[Callable[..., None], Path]]:
    for number, path in enumerate(dice.sample(there, N_RUN)):
        yield DAMAGES[number % len(DAMAGES)], path


@pytest.mark.minutes(2)
def test_a_run_after_mending_leads_back_to_the_figures_of_an_undamaged_warehouse(
    world: World, reference: Reference
) -> None:
    dice = random.Random(7)
    restore(world.warehouse, reference)
    there = files(world.warehouse.root)
    for damage, path in _several(dice, there):
        if path.is_file() and not path.is_symlink():
            damage(path, dice, [one for one in there if one.is_file()])
    mend(world)
    finish(world, PLAIN)
    equals(world.warehouse, reference)
    assert list((world.warehouse.root / FOLDER).iterdir())
