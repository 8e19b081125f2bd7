"""Which source the settings name."""

from alpha_pipeline.errors import UsageError
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import PriceSource
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.sources.simulated import SimulatedSource


def make_source(settings: Settings) -> PriceSource:
    """The source of bars that the settings name. Nothing is fetched or read yet.

    Raises:
        UsageError: the `files` source without a path.
    """
    if settings.source == "simulated":
        return SimulatedSource(settings.simulated_seed, settings.simulated_planted_ic)
    if settings.source == "files":
        if settings.source_path is None:
            raise UsageError("The source 'files' needs a file or folder: give --path (or ALPHA_SOURCE_PATH).")
        return FilesSource(settings.source_path)
    # yfinance brings pandas and takes a second to import; a run on other bars need not wait for it.
    from alpha_pipeline.sources.pace import Pace  # noqa: PLC0415
    from alpha_pipeline.sources.yahoo import YahooSource, meeting_place  # noqa: PLC0415

    pace = Pace(meeting_place(settings.yahoo_base_url), settings.yahoo_rate)
    return YahooSource(settings.yahoo_base_url, now=settings.now, pace=pace, patience_s=settings.yahoo_patience)
