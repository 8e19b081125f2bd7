"""What an operating system, SQLite, Parquet or DuckDB raises, in one line: path, cause, fix.

None of it is a defect of ours, and all of it can come from anywhere: the command, a step that Dagster runs and `alpha
doctor` ask here, once each, instead of every place that touches a file. A failure is told by the name of its class and
by its words, because that is all that is left of it once a step has failed. Whatever is not known here is a defect: it
keeps its traceback, so that it can be reported.
"""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from typing import Final

from alpha_pipeline.words import said

LONGEST: Final = 600  # characters of a line; what a library says of a value can be as long as the value

# By error number; what is not here is said in the system's own words alone.
_FIXES: Final[Mapping[int, str]] = {
    errno.ENOSPC: "the disk or its table of files is full: free some room there, or use another --warehouse",
    errno.EDQUOT: "your share of the disk is full: free some room there, or use another --warehouse",
    errno.EFBIG: "a file may not grow so large here: raise the limit (`ulimit -f`), or use another file system",
    errno.EROFS: "mount it writable, or use another --warehouse; `today`, `sql` and `report --out` only read",
    errno.EACCES: "give your user the right to it (chmod, chown), or use another --warehouse",
    errno.EPERM: "give your user the right to it (chmod, chown), or use another --warehouse",
    errno.ENOTDIR: "a file lies where a folder should be: move it away, or use another path",
    errno.EEXIST: "something else lies where a folder should be: move it away, or use another path",
    errno.EISDIR: "a folder lies where a file should be: move it away, or use another path",
    errno.ENOENT: "it is not there: look at the path, or run the command again if something removed it meanwhile",
    errno.ENAMETOOLONG: "use a shorter path",
    errno.ELOOP: "links lead in a circle there: mend them, or use another path",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n`)",
    errno.ENFILE: "the machine has too many files open: close some programs",
    errno.ENOMEM: "the machine has no memory left: close some programs",
    errno.EAGAIN: "the machine can start no more processes or threads: close some, or raise the limit (`ulimit -u`)",
    errno.EIO: "the disk does not answer: look at it (`dmesg`), and bring the warehouse to a sound one",
    errno.ESTALE: "the network file system lost it: mount it again",
    errno.EPIPE: "whoever read the output has gone",
    errno.ETXTBSY: "a program uses it: end that program",
}  # fmt: skip
_DOCTOR: Final = "`alpha doctor` names what is damaged"
# Class names of libraries, by what they are of; a step that failed leaves no more than the name.
_OF_SQLITE: Final = {"DatabaseError", "OperationalError", "InternalError", "NotSupportedError", "DataError"}
_OF_PARQUET: Final = {"ComputeError", "PanicException", "ArrowInvalid", "ArrowIOError", "SchemaError", "ShapeError"}
_OF_DUCKDB: Final = {
    "IOException", "OutOfMemoryException", "SerializationException", "FatalException", "InternalException",
    "TransactionException", "ConnectionException", "InvalidInputException", "HTTPException", "ConversionException",
}  # fmt: skip
_SYSTEM: Final = re.compile(r"\[Errno (\d+)\] ([^:]*)(?:: (.*))?", re.DOTALL)
# With it begins the note of an error of SQLite that says of which file it is.
DATABASE_NOTE: Final = "database "
_NOTE: Final = re.compile(rf"^{DATABASE_NOTE}(.*)$", re.MULTILINE)


def words(error: BaseException) -> str | None:
    """What a person reads of an error that is none of ours; None for a defect.

    The innermost cause that is known is said, for a library wraps what the system told it; one that names no path only
    where none does.
    """
    innermost_first = [*chain(error)][::-1]
    for one in sorted(innermost_first, key=_is_nameless):
        notes = "\n".join(getattr(one, "__notes__", ()))
        line = told(type(one).__name__, f"{one}\n{notes}" if notes else str(one), module=type(one).__module__)
        if line is not None:
            return line
    return None


def _is_nameless(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.filename is None


def told(  # noqa: PLR0911  one case, one line
    name: str, message: str, module: str = ""
) -> str | None:
    """The same of an error of which only its class's name and its words are left.

    Args:
        name: of its class, without the module.
        message: its words; they may begin with the name.
        module: of its class; empty where that is not known.
    """
    text = message.removeprefix(f"{name}: ").strip()
    if found := _SYSTEM.search(text):
        return _of_system(int(found[1]), found[2], found[3])
    if name == "MemoryError":
        return _short("there is not enough memory: close some programs, or use fewer tickers at a time")
    if name == "Timeout" and "file lock" in text:
        return _short(f"{text} Another command holds it: wait for its end")
    if module in {"", "sqlite3", "sqlalchemy.exc"} and (name in _OF_SQLITE or "(sqlite3." in text):
        return _of_sqlite(text)
    if name in _OF_DUCKDB and module in {"", "duckdb", "_duckdb", "duckdb.duckdb"}:
        return _short(f"DuckDB: {text}. {_DOCTOR}")
    if name in _OF_PARQUET and module.partition(".")[0] in {"", "polars", "pyo3_runtime", "pyarrow"}:
        return _short(f"a table cannot be read: {text}. {_DOCTOR}")
    return None


def _of_system(number: int, cause: str, rest: str | None) -> str:
    path = _path(rest or "")
    fix = _FIXES.get(number)
    what = f"{path}: {cause or os.strerror(number)}" if path else (cause or os.strerror(number)).strip()
    return _short(f"{what}. {fix[0].upper()}{fix[1:]}." if fix else f"{what}.")


def _path(rest: str) -> str:
    """The path in what the system says, where Python has put it in quotation marks."""
    line = rest.splitlines()[0].strip() if rest.strip() else ""
    found = re.match(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", line)
    return (found[1] or found[2] or "") if found else line


def _of_sqlite(text: str) -> str:
    note = _NOTE.search(text)
    cause = text.partition("\n")[0].removeprefix("(sqlite3.").replace("DatabaseError) ", "")
    cause = cause.replace("OperationalError) ", "").strip()
    where = note[1] if note else "a database of Dagster's history"
    fixes = {
        "full": "free some room there, or use another --warehouse",
        "readonly": "nothing can be written there: give your user the right to it, or mount it writable",
        "unable to open": "give your user the right to it and to its folder, or free some room there",
        "locked": "another program holds it: wait for its end",
        "disk I/O": "the disk is full or does not answer: free some room there, or bring the warehouse to a sound one",
    }
    fix = next((fix for word, fix in fixes.items() if word in cause), None)
    fix = fix or "`alpha doctor --mend` sets a damaged one aside; it holds what was run, no bars and no results"
    return _short(f"{where}: {cause}. {fix[0].upper()}{fix[1:]}.")


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, outermost first."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _short(text: str) -> str:
    """One line that can be shown, and no longer than a person reads."""
    return said(text, LONGEST)
