"""Figures of the signals: the regime, the votes, who voted what, and which sector stood where."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from alpha_pipeline.digits import number
from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.sheet import blank, dated, dressed, is_narrow, keyed, log_scaled, thinned
from alpha_pipeline.reports.figures.svg import says
from alpha_pipeline.signals.mag7_vote import STRONG_BUY_ABOVE
from alpha_pipeline.universe import MAG7, SECTORS

VOTE_SESSIONS: Final = 60
RANKED_WEEKS: Final = 26
UNKNOWN: Final = "unknown"
REGIMES: Final = dict(zip(("calm", "normal", "stressed", UNKNOWN), palette.REGIMES, strict=True))
VOTES: Final = {"strong_buy": palette.GOOD, "neutral": palette.ZERO, "abstain": palette.BAD}


def regimes(regimes: pl.DataFrame, qqq_bars: pl.DataFrame, width: int) -> Figure:
    """QQQ's adjusted close on a log scale above a strip of the VIX regime and the sessions that exit longs.

    Args:
        regimes: rows of ``signals.vix_regime``.
        qqq_bars: QQQ's bars; those before the first regime are left out.
        width: in pixels.
    """
    figure = blank(width, 300 if is_narrow(width) else 340)
    above, strip = figure.subplots(2, 1, sharex=True, height_ratios=[6, 1])
    shown = qqq_bars.filter(pl.col("session") >= regimes["session"].min()).sort("session")
    closes = shown["adj_close"].to_numpy()
    places = thinned(closes, width)
    above.plot(shown["session"].to_numpy()[places], closes[places], color=palette.INK, linewidth=1.3)
    log_scaled(dressed(above), shown["adj_close"])
    _strip(strip, regimes)
    strip.set_xlim(date2num(regimes["session"].min()), date2num(regimes["session"].max()) + 1)
    dated(strip, width)
    handles = [Patch(color=colour, label=name, linewidth=0) for name, colour in REGIMES.items()]
    mark = Line2D([], [], color=palette.BAD, marker="|", markersize=9, linestyle="none", label="exit longs")
    held = {*regimes["regime"].fill_null(UNKNOWN), *(["exit longs"] if regimes["exit_longs"].any() else [])}
    keyed(figure, [one for one in (*handles, mark) if one.get_label() in held], width)
    return figure


def regime_spans(regimes: pl.DataFrame) -> Iterator[tuple[str, dt.date, dt.date]]:
    """(regime, first session, last session) of every stretch of one regime; a null one is `UNKNOWN`."""
    rows = regimes.sort("session").select("session", regime=pl.col("regime").fill_null(UNKNOWN))
    stretches = rows.group_by(pl.col("regime").rle_id().alias("stretch"), maintain_order=True).agg(
        pl.col("regime").first(), first=pl.col("session").first(), last=pl.col("session").last()
    )
    yield from stretches.select("regime", "first", "last").iter_rows()


def _strip(axes: Axes, regimes: pl.DataFrame) -> None:
    for name, first, last in sorted(regime_spans(regimes)):  # side by side those that look alike
        # From the first session to the day after the last: a stretch of one session is seen too.
        start, days = date2num(first), (last - first).days + 1
        stretch = Rectangle((start, 0), days, 1, color=REGIMES[name], linewidth=0)
        says(stretch, f"{name}: {first} to {last}")
        axes.add_patch(stretch)
    exits = regimes.filter("exit_longs")["session"].to_list()
    if exits:
        (marks,) = axes.plot(date2num(exits), [1.5] * len(exits), "|", color=palette.BAD, markersize=8)
        says(marks, *(f"{session}: exit longs" for session in exits))
    axes.set_ylim(0, 2)
    axes.set_yticks([])
    dressed(axes, grid="")


def votes(votes: pl.DataFrame, width: int) -> Figure:
    """Bull ballots of the last `VOTE_SESSIONS` sessions, coloured by the signal they made; an abstention has a cross.

    Args:
        votes: rows of ``signals.mag7_vote``.
        width: in pixels.
    """
    recent = votes.sort("session").tail(VOTE_SESSIONS)
    figure = blank(width, 230)
    axes = dressed(figure.subplots())
    days = recent["session"].to_list()
    for place, (day, bull, voting, signal) in enumerate(
        recent.select("session", "n_bull", "n_voting", "signal").iter_rows()
    ):
        (bar,) = axes.bar(place, bull, width=0.75, color=VOTES[signal], linewidth=0)
        says(bar, f"{day}: {bull} of {voting} bull, {signal.replace('_', ' ')}")
        if signal == "abstain":  # it may have no bar to see
            axes.plot(place, bull + 0.35, "x", color=palette.BAD, markersize=5)
    axes.axhline(STRONG_BUY_ABOVE + 0.5, color=palette.QUIET, linewidth=1, linestyle=(0, (2, 2)))
    axes.set_ylim(0, len(MAG7) + 0.4)
    axes.set_yticks(range(len(MAG7) + 1))
    _some_days(axes, days, width)
    held = [signal for signal in VOTES if signal in recent["signal"].to_list()]
    keyed(figure, [Patch(color=VOTES[one], label=one.replace("_", " "), linewidth=0) for one in held], width)
    return figure


def ballots(ballots: pl.DataFrame, width: int) -> Figure:
    """A stock per row and a session per column: filled where it voted bull, pale where not, empty without a ballot.

    Args:
        ballots: rows of ``signals.mag7_ballots``; the last `VOTE_SESSIONS` sessions are shown.
        width: in pixels.
    """
    days = ballots["session"].unique().sort().tail(VOTE_SESSIONS).to_list()
    figure, axes = _grid(width, MAG7, days)
    cast = ballots.filter(pl.col("session").is_in(days)).select(
        "ticker", "session", "is_bull", prob=pl.coalesce("prob_bull", "prob_up")
    )
    for ticker, session, is_bull in cast.sort("is_bull", "ticker", "session").drop("prob").iter_rows():
        _cell(axes, MAG7.index(ticker), days.index(session), palette.GOOD if is_bull else palette.LINE)
    for session, rows in cast.sort("prob", descending=True).group_by("session", maintain_order=True):
        said = (f"{t} {number(prob, '.0%')}{' bull' if bull else ''}" for t, _, bull, prob in rows.iter_rows())
        _column(axes, days.index(session[0]), len(MAG7), f"{session[0]}: {', '.join(said)}")
    return figure


def sector_ranks(ranks: pl.DataFrame, rotation: pl.DataFrame, width: int) -> Figure:
    """A sector per row and a week per column, coloured by its rank at the week's decision; a dot marks the pick.

    Args:
        ranks: rows of ``signals.sector_ranks``.
        rotation: rows of ``signals.sector_rotation``.
        width: in pixels.
    """
    weeks = rotation.filter("is_rebalance").sort("session").tail(RANKED_WEEKS)
    days = weeks["session"].to_list()
    figure, axes = _grid(width, SECTORS, days)
    held = ranks.filter(pl.col("session").is_in(days)).sort("rank", "session")
    for ticker, session, rank in held.select("ticker", "session", "rank").iter_rows():
        colour = palette.STEPS[max(0, len(palette.STEPS) - rank)].light
        _cell(axes, SECTORS.index(ticker), days.index(session), colour)
    picked = dict(weeks.drop_nulls("pick").select("session", "pick").iter_rows())
    if is_narrow(width):
        axes.plot([days.index(day) for day in picked], [SECTORS.index(one) for one in picked.values()], "o", **_DOT)
    else:
        _rank_digits(axes, held, days, picked)
    for session, rows in held.group_by("session", maintain_order=True):
        said = (f"{t} {number(e, '+.2%')}" for t, e in rows.select("ticker", "expected_return").iter_rows())
        _column(axes, days.index(session[0]), len(SECTORS), f"{session[0]}: {', '.join(said)}")
    return figure


def _rank_digits(axes: Axes, held: pl.DataFrame, days: Sequence[dt.date], picked: Mapping[dt.date, str]) -> None:
    """The rank in every cell; the pick's in a ring."""
    axes.plot([days.index(day) for day in picked], [SECTORS.index(one) for one in picked.values()], "o", **_RING)
    for ticker, session, rank in held.select("ticker", "session", "rank").iter_rows():
        is_picked = picked.get(session) == ticker
        ink = "ground" if rank in (1, len(SECTORS)) and not is_picked else "ink"
        axes.text(
            days.index(session),
            SECTORS.index(ticker),
            str(rank),
            ha="center",
            va="center",
            fontsize=_DIGIT,
            color=palette.ROLES[ink].light,
        )


_DIGIT: Final = 10.0
_DOT: Final[dict[str, Any]] = {
    "markersize": 5,
    "markerfacecolor": palette.ROLES["ground"].light,
    "markeredgecolor": palette.INK,
    "markeredgewidth": 1,
}
_RING: Final[dict[str, Any]] = _DOT | {"markersize": 15}


def _grid(width: int, rows: Sequence[str], days: Sequence[dt.date]) -> tuple[Figure, Axes]:
    """Empty axes with a name per row and a day per column."""
    figure = blank(width, 30 + 24 * len(rows))
    axes = dressed(figure.subplots(), grid="")
    axes.spines["bottom"].set_visible(False)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=palette.INK)
    _some_days(axes, days, width)
    return figure, axes


def _cell(axes: Axes, row: int, column: int, colour: str) -> None:
    axes.add_patch(Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, color=colour, linewidth=0))


def _column(axes: Axes, column: int, rows: int, words: str) -> None:
    """What is said of a whole column, over its cells."""
    over = Rectangle((column - 0.5, -0.5), 1, rows, fill=False, linewidth=0)
    says(over, words)
    axes.add_patch(over)


def _some_days(axes: Axes, days: Sequence[dt.date], width: int) -> None:
    """Sessions side by side, with as many dates as there is room for."""
    most = 4 if is_narrow(width) else 9
    shown = np.unique(np.linspace(0, len(days) - 1, min(most, len(days))).round().astype(int)).tolist()
    axes.set_xlim(-0.6, len(days) - 0.4)
    axes.set_xticks(shown, [f"{days[place]:%d %b %y}" for place in shown])
    if len(shown) > 1:  # at the ends a date in the middle of its tick would lie on what is beside the axes
        first, *_, last = axes.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")
