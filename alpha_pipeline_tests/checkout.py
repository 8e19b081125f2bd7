"""A clean copy of this checkout, and commands as a person types them there with the environment activated."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import alpha_pipeline
from alpha_pipeline_tests.defs.served import bare_environment

ROOT: Final = Path(alpha_pipeline.__file__).parents[1]
SCRIPTS: Final = Path(sys.executable).parent
PATIENCE: Final = 600.0  # seconds


def make_checkout(folder: Path) -> Path:
    """A repository of its own with every file of this one that git knows or would take."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "copy")
    return folder


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def environment(checkout: Path, **settings: object) -> dict[str, str]:
    """The environment of a person who has activated `.venv`, whose Python finds the package in a checkout."""
    return (
        bare_environment()
        | {
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(checkout),
            "HOME": str(checkout.parent),  # dg writes there
            "COLUMNS": "200",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        | {name: str(value) for name, value in settings.items()}
    )


def typed(checkout: Path, *words: str, **settings: object) -> "subprocess.CompletedProcess[str]":
    """A command that has ended, typed at the top of a checkout."""
    return subprocess.run(
        words,
        cwd=checkout,
        env=environment(checkout, **settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )
