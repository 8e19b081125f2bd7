import itertools

import numpy as np
import pytest

from alpha_pipeline.reports.figures.sheet import _LABELS, WIDE, dot_and_bar, thinned

N = 2386


def series(seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).normal(0, 0.01, N))


@pytest.mark.parametrize("width", [WIDE, 370])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_pixel_column_keeps_its_lowest_and_its_highest_value(width: int, seed: int) -> None:
    values = series(seed)
    places = thinned(values, width)
    kept = set(places.tolist())
    edges = np.linspace(0, N, width - _LABELS + 1).astype(int)
    for first, last in itertools.pairwise(edges):
        own = [place for place in range(first, last) if place in kept]
        assert values[own].min() == values[first:last].min()
        assert values[own].max() == values[first:last].max()
    assert {0, N - 1} <= kept
    assert len(places) <= 2 * (width - _LABELS) + 2


def test_a_short_series_is_drawn_whole() -> None:
    assert thinned(series(1)[:500], WIDE).tolist() == list(range(500))


def test_a_gap_stays_a_gap() -> None:
    values = series(1)
    values[600:900] = np.nan
    drawn = values[thinned(values, 370)]
    gap = np.flatnonzero(np.isnan(drawn))
    assert gap.size > 0
    assert np.array_equal(gap, np.arange(gap[0], gap[-1] + 1))


@pytest.mark.parametrize(("low", "high", "role"), [(0.1, 0.3, "good"), (-0.3, -0.1, "bad"), (-0.1, 0.3, "zero")])
def test_the_picture_of_an_interval_says_on_which_side_of_no_skill_it_lies(low: float, high: float, role: str) -> None:
    picture = dot_and_bar((low + high) / 2, low, high, (-0.5, 0.5), 0.0, "IC <so>")
    assert f'class="f-{role}"' in picture
    assert "<title>IC &lt;so&gt;</title>" in picture
