"""What assets are handed: the settings, the warehouse and the source they name."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from alpha_pipeline.catalogue import open_warehouse
from alpha_pipeline.defs.alive import show_alive
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import PriceSource
from alpha_pipeline.sources.registry import make_source
from alpha_pipeline.steps.admission import last_wanted, require_market
from alpha_pipeline.warehouse.market import settings_of_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS


class AlphaResource(dg.ConfigurableResource[None]):
    """The settings of the process and what they name.

    It has nothing to configure: run config is what whoever may start a run writes, and a step must write to no other
    folder, and ask no other server, because of it.
    """

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Say that the run is alive."""
        if context.run is not None:  # else a schedule or a sensor
            show_alive(self.settings().warehouse, context.run.run_id)

    def settings(self) -> Settings:
        """The typed settings; a source that nobody named is the one that filled the warehouse."""
        return settings_of_market({})

    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return open_warehouse(self.settings().warehouse)

    def source(self) -> PriceSource:
        """The source of bars, after checking that the warehouse does not hold another market.

        Raises:
            MarketMismatchError: the warehouse holds another market.
        """
        source = make_source(self.settings())
        require_market(self.warehouse(), source)
        return source

    def require_bars(self, tickers: Sequence[str]) -> None:
        """Refuse to make something of tickers of which none has bars.

        Raises:
            NotEnoughDataError: none of them has.
        """
        if not set(tickers) & set(self.warehouse().units(BARS)):
            raise NotEnoughDataError(f"No bars of {', '.join(tickers)} are held: refresh raw/bars first.")

    def through(self) -> dt.date:
        """The last session to use: the one asked for, else the last that has closed."""
        return last_wanted(self.settings())
