"""`alpha explain` and `compare`: why a position or forecast is what it is, and whether one thing beats another."""

import datetime as dt
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from alpha_pipeline.cli.context import followed_names, named_experiment, require_filled, settings_from
from alpha_pipeline.cli.options import Texts, WarehouseOption
from alpha_pipeline.cli.terminal import console
from alpha_pipeline.errors import UsageError
from alpha_pipeline.settings import Settings, one_of

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415


class CardFormat(StrEnum):
    """How `alpha explain` prints a run card."""

    TEXT = "text"
    JSON = "json"


class Signal(StrEnum):
    """The signals that have run cards."""

    QQQ_POSITION = "qqq_position"
    MAG7_VOTE = "mag7_vote"
    SECTOR_ROTATION = "sector_rotation"
    VIX_REGIME = "vix_regime"


class CompareWindow(StrEnum):
    """The sessions that `alpha compare` looks at."""

    WHOLE = "whole"
    RECENT = "2024_2025h1"


def explain(
    session: Annotated[str | None, typer.Argument(help="ISO date; default: the newest.")] = None,
    signal: Annotated[
        list[Signal] | None,
        typer.Option(
            "--signal",
            metavar="NAME",
            help="Whose run card: qqq_position by default, mag7_vote, sector_rotation or vix_regime.",
        ),
    ] = None,
    ticker: Annotated[
        Texts, typer.Option("--ticker", metavar="TICKER", help="Explain a forecast of it; QQQ by default.")
    ] = None,
    model: Annotated[
        Texts,
        typer.Option("--model", metavar="EXPERIMENT", help="Explain a forecast by it; v12_super_model by default."),
    ] = None,
    horizon: Annotated[
        list[int] | None, typer.Option("--horizon", metavar="N", help="Of the forecast, sessions ahead; 1.")
    ] = None,
    output_format: Annotated[
        list[CardFormat] | None, typer.Option("--format", metavar="text|json", help="Of the run card; text by default.")
    ] = None,
    out: Annotated[
        list[Path] | None, typer.Option("--out", metavar="FILE", help="Write a page, or the JSON, to this file.")
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Which bars, models and rules made a position; with --ticker or --model, why a forecast is what it is."""
    settings = settings_from(warehouse=warehouse)
    asked, file = _session(session), one_of("--out", out)
    whose, form = one_of("--signal", signal), one_of("--format", output_format) or CardFormat.TEXT
    of, by, ahead = one_of("--ticker", ticker), one_of("--model", model), one_of("--horizon", horizon)
    if of is None and by is None and ahead is None:
        _explain_signal(settings, whose or Signal.QQQ_POSITION, asked, form, file)
        return
    if whose is not None or form is not CardFormat.TEXT:
        raise UsageError("--signal and --format are of run cards, and --ticker, --model and --horizon of forecasts.")
    _explain_forecast(settings, asked, of or "QQQ", by or "v12_super_model", ahead or 1, file)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="An experiment, or a strategy.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another of the same kind.")],
    window: Annotated[
        list[CompareWindow] | None,
        typer.Option("--window", metavar="whole|2024_2025h1", help="Which sessions; whole by default."),
    ] = None,
    horizon: Annotated[
        list[int] | None,
        typer.Option("--horizon", metavar="N", min=1, help="Sessions ahead, of experiments; 1 by default."),
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Whether A beats B: the difference, its interval, and how small a difference would be found."""
    from alpha_pipeline.reports.comparison import render
    from alpha_pipeline.steps.proof import compare as compare_held
    from alpha_pipeline.warehouse.store import Warehouse

    settings = settings_from(warehouse=warehouse)
    days, ahead = one_of("--window", window) or CompareWindow.WHOLE, one_of("--horizon", horizon) or 1
    require_filled(settings)
    found = compare_held(Warehouse(settings.warehouse), a, b, window=days.value, horizon=ahead)
    console.print(render(found))


def _explain_signal(
    settings: Settings, signal: Signal, session: dt.date | None, output_format: CardFormat, out: Path | None
) -> None:
    """Show the run card of a signal row, and write it as a page; or its JSON to the screen or a file."""
    from alpha_pipeline.reports.frames import write_text
    from alpha_pipeline.reports.run_card import render_json
    from alpha_pipeline.reports.run_card_page import render_html
    from alpha_pipeline.reports.run_card_terminal import render
    from alpha_pipeline.steps.run_card import run_card
    from alpha_pipeline.warehouse.store import Warehouse

    require_filled(settings)
    card = run_card(Warehouse(settings.warehouse), signal.value, session)
    if output_format is CardFormat.JSON:
        if out is None:
            sys.stdout.write(render_json(card))
        else:
            write_text(render_json(card), out)
        return
    if out is not None:
        write_text(render_html(card), out)
    console.print(render(card))
    if out is not None:
        console.print(f"Page: {out}", highlight=False, markup=False, soft_wrap=True)


def _explain_forecast(
    settings: Settings, session: dt.date | None, ticker: str, model: str, horizon: int, out: Path | None
) -> None:
    """Show why a forecast is what it is, and write it as a page with figures."""
    from alpha_pipeline.reports.explanation import render
    from alpha_pipeline.reports.explanation_page import render_html
    from alpha_pipeline.reports.frames import write_text
    from alpha_pipeline.steps.explain import explain_forecast
    from alpha_pipeline.warehouse.store import Warehouse

    (name,) = followed_names([ticker], settings)
    require_filled(settings)
    explained = explain_forecast(Warehouse(settings.warehouse), named_experiment(model), name, session, horizon)
    console.print(render(explained))
    if out is not None:
        write_text(render_html(explained), out)
        console.print(f"Page: {out}", highlight=False, markup=False, soft_wrap=True)


def _session(day: str | None) -> dt.date | None:
    """A date as a person writes it."""
    try:
        return None if day is None else dt.date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"SESSION {day!r} is no ISO date. Write it as 2016-01-29.") from None
