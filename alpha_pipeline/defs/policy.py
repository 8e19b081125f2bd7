"""What holds for every asset alike."""

import dagster as dg

from alpha_pipeline.warehouse.table import Table

OWNERS = ["team:alpha"]


def column_schema(table: Table) -> dg.TableSchema:
    """The column tab of the web UI, from the table's one declaration."""
    return dg.TableSchema(
        [
            dg.TableColumn(name, str(column.dtype), description=column.description or "")
            for name, column in table.schema.columns.items()
        ]
    )
