"""What the simulated market is made of: one row per tradable ticker, and how sectors hang together.

Volatility, beta and volume are those of the real daily bars of 2010 to mid 2025, rounded. First prices are
too, but never below 20 for a stock: later splits made them small, and most are not simulated. Drifts are
halved towards 8 % a year, because the winners of the past are no promise.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from alpha_pipeline.universe import SECTORS

# Every market is generated from the first to the last horizon session and then cut. Moving the last one moves
# the basis of adj_close and of UVXY's reverse splits, and so changes every simulated warehouse.
HORIZON_FIRST: Final = dt.date(2010, 1, 4)
HORIZON_LAST: Final = dt.date(2030, 12, 31)


@dataclass(frozen=True)
class Instrument:
    """One tradable ticker.

    Attributes:
        ticker: Yahoo's name.
        price: close on the first session, split-adjusted, in USD.
        volatility_ann: standard deviation of the log return, per year.
        beta: on the market factor, which is SPY.
        group: the sector factor that moves what the market does not explain.
        tie: share of that remainder's variance owed to the group; the rest is the ticker's own.
        drift_ann: expected log return with dividends, per year.
        volume: median shares a session.
        dividend_yield: dividends per year over price; 0 pays none.
    """

    ticker: str
    price: float
    volatility_ann: float
    beta: float
    group: str
    tie: float
    drift_ann: float
    volume: float
    dividend_yield: float = 0.0

    @property
    def is_fund(self) -> bool:
        """Whether it is an exchange-traded fund, which reports no earnings."""
        return self.ticker in {"QQQ", "SPY", *SECTORS}


INSTRUMENTS: Final = (
    Instrument("QQQ", 40.34, 0.208, 1.12, "tech", 0.80, 0.125, 39e6, dividend_yield=0.006),
    Instrument("SPY", 85.03, 0.174, 1.00, "tech", 1.00, 0.104, 90.6e6, dividend_yield=0.015),
    Instrument("NVDA", 20.00, 0.458, 1.67, "semis", 0.45, 0.232, 420e6, dividend_yield=0.001),
    Instrument("AAPL", 20.00, 0.284, 1.13, "tech", 0.15, 0.152, 135e6, dividend_yield=0.006),
    Instrument("MSFT", 23.13, 0.257, 1.11, "software", 0.35, 0.139, 29.8e6, dividend_yield=0.008),
    Instrument("AMZN", 20.00, 0.328, 1.16, "discretionary", 0.35, 0.153, 68.9e6),
    Instrument("GOOGL", 20.00, 0.276, 1.09, "internet", 0.30, 0.118, 37.4e6),
    Instrument("META", 37.96, 0.400, 1.27, "internet", 0.30, 0.153, 21.4e6),
    Instrument("TSLA", 20.00, 0.578, 1.52, "discretionary", 0.25, 0.217, 83.3e6),
    Instrument("XLY", 12.33, 0.205, 1.07, "discretionary", 0.70, 0.110, 9.81e6, dividend_yield=0.008),
    Instrument("XLP", 17.35, 0.138, 0.59, "staples", 0.85, 0.089, 9.55e6, dividend_yield=0.026),
    Instrument("XLK", 9.39, 0.219, 1.16, "tech", 0.80, 0.124, 16.5e6, dividend_yield=0.008),
    Instrument("XLU", 8.95, 0.176, 0.60, "utilities", 0.90, 0.089, 23.4e6, dividend_yield=0.03),
    Instrument("XLE", 17.38, 0.277, 1.10, "energy", 0.90, 0.068, 32.8e6, dividend_yield=0.034),
    Instrument("XLF", 8.99, 0.222, 1.11, "financials", 0.90, 0.097, 52.8e6, dividend_yield=0.017),
    Instrument("XLV", 24.08, 0.162, 0.77, "health", 0.80, 0.095, 8e6, dividend_yield=0.015),
    Instrument("AVGO", 20.00, 0.376, 1.37, "semis", 0.45, 0.212, 21.8e6, dividend_yield=0.015),
    Instrument("COST", 42.16, 0.204, 0.70, "discretionary", 0.25, 0.142, 2.06e6, dividend_yield=0.006),
    Instrument("NFLX", 20.00, 0.499, 1.10, "internet", 0.30, 0.207, 96.1e6),
    Instrument("TMUS", 20.00, 0.351, 0.91, "utilities", 0.05, 0.134, 3.65e6, dividend_yield=0.01),
    Instrument("CSCO", 20.00, 0.260, 0.99, "tech", 0.15, 0.087, 23.3e6, dividend_yield=0.028),
    Instrument("AMD", 20.00, 0.553, 1.69, "semis", 0.45, 0.127, 38.7e6),
    Instrument("PEP", 37.96, 0.175, 0.57, "staples", 0.60, 0.080, 4.83e6, dividend_yield=0.029),
    Instrument("LIN", 60.21, 0.214, 0.89, "industrials", 0.30, 0.106, 1.44e6, dividend_yield=0.013),
    Instrument("ADBE", 37.09, 0.323, 1.23, "software", 0.35, 0.116, 2.91e6),
    Instrument("INTU", 27.14, 0.293, 1.21, "software", 0.35, 0.149, 1.53e6, dividend_yield=0.006),
    Instrument("TXN", 20.00, 0.278, 1.18, "semis", 0.45, 0.120, 5.56e6, dividend_yield=0.027),
    Instrument("QCOM", 31.37, 0.338, 1.24, "semis", 0.45, 0.092, 9.79e6, dividend_yield=0.022),
    Instrument("ISRG", 34.31, 0.320, 1.15, "health", 0.10, 0.129, 2.24e6),
    Instrument("AMGN", 39.31, 0.243, 0.75, "health", 0.36, 0.103, 3.03e6, dividend_yield=0.028),
    Instrument("BKNG", 220.40, 0.329, 1.15, "internet", 0.30, 0.146, 0.458e6),
    Instrument("HON", 25.58, 0.230, 1.03, "industrials", 0.30, 0.109, 3.21e6, dividend_yield=0.019),
    Instrument("CMCSA", 20.00, 0.247, 0.89, "discretionary", 0.10, 0.097, 23e6, dividend_yield=0.026),
    Instrument("AMAT", 20.00, 0.371, 1.51, "equipment", 0.72, 0.131, 10.2e6, dividend_yield=0.009),
    Instrument("PANW", 20.00, 0.397, 1.08, "software", 0.35, 0.162, 6.86e6),
    Instrument("ADP", 25.73, 0.218, 0.94, "industrials", 0.30, 0.120, 1.88e6, dividend_yield=0.02),
    Instrument("VRTX", 44.24, 0.405, 0.92, "biotech", 0.35, 0.115, 1.5e6),
    Instrument("GILD", 20.00, 0.275, 0.68, "biotech", 0.35, 0.104, 8.83e6, dividend_yield=0.035),
    Instrument("MU", 20.00, 0.481, 1.69, "semis", 0.45, 0.119, 24.2e6, dividend_yield=0.004),
    Instrument("SBUX", 20.00, 0.279, 1.02, "discretionary", 0.25, 0.116, 8.62e6, dividend_yield=0.022),
    Instrument("ADI", 21.90, 0.300, 1.26, "semis", 0.45, 0.117, 2.66e6, dividend_yield=0.018),
    Instrument("LRCX", 20.00, 0.391, 1.56, "equipment", 0.72, 0.148, 17.9e6, dividend_yield=0.009),
    Instrument("MELI", 49.02, 0.465, 1.47, "internet", 0.30, 0.169, 0.488e6),
    Instrument("INTC", 20.00, 0.340, 1.20, "semis", 0.45, 0.056, 32.4e6, dividend_yield=0.025),
    Instrument("KLAC", 20.88, 0.364, 1.46, "equipment", 0.72, 0.161, 1.39e6, dividend_yield=0.01),
    Instrument("CRWD", 58.00, 0.573, 1.26, "software", 0.35, 0.220, 3.45e6),
    Instrument("MDLZ", 20.00, 0.201, 0.64, "staples", 0.60, 0.094, 7.45e6, dividend_yield=0.023),
    Instrument("CTAS", 20.00, 0.248, 1.03, "industrials", 0.30, 0.161, 1.99e6, dividend_yield=0.008),
    Instrument("CDNS", 20.00, 0.310, 1.22, "software", 0.35, 0.167, 2.02e6),
    Instrument("SNPS", 22.44, 0.274, 1.10, "software", 0.35, 0.141, 0.822e6),
    Instrument("REGN", 24.49, 0.380, 0.87, "biotech", 0.35, 0.139, 0.713e6),
    Instrument("FTNT", 20.00, 0.414, 1.21, "software", 0.35, 0.172, 6.72e6),
    Instrument("PYPL", 36.63, 0.385, 1.32, "internet", 0.30, 0.075, 8.85e6),
    Instrument("MAR", 22.04, 0.308, 1.18, "discretionary", 0.25, 0.121, 2.23e6, dividend_yield=0.009),
    Instrument("ORLY", 20.00, 0.253, 0.70, "discretionary", 0.25, 0.155, 9.41e6),
    Instrument("ASML", 23.53, 0.362, 1.38, "semis", 0.45, 0.154, 0.997e6, dividend_yield=0.009),
    Instrument("MRVL", 20.00, 0.443, 1.52, "semis", 0.45, 0.087, 8.72e6, dividend_yield=0.005),
    Instrument("CSX", 20.00, 0.276, 1.09, "industrials", 0.30, 0.107, 16.9e6, dividend_yield=0.013),
    Instrument("ROP", 47.72, 0.226, 0.97, "industrials", 0.30, 0.120, 0.442e6, dividend_yield=0.006),
    Instrument("MNST", 20.00, 0.304, 0.81, "staples", 0.20, 0.135, 5.89e6),
    Instrument("NXPI", 20.00, 0.426, 1.57, "semis", 0.45, 0.136, 2.39e6, dividend_yield=0.017),
    Instrument("PDD", 26.70, 0.600, 1.01, "internet", 0.30, 0.139, 7.34e6),
    Instrument("WDAY", 48.69, 0.385, 1.23, "software", 0.35, 0.103, 1.56e6),
    Instrument("AEP", 20.00, 0.195, 0.50, "utilities", 0.77, 0.095, 2.72e6, dividend_yield=0.034),
    Instrument("PAYX", 20.00, 0.225, 0.95, "industrials", 0.30, 0.107, 1.9e6, dividend_yield=0.03),
)

# group: (parent, share of the group's variance owed to the parent). A parent is listed before its children.
GROUPS: Final[dict[str, tuple[str | None, float]]] = {
    "tech": (None, 0.0),
    "semis": ("tech", 0.35),
    "equipment": ("semis", 0.60),
    "software": ("tech", 0.35),
    "internet": ("tech", 0.25),
    "discretionary": (None, 0.0),
    "industrials": (None, 0.0),
    "energy": (None, 0.0),
    "financials": (None, 0.0),
    "defensive": (None, 0.0),
    "staples": ("defensive", 0.55),
    "utilities": ("defensive", 0.55),
    "health": ("defensive", 0.25),
    "biotech": ("health", 0.50),
}

LISTED: Final = {
    "TSLA": dt.date(2010, 6, 29),
    "NXPI": dt.date(2010, 8, 6),
    "UVXY": dt.date(2011, 10, 4),
    "META": dt.date(2012, 5, 18),
    "PANW": dt.date(2012, 7, 20),
    "WDAY": dt.date(2012, 10, 12),
    "PYPL": dt.date(2015, 7, 6),
    "PDD": dt.date(2018, 7, 26),
    "CRWD": dt.date(2019, 6, 12),
}

SPLITS: Final = (
    ("GOOGL", dt.date(2014, 4, 3), 1.998),
    ("AAPL", dt.date(2014, 6, 9), 7.0),
    ("NFLX", dt.date(2015, 7, 15), 7.0),
    ("AAPL", dt.date(2020, 8, 31), 4.0),
    ("TSLA", dt.date(2020, 8, 31), 5.0),
    ("NVDA", dt.date(2021, 7, 20), 4.0),
    ("AMZN", dt.date(2022, 6, 6), 20.0),
    ("GOOGL", dt.date(2022, 7, 18), 20.0),
    ("TSLA", dt.date(2022, 8, 25), 3.0),
    ("NVDA", dt.date(2024, 6, 10), 10.0),
)
