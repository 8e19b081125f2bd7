"""What holds for every asset alike, said once: owners, groups, tags, the words and columns of tables, links to code."""

import base64
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dagster as dg

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.defs.partitions import SESSIONS
from alpha_pipeline.warehouse.table import Table

OWNERS = ["team:alpha"]
CODE: Final = "dagster/code_references"
_TABLES: Final = {dg.AssetKey(table.asset_key): table for table in TABLES}


def with_policy(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with what holds for all of them.

    The group is the first part of the key. The tags say the layer, and the grain: `ticker` or `session`, by which it is
    partitioned, or `whole`. An asset that is a table of the warehouse has that table's description and columns. Links
    lead to the code as it lies on this machine, in a checkout or installed.
    """
    mapped = [asset.map_asset_specs(_ruled) for asset in assets]
    with _quiet():
        return [asset for asset in dg.with_source_code_references(mapped) if isinstance(asset, dg.AssetsDefinition)]


def _ruled(spec: dg.AssetSpec) -> dg.AssetSpec:
    layer, table = spec.key.path[0], _TABLES.get(spec.key)
    return spec.replace_attributes(
        owners=OWNERS,
        group_name=layer,
        tags={**spec.tags, "layer": layer, "grain": _grain(spec.partitions_def)},
        description=table.description if table else spec.description,
        metadata={**spec.metadata, **(_of_table(table) if table else {})},
    )


def _grain(partitions: dg.PartitionsDefinition | None) -> str:
    if partitions is None:
        return "whole"
    return "session" if partitions == SESSIONS else "ticker"


def _of_table(table: Table) -> dict[str, dg.TableSchema | str]:
    return {"dagster/column_schema": column_schema(table), "dagster/table_name": table.name}


def code_of(source: Callable[..., object] | Path) -> dict[str, dg.CodeReferencesMetadataValue]:
    """Metadata with a link to a function, or to a file, that an asset's own function does not lead to."""
    if isinstance(source, Path):
        path, line = source, None
    else:
        path, line = Path(inspect.getfile(source)), inspect.getsourcelines(source)[1]
    with _quiet():
        link = dg.LocalFileCodeReference(
            file_path=str(path.resolve()), line_number=line, label=f"{path.parent.name}/{path.name}"
        )
        return {CODE: dg.CodeReferencesMetadataValue(code_references=[link])}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the word that links to code and backfill policies are in beta: Dagster is pinned, and tests hold both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield


def asset(**declared: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:  # noqa: ANN401  as Dagster has it
    """`dg.asset`, for assets with a backfill policy: that this one is in beta is no news, since Dagster is pinned."""

    def decorate(made: Callable[..., Any]) -> dg.AssetsDefinition:
        with _quiet():
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
