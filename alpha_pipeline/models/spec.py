"""The experiment: one JSON file, read into one frozen, checked value.

A file may say ``"extends": "<stem>"``: its values are laid over that file's, object by object. A file with
``"is_template": true`` is there to be extended and is no experiment itself.
"""

import json
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from alpha_pipeline import universe
from alpha_pipeline.datasets.inputs import Inputs, RawBarInputs, Target
from alpha_pipeline.errors import ExperimentError, TickerNameError
from alpha_pipeline.models.architectures import (
    Architecture,
    HybridArchitecture,
    MatrixArchitecture,
    TrainingSpec,
    V17Architecture,
)
from alpha_pipeline.models.events import Event

GROUPS: dict[str, tuple[str, ...]] = {
    "MAG7": universe.MAG7,
    "SECTORS": universe.SECTORS,
    "CORE": universe.CORE,
    "QQQ50": universe.QQQ50,
}

PACKAGED = Path(__file__).parent.parent / "experiments"

Json = dict[str, typing.Any]


class Experiment(BaseModel):
    """One experiment file.

    Attributes:
        name: the file's stem.
        description: one sentence, shown in the UI.
        architecture: which model, by its ``kind``.
        inputs: which inputs, by their ``kind``.
        window: sessions in a window.
        target: which horizons.
        event: the large move whose probability is forecast on its own, if any.
        training: how it is fitted.
        tickers: default tickers, groups expanded.
        joins_added: whether tickers that a person adds are trained too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    architecture: Architecture
    inputs: Inputs
    window: int = Field(ge=2, le=512)
    target: Target = Target(horizons=(1, 5))
    event: Event | None = None
    training: TrainingSpec = TrainingSpec()
    tickers: tuple[str, ...] = Field(min_length=1)
    joins_added: bool = True

    @field_validator("tickers", mode="after")
    @classmethod
    def _expand_groups(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        expanded: list[str] = []
        for name in names:
            try:
                expanded.extend(GROUPS[name] if name in GROUPS else (universe.checked(name),))
            except TickerNameError as error:
                raise ValueError(f"{error}; or a group: {', '.join(GROUPS)}") from None
        return tuple(dict.fromkeys(expanded))

    @model_validator(mode="after")
    def _readers_of_bars_get_bars(self) -> typing.Self:
        reads_bars = isinstance(self.architecture, V17Architecture | MatrixArchitecture)
        if reads_bars and not isinstance(self.inputs, RawBarInputs):
            raise ValueError(f'architecture "{self.architecture.kind}" needs inputs {{"kind": "raw_bars"}}')
        return self

    @model_validator(mode="after")
    def _hybrids_have_events(self) -> typing.Self:
        if self.event is not None and not isinstance(self.architecture, HybridArchitecture):
            raise ValueError('"event" needs architecture {"kind": "hybrid"}')
        return self


def load_experiments(folder: Path | None = None) -> dict[str, Experiment]:
    """Every experiment of a folder by name, sorted; the packaged ones when no folder is given.

    A file may extend a packaged one: stems are looked up in the folder first.

    Raises:
        ExperimentError: the first malformed file, naming the file, the key and what is allowed.
    """
    files = {path.stem: path for path in sorted((folder or PACKAGED).glob("*.json"))}
    known = {path.stem: path for path in sorted(PACKAGED.glob("*.json"))} | files
    loaded: dict[str, Experiment] = {}
    for stem in files:
        chain = _chain(stem, known)
        if not chain[0][1].get("is_template", False):
            loaded[stem] = _parse(stem, chain)
    return loaded


def _chain(stem: str, known: Mapping[str, Path]) -> list[tuple[str, Json]]:
    """A file and those it extends, nearest first, as (file name, values)."""
    chain: list[tuple[str, Json]] = []
    seen: list[str] = []
    following: object = stem
    while following is not None:
        if not isinstance(following, str) or following not in known:
            raise ExperimentError(
                chain[-1][0],
                f'"extends" names {following!r}, which is no file here. Use one of {_listed(known)}.',
            )
        if following in seen:
            raise ExperimentError(f"{stem}.json", f'"extends" goes in a circle: {" -> ".join([*seen, following])}.')
        seen.append(following)
        values = _read(known[following])
        chain.append((known[following].name, values))
        following = values.get("extends")
    return chain


def _read(path: Path) -> Json:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ExperimentError(path.name, f"not valid JSON at line {error.lineno}: {error.msg}.") from None
    except UnicodeDecodeError:
        raise ExperimentError(path.name, "not valid JSON: the file is not UTF-8 text.") from None
    if not isinstance(values, dict):
        raise ExperimentError(path.name, f"must hold a JSON object, holds a {type(values).__name__}.")
    return values


def _parse(stem: str, chain: list[tuple[str, Json]]) -> Experiment:
    merged: Json = {}
    for _, values in reversed(chain):
        merged = _laid_over(merged, values)
    for key in ("extends", "is_template", "name"):
        merged.pop(key, None)
    try:
        return Experiment.model_validate_json(json.dumps({"name": stem} | merged))
    except ValidationError as error:
        first = error.errors()[0]
        raise ExperimentError(_culprit(first["loc"], chain), _sentence(first)) from None


def _laid_over(below: Json, above: Json) -> Json:
    """`above` over `below`, object by object; an object of another ``kind`` replaces the one below."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        if (
            isinstance(value, dict)
            and isinstance(held, dict)
            and value.get("kind", held.get("kind")) == held.get("kind")
        ):
            merged[key] = _laid_over(held, value)
        else:
            merged[key] = value
    return merged


def _culprit(loc: tuple[int | str, ...], chain: list[tuple[str, Json]]) -> str:
    """The nearest file that sets the offending key; the experiment's own when a key is missing."""
    for name, values in chain:
        held: object = values
        for key in _path(loc, values):
            held = held.get(str(key), _ABSENT) if isinstance(held, dict) else _ABSENT if isinstance(key, str) else held
        if held is not _ABSENT:
            return name
    return chain[0][0]


_ABSENT = object()


def _path(loc: Iterable[int | str], values: Json) -> list[int | str]:
    """The key path without the union tags that pydantic puts into it."""
    path: list[int | str] = []
    held: object = values
    for part in loc:
        if isinstance(held, dict) and part == held.get("kind") and part not in held:
            continue
        path.append(part)
        held = held.get(part) if isinstance(held, dict) else None
    return path


def _sentence(error: ErrorDetails) -> str:
    """What is wrong and what is allowed, in one line."""
    loc = [part for part in error["loc"] if not _is_tag(part, error["loc"])]
    key = ".".join(str(part) for part in loc) or "the file"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        allowed = _listed(_fields_at(error["loc"][:-1]))
        return f'key "{key}" is not known. Allowed here: {allowed}.'
    if error["type"] == "missing":
        return f'key "{key}" is missing.'
    given = "" if isinstance(error["input"], dict | list) else f" (is {error['input']!r})"
    return f'key "{key}"{given}: {message}.'


def _is_tag(part: int | str, loc: tuple[int | str, ...]) -> bool:
    return part in _tags(Experiment.model_fields[str(loc[0])].annotation) if loc and loc[0] in _UNIONS else False


_UNIONS = ("architecture", "inputs", "event")


def _tags(annotation: object) -> dict[str, type[BaseModel]]:
    """The members of a discriminated union, or of one that may be null, by the value of their ``kind``."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _tags(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {types.UnionType, typing.Union}:
        return {tag: member for part in typing.get_args(annotation) for tag, member in _tags(part).items()}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and "kind" in annotation.model_fields:
        return {typing.get_args(annotation.model_fields["kind"].annotation)[0]: annotation}
    return {}


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the object at a place may have."""
    model: type[BaseModel] = Experiment
    for part in loc:
        if part in model.model_fields:
            annotation = model.model_fields[str(part)].annotation
            tags = _tags(annotation)
            if not tags and isinstance(annotation, type) and issubclass(annotation, BaseModel):
                model = annotation
        else:
            model = next(
                (
                    tagged[str(part)]
                    for name in _UNIONS
                    if str(part) in (tagged := _tags(Experiment.model_fields[name].annotation))
                ),
                model,
            )
    names = list(model.model_fields)
    return ["extends", "is_template", *names[1:]] if model is Experiment else names


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
