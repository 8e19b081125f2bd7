"""Setting damaged state aside: it leaves its place under a stated name, and nothing of it is lost."""

import datetime as dt
from pathlib import Path
from typing import Final

FOLDER: Final = "set_aside"


def set_aside(root: Path, path: Path, now: dt.datetime) -> str:
    """Move a file or folder of a warehouse to ``set_aside/TIME/`` below its root, under its own name; says so.

    What lies elsewhere keeps its folder, and has the time in its name.

    Args:
        root: of the warehouse.
        path: what is damaged.
        now: names the place.

    Raises:
        OSError: it cannot be moved; it is where it was.
    """
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    is_inside = path.is_relative_to(root)
    target = root / FOLDER / stamp / path.relative_to(root) if is_inside else path.with_name(f"{path.name}.{stamp}")
    while target.exists():
        target = target.with_name(f"{target.name}+")
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    return f"set aside {path} as {target}"
