import numpy as np
import pytest
from matplotlib.axes import Axes

from alpha_pipeline.reports.figures import explained, palette
from alpha_pipeline_tests.reports.test_explanation import EDGE, EXPLAINED, EXPLANATION, WINDOW


def widths(axes: Axes) -> list[float]:
    return [bar.get_width() for bar in axes.patches]


def names(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


@pytest.mark.parametrize("width", [980, 370])
def test_effects_have_a_bar_each_the_first_on_top(width: int) -> None:
    (axes,) = explained.effects(EXPLANATION.groups, width).axes
    assert (names(axes), widths(axes)) == (["technical", "price_action"], [-0.0012, 0.0004])
    assert axes.yaxis_inverted()
    assert [bar.get_gid() for bar in axes.patches] == ["technical: -0.120%", "price_action: +0.040%"]
    (events,) = explained.effects(EXPLANATION.groups, width, on_event=True).axes
    assert widths(events) == [0.021, -0.003]


def test_importance_stands_with_its_standard_error() -> None:
    (axes,) = explained.importance(EXPLANATION.importance, 980).axes
    assert widths(axes) == [0.0123, -0.0007]
    errors = [np.ptp(line.get_xdata()) / 2 for line in axes.lines if line.get_color() == palette.INK]
    assert errors == pytest.approx([0.0045, 0.0002])


def test_attention_lies_under_the_closes_of_its_sessions() -> None:
    above, below = explained.attention(EXPLANATION, EXPLAINED.closes, 980).axes
    assert np.asarray(above.lines[0].get_ydata()) == pytest.approx(np.linspace(100, 107, 8))
    assert [bar.get_height() for bar in below.patches] == EXPLANATION.attention.tolist()  # type: ignore[union-attr]
    assert below.patches[1].get_gid() == f"{WINDOW[1]}: 40.0%"
    assert below.lines[0].get_ydata()[0] == 1 / 8  # type: ignore[index]


def test_every_edge_has_its_function() -> None:
    axes, *others = explained.edges([EDGE, EDGE], 980).axes
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == EDGE.x.tolist()
    assert np.asarray(axes.lines[0].get_ydata()).tolist() == EDGE.y.tolist()
    assert [one.get_visible() for one in others] == [True, False]


def test_losses_are_shown_with_a_mark_on_the_pass_that_was_kept() -> None:
    (axes,) = explained.learning(EXPLAINED.learners, 980).axes
    validation, kept, training, *others = axes.lines
    assert np.asarray(validation.get_ydata()).tolist() == [1.4, 1.3, 1.25, 1.35]
    assert (list(kept.get_xdata()), list(kept.get_ydata())) == ([2], [1.25])
    assert (list(training.get_xdata()), list(training.get_ydata())) == ([1, 2, 3], [1.5, 1.2, 0.9])
    assert list(others[1].get_ydata()) == [0.25]


def test_whom_it_looked_at_is_in_order_beside_an_even_spread() -> None:
    (axes,) = explained.looked_at([("NVDA", 0.6), ("QQQ", 0.4)], 980).axes
    assert (names(axes), widths(axes)) == (["NVDA", "QQQ"], [0.6, 0.4])
    assert [list(line.get_xdata()) for line in axes.lines][-1] == [0.5, 0.5]
