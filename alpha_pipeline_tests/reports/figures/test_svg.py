import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.sheet import NARROW, WIDE, blank, dressed, fragment
from alpha_pipeline.reports.figures.svg import inline, outline, says


def drawn(width: int = WIDE) -> Figure:
    figure = blank(width, 200)
    axes = dressed(figure.subplots())
    (dots,) = axes.plot([1, 2, 3], [4.0, np.nan, 6.0], "o", color=palette.GOOD)
    says(dots, "first <one>", "none", "third")
    axes.plot([1, 3], [4, 6], color=palette.BAD)
    axes.set_xlabel("less & more", color=palette.QUIET)
    return figure


def points(d: str) -> list[tuple[float, float]]:
    """The corners of a path of lines, worked out as a browser does."""
    found, x, y = [], 0.0, 0.0
    for command, numbers in re.findall(r"([Mlhv])([^A-Za-z]*)", d):
        values = [float(one) for one in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        if command == "M":
            x, y = values
        elif command == "l":
            x, y = x + values[0], y + values[1]
        elif command == "h":
            x += values[0]
        else:
            y += values[0]
        found.append((x, y))
    return found


def test_a_path_ends_where_it_should_however_long_it_is() -> None:
    """Each point is written as a distance: rounding must not add up."""
    corners = np.cumsum(np.random.default_rng(3).uniform(0.2, 1.234567, (900, 2)), axis=0) - 300
    read = points(outline(Path(corners), IdentityTransform()))
    assert np.abs(np.array(read) - corners).max() <= 0.0501


def test_a_path_is_short() -> None:
    square = Path([(0, 0), (10, 0), (10, 10.04), (0, 10), (0, 0)], closed=True)
    assert outline(square, IdentityTransform()) == "M0 0h10v10h-10z"


def test_text_stays_text_and_colours_are_classes() -> None:
    svg = inline(drawn(), "two & three")
    found = ET.fromstring(svg)
    assert found.attrib["aria-label"] == "two & three"
    assert "less & more" in [one.text for one in found.iter("text")]
    assert not re.search(r"#[0-9a-f]{6}", svg)
    assert {"f-good", "s-bad", "f-quiet"} <= set(re.findall(r"[fs]-[a-z]+", svg))


def test_what_is_said_of_marks_stands_at_each() -> None:
    titles = [one.text for one in ET.fromstring(inline(drawn(), "")).iter("title")]
    assert titles == ["first <one>", "third"]
    assert "<title>" not in inline(drawn(), "", is_spoken=False)


def test_figures_share_a_page_without_ids_and_are_the_same_each_time() -> None:
    assert " id=" not in inline(drawn(), "")
    assert inline(drawn(), "") == inline(drawn(), "")


def test_a_figure_is_drawn_for_a_wide_page_and_for_a_telephone() -> None:
    html = fragment(drawn, "a figure")
    assert re.findall(r'class="(on-\w+)"><svg viewBox="0 0 (\d+) ', html) == [
        ("on-wide", str(WIDE)),
        ("on-narrow", str(NARROW)),
    ]


def test_a_colour_that_is_not_of_the_palette_is_an_error() -> None:
    figure = blank(WIDE, 100)
    figure.subplots().plot([1, 2], [1, 2], color="#00ff00")
    with pytest.raises(KeyError):
        inline(figure, "")
