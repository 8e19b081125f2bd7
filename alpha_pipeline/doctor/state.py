"""What a warehouse says of itself: its market, its files, and the tickers it follows."""

from collections.abc import Iterator

from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.aside import set_aside
from alpha_pipeline.warehouse.market import FILES_FILE, last_files, read_market
from alpha_pipeline.warehouse.state import StateError
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tickers import KEY, followed


def market(patient: Patient) -> Iterator[Finding]:
    """Which market it holds; a `market.json` that cannot be read is an `AlphaError` that names it."""
    warehouse, source = patient.warehouse, patient.settings.source
    held = read_market(warehouse)
    if held is None:
        has_bars = bool(warehouse.units(BARS))
        yield (
            Finding("market", False, f"{warehouse.root} holds bars, and market.json is gone that says of which market")
            if has_bars
            else Finding("warehouse", True, f"{warehouse.root} is empty; `alpha run` fills it")
        )
        return
    same = held.kind == source
    fix = "" if same else f"; the source is set to {source}: use --warehouse or ALPHA_SOURCE={held.kind}"
    yield Finding("market", same, f"{warehouse.root} holds {held.market}{fix}")


def files(patient: Patient) -> Iterator[Finding]:
    """The note of the files that it was filled from, where there is one."""
    warehouse = patient.warehouse
    path = warehouse.objects.path(FILES_FILE)
    if not path.exists() or last_files(warehouse) is not None:
        return
    yield Finding(
        "source files",
        False,
        f"{path} cannot be read. It says which files filled the warehouse: until the next refresh writes it anew, name "
        "them with --path (or ALPHA_SOURCE_PATH)",
        lambda: set_aside(warehouse.root, path, patient.settings.now()),
    )


def tickers(patient: Patient) -> Iterator[Finding]:
    """Which tickers it follows."""
    warehouse = patient.warehouse
    try:
        names = followed(warehouse)
    except StateError as error:
        held = [unit for unit in warehouse.units(BARS) if unit not in UNIVERSE]
        again = f" `alpha tickers add {' '.join(held)}` follows again what it holds beside them." if held else ""
        yield Finding(
            "tickers",
            False,
            f"{error}{again}",
            lambda: set_aside(warehouse.root, warehouse.objects.path(KEY), patient.settings.now()) + f".{again}",
        )
        return
    if read_market(warehouse) is not None:
        yield Finding("tickers", True, f"{len(names)} followed")
