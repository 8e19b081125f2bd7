"""What holds for every asset alike."""

import base64
import warnings
from collections.abc import Callable
from typing import Any

import dagster as dg

from alpha_pipeline.warehouse.table import Table

OWNERS = ["team:alpha"]


def asset(**declared: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:  # noqa: ANN401  as Dagster has it
    """`dg.asset`, for assets with a backfill policy: that this one is in beta is no news, since Dagster is pinned."""

    def decorate(made: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
            return dg.asset(**declared)(made)

    return decorate


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A picture that the web UI shows, held in the metadata itself."""
    return dg.MetadataValue.md(f"![picture](data:image/png;base64,{base64.b64encode(png).decode()})")


def column_schema(table: Table) -> dg.TableSchema:
    """The column tab of the web UI, from the table's one declaration."""
    return dg.TableSchema(
        [
            dg.TableColumn(name, str(column.dtype), description=column.description or "")
            for name, column in table.schema.columns.items()
        ]
    )
