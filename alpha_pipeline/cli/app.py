"""The `alpha` command: the same assets as the web UI, from a terminal."""

import platform
from importlib.metadata import version
from typing import Annotated

import typer

from alpha_pipeline.cli import day, explain, query, refresh, tickers, upkeep

app = typer.Typer(
    help="Daily alpha research that is true.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    day.run,
    day.today,
    day.report,
    day.train,
    refresh.refresh,
    explain.explain,
    explain.compare,
    query.sql,
    upkeep.doctor,
    upkeep.audit,
    upkeep.alerts,
    upkeep.ui,
):
    app.command()(command)
app.add_typer(tickers.app, name="tickers")


def _show_versions(asked: bool) -> None:
    if asked:
        typer.echo(f"alpha_pipeline {version('alpha_pipeline')}")
        typer.echo(f"Python {platform.python_version()}, dagster {version('dagster')}, torch {version('torch')}")
        raise typer.Exit


@app.callback()
def alpha(
    versions: Annotated[
        bool, typer.Option("--version", callback=_show_versions, is_eager=True, help="Show the versions and exit.")
    ] = False,
) -> None:
    """Take the options of `alpha` itself, before any command."""
