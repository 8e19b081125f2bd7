"""What a step that failed says to a person: one line; of a defect of ours the traceback as well."""

import sys
from typing import Final, NamedTuple

import dagster as dg

from alpha_pipeline import failures
from alpha_pipeline.errors import AlphaError

_NO_WORDS: Final = "failed"


class Said(NamedTuple):
    """What a failed step said.

    Attributes:
        words: one line.
        trace: the traceback of a defect; empty where the words say all that a person needs.
    """

    words: str
    trace: str = ""


def said(event: dg.DagsterEvent) -> Said:
    """The words given, or those of the innermost error that is known to be none of ours, or those of a defect."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return Said(str(data.user_failure_data.description))
    error, innermost = data.error, None
    told = None
    while error is not None:
        innermost, message = error, str(error.message).strip()
        place = message.partition(":")[0].strip()
        module, _, name = place.rpartition(".")
        # Python says the class by its whole name before the words.
        words = message.removeprefix(place).removeprefix(":").strip()
        if _is_ours(module, name):
            return Said(words)
        told = failures.told(error.cls_name or name, words, module) or told
        error = error.cause or error.context
    if told is not None:
        return Said(told)
    if innermost is None:
        return Said(_NO_WORDS)
    return Said(" ".join(str(innermost.message).split()) or _NO_WORDS, innermost.to_string())


def _is_ours(module: str, name: str) -> bool:
    """Whether a class is of the errors that are meant for a person."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and issubclass(found, AlphaError)
