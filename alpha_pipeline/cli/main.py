"""The `alpha` command: the same assets as the web UI, from a terminal.

Exit codes: 0 done, 1 failed with a message that names the culprit and the fix, 2 wrong usage.
"""

import platform
import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.markup import escape

from alpha_pipeline.cli import day, explain, query, refresh, tickers, upkeep
from alpha_pipeline.cli.terminal import errors
from alpha_pipeline.errors import AlphaError, UsageError

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


def main() -> None:
    """Run the command; a user's mistake is one line and an exit code, never a traceback."""
    # A script starts what it puts in the background deaf to SIGINT, and Dagster makes SIGTERM do what SIGINT does: the
    # process, and every one that it starts, could then only be killed.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except UsageError as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except AlphaError as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Interrupted. What was finished is kept; the next run goes on from there.")
        sys.exit(130)
