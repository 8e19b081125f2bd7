"""requirements.lock holds what pyproject.toml asks for, for each supported Python, by hash, and no address."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import alpha_pipeline

ROOT = Path(alpha_pipeline.__file__).parent.parent
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = DECLARED["project"]
ASKED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"], *DECLARED["build-system"]["requires"]]
LOCK = (ROOT / "requirements.lock").read_text()
TORCH = next(line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#"))
STALE = "requirements.lock is behind pyproject.toml: make lock"
OLDEST, BEYOND = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
PLATFORMS = {"linux": ("Linux", "x86_64"), "darwin": ("Darwin", "arm64")}
ENVIRONMENTS = [
    {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
    }
    for minor in range(OLDEST, BEYOND)
    for platform, (system, machine) in PLATFORMS.items()
]


def entries() -> list[tuple[Requirement, list[str]]]:
    """Each locked requirement with its hashes."""
    unwrapped = [line for line in LOCK.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [(Requirement(line.split(" --hash=")[0]), re.findall(r"--hash=(\S+)", line)) for line in unwrapped]


def pins(environment: dict[str, str]) -> dict[str, Version]:
    """The version of each package that this environment gets, torch's too."""
    locked = [entry for entry, _ in entries() if not entry.marker or entry.marker.evaluate(environment)]
    found = [(canonicalize_name(each.name), str(each.specifier)) for each in [*locked, Requirement(TORCH)]]
    assert len(found) == len(dict(found)), "a package is locked twice for one environment"
    return {name: Version(pin.removeprefix("==")) for name, pin in found}


def test_each_entry_is_one_version_with_hashes() -> None:
    for entry, hashes in entries():
        assert re.fullmatch(r"==[^*,]+", str(entry.specifier)), entry
        assert hashes, f"{entry.name} has no hash: make lock"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), entry


def test_the_lock_names_no_index_and_no_file() -> None:
    assert "://" not in LOCK
    assert not re.search(r"(?m)^\s*-(?!-hash=)|file:| @ ", LOCK)


def test_torch_is_pinned_alone_and_its_accelerators_are_its_own() -> None:
    assert re.fullmatch(r"torch==[\d.]+", TORCH)
    names = {canonicalize_name(entry.name) for entry, _ in entries()}
    assert "torch" not in names
    assert not [name for name in names if re.match(r"nvidia|cuda|triton", name)]


@pytest.mark.parametrize(
    "environment", ENVIRONMENTS, ids=lambda each: f"{each['sys_platform']}-{each['python_version']}"
)
def test_the_lock_satisfies_what_is_declared_and_all_that_it_needs(environment: dict[str, str]) -> None:
    locked = pins(environment)
    waiting, seen = [Requirement(each) for each in ASKED], set[tuple[str, str]]()
    left_out = {canonicalize_name(name) for name in DECLARED["tool"]["uv"]["exclude-dependencies"]}
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in left_out:
            continue
        assert name in locked, f"{name} is not locked. {STALE}"
        assert wanted.specifier.contains(locked[name], prereleases=True), f"{wanted}, {locked[name]} is locked. {STALE}"
        for extra in {"", *wanted.extras} - {done for of, done in seen if of == name}:
            seen.add((name, extra))
            waiting += needs(name, extra, environment)


def needs(name: str, extra: str, environment: dict[str, str]) -> list[Requirement]:
    """What an installed package asks for in an environment; nothing of one that is not installed on this machine."""
    try:
        asked = [Requirement(line) for line in requires(name) or []]
    except PackageNotFoundError:
        return []
    return [each for each in asked if not each.marker or each.marker.evaluate({**environment, "extra": extra})]


# The first release without a known advisory; below it no range of ours may reach.
MENDED = {
    "dagster": "1.13.1",  # SQL injection by a partition's key
    "filelock": "3.20.3",  # a link put in place of the lock
    "lightgbm": "4.6.0",  # code run by a remote sender
    "pyarrow": "23.0.1",  # use after free in the IPC reader
    "pydantic": "2.4.0",  # a regular expression without end
    "pytest": "9.0.3",  # a predictable folder in /tmp
    "scikit-learn": "1.5.0",  # words of the training set kept
    "setuptools": "78.1.1",  # a path out of the folder
    "torch": "2.8.0",  # code run by a file of weights
}


@pytest.mark.parametrize("name", MENDED)
def test_no_declared_range_reaches_below_a_known_advisory(name: str) -> None:
    declared = [Requirement(each) for each in ASKED if Requirement(each).name == name]
    assert declared
    for each in declared:
        floor = next(part.version for part in SpecifierSet(str(each.specifier)) if part.operator == ">=")
        assert Version(floor) >= Version(MENDED[name])
