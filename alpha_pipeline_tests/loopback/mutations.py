"""Odd answers: every place of a right answer, with something there that Yahoo would not put there."""

import copy
import json
import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

# None of them could pass for the price, volume, date or ratio that it replaces.
ODD: tuple[Any, ...] = (
    None, True, "", "x", "NaN", "inf", "105.3", "\x1b[31m\u202e", [], [1.0], {}, {"raw": None}, [[None]],
    -1, 0, 10**30, 1e308, -(10**12), math.nan, math.inf,
)  # fmt: skip
Step = str | int
Path = tuple[Step, ...]


def paths(tree: Any, here: Path = ()) -> Iterator[Path]:
    """Every place of a JSON value; of a long list the first, one in the middle and the last."""
    if here:
        yield here
    if isinstance(tree, dict):
        for name, below in tree.items():
            yield from paths(below, (*here, name))
    elif isinstance(tree, list):
        for place in sorted({0, len(tree) // 2, len(tree) - 1} & set(range(len(tree)))):
            yield from paths(tree[place], (*here, place))


def mutants(body: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """(what is odd, what makes the answer) of every mutation of an answer."""
    right = json.loads(body)
    for path in paths(right):
        for odd in ODD:
            yield f"{_shown(path)} = {odd!r}", partial(_changed, right, path, lambda _, odd=odd: odd)
        yield f"{_shown(path)} gone", partial(_without, right, path)
        if isinstance(_at(right, path), list):
            for name, change in (LISTS | ORDERS if path[-1] == "timestamp" else LISTS).items():
                yield f"{_shown(path)} {name}", partial(_changed, right, path, change)
    yield from ((name, partial(change, body)) for name, change in BODIES.items())


LISTS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "shorter": lambda held: held[:-1],
    "longer": lambda held: [*held, *held[-1:]],
    "huge": lambda held: held * 4_000,
}
# Of prices they would be others that may be.
ORDERS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "backwards": lambda held: held[::-1],
    "first twice": lambda held: [*held[:1], *held[:1], *held[2:]],
    "middle twice": lambda held: [*held[: len(held) // 2], held[len(held) // 2 - 1], *held[len(held) // 2 + 1 :]],
}
BODIES: dict[str, Callable[[str], str]] = {
    "half": lambda body: body[: len(body) // 2],
    "empty": lambda _: "",
    "a page": lambda _: "<html><body>\x1b[2JNot here</body></html>",
    "a number": lambda _: "7",
    "a list": lambda body: f"[{body}]",
    "deep": lambda _: "[" * 100_000,
    "twice": lambda body: body + body,
}


def some(body: str, n: int, seed: int = 16) -> list[tuple[str, str]]:
    """The same few mutants each time."""
    return [(what, make()) for what, make in random.Random(seed).sample(list(mutants(body)), n)]


def _at(tree: Any, path: Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _changed(right: Any, path: Path, change: Callable[[Any], Any]) -> str:
    tree = copy.deepcopy(right)
    holder = _at(tree, path[:-1])
    holder[path[-1]] = change(holder[path[-1]])
    return json.dumps(tree)


def _without(right: Any, path: Path) -> str:
    tree = copy.deepcopy(right)
    del _at(tree, path[:-1])[path[-1]]
    return json.dumps(tree)


def _shown(path: Path) -> str:
    return ".".join(map(str, path))
