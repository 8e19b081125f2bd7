"""`make` on any machine: it finds a Python, mends an environment that came apart, and keeps one that is sound.

Most of it runs on interpreters that only say that they are Pythons; the last tests make real environments.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import alpha_pipeline

ROOT = Path(alpha_pipeline.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST, BEYOND = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
NEWEST = f"3.{BEYOND - 1}"
RANGE = f"Python 3.{OLDEST} to {NEWEST}"
TOOLS = ("cat", "cksum", "cp", "dirname", "grep", "head", "ls", "mkdir", "rm", "sed", "sh", "sleep", "tail", "touch")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")

# Answers what environment.sh asks of an interpreter. Its environments hold a copy of it.
FAKE = """#!/bin/sh
case "$1 $2" in
    "-c "*ensurepip*) exit {lacks_venv} ;;
    "-c "*) echo {version} ;;
    "-m venv")
        rm -rf "$4"
        mkdir -p "$4/bin" "$4/lib/python{version}/site-packages"
        touch "$4/pyvenv.cfg" "$4/bin/activate" "$4/has_pip"
        cp "$0" "$4/bin/python" ;;
    "-m ensurepip") touch "$(dirname "$0")/../has_pip" ;;
    "-m pip")
        [ -f "$(dirname "$0")/../has_pip" ] || exit 1
        [ "$3" = --version ] || echo "{version} $*" >>installed.txt
        [ "$3" = --version ] || [ ! -f linger ] || sleep 1
        [ "$3" = --version ] || [ ! -f refuse ] ;;
esac
"""

# A build backend without requirements: the real pip installs with it in a second, and asks no index.
BACKEND = """
import zipfile
from pathlib import Path

METADATA = "Metadata-Version: 2.1\\nName: probe\\nVersion: 1\\nProvides-Extra: dev\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: probe\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "probe-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("probe.pth", f"{Path.cwd()}\\n")
        wheel.writestr("probe-1.dist-info/METADATA", METADATA)
        wheel.writestr("probe-1.dist-info/WHEEL", WHEEL)
        wheel.writestr("probe-1.dist-info/RECORD", "")
    return name
"""


@dataclass
class Checkout:
    """A folder with the Makefile, and a PATH with the system's own tools and with nothing that is a Python."""

    root: Path
    tools: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def make(self, *arguments: str, path: str | None = None) -> str:
        """What `make` says while it sees to the environment; it must succeed."""
        done = self._make(*arguments, path=path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def fails(self, *arguments: str) -> str:
        """The one line that says why `make` cannot."""
        done = self._make(*arguments)
        assert done.returncode != 0
        [why] = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        return why

    def _make(self, *arguments: str, path: str | None = None) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": path or str(self.tools), "HOME": str(self.root)}
        command = [str(shutil.which("make")), *(arguments or [".venv/.installed"])]
        if arguments and not any(word.endswith(".installed") for word in arguments):
            command.append(".venv/.installed")
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)

    def python(self, name: str, version: str, *, lacks_venv: bool = False) -> Path:
        """Put an interpreter on the PATH."""
        path = self.tools / name
        path.write_text(FAKE.format(version=version, lacks_venv=int(lacks_venv)))
        path.chmod(0o755)
        return path

    def calls(self) -> list[str]:
        """What pip was called with to install something."""
        log = self.root / "installed.txt"
        return log.read_text().splitlines() if log.exists() else []

    def installations(self) -> int:
        return sum("requirements.lock" in call for call in self.calls())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, tools = tmp_path / "a checkout", tmp_path / "tools"
    root.mkdir()
    tools.mkdir()
    for name in ("Makefile", "environment.sh", "pyproject.toml", "constraints.txt", "requirements.lock"):
        shutil.copy(ROOT / name, root)
    for tool in TOOLS:
        (tools / tool).symlink_to(str(shutil.which(tool)))
    return Checkout(root, tools)


@pytest.fixture
def made(checkout: Checkout) -> Checkout:
    """An environment of Python 3.12, complete."""
    checkout.python("python3", "3.12")
    checkout.make()
    (checkout.venv / "the users own torch").touch()
    return checkout


def is_kept(checkout: Checkout) -> bool:
    return (checkout.venv / "the users own torch").exists()


def test_the_readme_names_the_versions_that_are_declared() -> None:
    readme = (ROOT / "README.md").read_text()
    assert f"{RANGE} and `make`" in readme
    assert f"`python{NEWEST}` to `python3.{OLDEST}`" in readme


def test_a_fresh_checkout_gets_an_environment_and_the_packages(checkout: Checkout) -> None:
    checkout.python("python3", "3.12")
    assert checkout.make() == ".venv is not there yet: made with Python 3.12 (python3)"
    assert checkout.installations() == 1


def test_all_but_torch_is_installed_by_its_hash_and_built_by_nothing_newer(made: Checkout) -> None:
    locked, rest = made.calls()
    assert {"--require-hashes", "--no-deps", "--only-binary"} < set(locked.split())
    assert "--no-build-isolation" in rest
    assert "-c constraints.txt -e .[dev]" in rest


def test_a_long_installation_says_that_it_goes_on(checkout: Checkout) -> None:
    """Into a pipe too; what tells the time ends with what it is told of."""
    script = checkout.root / "environment.sh"
    assert "sleep 15" in script.read_text()
    script.write_text(script.read_text().replace("sleep 15", "sleep 0.4"))
    checkout.python("python3", "3.12")
    (checkout.root / "linger").touch()
    begin = time.monotonic()
    told = checkout.make().splitlines()
    assert told[1:3] == [".venv: installing, 15 s", ".venv: installing, 30 s"]
    assert time.monotonic() - begin < 10


def test_a_second_call_does_nothing(made: Checkout) -> None:
    assert made.make() == ""
    assert made.installations() == 1


@pytest.mark.parametrize("changed", ["constraints.txt", "pyproject.toml", "requirements.lock"])
def test_other_requirements_are_installed_into_the_same_environment(made: Checkout, changed: str) -> None:
    with (made.root / changed).open("a") as file:
        file.write("# another pin\n")
    assert made.make() == ""
    assert made.installations() == 2
    assert is_kept(made)


def lose_interpreter(made: Checkout) -> None:
    (made.venv / "bin/python").unlink()


def dangle(made: Checkout) -> None:
    lose_interpreter(made)
    (made.venv / "bin/python").symlink_to("/nowhere/python3.12")


def break_interpreter(made: Checkout) -> None:
    (made.venv / "bin/python").write_text("#!/bin/sh\nexit 127\n")


def leave_unfinished(made: Checkout) -> None:
    (made.venv / "bin/activate").unlink()


def leave_nothing_but_a_folder(made: Checkout) -> None:
    shutil.rmtree(made.venv)
    made.venv.mkdir()
    (made.venv / ".installed").touch()


def grow_old(made: Checkout) -> None:
    (made.venv / "bin/python").write_text(FAKE.format(version="3.10", lacks_venv=0))


def be_of_a_kind_without_wheels(made: Checkout) -> None:
    (made.venv / "bin/python").write_text(FAKE.format(version="3.13t", lacks_venv=0))


def be_upgraded_below(made: Checkout) -> None:
    """The system's python3 is another version now, and the packages are in the folder of the one before."""
    (made.venv / "bin/python").write_text(FAKE.format(version="3.13", lacks_venv=0))


def move(made: Checkout) -> None:
    made.root = made.root.rename(made.root.with_name("elsewhere"))


COME_APART = {
    lose_interpreter: "has lost its Python",
    dangle: "has lost its Python",
    break_interpreter: "has a Python that does not run",
    leave_unfinished: "is not finished",
    leave_nothing_but_a_folder: "is not finished",
    grow_old: f"is of Python 3.10, and {RANGE} is needed",
    be_of_a_kind_without_wheels: f"is of Python 3.13t, and {RANGE} is needed",
    be_upgraded_below: "was made by another Python than 3.13",
    move: "was made elsewhere",
}


@pytest.mark.parametrize("come_apart", COME_APART, ids=lambda fault: fault.__name__)
def test_an_environment_that_came_apart_is_made_anew(made: Checkout, come_apart: Callable[[Checkout], None]) -> None:
    come_apart(made)
    assert made.make() == f".venv {COME_APART[come_apart]}: made with Python 3.12 (python3)"
    assert made.installations() == 2
    assert not is_kept(made)
    assert made.make() == ""


def test_a_sound_environment_without_our_packages_keeps_what_is_in_it(made: Checkout) -> None:
    """A torch that was installed first is the one that is used."""
    (made.venv / ".installed").unlink()
    assert made.make() == ""
    assert made.installations() == 2
    assert is_kept(made)


def test_a_missing_pip_is_added(made: Checkout) -> None:
    (made.venv / ".installed").unlink()
    (made.venv / "has_pip").unlink()
    assert made.make() == ".venv had no pip: added"
    assert is_kept(made)


def test_an_interrupted_installation_goes_on(made: Checkout) -> None:
    """What was killed between a package's files and its record only seems to be installed."""
    packages = made.venv / "lib/python3.12/site-packages"
    for name in ("torch-2.dist-info", "numpy-2.dist-info", "~orch"):
        (packages / name).mkdir()
    (packages / "numpy-2.dist-info/RECORD").touch()
    (made.root / "refuse").touch()
    (made.root / "constraints.txt").write_text("torch==3\n")
    why = made.fails()
    assert why == "Not everything could be installed in .venv, pip says why: make again goes on from there."
    assert [path.name for path in packages.iterdir()] == ["numpy-2.dist-info"]
    (made.root / "refuse").unlink()
    assert made.make() == ""
    assert made.installations() == 3
    assert is_kept(made)


def test_without_a_wish_a_sound_environment_stays_whatever_python3_is(made: Checkout) -> None:
    made.python("python3", "3.13")
    assert made.make() == ""
    assert is_kept(made)


def test_another_version_that_is_asked_for_makes_another_environment(made: Checkout) -> None:
    newer = made.python("python3.13", "3.13")
    told = made.make("PYTHON=python3.13")
    assert told == ".venv is of Python 3.12, and 3.13 was asked for: made with Python 3.13 (python3.13)"
    assert made.make(f"PYTHON={newer}") == ""
    assert made.make() == ""


def test_the_version_that_is_there_already_is_no_change(made: Checkout) -> None:
    made.python("python3.12", "3.12")
    assert made.make("PYTHON=python3.12") == ""
    assert is_kept(made)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("python3.9", f"PYTHON=python3.9 is Python 3.9: {RANGE} is needed."),
        ("python4", f"PYTHON=python4 does not run: name one of {RANGE} that does."),
    ],
)
def test_a_wish_that_cannot_be_met_costs_nothing(made: Checkout, asked: str, why: str) -> None:
    made.python("python3.9", "3.9")
    assert made.fails(f"PYTHON={asked}") == why
    assert is_kept(made)
    assert made.make() == ""


def test_a_python3_that_is_too_old_gives_way_to_the_newest_that_will_do(checkout: Checkout) -> None:
    for name, version in {"python3": "3.9", "python3.11": "3.11", "python3.12": "3.12", "python3.15": "3.15"}.items():
        checkout.python(name, version)
    assert checkout.make() == ".venv is not there yet: made with Python 3.12 (python3.12)"


def test_no_python_is_one_line_with_the_way_out(checkout: Checkout) -> None:
    way_out = f"install one, or name it: make PYTHON=/path/to/python{NEWEST}"
    assert checkout.fails() == f"No {RANGE} is on the PATH: {way_out}"
    checkout.python("python3", "3.9")
    checkout.python("python", "2.7")
    seen = "(python3 is 3.9, python is 2.7)"
    assert checkout.fails() == f"No {RANGE} is on the PATH {seen}: {way_out}"


def test_a_python_without_the_venv_module_is_one_line_with_the_package(checkout: Checkout) -> None:
    checkout.python("python3", "3.11", lacks_venv=True)
    why = checkout.fails()
    assert why.startswith("python3 is Python 3.11 without the venv module: apt install python3.11-venv")
    assert checkout.fails("PYTHON=python3") == why
    checkout.python("python3.12", "3.12")
    assert checkout.make().endswith("(python3.12)")


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout) -> None:
    checkout.python("python3", "3.12")
    (checkout.root / "work").mkdir()
    (checkout.root / "work/thesis.txt").touch()
    why = checkout.fails("VENV=work", "work/.installed")
    assert why == "VENV=work holds something else than an environment: name another folder."
    assert (checkout.root / "work/thesis.txt").exists()


def test_environments_of_two_names_stand_side_by_side(made: Checkout) -> None:
    made.python("python3.13", "3.13")
    told = made.make("VENV=.venv-3.13", "PYTHON=python3.13", ".venv-3.13/.installed")
    assert told == ".venv-3.13 is not there yet: made with Python 3.13 (python3.13)"
    assert made.make() == ""
    assert is_kept(made)


@pytest.mark.slow
def test_a_real_environment_is_made_mended_and_kept(checkout: Checkout) -> None:
    (checkout.root / "backend.py").write_text(BACKEND)
    (checkout.root / "constraints.txt").write_text("")
    (checkout.root / "requirements.lock").write_text("")
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    wanted = f'requires-python = "{PROJECT["requires-python"]}"'
    project = f'[project]\nname = "probe"\nversion = "1"\n{wanted}\n[project.optional-dependencies]\ndev = []\n'
    (checkout.root / "pyproject.toml").write_text(build + project)
    base = Path(sys.base_prefix) / "bin"
    path = os.pathsep.join([str(base), str(checkout.tools)])
    python = checkout.venv / "bin/python"

    def is_installed() -> bool:
        asked = subprocess.run([python, "-c", "import backend"], cwd="/", capture_output=True, check=False)
        return asked.returncode == 0

    assert ".venv is not there yet" in checkout.make(path=path)
    assert is_installed()
    assert checkout.make(path=path) == ""
    shutil.rmtree(next(checkout.venv.glob("lib/*/site-packages/pip")))
    (checkout.venv / ".installed").unlink()
    assert checkout.make(path=path) == ".venv had no pip: added"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert ".venv has lost its Python" in checkout.make(path=path)
    assert is_installed()
