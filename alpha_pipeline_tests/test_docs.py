"""The documents are true where a program can tell: commands, settings, make targets, links, words of the tables."""

import inspect
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

import alpha_pipeline
from alpha_pipeline import settings
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.cli.app import app
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.settings import Settings
from alpha_pipeline.warehouse import views

ROOT = Path(alpha_pipeline.__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTEXT.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Read by the tests alone, so no setting of the package.
OF_THE_TESTS = {"ALPHA_REAL_BARS"}
SETTINGS = set(
    Settings(
        source_path=Path("bars"), seeds=1, yahoo_base_url="u", cboe_vix="off", alerts=("json://host",), ui_hosts=("h",)
    ).environment()
) | {"ALPHA_NOW", "ALPHA_SINCE", "ALPHA_THROUGH"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def _commands(group: TyperGroup, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for name, command in group.commands.items():
        names = (*before, name)
        found |= _commands(command, names) if isinstance(command, TyperGroup) else {names: command}
    return found


def _root() -> TyperGroup:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return root


# `alpha` itself has options too.
COMMANDS = {(): _root(), **_commands(_root())}


def _uses(document: Path) -> list[tuple[str, tuple[str, ...], list[str]]]:
    """(text, command, options) of every use of `alpha`, in code spans and at the start of a line of a code block."""
    text = document.read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    found = []
    for use in [*re.findall(r"`(alpha [^`]*)`", prose), *(line for line in lines if line.startswith("alpha "))]:
        words = re.sub(r"\"[^\"]*\"?|#.*", "", use.replace('\\"', "")).split()[1:]
        if words[0].isupper() or words[0] == "--help":
            continue
        names = () if words[0].startswith("--") else tuple(words[: 2 if words[0] == "tickers" else 1])
        options = [word for word in words if word.startswith("--") and word != "--help"]
        found.append((use, names, options))
    return found


@each_document
def test_every_command_and_option_exists(document: Path) -> None:
    wrong = []
    for use, names, options in _uses(document):
        command = COMMANDS.get(names)
        known = [option for parameter in command.params for option in parameter.opts] if command else []
        if command is None or set(options) - set(known):
            wrong.append(use)
    assert wrong == []


def test_every_command_is_in_the_readme() -> None:
    named = {names for use, names, _ in _uses(README)}
    assert set(COMMANDS) - named == set()


def test_every_experiment_is_in_the_readme() -> None:
    section = README.read_text().split("## Experiments")[1].split("## ")[0]
    assert set(re.findall(r"`([a-z]\w+)`", section)) == set(load_experiments())


def test_the_settings_known_here_are_those_the_package_reads() -> None:
    assert set(re.findall(r"ALPHA_[A-Z_]*[A-Z]", inspect.getsource(settings))) == SETTINGS
    assert len(SETTINGS) == len(fields(Settings))


@each_document
def test_every_setting_named_exists(document: Path) -> None:
    named = set(re.findall(r"ALPHA_[A-Z_]*[A-Z]", document.read_text()))
    assert named - SETTINGS - OF_THE_TESTS == set()


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(ALPHA_\w+)` \|[^|]*\| ([^|]*) \|", README.read_text(), flags=re.MULTILINE))
    assert set(rows) == SETTINGS
    defaults = Settings().environment()
    for name, shown in rows.items():
        value = defaults.get(name)
        if name == "ALPHA_WAREHOUSE":
            value = os.path.relpath(str(value))
        assert shown == (f"`{value}`" if value is not None else "unset"), name


@each_document
def test_every_link_to_a_file_resolves(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []


def test_every_picture_is_shown() -> None:
    held = {path.name for path in (ROOT / "docs" / "pictures").iterdir()}
    assert held == set(re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", (ROOT / "docs" / "guide.md").read_text()))


@each_document
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    text = document.read_text()
    named = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, flags=re.MULTILINE))
    assert named - targets == set()


@each_document
def test_every_table_and_path_named_exists(document: Path) -> None:
    text = document.read_text()
    schemas = "raw|features|targets|forecasts|signals|portfolio|evaluation"
    tables = set(re.findall(rf"(?:`|from )((?:{schemas})\.[a-z_0-9]+)", text)) - {"features.py"}
    macros = set(re.findall(r"CREATE OR REPLACE MACRO (\S+)\(", inspect.getsource(views)))
    assert tables - macros - {table.name for table in TABLES} == set()
    paths = re.findall(r"`((?:alpha_pipeline|alpha_pipeline_tests|docs|defs|signals|steps)/[\w./]*)`", text)
    missing = [path for path in paths if not any((base / path).exists() for base in (ROOT, ROOT / "alpha_pipeline"))]
    assert missing == []


def test_decisions_are_numbered_and_built_alike() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]}. "), path.name
        headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path.name
