"""The rules of the house as programs: imports point one way, and each framework has one owner."""

import ast
from collections.abc import Iterator
from pathlib import Path

import alpha_pipeline

PACKAGE = Path(alpha_pipeline.__file__).parent
# A room may import itself and the rooms before it. Modules on one line stand on the same floor.
FLOORS = [
    ["words"],
    ["errors"],
    ["sessions"],
    ["settings"],
    ["universe", "alerts", "digits", "failures", "interruption"],
    ["sources"],
    ["ingestion"],
    ["warehouse"],
    ["features"],
    ["datasets"],
    ["models"],
    ["training"],
    ["forecasting"],
    ["signals"],
    ["portfolio"],
    ["evaluation"],
    ["reports"],
    ["steps"],
    ["catalogue"],
    ["doctor", "defs"],
    ["definitions", "cli"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
OWNERS = {
    "dagster": {"defs", "definitions"},
    "duckdb": {"warehouse"},
    "yfinance": {"sources"},
    "exchange_calendars": {"sessions"},
    "matplotlib": {"reports"},
    "typer": {"cli"},
    "apprise": {"alerts"},
    "arch": {"evaluation"},
    "statsmodels": {"evaluation"},
}


def imports() -> Iterator[tuple[Path, str, str]]:
    """(file, room, imported module) of every import in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((path, room, name) for name in names)


def test_every_room_stands_on_a_floor() -> None:
    rooms = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms - {"__init__"} == set(FLOOR_OF)


def test_imports_point_down() -> None:
    wrong = []
    for path, room, name in imports():
        parts = name.split(".")
        if parts[0] == "alpha_pipeline" and room != "__init__" and parts[1] != room:
            ground = FLOOR_OF[parts[1]] < FLOOR_OF[room]
            if not ground:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_each_framework_has_one_owner() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path, room, name in imports()
        if name.split(".")[0] in OWNERS and room not in OWNERS[name.split(".")[0]]
    ]
    assert not wrong


def test_init_files_are_empty() -> None:
    assert [p for p in PACKAGE.rglob("__init__.py") if p.read_text().strip()] == []


def test_the_clock_is_asked_in_one_place() -> None:
    """Only the settings read the real clock, so that a day can be replayed."""
    readers = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "today", "utcnow"}
        and isinstance(node.value, ast.Attribute | ast.Name)
        and ast.unparse(node.value) in {"dt.datetime", "datetime", "dt.date", "date", "datetime.datetime"}
    ]
    assert readers == ["settings.py"]
