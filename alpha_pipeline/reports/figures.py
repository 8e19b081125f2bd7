"""The figures of the daily report, each a function from frames to a plotly figure.

Backgrounds are transparent and every colour of data reads on white and on near-black; text and grid take
theirs from the page. Log scales are used where equal distances should mean equal returns.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
from plotly.subplots import make_subplots

from alpha_pipeline.signals.mag7_vote import STRONG_BUY_ABOVE
from alpha_pipeline.universe import MAG7

VOTE_SESSIONS: Final = 60
UNKNOWN: Final = "unknown"
STRATEGY_COLOURS: Final = {
    "qqq_position": "#e4572e",
    "qqq_position_without_exit": "#d86fcb",
    "mag7_vote": "#6aa84f",
    "sector_rotation": "#8e6fd8",
    "buy_and_hold": "#3b8ed0",
    "vol_target_15": "#2a9d8f",
    "equal_weight_sectors": "#b08a2e",
}
OTHER_COLOUR: Final = "#808a96"
REGIME_COLOURS: Final = {"calm": "#2a9d8f", "normal": "#d9a62e", "stressed": "#d1495b", UNKNOWN: "#808a96"}
VOTE_COLOURS: Final = {"strong_buy": "#2a9d8f", "neutral": "#d9a62e", "abstain": "#d1495b"}
DAY_MS: Final = 24 * 3600 * 1000
_CLEAR = "rgba(0,0,0,0)"


def equity(ledger: pl.DataFrame) -> go.Figure:
    """Equity of every strategy on a log scale, and below it how far each stands under its highest close.

    Args:
        ledger: rows of ``portfolio.ledger``; equity is 1 before the first session, which counts as a high.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05)
    for strategy in in_order(ledger["strategy"]):
        rows = ledger.filter(pl.col("strategy") == strategy).sort("session")
        line = {
            "color": STRATEGY_COLOURS.get(strategy, OTHER_COLOUR),
            "width": 2.4 if strategy == "qqq_position" else 1.3,
        }
        own: dict[str, Any] = {
            "x": rows["session"].to_list(),
            "name": strategy.replace("_", " "),
            "legendgroup": strategy,
            "line": line,
        }
        figure.add_trace(go.Scatter(y=rows["equity"].to_list(), hovertemplate="%{y:.2f}", **own), row=1, col=1)
        under = drawdown(rows)["drawdown"].to_list()
        figure.add_trace(go.Scatter(y=under, hovertemplate="%{y:.1%}", showlegend=False, **own), row=2, col=1)
    figure.update_yaxes(**_log_axis(ledger["equity"]), row=1, col=1)
    figure.update_yaxes(tickformat=".0%", row=2, col=1)
    return dressed(figure, height=520)


def drawdown(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns session and drawdown (0 to -1) of one strategy's ledger rows, in order."""
    high = pl.max_horizontal(pl.col("equity").cum_max(), 1.0)
    return rows.sort("session").select("session", drawdown=pl.col("equity") / high - 1)


def regimes(regimes: pl.DataFrame, qqq_bars: pl.DataFrame) -> go.Figure:
    """QQQ's adjusted close on a log scale above a strip of the VIX regime and the sessions that exit longs.

    Args:
        regimes: rows of ``signals.vix_regime``.
        qqq_bars: QQQ's bars; those before the first regime are left out.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.84, 0.16], vertical_spacing=0.04)
    shown = qqq_bars.filter(pl.col("session") >= regimes["session"].min()).sort("session")
    price = go.Scatter(
        x=shown["session"].to_list(),
        y=shown["adj_close"].to_list(),
        name="QQQ",
        line={"color": STRATEGY_COLOURS["buy_and_hold"], "width": 1.4},
        hovertemplate="%{x|%Y-%m-%d}: %{y:.2f}<extra></extra>",
        showlegend=False,
    )
    figure.add_trace(price, row=1, col=1)
    spans = list(regime_spans(regimes))
    for name, colour in REGIME_COLOURS.items():
        own = [(first, last) for regime, first, last in spans if regime == name]
        if own:
            figure.add_trace(_strip(name, colour, own), row=2, col=1)
    exits = regimes.filter("exit_longs")["session"].to_list()
    if exits:
        mark = {"symbol": "line-ns-open", "size": 9, "color": "#d1495b"}
        template = "%{x|%Y-%m-%d}: exit longs<extra></extra>"
        scatter = go.Scatter(
            x=exits, y=[1.0] * len(exits), mode="markers", name="exit longs", marker=mark, hovertemplate=template
        )
        figure.add_trace(scatter, row=2, col=1)
    ends = [regimes["session"].min(), regimes["session"].max()]
    figure.update_xaxes(type="date", range=[*(end.isoformat() for end in ends if isinstance(end, dt.date))])
    figure.update_yaxes(**_log_axis(shown["adj_close"]), row=1, col=1)
    figure.update_yaxes(visible=False, range=[-0.5, 1.5], fixedrange=True, row=2, col=1)
    return dressed(figure, height=400).update_layout(hovermode="closest", barmode="overlay", bargap=0)


def regime_spans(regimes: pl.DataFrame) -> Iterator[tuple[str, dt.date, dt.date]]:
    """(regime, first session, last session) of every stretch of one regime; a null one is `UNKNOWN`."""
    rows = regimes.sort("session").select("session", regime=pl.col("regime").fill_null(UNKNOWN))
    stretches = rows.group_by(pl.col("regime").rle_id().alias("stretch"), maintain_order=True).agg(
        pl.col("regime").first(), first=pl.col("session").first(), last=pl.col("session").last()
    )
    yield from stretches.select("regime", "first", "last").iter_rows()


def _strip(name: str, colour: str, spans: list[tuple[dt.date, dt.date]]) -> go.Bar:
    # A bar lies from the first session to the day after the last: a stretch of one session is seen too.
    return go.Bar(
        base=[first.isoformat() for first, _ in spans],
        x=[((last - first).days + 1) * DAY_MS for first, last in spans],
        y=[0] * len(spans),
        width=0.9,
        orientation="h",
        name=name,
        marker={"color": colour, "line": {"width": 0}},
        customdata=[[first.isoformat(), last.isoformat()] for first, last in spans],
        hovertemplate=f"{name}: %{{customdata[0]}} to %{{customdata[1]}}<extra></extra>",
    )


def votes(votes: pl.DataFrame) -> go.Figure:
    """Bull ballots of the last `VOTE_SESSIONS` sessions, coloured by the signal they made.

    Args:
        votes: rows of ``signals.mag7_vote``.
    """
    recent = votes.sort("session").tail(VOTE_SESSIONS)
    days = [day.isoformat() for day in recent["session"].to_list()]
    figure = go.Figure()
    for signal, colour in VOTE_COLOURS.items():
        rows = recent.filter(pl.col("signal") == signal)
        if rows.is_empty():
            continue
        bars = go.Bar(
            x=[day.isoformat() for day in rows["session"].to_list()],
            y=rows["n_bull"].to_list(),
            name=signal.replace("_", " "),
            marker={"color": colour, "line": {"width": 0}},
            customdata=rows["n_voting"].to_list(),
            hovertemplate="%{x}: %{y} of %{customdata} bull<extra></extra>",
        )
        figure.add_trace(bars)
    silent = recent.filter(pl.col("signal") == "abstain")
    if silent.height:  # an abstention may have no bar to see
        mark = {"symbol": "x-thin-open", "size": 7, "color": VOTE_COLOURS["abstain"]}
        at = [day.isoformat() for day in silent["session"].to_list()]
        cross = go.Scatter(x=at, y=[0.25] * len(at), mode="markers", marker=mark, hoverinfo="skip", showlegend=False)
        figure.add_trace(cross)
    figure.add_hline(y=STRONG_BUY_ABOVE + 0.5, line={"color": OTHER_COLOUR, "width": 1, "dash": "dot"})
    figure.update_yaxes(range=[0, len(MAG7) + 0.2], dtick=1, fixedrange=True)
    labelled = days[:: math.ceil(len(days) / 4)]  # as many dates as a telephone has room for
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=days, tickvals=labelled, tickangle=0)
    return dressed(figure, height=280).update_layout(barmode="overlay", bargap=0.25, hovermode="closest")


def fragment(figure: go.Figure, name: str) -> str:
    """The figure as HTML for a page that carries plotly.js already.

    Args:
        figure: the figure.
        name: the element's id; the same each time, so that equal data make equal pages.
    """
    html = pio.to_html(
        figure,
        include_plotlyjs=False,
        include_mathjax=False,
        full_html=False,
        div_id=name,
        default_width="100%",
        default_height=f"{figure.layout.height}px",
        config={"responsive": True, "displaylogo": False, "displayModeBar": False},
    )
    return f'<div class="figure">{html}</div>'


def in_order(strategies: Iterable[str]) -> list[str]:
    """The strategies, the product's own first, then the rivals they have to beat, then any other."""
    held = set(strategies)
    return [name for name in STRATEGY_COLOURS if name in held] + sorted(held - set(STRATEGY_COLOURS))


def _log_axis(values: pl.Series) -> dict[str, Any]:
    """A log axis with ticks at round values, labelled in full."""
    span = values.drop_nulls()
    low, high = (float(bound) for bound in (span.min(), span.max())) if len(span) else (1.0, 1.0)  # type: ignore[arg-type]
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        shown = [tick for tick in ticks if low <= tick <= high]
        if len(shown) > 2:
            break
    return {"type": "log", "tickvals": shown, "ticktext": [f"{tick:g}" for tick in shown]}


def dressed(figure: go.Figure, height: int) -> go.Figure:
    """The figure in the style of every page; changed in place."""
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 44, "r": 12, "t": 8, "b": 28},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        font={"family": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", "size": 12, "color": OTHER_COLOUR},
        hovermode="x unified",
        hoverlabel={"bgcolor": "#2b333d", "bordercolor": "#5b6573", "font": {"color": "#f2f4f7"}},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0, "xanchor": "left", "bgcolor": _CLEAR},
    )
    figure.update_xaxes(hoverformat="%Y-%m-%d", spikecolor=OTHER_COLOUR, spikethickness=-1)
    figure.update_xaxes(showgrid=False, zeroline=False, ticks="outside", ticklen=4, tickcolor=OTHER_COLOUR)
    figure.update_yaxes(gridcolor=OTHER_COLOUR, zeroline=False)
    return figure
