"""`alpha doctor`, `audit`, `alerts` and `ui`: what keeps a warehouse sound and open."""

from typing import Annotated

import typer
from rich.markup import escape

from alpha_pipeline.cli.context import (
    doctor_settings,
    publish_views,
    require_filled,
    require_writable,
    settings_from,
    sync_partitions,
)
from alpha_pipeline.cli.options import PathOption, ProfileOption, SeedsOption, SourceOption, Texts, WarehouseOption
from alpha_pipeline.cli.terminal import console, errors
from alpha_pipeline.errors import AlphaError, NotEnoughDataError
from alpha_pipeline.settings import one_of
from alpha_pipeline.steps.progress import Progress
from alpha_pipeline.steps.progress import report as report_progress
from alpha_pipeline.steps.watch import shown

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415


def doctor(
    mend: Annotated[
        bool,
        typer.Option(
            "--mend", help="First set damaged state aside, and remove what killed processes left; say what was done."
        ),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every object and every model, and compare each with its seal.")
    ] = False,
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Look at the machine, the settings and the warehouse; exit code 1 when something needs mending."""
    from alpha_pipeline.doctor.examination import examine

    settings = doctor_settings(source, path, warehouse)
    if mend:
        require_writable(settings)
    findings = examine(settings, is_deep=deep)
    if mend:
        for finding in findings:
            if finding.mend is not None:
                console.print(f"[yellow]mended[/]: {escape(finding.mend())}", highlight=False, soft_wrap=True)
        findings = examine(settings, is_deep=deep)
    for finding in findings:
        verdict = "[green]ok  [/]" if finding.is_ok else "[red]bad [/]"
        # A terminal wraps between words; a log keeps a finding in a line.
        console.print(f"{verdict} [bold]{finding.what}[/]: {escape(finding.detail)}", soft_wrap=not console.is_terminal)
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


def audit(warehouse: WarehouseOption = None) -> None:
    """Look for leaks of the future, in the pipeline and in what is held; exit code 1 when one is found."""
    settings = settings_from(warehouse=warehouse)
    require_filled(settings)
    with shown(errors):
        report_progress(Progress("start", 0, 0, "loading"))
        from alpha_pipeline.reports.audit import render
        from alpha_pipeline.steps.audit import audit as look
        from alpha_pipeline.warehouse.market import read_market
        from alpha_pipeline.warehouse.store import Warehouse

        report_progress(Progress("start", 0, 0, is_over=True))
        held = Warehouse(settings.warehouse)
        found = list(look(held, settings.now(), is_all=True))
    if not found:
        raise NotEnoughDataError(f"{settings.warehouse} holds no bars to audit. `alpha run` fills it.")
    publish_views(settings)
    market = read_market(held)
    console.print(render(found, market.market if market else "", is_simulated=bool(market and market.is_simulated)))
    bad = [one.probe for one in found if not one.passed]
    if bad:
        raise AlphaError(
            f"The future leaks: {len(bad)} of {len(found)} probes say so ({', '.join(bad)}). Their lines name the "
            "culprit; no figure of this warehouse is to be believed until it is mended."
        )


def alerts(
    test: Annotated[bool, typer.Option("--test", help="Send a test alert to each; exit code 1 if one fails.")] = False,
) -> None:
    """Where alerts go: the log, and the services of ALPHA_ALERTS by scheme and host."""
    from alpha_pipeline.alerts import Alert, check, send

    urls = settings_from().alerts
    places = ", ".join(["the log", *check(urls)])
    console.print(f"Alerts go to {places}.", highlight=False, markup=False, soft_wrap=True)
    if not test:
        return
    failed = send(Alert("test", "alpha_pipeline: test", "A test of where alerts go.", "test"), urls)
    if failed:
        raise AlphaError(f"Not delivered to {', '.join(failed)}. Look at ALPHA_ALERTS and at that service.")
    console.print("The test alert was taken by all of them.")


def ui(
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
    profile: ProfileOption = None,
    seeds: SeedsOption = None,
    port: Annotated[
        list[int] | None,
        typer.Option("--port", metavar="N", min=1, max=65_535, help="Port on the loopback interface; 3000 by default."),
    ] = None,
    allow_host: Annotated[
        Texts,
        typer.Option(
            "--allow-host", metavar="NAME", help="Name by which a proxy serves it, as it stands in the address bar."
        ),
    ] = None,
) -> None:
    """Open the Dagster web UI and daemon on this warehouse (loopback only)."""
    from alpha_pipeline.defs.home import prepare_home
    from alpha_pipeline.defs.ui import HOST, require_free, serve
    from alpha_pipeline.steps.admission import require_files

    number = one_of("--port", port) or 3000
    settings = settings_from(source, path, warehouse, profile, seeds, allow_host=allow_host, of_market=True)
    require_free(number)
    require_files(settings)
    sync_partitions(settings)
    console.print(
        f"Dagster UI: http://{HOST}:{number}  (warehouse {escape(str(settings.warehouse))}; Ctrl-C ends it)",
        soft_wrap=True,
    )
    serve(prepare_home(settings), number)
