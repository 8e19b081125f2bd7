"""What a result of DuckDB is as a Polars frame: every type as it is where Polars has it, as text where it has not.

Arrow carries some of DuckDB's types in forms that Polars refuses or, worse, takes for others: a `UHUGEINT` above
2^127 would come out negative, a `TIME WITH TIME ZONE` without its zone.
"""

from typing import Final, Literal

import duckdb
import polars as pl
from duckdb.sqltypes import DuckDBPyType

Purpose = Literal["values", "text", "json"]

_UNKNOWN_TO_POLARS: Final = frozenset(
    {"interval", "time with time zone", "bit", "uhugeint", "bignum", "union", "variant", "geometry"}
)
_NO_TEXT: Final = _UNKNOWN_TO_POLARS | {"blob"}
# Polars writes decimals, which huge integers are to it, as JSON texts, and maps of text alone.
_NO_JSON: Final = _NO_TEXT | {"hugeint", "decimal", "map"}
_ODD: Final[dict[Purpose, frozenset[str]]] = {"values": _UNKNOWN_TO_POLARS, "text": _NO_TEXT, "json": _NO_JSON}
# Years 1 to 9999, which is what a date is to Python.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_PER_DAY: Final = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def frame_of(relation: duckdb.DuckDBPyRelation, purpose: Purpose) -> tuple[pl.DataFrame, frozenset[str]]:
    """A result as a frame.

    Args:
        relation: the result.
        purpose: `values` keeps what Polars has; `text` makes text of what a table or CSV cannot hold; `json` makes JSON
            of what Polars writes otherwise than as what it is.

    Returns:
        The frame, and the columns whose texts are JSON.
    """
    odd = {i for i, dtype in enumerate(relation.types) if _holds(dtype, _ODD[purpose])}
    if purpose == "json":
        odd |= {i for i, dtype in enumerate(relation.types) if str(dtype) == "JSON"}
    frame = _selected(relation, odd, purpose).pl()
    unspeakable = {i for i, column in enumerate(frame) if _is_beyond_dates(column)}
    if unspeakable:
        frame = _selected(relation, odd | unspeakable, purpose).pl()
        odd |= unspeakable
    return frame, frozenset(frame.columns[i] for i in odd) if purpose == "json" else frozenset()


def _holds(dtype: DuckDBPyType, odd: frozenset[str]) -> bool:
    if dtype.id in odd:
        return True
    nested = dtype.children if dtype.id in {"list", "array", "struct", "map"} else []
    return any(_holds(child, odd) for _, child in nested if isinstance(child, DuckDBPyType))


def _selected(relation: duckdb.DuckDBPyRelation, odd: set[int], purpose: Purpose) -> duckdb.DuckDBPyRelation:
    """The result with its odd columns as text; columns may share a name."""
    if not odd:
        return relation
    wanted = []
    for i, name in enumerate(relation.columns):
        value = f"to_json(c{i})" if purpose == "json" else f"c{i}"
        quoted = name.replace('"', '""')
        wanted.append(f'CAST({value} AS VARCHAR) AS "{quoted}"' if i in odd else f'c{i} AS "{quoted}"')
    names = ", ".join(f"c{i}" for i in range(len(relation.columns)))
    select = f"SELECT {', '.join(wanted)} FROM alpha_result AS r({names})"  # noqa: S608  names made here, or quoted
    selected = relation.query("alpha_result", select)
    assert selected is not None  # noqa: S101  a SELECT has a result
    return selected


def _is_beyond_dates(column: pl.Series) -> bool:
    """Whether a date lies outside what Python and Polars can say, `infinity` among them."""
    dtype = column.dtype
    if not isinstance(dtype, pl.Date | pl.Datetime):
        return False
    per_day = _PER_DAY[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1
    days = column.to_physical() // per_day
    return bool(((days < _FIRST_DAY) | (days > _LAST_DAY)).any())
