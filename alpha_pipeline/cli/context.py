"""What the commands need before they begin: settings, a source, a warehouse, names that are known."""

import errno
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from alpha_pipeline.cli.options import Texts
from alpha_pipeline.cli.terminal import errors
from alpha_pipeline.errors import AlphaError, ExperimentError, NotEnoughDataError, UsageError
from alpha_pipeline.settings import Settings, listed, load_settings, one_of
from alpha_pipeline.steps.progress import Progress
from alpha_pipeline.steps.progress import report as report_progress
from alpha_pipeline.steps.watch import shown

if TYPE_CHECKING:
    from alpha_pipeline.defs.runner import Runner
    from alpha_pipeline.models.spec import Experiment
    from alpha_pipeline.reports.progress_display import LogDisplay, TerminalDisplay
    from alpha_pipeline.sources.base import PriceSource

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415


def settings_from(
    source: Texts = None,
    path: Texts = None,
    warehouse: Texts = None,
    profile: Texts = None,
    seeds: Texts = None,
    through: Texts = None,
    since: Texts = None,
    *,
    allow_host: Texts = None,
    of_market: bool = False,
) -> Settings:
    """The settings; with `of_market`, what nobody named of the source is that which filled the warehouse."""
    flags: Mapping[str, str | None] = {
        "ALPHA_SOURCE": one_of("--source", source),
        "ALPHA_SOURCE_PATH": one_of("--path", path),
        "ALPHA_WAREHOUSE": one_of("--warehouse", warehouse),
        "ALPHA_PROFILE": one_of("--profile", profile),
        "ALPHA_SEEDS": one_of("--seeds", seeds),
        "ALPHA_THROUGH": one_of("--through", through),
        "ALPHA_SINCE": one_of("--since", since),
        "ALPHA_UI_HOSTS": " ".join(allow_host) if allow_host else None,
    }
    settings = load_settings(flags)
    if settings.warehouse.exists() and not settings.warehouse.is_dir():
        raise UsageError(f"--warehouse must name a folder, and {settings.warehouse} is a file.")
    if of_market:
        from alpha_pipeline.warehouse.market import settings_of_market

        return settings_of_market(flags)
    return settings


def doctor_settings(source: Texts, path: Texts, warehouse: Texts) -> Settings:
    """The settings for a look at the warehouse, whose own record of its market may be what is damaged."""
    from alpha_pipeline.warehouse.state import StateError

    try:
        return settings_from(source, path, warehouse, of_market=source is None)
    except StateError:
        return settings_from(source, path, warehouse)


def checked_names(names: list[str]) -> list[str]:
    """Names as they are written, in upper case and each once."""
    from alpha_pipeline.universe import checked

    return list(dict.fromkeys(checked(name) for name in names))


def followed_names(names: list[str], settings: Settings) -> list[str]:
    """The followed tickers that are meant, in the spelling followed; a name that is not followed stays as it is."""
    from alpha_pipeline.universe import among
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import followed

    held = followed(Warehouse(settings.warehouse))
    return list(dict.fromkeys(among(name, held) or name for name in checked_names(names)))


def named_tickers(names: Texts, settings: Settings) -> list[str] | None:
    """The tickers named, or None; only followed ones can be asked for."""
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import followed

    if not names:
        return None
    asked = followed_names(listed(names), settings)
    strangers = sorted(set(asked) - set(followed(Warehouse(settings.warehouse))))
    if strangers:
        quoted = " ".join(shlex.quote(name) for name in strangers)
        raise UsageError(f"Not followed: {', '.join(strangers)}. `alpha tickers add {quoted}` follows them.")
    return asked


def sync_partitions(settings: Settings) -> None:
    """Show the web UI the tickers that the warehouse follows."""
    from alpha_pipeline.defs.alive import bury
    from alpha_pipeline.defs.home import open_instance
    from alpha_pipeline.defs.partitions import sync_tickers
    from alpha_pipeline.warehouse.store import Warehouse

    with open_instance(settings) as instance:
        bury(instance, settings.warehouse)
        sync_tickers(instance, Warehouse(settings.warehouse))


def usable_source(settings: Settings) -> "PriceSource":
    """The source, once it is known to be readable and of the warehouse's market; a wrong one leaves no trace."""
    from alpha_pipeline.sources.registry import make_source
    from alpha_pipeline.steps.admission import require_usable
    from alpha_pipeline.warehouse.store import Warehouse

    source = make_source(settings)
    require_usable(Warehouse(settings.warehouse), source)
    return source


def require_something(settings: Settings, source: "PriceSource", asked: Sequence[str] | None) -> None:
    """Refuse files of which nothing can be taken, before a new warehouse has a trace of them."""
    from alpha_pipeline.steps.admission import require_acceptable
    from alpha_pipeline.steps.refresh import wanted
    from alpha_pipeline.warehouse.store import Warehouse

    held = Warehouse(settings.warehouse)
    names = wanted(held, source) if asked is None else asked
    require_acceptable(held, source, names, settings)


def said_of_bars(settings: Settings, source: "PriceSource") -> list[str]:
    """What a run has to say of the bars at its end: who failed, what was refused or mended, what is not used."""
    from alpha_pipeline.steps.bar_problems import bar_problems
    from alpha_pipeline.steps.refresh import said_of_files
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import followed

    held = Warehouse(settings.warehouse)
    found = bar_problems(held)
    return [*found.sentences, *found.notes, *said_of_files(source.readings(), followed(held))]


def require_writable(settings: Settings) -> None:
    """Refuse a warehouse in which nothing can be written, before anything is loaded or asked for.

    Raises:
        OSError: as the system says it when something is written there.
    """
    root = settings.warehouse
    if root.exists() and not os.access(root, os.W_OK | os.X_OK):
        is_mounted_so = hasattr(os, "statvfs") and bool(os.statvfs(root).f_flag & os.ST_RDONLY)
        number = errno.EROFS if is_mounted_so else errno.EACCES
        raise OSError(number, os.strerror(number), str(root))


def require_filled(settings: Settings) -> None:
    """Refuse an empty warehouse, which is most often a mistyped one, before anything is made in it."""
    from alpha_pipeline.warehouse.market import read_market
    from alpha_pipeline.warehouse.store import Warehouse

    if read_market(Warehouse(settings.warehouse)) is None:
        raise NotEnoughDataError(f"{settings.warehouse} is no warehouse yet, or an empty one. `alpha run` fills it.")


def named_experiments(names: Texts) -> list[str] | None:
    """The experiments named, or None."""
    from alpha_pipeline.models.spec import load_experiments

    known = load_experiments()
    chosen = listed(names) if names else None
    strangers = [name or "''" for name in chosen or [] if name not in known]
    if strangers:
        raise UsageError(f"No experiment {', '.join(strangers)}. There are: {', '.join(known)}.")
    return chosen


def named_experiment(name: str) -> "Experiment":
    """One experiment by its name."""
    from alpha_pipeline.models.spec import load_experiments

    known = load_experiments()
    if name not in known:
        raise ExperimentError(name, f"no experiment of that name. There are: {', '.join(known)}.")
    return known[name]


@contextmanager
def open_runner(settings: Settings) -> "Iterator[tuple[Runner, TerminalDisplay | LogDisplay]]":
    """A runner, and what shows its progress."""
    with shown(errors) as display:
        report_progress(Progress("start", 0, 0, "loading"))
        from alpha_pipeline.defs.runner import Runner

        with Runner(settings) as runner:
            report_progress(Progress("start", 0, 0, is_over=True))
            for words in runner.mended:
                with display.paused():
                    errors.print(escape(words), highlight=False, soft_wrap=True)
            yield runner, display


def require_alert_services(settings: Settings) -> None:
    """Refuse a malformed ALPHA_ALERTS before the day begins."""
    from alpha_pipeline.alerts import check

    check(settings.alerts)


def alert(settings: Settings, error: AlphaError | None = None) -> None:
    """Tell what a person should hear of; a dead service fails nothing."""
    from alpha_pipeline.alerts import send
    from alpha_pipeline.steps.admission import last_wanted
    from alpha_pipeline.steps.alerts import Failure, due_alerts, failure_alerts, notify
    from alpha_pipeline.warehouse.market import read_market
    from alpha_pipeline.warehouse.store import Warehouse

    held = Warehouse(settings.warehouse)
    failures = [Failure("alpha run", f"alpha run {settings.now():%Y-%m-%dT%H:%M:%SZ}", str(error))] if error else []
    if read_market(held) is None:  # a warehouse that holds nothing remembers nothing
        for told in failure_alerts(held, failures):
            send(told, settings.alerts)
        return
    notify(held, due_alerts(held, last_wanted(settings), failures), settings.alerts)


def publish_views(settings: Settings) -> None:
    """Bring the views of `alpha.duckdb` up to date, where nothing was written either."""
    from alpha_pipeline.catalogue import TABLES
    from alpha_pipeline.warehouse.publication import keep_published
    from alpha_pipeline.warehouse.store import Warehouse

    keep_published(Warehouse(settings.warehouse), TABLES)
