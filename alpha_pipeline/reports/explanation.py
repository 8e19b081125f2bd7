"""One explained forecast, for a terminal: what moved it, what its model relies on, where it looked."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alpha_pipeline.digits import number
from alpha_pipeline.forecasting.explain import Explanation
from alpha_pipeline.training.artifact import Card
from alpha_pipeline.training.calibration import NEVER

TOP_SESSIONS: Final = 5
TOP_TICKERS: Final = 10
OCCLUSION_NOTE: Final = (
    "Change of the forecast by having it: feature windows replaced by the training mean, raw bars by ordinary windows, "
    "another ticker by its absence."
)
IMPORTANCE_NOTE: Final = (
    "Importance: rise of the fold's loss (nats, all horizons) when the group is that of another session, over its "
    "validation slice; ± is the standard error over permutations."
)
ATTENTION_NOTE: Final = (
    "Weight of the last encoder layer on each session, mean over heads and seeds. A session's state holds what was "
    "read up to it. Where a model looked is not yet why."
)
LOOKED_AT_NOTE: Final = (
    "Weight of the attention over tickers, mean over heads and seeds; its own is among them. Tickers that moved "
    "together in the window start closer. Where a model looked is not yet why."
)
EDGES_NOTE: Final = (
    "Learned functions of the first layer that vary most over training. The input is in the window's own scale; "
    "a usual change is about 1."
)
LEARNING_NOTE: Final = (
    "Loss after each pass over the fold's training slice, in nats: of the averaged weights on the validation slice, of "
    "which the lowest is kept, and of the batches as they were trained, with dropout and penalties."
)
_BLOCKS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class ExplainedForecast:
    """Everything an explanation shows.

    Attributes:
        market: the market's name.
        is_simulated: mark everything SIMULATED.
        forecast: the row of `forecasts.daily`.
        fold: index of the fold whose members made it.
        explanation: of that forecast.
        closes: columns session and adj_close over the window.
        bars_changed: whether the stored forecast differs from the recomputed one: bars changed since it was made.
        members: the cards of those who made it, a seed each.
    """

    market: str
    is_simulated: bool
    forecast: Mapping[str, object]
    fold: int
    explanation: Explanation
    closes: pl.DataFrame
    bars_changed: bool
    members: tuple[Card, ...]

    @property
    def learners(self) -> list[Card]:
        """The members whose losses were kept: no closed forms."""
        return [card for card in self.members if card.validation_curve]


def render(explained: ExplainedForecast) -> RenderableType:
    """The explanation for a terminal."""
    mark = "SIMULATED · " if explained.is_simulated else ""
    row, found = explained.forecast, explained.explanation
    parts: list[RenderableType] = [
        Text(headline(row), style="bold"),
        *(Text(line, style="dim") for line in provenance(explained)),
    ]
    if explained.bars_changed:
        parts.append(Text(f"! {changed_since(explained)}", style="red"))
    parts += [Text(), _groups(explained), Text(), _features(explained)]
    if found.attention is not None:
        parts += [Text(), _attention(explained)]
    if found.looked_at:
        parts += [Text(), _looked_at(explained)]
    if found.edges:
        parts += [Text(), _edges(explained)]
    if explained.learners:
        parts += [Text(), _learning(explained)]
    return Panel(
        Group(*parts),
        title=f"{mark}Why {row['model']} forecast {row['ticker']} so",
        subtitle=f"{mark}at the close of {found.session}",
        border_style="magenta" if explained.is_simulated else "cyan",
        box=box.ROUNDED,
        padding=(1, 2),
    )


def headline(row: Mapping[str, object]) -> str:
    """A row of `forecasts.daily` in words."""
    horizon = f"{row['horizon']} session{'' if row['horizon'] == 1 else 's'}"
    words = (
        f"Expected return {_percent(row['expected_return'])} over {horizon}, "
        f"volatility {number(row['forecast_vol'], '.2%')}, P(up) {number(row['prob_up'], '.0%')}"
    )
    for name, said in (("bull", "bull move"), ("spike", "spike")):
        if row[f"prob_{name}"] is not None:
            threshold = row[f"{name}_threshold"]
            fires = "never fires" if threshold == NEVER else f"fires from {number(threshold, '.1%')}"
            words += f", P({said}) {number(row[f'prob_{name}'], '.1%')} ({fires})"
    return words


def provenance(explained: ExplainedForecast) -> list[str]:
    """Who made the forecast, and from what."""
    row = explained.forecast
    spread = f", which differ by {_percent(row['seed_spread'], sign=False)}" if row["seeds"] != 1 else ""
    made = f"{'made live' if row['is_live'] else 'made'} {row['made_at']:%Y-%m-%d %H:%M} UTC"
    return [
        f"Fold {explained.fold}, trained through {row['trained_through']}; {row['seeds']} seed(s){spread}; {made}",
        f"Members {str(row['model_id']).replace('+', ', ')}",
    ]


def changed_since(explained: ExplainedForecast) -> str:
    """That the stored forecast is not what the bars held now give."""
    now = _percent(explained.explanation.expected_return)
    return f"The bars changed since it was made: those held now give {now}, and that is what is explained."


def top_sessions(explained: ExplainedForecast) -> list[tuple[dt.date, float]]:
    """The sessions of the window that got most attention, with their weights."""
    found = explained.explanation
    weights = [] if found.attention is None else found.attention.tolist()
    return sorted(zip(found.window, weights, strict=False), key=lambda item: -item[1])[:TOP_SESSIONS]


def sparkline(values: Sequence[float]) -> str:
    """Values as blocks, the lowest the lowest block; all alike are the lowest."""
    low, high = min(values), max(values)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BLOCKS[round((value - low) * scale)] for value in values)


def _groups(explained: ExplainedForecast) -> Group:
    found = explained.explanation
    has_event = found.prob_event is not None
    table = Table("group", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("return", *(["P(event)"] if has_event else []), "importance", "±"):
        table.add_column(column, justify="right")
    importance = {one.group: one for one in found.importance}
    for one in found.groups:
        relied = importance[one.name]
        table.add_row(
            one.name,
            _percent(one.on_return),
            *([_points(one.on_event)] if has_event else []),
            number(relied.increase, "+.4f"),
            number(relied.standard_error, ".4f"),
        )
    return Group(
        Text("Groups of inputs", style="bold"), Text(f"{OCCLUSION_NOTE} {IMPORTANCE_NOTE}", style="dim"), table
    )


def _features(explained: ExplainedForecast) -> Group:
    found = explained.explanation
    has_event = found.prob_event is not None
    table = Table("input", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("return", *(["P(event)"] if has_event else [])):
        table.add_column(column, justify="right")
    for one in found.features:
        table.add_row(one.name, _percent(one.on_return), *([_points(one.on_event)] if has_event else []))
    return Group(Text("Strongest single inputs", style="bold"), table)


def _attention(explained: ExplainedForecast) -> Group:
    found = explained.explanation
    weights = [] if found.attention is None else found.attention.tolist()
    line = Text(f"{found.window[0]} ")
    line.append(sparkline([0.0, *weights])[1:], style="bold cyan")
    line.append(f" {found.window[-1]}")
    tops = ", ".join(f"{session} {number(weight, '.1%')}" for session, weight in top_sessions(explained))
    return Group(
        Text("Attention over the window", style="bold"),
        Text(ATTENTION_NOTE, style="dim"),
        line,
        Text(f"Most on {tops}; spread evenly, each has {1 / len(weights):.1%}."),
    )


def _looked_at(explained: ExplainedForecast) -> Group:
    found = explained.explanation.looked_at
    table = Table("ticker", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("attention", justify="right")
    for ticker, weight in found[:TOP_TICKERS]:
        table.add_row(ticker, number(weight, ".1%"))
    even = Text(f"Spread evenly over {len(found)}, each has {1 / len(found):.1%}.")
    return Group(Text("Whom it looked at", style="bold"), Text(LOOKED_AT_NOTE, style="dim"), table, even)


def _edges(explained: ExplainedForecast) -> Group:
    table = Table("input", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("unit", "seed", "spread", "from", "to"):
        table.add_column(column, justify="right")
    table.add_column("function")
    for edge in explained.explanation.edges:
        table.add_row(
            edge.input,
            str(edge.unit),
            str(edge.seed),
            number(edge.spread, ".3f"),
            f"{edge.x[0]:+.1f}",
            f"{edge.x[-1]:+.1f}",
            sparkline(edge.y[::2].tolist()),
        )
    return Group(Text("Strongest KAN edges", style="bold"), Text(EDGES_NOTE, style="dim"), table)


def _learning(explained: ExplainedForecast) -> Group:
    table = Table("seed", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("passes", "kept", "at the start", "kept loss"):
        table.add_column(column, justify="right")
    for column in ("validation", "training"):
        table.add_column(column)
    for card in explained.learners:
        judged = card.validation_curve
        table.add_row(
            str(card.seed),
            str(card.epochs),
            str(judged.index(min(judged))),
            f"{judged[0]:.4f}",
            f"{min(judged):.4f}",
            sparkline(judged),
            sparkline(card.training_curve),
        )
    return Group(Text("How its members learned", style="bold"), Text(LEARNING_NOTE, style="dim"), table)


def _percent(value: object, *, sign: bool = True) -> str:
    """A log return as it is shown; a dash for none."""
    return number(value, "+.3%" if sign else ".3%")


def _points(value: float | None) -> str:
    """A change of a probability in percentage points; a dash for none."""
    return f"{number(100 * value, '+.2f')} pp" if value is not None else number(None, "")
