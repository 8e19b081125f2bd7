"""The wheel, installed into an empty environment, works in an empty folder: nothing of it needs a checkout."""

import os
import signal
import site
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from alpha_pipeline.models.spec import PACKAGED
from alpha_pipeline_tests.checkout import PATIENCE, ROOT, make_checkout
from alpha_pipeline_tests.defs.served import assert_all_gone, bare_environment, serving

pytestmark = pytest.mark.slow

# One hour after the close of a Friday: a market of a few years, and a year of signals, are soon made.
NOW: Final = "2016-11-25T19:00:00+00:00"
IMPORT_ALL: Final = """
import importlib, pkgutil, sys
import alpha_pipeline
for module in pkgutil.walk_packages(alpha_pipeline.__path__, "alpha_pipeline."):
    importlib.import_module(module.name)
own = {name: module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "alpha_pipeline"}
print(len(own), *sorted({path[: path.index("alpha_pipeline")] for path in own.values()}), sep="\\n")
"""


@dataclass(frozen=True)
class Installed:
    """The wheel and the environment that it is installed in.

    Attributes:
        wheel: the file.
        scripts: the environment's folder of commands.
        folder: where they are called.
    """

    wheel: Path
    scripts: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return bare_environment() | {"ALPHA_NOW": NOW, "HOME": str(self.folder.parent), "COLUMNS": "200"}

    def call(self, command: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.scripts / command), *words],
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
        )


def python(*words: object) -> None:
    subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built from a copy, and installed beside what this environment holds except the package."""
    root = tmp_path_factory.mktemp("wheel")
    pip = ("-m", "pip", "--disable-pip-version-check")
    source = make_checkout(root / "source")
    python(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", root, source)
    [wheel] = root.glob("*.whl")
    python("-m", "venv", "--without-pip", root / "env")
    scripts = root / "env" / "bin"
    python(*pip, "--python", scripts / "python", "install", "--no-deps", "--no-index", wheel)
    [packages] = root.glob("env/lib/python*/site-packages")
    # Read as folders alone: an editable install in them stays unknown.
    (packages / "beside.pth").write_text("\n".join(site.getsitepackages()))
    (root / "empty").mkdir()
    return Installed(wheel, scripts, root / "empty")


def test_the_wheel_carries_what_it_reads_and_no_tests(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    data = {f"alpha_pipeline/experiments/{path.name}" for path in PACKAGED.glob("*.json")}
    data |= {"alpha_pipeline/defs/dagster.yaml", "alpha_pipeline/defs/workspace.yaml", "alpha_pipeline/py.typed"}
    assert names >= data
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"alpha_pipeline"}


def test_every_module_comes_from_the_wheel(installed: Installed) -> None:
    ended = installed.call("python", "-c", IMPORT_ALL)
    assert ended.returncode == 0, ended.stderr[-3000:]
    count, *places = ended.stdout.splitlines()
    assert places == [f"{next(installed.scripts.parent.glob('lib/python*/site-packages'))}/"]
    assert int(count) == len(list((ROOT / "alpha_pipeline").rglob("*.py")))
    assert list(installed.folder.iterdir()) == []


def test_it_runs_shows_and_serves_in_an_empty_folder(installed: Installed, tmp_path: Path) -> None:
    run = installed.call("alpha", "run", "--source", "simulated", "--experiments", "expanding_mean")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "SIMULATED" in run.stdout
    today = installed.call("alpha", "today")
    assert today.returncode == 0, today.stderr[-3000:]
    assert "2016-11-25" in today.stdout
    log = tmp_path / "ui.log"
    with serving([str(installed.scripts / "alpha"), "ui"], installed.environment, log, installed.folder) as served:
        assert {run["jobName"] for run in served.runs()} >= {"refresh_bars", "daily_signals", "results"}
        os.killpg(served.session, signal.SIGINT)
        assert_all_gone(served.session)
    assert [path.name for path in installed.folder.iterdir()] == ["warehouse"]
