"""What several tables have in common: the type of a moment, and the words for columns that mean the same everywhere."""

from typing import Annotated, Final

import polars as pl

UtcTime = Annotated[pl.Datetime, "us", "UTC"]

TICKER: Final = "Instrument, as Yahoo spells it; an index begins with ^"
SESSION: Final = "XNYS session, by its exchange date"
DECIDED: Final = "XNYS session at whose close it is decided, for the next open"
MODEL: Final = "Experiment that made the forecasts"
POOL: Final = "Ticker; '*' pools the stocks and funds, less those on volatility"
HORIZON: Final = "Sessions from the forecast to its outcome"
CI_LOW: Final = "Lower end of the 95 % interval, by a bootstrap of whole sessions; null where there is none"
CI_HIGH: Final = "Upper end of the 95 % interval, by a bootstrap of whole sessions; null where there is none"
N_FORECASTS: Final = "Forecasts behind the value"
SOURCE: Final = "What gave the row: yahoo, files, simulated, or the second opinion's name"
FETCHED_AT: Final = "UTC time at which the source was asked"
