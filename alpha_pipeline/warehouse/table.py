"""What a table is: a name, a schema, a key, and the column that splits it into objects."""

import inspect
from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaError, SchemaErrors

from alpha_pipeline.errors import TableError


@dataclass(frozen=True)
class Table:
    """One declaration per table.

    Attributes:
        name: ``schema.table``, which is also the view's name and the Dagster asset key.
        schema: the Pandera schema; strict, with the column order of the stored objects.
        key: the columns that identify a row.
        unit: the column whose value names the object a row lies in; ``"year"`` means the year of ``session``.
        volatile: columns that say when and not what (``fetched_at``, ``made_at``): a frame that differs
            only there counts as unchanged.
        description: the grain and what is known when.
        lost: what of a lost object cannot be made again; empty where all of it can.
        regained: what brings a lost object back, as far as anything does; a clause.
    """

    name: str
    schema: pa.DataFrameSchema
    key: tuple[str, ...]
    unit: str
    description: str
    volatile: tuple[str, ...] = ()
    lost: str = ""
    regained: str = "makes it anew"

    @property
    def is_mended_by(self) -> str:
        """What mends a damaged object, a sentence."""
        if self.lost:
            return (
                f"{self.lost[0].upper()}{self.lost[1:]} cannot be made again: bring the file back from a copy. Without "
                f"one `alpha doctor --mend` sets it aside, and the next `alpha run` {self.regained}."
            )
        return f"`alpha run` sets it aside and {self.regained}; `alpha doctor --mend` only sets it aside."

    @property
    def asset_key(self) -> list[str]:
        """The Dagster asset key, ``[schema, table]``."""
        return self.name.split(".")

    @property
    def columns(self) -> list[str]:
        """The columns, in order."""
        return list(self.schema.columns)

    def empty(self) -> pl.DataFrame:
        """A frame without rows, with the right columns and types."""
        return pl.DataFrame(schema={name: column.dtype.type for name, column in self.schema.columns.items()})

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the table's columns in order, cast to its types, sorted by its key."""
        wanted = self.empty().schema
        return frame.select(pl.col(name).cast(dtype) for name, dtype in wanted.items()).sort(self.key)

    def validate(self, frame: pl.DataFrame, unit: str) -> pl.DataFrame:
        """Check an eager frame against the schema.

        Raises:
            TableError: naming the column, the check and the first offending values.
        """
        try:
            checked: pl.DataFrame = self.schema.validate(frame, lazy=True)
        except SchemaErrors as error:
            cases = error.failure_cases.head(3).to_dicts()
            raise TableError(self.name, unit, "; ".join(_in_words(case) for case in cases)) from None
        except SchemaError as error:
            raise TableError(self.name, unit, str(error)) from None
        return checked


def _in_words(case: dict[str, object]) -> str:
    """One Pandera failure case as a short phrase."""
    return f"{case['column'] or case['schema_context']} fails {case['check']}: {str(case['failure_case'])[:160]}"


def table(
    name: str,
    model: type[pa.DataFrameModel],
    *,
    key: tuple[str, ...],
    unit: str,
    volatile: tuple[str, ...] = (),
    lost: str = "",
    regained: str = "makes it anew",
) -> Table:
    """A table from a Pandera model; the model's docstring is the description."""
    return Table(name, model.to_schema(), key, unit, inspect.cleandoc(model.__doc__ or ""), volatile, lost, regained)
