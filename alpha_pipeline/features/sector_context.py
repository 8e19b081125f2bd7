"""Sector context: the ticker against each of the seven sectors, and the sectors against each other.

It goes on where `alpha_pipeline.features.market_context` leaves off, which holds the ticker against the
sectors' mean over 20 sessions. The context is the bars of the sectors. Any of them may be missing or begin
late: what needs it is null, and ranks, means and dispersion count those present. Context joins by session
and is never carried forward. A sector's own columns against itself are 0, and its correlation 1.

Nothing depends on a price level.
"""

import polars as pl

from alpha_pipeline.features.context import closes, co_deviations, correlation, joined, mean, sessions_of
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import Panel, described
from alpha_pipeline.features.sectors import between_sectors, sector_rank, sector_returns, yardsticks
from alpha_pipeline.features.windows import Variances, lag
from alpha_pipeline.universe import SECTORS

CORRELATION_SESSIONS = 60
RANK_SESSIONS = (5, 60)  # `market_context` has 20

RELATIVE_FEATURES = (
    *(
        Feature(
            f"relative_to_{sector.lower()}_{n}", n, f"Log return of the ticker minus that of {sector} over {n} sessions"
        )
        for n in (5, 20)
        for sector in SECTORS
    ),
    *(
        Feature(f"sector_rank_{n}", n, f"Part of the sectors with a lower {n}-session log return than the ticker")
        for n in RANK_SESSIONS
    ),
    *(
        Feature(
            f"correlation_to_{sector.lower()}_60",
            60,
            f"Correlation of daily log returns with those of {sector}, 60 sessions",
        )
        for sector in SECTORS
    ),
)
LEADER_FEATURES = tuple(
    Feature(f"{sector.lower()}_to_sectors_20", 20, f"20-session log return of {sector} minus the mean of the sectors")
    for sector in SECTORS
)
SPREAD_FEATURES = tuple(
    feature
    for n in RANK_SESSIONS
    for feature in (
        Feature(f"sector_dispersion_{n}", n, f"Standard deviation between the sectors' {n}-session log returns"),
        Feature(f"risk_appetite_{n}", n, f"Mean {n}-session log return of XLK and XLY minus that of XLU and XLP"),
    )
)
FEATURES = (*RELATIVE_FEATURES, *LEADER_FEATURES, *SPREAD_FEATURES)


def sector_context(bars: pl.DataFrame, context: pl.DataFrame) -> pl.DataFrame:
    """Where each ticker stood among the sectors, and which sectors led, known at each bar's close.

    Args:
        bars: raw bars of the tickers to describe, sorted by ticker and session.
        context: raw bars, so sorted, of the sectors, as far as they exist; other tickers are ignored.

    Returns:
        ``ticker, session`` and `FEATURES`, in the order of the bars. Null in the warm-up, and where a
        session has no context.
    """
    sessions = sessions_of(bars)
    returns = sector_returns(context, sessions, (*RANK_SESSIONS, 20))
    beside = [closes(context, SECTORS, sessions), *(sessions.hstack(yardsticks(returns[n], n)) for n in RANK_SESSIONS)]
    with_sectors = bars.join(joined(sessions, *beside), on="session", how="left", maintain_order="left")
    relative = described(with_sectors, RELATIVE_FEATURES, _relative)
    between = [between_sectors(returns[n], n) for n in RANK_SESSIONS]
    market = pl.concat([sessions, _leaders(returns[20]), *between], how="horizontal")
    whole = relative.join(market, on="session", how="left", maintain_order="left")
    return whole.select("ticker", "session", *(feature.name for feature in FEATURES))


def _leaders(returns: pl.DataFrame) -> pl.DataFrame:
    """Each sector's return minus the mean of those present."""
    middle = mean(returns.get_columns())
    return pl.DataFrame({f"{sector.lower()}_to_sectors_20": returns[sector] - middle for sector in SECTORS})


def _relative(panel: Panel) -> dict[str, pl.Series]:
    """The ticker against each sector, over the ticker's own sessions."""
    close = panel["close"]
    own = {n: (close / lag(close, n)).log() for n in RANK_SESSIONS}
    columns = {f"sector_rank_{n}": sector_rank(panel, own[n], n) for n in RANK_SESSIONS}
    daily = (close / lag(close, 1)).log()
    own_squares = Variances(daily).squared_deviations(CORRELATION_SESSIONS)
    for sector in SECTORS:
        price, name = panel[f"close_{sector}"], sector.lower()
        in_sector = close / price
        columns |= {f"relative_to_{name}_{n}": (in_sector / lag(in_sector, n)).log() for n in (5, 20)}
        columns[f"correlation_to_{name}_60"] = _correlation(daily, own_squares, (price / lag(price, 1)).log())
    return columns


def _correlation(own: pl.Series, own_squares: pl.Series, sector: pl.Series) -> pl.Series:
    """Correlation of daily log returns with those of a sector."""
    n = CORRELATION_SESSIONS
    squares = Variances(sector).squared_deviations(n)
    return correlation(co_deviations(own, sector, n), own_squares, squares, n)
