"""One explained forecast as a self-contained HTML page with its figures."""

from collections.abc import Sequence
from html import escape
from typing import Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from alpha_pipeline.forecasting.explain import Edge
from alpha_pipeline.forecasting.importance import Importance
from alpha_pipeline.forecasting.occlusion import Effect
from alpha_pipeline.reports import figures
from alpha_pipeline.reports.daily_report import SIMULATED_BANNER
from alpha_pipeline.reports.explanation import (
    ATTENTION_NOTE,
    EDGES_NOTE,
    IMPORTANCE_NOTE,
    LEARNING_NOTE,
    LOOKED_AT_NOTE,
    OCCLUSION_NOTE,
    ExplainedForecast,
    changed_since,
    headline,
    provenance,
    top_sessions,
)
from alpha_pipeline.reports.page import Section, page
from alpha_pipeline.training.artifact import Card

_UP: Final = "#2a9d8f"
_DOWN: Final = "#d1495b"
_INK: Final = "#3b8ed0"
_EDGE_COLUMNS: Final = 3
_LONG_NAME: Final = 34  # characters of an input's name that have room beside a bar


def render_html(explained: ExplainedForecast) -> str:
    """The page of one explained forecast. Equal values make equal pages."""
    row, found = explained.forecast, explained.explanation
    sections = [
        Section("What moved it: groups of inputs", OCCLUSION_NOTE, _figure(effects(found.groups), "groups")),
        Section(
            "What moved it: the strongest single inputs",
            "One input at a time: what several inputs say together shows in none of them alone.",
            _figure(effects(found.features), "features"),
        ),
    ]
    if found.prob_event is not None:
        note = "Likewise, change of the probability of the event that the model forecasts beside the return."
        sections.append(
            Section("What moved the event", note, _figure(effects(found.groups, on_event=True), "event_groups"))
        )
    sections.append(
        Section("What the model relies on", IMPORTANCE_NOTE, _figure(importance(found.importance), "importance"))
    )
    if found.attention is not None:
        tops = ", ".join(f"{session} {weight:.1%}" for session, weight in top_sessions(explained))
        note = f"{ATTENTION_NOTE} Most on {tops}."
        sections.append(Section("Where it looked", note, _figure(attention(explained), "attention")))
    if found.looked_at:
        sections.append(Section("Whom it looked at", LOOKED_AT_NOTE, _figure(looked_at(found.looked_at), "looked_at")))
    if found.edges:
        sections.append(Section("Its strongest KAN edges", EDGES_NOTE, _figure(edges(found.edges), "edges")))
    if explained.learners:
        figure = _figure(learning(explained.learners), "learning")
        dashed = " Dashed: a forecast without inputs." if _is_of_return_alone(explained.learners) else ""
        sections.append(Section("How its members learned", f"{LEARNING_NOTE}{dashed}", figure))
    mark = "SIMULATED · " if explained.is_simulated else ""
    return page(
        title=f"{mark}Why {row['model']} forecast {row['ticker']} so on {found.session}",
        lead=_lead(explained),
        sections=sections,
        footer=(
            f"{mark}Market: {explained.market}. This explains a model and not the market: what a model without skill "
            "looked at says nothing about returns."
        ),
        banner=SIMULATED_BANNER if explained.is_simulated else "",
    )


def effects(found: Sequence[Effect], *, on_event: bool = False) -> go.Figure:
    """A bar per effect, the strongest on top, coloured by its sign."""
    values = [one.on_event or 0.0 if on_event else one.on_return for one in found]
    bars = go.Bar(
        x=values,
        y=list(range(len(found))),
        orientation="h",
        marker={"color": [_UP if value >= 0 else _DOWN for value in values], "line": {"width": 0}},
        customdata=[one.name for one in found],
        hovertemplate="%{customdata}: %{x:+.3%}<extra></extra>",
    )
    return _barred(go.Figure(bars), [one.name for one in found]).update_xaxes(
        tickformat="+.3~%", hoverformat="+.3%", nticks=6
    )


def importance(found: Sequence[Importance]) -> go.Figure:
    """A bar per group with its standard error, the largest on top."""
    bars = go.Bar(
        x=[one.increase for one in found],
        y=list(range(len(found))),
        orientation="h",
        marker={"color": _INK, "line": {"width": 0}},
        error_x={
            "type": "data",
            "array": [one.standard_error for one in found],
            "color": figures.OTHER_COLOUR,
            "thickness": 1.5,
        },
        customdata=[one.group for one in found],
        hovertemplate="%{customdata}: %{x:+.4f} nats<extra></extra>",
    )
    return _barred(go.Figure(bars), [one.group for one in found]).update_xaxes(hoverformat="+.4f", nticks=6)


def attention(explained: ExplainedForecast) -> go.Figure:
    """The adjusted close over the window above the attention on each of its sessions."""
    found = explained.explanation
    days = [session.isoformat() for session in found.window]
    weights = [] if found.attention is None else found.attention.tolist()
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.05)
    closes = explained.closes
    price = go.Scatter(
        x=[session.isoformat() for session in closes["session"]],
        y=closes["adj_close"].to_list(),
        line={"color": figures.STRATEGY_COLOURS["buy_and_hold"], "width": 1.6},
        hovertemplate="%{x}: %{y:.2f}<extra></extra>",
        showlegend=False,
    )
    bars = go.Bar(
        x=days,
        y=weights,
        marker={"color": figures.STRATEGY_COLOURS["sector_rotation"], "line": {"width": 0}},
        hovertemplate="%{x}: %{y:.1%}<extra></extra>",
        showlegend=False,
    )
    figure.add_trace(price, row=1, col=1)
    figure.add_trace(bars, row=2, col=1)
    even = {"color": figures.OTHER_COLOUR, "width": 1, "dash": "dot"}
    figure.add_hline(y=1 / len(weights), line=even, row=2, col=1)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", row=2, col=1)
    # Sessions side by side: on a date axis a week-end would be a hole in the window.
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=days, tickangle=0)
    figure.update_xaxes(tickvals=days[:: -(-len(days) // 4)], row=2, col=1)
    return figures.dressed(figure, height=360).update_layout(hovermode="closest", bargap=0.2)


def looked_at(found: Sequence[tuple[str, float]]) -> go.Figure:
    """A bar per ticker, the most looked at on top; the dotted line is attention spread evenly."""
    bars = go.Bar(
        x=[weight for _, weight in found],
        y=list(range(len(found))),
        orientation="h",
        marker={"color": figures.STRATEGY_COLOURS["sector_rotation"], "line": {"width": 0}},
        customdata=[ticker for ticker, _ in found],
        hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
    )
    figure = _barred(go.Figure(bars), [ticker for ticker, _ in found])
    figure.add_vline(x=1 / len(found), line={"color": figures.OTHER_COLOUR, "width": 1, "dash": "dot"})
    return figure.update_xaxes(tickformat=".0%").update_layout(height=60 + 16 * len(found))


def edges(found: Sequence[Edge]) -> go.Figure:
    """A small picture per edge function, all on one scale, so that a strong edge looks strong."""
    rows = -(-len(found) // _EDGE_COLUMNS)
    titles = [f"{edge.input}<br>unit {edge.unit}, seed {edge.seed}" for edge in found]
    figure = make_subplots(
        rows=rows,
        cols=_EDGE_COLUMNS,
        shared_yaxes="all",
        subplot_titles=titles,
        vertical_spacing=0.34 / rows,
        horizontal_spacing=0.04,
    )
    for place, edge in enumerate(found):
        line = go.Scatter(
            x=edge.x.tolist(),
            y=edge.y.tolist(),
            line={"color": _INK, "width": 1.8},
            hovertemplate="%{x:+.2f}: %{y:+.3f}<extra></extra>",
            showlegend=False,
        )
        figure.add_trace(line, row=place // _EDGE_COLUMNS + 1, col=place % _EDGE_COLUMNS + 1)
    figures.dressed(figure, height=60 + 190 * rows).update_annotations(font_size=11)
    return figure.update_xaxes(hoverformat=".2f", nticks=4).update_layout(
        hovermode="closest", margin={"l": 44, "r": 12, "t": 48, "b": 28}
    )


def learning(cards: Sequence[Card]) -> go.Figure:
    """The loss of each member by pass: validation with a mark on the pass that was kept, training dotted.

    The dashed line is the loss of the training slice's unconditional distribution, where only the return is forecast.
    """
    figure = go.Figure()
    colours = {"validation": figures.STRATEGY_COLOURS["qqq_position"], "training": _INK}
    for place, card in enumerate(cards):
        judged, hover = card.validation_curve, f"seed {card.seed}, pass %{{x}}: %{{y:.4f}}<extra></extra>"
        kept = judged.index(min(judged))
        for name, first, losses in (("validation", 0, judged), ("training", 1, card.training_curve)):
            line = go.Scatter(
                x=[first + one for one in range(len(losses))],
                y=losses,
                name=name,
                legendgroup=name,
                showlegend=place == 0,
                line={"color": colours[name], "width": 1.6, "dash": "dot" if name == "training" else "solid"},
                hovertemplate=hover,
            )
            figure.add_trace(line)
        mark = {"color": colours["validation"], "size": 9}
        dot = go.Scatter(x=[kept], y=[judged[kept]], mode="markers", marker=mark, hovertemplate=hover, showlegend=False)
        figure.add_trace(dot)
    if _is_of_return_alone(cards):
        figure.add_hline(y=cards[0].baseline_loss, line={"color": figures.OTHER_COLOUR, "width": 1, "dash": "dash"})
    figures.dressed(figure, height=320).update_layout(hovermode="closest", margin={"b": 44, "l": 56})
    return figure.update_xaxes(title="pass", nticks=10).update_yaxes(tickformat=".3f")


def _is_of_return_alone(cards: Sequence[Card]) -> bool:
    """Whether the losses are of the return, and so can stand beside that of a forecast without inputs."""
    return all(card.event is None for card in cards)


def _lead(explained: ExplainedForecast) -> str:
    row, found = explained.forecast, explained.explanation
    lines = "".join(f'<p class="note">{escape(line)}</p>' for line in provenance(explained))
    problem = f'<p class="problem">{escape(changed_since(explained))}</p>' if explained.bars_changed else ""
    colour = "good" if found.expected_return >= 0 else "bad"
    return (
        f"<h1>Why {escape(str(row['model']))} forecast {escape(str(row['ticker']))} so "
        f"at the close of {found.session}</h1>"
        f'<p class="headline {colour}">{row["expected_return"]:+.2%}</p>'
        f'<p class="reason">{escape(headline(row))}</p>{lines}{problem}'
    )


def _figure(figure: go.Figure, name: str) -> str:
    return figures.fragment(figure, name)


def _barred(figure: go.Figure, names: Sequence[str]) -> go.Figure:
    """Dress a figure of one bar per name, the first on top."""
    figures.dressed(figure, height=60 + 28 * len(names))
    figure.update_layout(margin={"l": 12, "r": 16, "t": 8, "b": 28}, hovermode="closest", bargap=0.3)
    grey = figures.OTHER_COLOUR
    figure.update_xaxes(showgrid=True, gridcolor=grey, zeroline=True, zerolinecolor=grey)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False, fixedrange=True)
    return figure.update_yaxes(tickvals=list(range(len(names))), ticktext=[_short(name) for name in names])


def _short(name: str) -> str:
    return name if len(name) <= _LONG_NAME else f"{name[: _LONG_NAME - 1]}…"
