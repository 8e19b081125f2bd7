"""The small JSON objects in which a warehouse says something of itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alpha_pipeline.errors import AlphaError

T = TypeVar("T")


class StateError(AlphaError):
    """A state object cannot be read. Nothing was written."""

    def __init__(self, path: Path, detail: str, fix: str) -> None:
        super().__init__(f"{path} cannot be read: {detail}. {fix}")


def read_state(data: bytes, path: Path, read: Callable[[object], T], fix: str) -> T:
    """What a state object says.

    Args:
        data: its bytes.
        path: where it lies.
        read: makes a value of the JSON; a `KeyError`, `TypeError` or `ValueError` of it is damage too.
        fix: what helps, a sentence.

    Raises:
        StateError: it is no JSON, or not of that form.
    """
    try:
        return read(json.loads(data))
    except RecursionError:
        raise StateError(path, "it is nested too deep", fix) from None
    except UnicodeDecodeError:
        raise StateError(path, "it is no text", fix) from None
    except json.JSONDecodeError as error:
        raise StateError(path, f"{error.msg} at line {error.lineno}" if data.strip() else "it is empty", fix) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StateError(path, "it does not hold what belongs there", fix) from None
