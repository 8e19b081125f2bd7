import datetime as dt

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from alpha_pipeline.reports.figures import forecasts, palette
from alpha_pipeline.warehouse.tables import results
from alpha_pipeline_tests.reports.test_daily_report import DECAY, FOLDS, RELIABILITY


def dots(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_marker() == "o"]


def test_reliability_shows_every_bin_and_what_it_is_of() -> None:
    own = RELIABILITY.filter(event="up")
    (axes,) = forecasts.reliability(own, 980).axes
    (shown,) = dots(axes)
    assert np.asarray(shown.get_xdata()).tolist() == own["forecast"].to_list()
    assert np.asarray(shown.get_ydata()).tolist() == own["frequency"].to_list()
    assert str(shown.get_gid()).split("\n")[0] == "forecast 20.0%, came 21.0% of 100"


def test_decay_is_the_tables_with_its_interval() -> None:
    (axes,) = forecasts.decay(DECAY, 980).axes
    (shown,) = dots(axes)
    assert np.asarray(shown.get_ydata()).tolist() == DECAY["ic"].to_list()
    assert str(shown.get_gid()).split("\n")[0] == "0 sessions late: +0.020 (-0.010 to +0.030)"
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (-0.01, 0.03)


def test_a_fold_has_the_colour_of_what_its_interval_says() -> None:
    rows = results.FOLDS.conform(
        pl.DataFrame(
            [
                ("v12", dt.date(year, 1, 4), dt.date(year, 12, 30), dt.date(year - 1, 12, 30), ic, *ends, 1, 0.0, 900)
                for year, ic, ends in (
                    (2020, 0.03, (0.01, 0.05)),
                    (2021, -0.03, (-0.05, -0.01)),
                    (2022, 0.0, (-0.02, 0.02)),
                )
            ],
            schema=list(results.FOLDS.columns),
            orient="row",
        )
    )
    (axes,) = forecasts.folds(rows, 980).axes
    shown = {line.get_color(): np.asarray(line.get_ydata()).tolist() for line in dots(axes)}
    assert shown == {palette.GOOD: [0.03], palette.BAD: [-0.03], palette.ZERO: [0.0]}


def test_the_spread_of_seeds_is_drawn_where_there_are_several() -> None:
    (axes,) = forecasts.spreads(FOLDS, 980).axes
    assert np.asarray(axes.lines[0].get_ydata()).tolist() == [0.04]


def test_each_model_has_a_panel_and_rivals_come_last() -> None:
    rows = pl.concat([DECAY.with_columns(model=pl.lit(name)) for name in ("ridge", "v17", "bear", "expanding_mean")])
    for width in (980, 370):
        names = [axes.texts[0].get_text() for axes in forecasts.decay(rows, width).axes]
        assert names == ["bear", "v17", "expanding_mean", "ridge"]
