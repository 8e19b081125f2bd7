"""The palette, seen by those who do not see all colours, on both screens."""

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.palette import ROLES, STEPS, STRATEGIES, Colour

Array = NDArray[np.float64]

# Linear RGB as it looks to those without one kind of cone. Viénot, Brettel and Mollon, "Digital video colourmaps for
# checking the legibility of displays by dichromats", Color Research and Application 1999 (red and green); Machado,
# Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009 (blue).
SEEN = {
    "all": np.eye(3),
    "no red": np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]),
    "no green": np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]]),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
SCREENS = ["light", "dark"]
TOLD_APART = 15.0  # CIE 1976; 2.3 is what is just seen side by side


def linear(colour: str) -> Array:
    channels = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    ratio = XYZ @ np.clip(rgb, 0, 1) / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def least_distance(colours: Sequence[str], seen: Array) -> float:
    found = [lab(seen @ linear(colour)) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(found, 2))


def contrast(a: str, b: str) -> float:
    low, high = sorted(float(XYZ[1] @ linear(colour)) for colour in (a, b))
    return (high + 0.05) / (low + 0.05)


def shades(colours: Sequence[Colour], screen: str) -> list[str]:
    return [getattr(colour, screen) for colour in colours]


GROUPS = {
    "strategies": list(STRATEGIES.values()),
    "good and bad": [ROLES["good"], ROLES["bad"], ROLES["zero"]],
    "regimes": [ROLES[name] for name in ("calm", "normal", "stressed", "unknown")],
    "ends and middle of a scale": [STEPS[0], STEPS[3], STEPS[-1]],
    "completeness": [ROLES["calm"], STEPS[2], ROLES["stressed"]],
}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("eyes", list(SEEN))
@pytest.mark.parametrize("group", list(GROUPS))
def test_whoever_looks_tells_them_apart(group: str, eyes: str, screen: str) -> None:
    assert least_distance(shades(GROUPS[group], screen), SEEN[eyes]) >= TOLD_APART


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("eyes", list(SEEN))
def test_steps_of_a_scale_that_lie_side_by_side_differ(eyes: str, screen: str) -> None:
    for pair in itertools.pairwise(shades(STEPS, screen)):
        assert least_distance(pair, SEEN[eyes]) >= 8, pair


def test_red_and_green_would_not_do() -> None:
    """The rule can fail: a green and a brown, for those who do not see green."""
    assert least_distance(["#5b8f3a", "#a87a2c"], SEEN["no green"]) < TOLD_APART


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("ground", ["ground", "raised"])
@pytest.mark.parametrize("role", ["ink", "quiet", "good", "bad", "warn", "mark"])
def test_text_is_readable(role: str, ground: str, screen: str) -> None:
    assert contrast(*shades([ROLES[role], ROLES[ground]], screen)) >= 4.5


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("place", range(len(STEPS)))
def test_text_on_a_step_is_readable(place: int, screen: str) -> None:
    role = "ground" if place in (0, len(STEPS) - 1) else "ink"
    assert contrast(*shades([ROLES[role], STEPS[place]], screen)) >= 4.5


@pytest.mark.parametrize("screen", SCREENS)
def test_lines_stand_out_from_the_ground(screen: str) -> None:
    ground = getattr(ROLES["ground"], screen)
    assert min(contrast(colour, ground) for colour in shades(list(STRATEGIES.values()), screen)) >= 3
    assert contrast(getattr(ROLES["zero"], screen), ground) >= 3


def test_a_drawn_colour_says_what_it_stands_for() -> None:
    assert {palette.role_of(colour.light) for colour in ROLES.values()} == set(ROLES)
    with pytest.raises(KeyError):
        palette.role_of("#123456")


def test_the_style_has_every_role_for_both_screens() -> None:
    css = palette.style()
    for role in ROLES:
        assert len(re.findall(rf"--{role}:#", css)) == 2, role
        assert f".f-{role}{{fill:var(--{role})}}" in css
    assert "@media screen and (prefers-color-scheme:dark)" in css
