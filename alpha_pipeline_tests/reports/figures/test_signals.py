import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from alpha_pipeline.reports.figures import palette, signals
from alpha_pipeline.universe import MAG7, SECTORS
from alpha_pipeline_tests.reports.test_daily_report import BALLOTS, BARS, DAYS, RANKS, REGIMES, ROTATION, VOTES

LAST = DAYS[-signals.VOTE_SESSIONS :]


def cells(axes: Axes) -> dict[tuple[int, int], str]:
    """Colour by row and column of every filled cell."""
    return {
        (round(cell.get_y() + 0.44), round(cell.get_x() + 0.46)): palette.role_of(_hex(cell))
        for cell in axes.patches
        if isinstance(cell, Rectangle) and cell.get_fill()
    }


def _hex(cell: Rectangle) -> str:
    red, green, blue, _ = cell.get_facecolor()
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in (red, green, blue))


def said(axes: Axes) -> list[str]:
    return [str(one.get_gid()) for one in axes.patches if one.get_gid()]


def test_the_strip_holds_every_stretch_of_a_regime_and_every_exit() -> None:
    assert list(signals.regime_spans(REGIMES)) == [
        ("unknown", DAYS[0], DAYS[0]),
        ("calm", DAYS[1], DAYS[2]),
        ("stressed", DAYS[3], DAYS[3]),
        ("normal", DAYS[4], DAYS[-1]),
    ]
    above, strip = signals.regimes(REGIMES, BARS, 980).axes
    assert np.asarray(above.lines[0].get_ydata()).tolist() == BARS["adj_close"].to_list()
    assert sorted(said(strip)) == sorted(f"{name}: {a} to {b}" for name, a, b in signals.regime_spans(REGIMES))
    assert strip.lines[0].get_gid() == f"{DAYS[3]}: exit longs"


def test_votes_are_the_last_sixty_and_an_abstention_has_a_cross() -> None:
    silent = VOTES.with_columns(
        signal=pl.when(pl.col("session") == DAYS[-1]).then(pl.lit("abstain")).otherwise("signal")
    )
    (axes,) = signals.votes(silent, 980).axes
    assert [round(bar.get_height()) for bar in axes.patches] == VOTES.tail(signals.VOTE_SESSIONS)["n_bull"].to_list()
    assert said(axes)[-1] == f"{DAYS[-1]}: {VOTES['n_bull'][-1]} of 7 bull, abstain"
    assert [line.get_marker() for line in axes.lines if line.get_marker() != "None"] == ["x"]


def test_the_matrix_holds_every_ballot_of_the_last_sixty_sessions() -> None:
    (axes,) = signals.ballots(BALLOTS, 980).axes
    expected = {
        (MAG7.index(ticker), LAST.index(day)): "good" if bull else "line"
        for ticker, day, bull in BALLOTS.select("ticker", "session", "is_bull").iter_rows()
        if day in LAST
    }
    assert cells(axes) == expected
    first = next(words for words in said(axes) if words.startswith(str(LAST[0])))
    assert first.count("30%") == len(MAG7)
    bull = BALLOTS.filter(pl.col("session") == LAST[0])["is_bull"].sum()
    assert first.count("bull") == bull


def test_a_stock_without_a_ballot_leaves_a_gap() -> None:
    silent = BALLOTS.filter(~((pl.col("ticker") == "TSLA") & (pl.col("session") == DAYS[-1])))
    (axes,) = signals.ballots(silent, 980).axes
    assert (MAG7.index("TSLA"), len(LAST) - 1) not in cells(axes)
    assert len(cells(axes)) == len(MAG7) * len(LAST) - 1


def test_the_pick_of_each_week_has_a_mark_on_its_row_on_both_widths() -> None:
    weeks = ROTATION.filter("is_rebalance").tail(signals.RANKED_WEEKS)
    days = weeks["session"].to_list()
    picked = weeks.drop_nulls("pick")
    expected = [(days.index(day), SECTORS.index(pick)) for day, pick in picked.select("session", "pick").iter_rows()]
    for width in (980, 370):
        (axes,) = signals.sector_ranks(RANKS, ROTATION, width).axes
        (marks,) = axes.lines
        assert list(zip(marks.get_xdata(), marks.get_ydata(), strict=True)) == expected
        assert len(cells(axes)) == len(SECTORS) * len(days)


def test_a_wide_figure_says_each_rank_in_its_cell() -> None:
    (axes,) = signals.sector_ranks(RANKS, ROTATION, 980).axes
    weeks = ROTATION.filter("is_rebalance").tail(signals.RANKED_WEEKS)["session"].to_list()
    shown = {(SECTORS[round(t.get_position()[1])], weeks[round(t.get_position()[0])]): t.get_text() for t in axes.texts}
    held = RANKS.filter(pl.col("session").is_in(weeks)).select("ticker", "session", "rank").iter_rows()
    assert shown == {(ticker, day): str(rank) for ticker, day, rank in held}
