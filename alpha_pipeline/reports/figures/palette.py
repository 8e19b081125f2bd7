"""The colours of pages and pictures, by what they stand for.

Those who do not see red and green apart, or blue and yellow, tell the strategies, the regimes and the steps of a
scale apart (a test simulates it), and no colour is the only sign of good or bad. Figures are drawn in the light
colours; on a page each is a class, which the style fills in for a light or a dark screen. Hence no two are equal.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Colour:
    """A colour on white, and on near-black."""

    light: str
    dark: str


STRATEGIES: Final = MappingProxyType(
    {
        "qqq_position": Colour("#d66700", "#d4615a"),
        "qqq_position_without_exit": Colour("#ad6c9d", "#d59ee3"),
        "mag7_vote": Colour("#00a273", "#36c194"),
        "sector_rotation": Colour("#54376b", "#8c63ae"),
        "buy_and_hold": Colour("#0051a8", "#5182f0"),
        "vol_target_15": Colour("#808fe0", "#a9f5f0"),
        "equal_weight_sectors": Colour("#7c4600", "#c28a31"),
    }
)
# From what is low or bad to what is high or good, through nothing.
STEPS: Final = (
    Colour("#a83c00", "#f08a4b"),
    Colour("#e0843f", "#9a4f22"),
    Colour("#f6d5b8", "#5c3a24"),
    Colour("#eceff2", "#262d36"),
    Colour("#c4daf0", "#1f3f63"),
    Colour("#6ba3dc", "#2a62a2"),
    Colour("#0e5ba6", "#7db8f5"),
)
_TEXT: Final = {
    "ground": Colour("#ffffff", "#12161c"),
    "raised": Colour("#f5f6f8", "#1b2129"),
    "ink": Colour("#1a1f26", "#e8ebef"),
    "quiet": Colour("#5b6573", "#9aa5b3"),
    "line": Colour("#d9dde3", "#303844"),
    "zero": Colour("#8b94a1", "#6c7684"),
    "good": Colour("#0b5cab", "#6cb2ff"),
    "bad": Colour("#b03a00", "#ff9a62"),
    "warn": Colour("#6b5a1e", "#d9c27a"),
    "mark": Colour("#8e2a86", "#e08bd8"),
    "calm": Colour("#56b4e9", "#56b4e9"),
    "normal": Colour("#c9ced6", "#4a5462"),
    "stressed": Colour("#d55e00", "#e8702a"),
    "unknown": Colour("#fdfdfe", "#171c23"),
}
ROLES: Final = MappingProxyType(
    _TEXT
    | {f"strategy-{place}": colour for place, colour in enumerate(STRATEGIES.values())}
    | {f"step-{place}": colour for place, colour in enumerate(STEPS)}
)
_ROLE_OF: Final = {colour.light: role for role, colour in ROLES.items()}

INK: Final = ROLES["ink"].light
QUIET: Final = ROLES["quiet"].light
LINE: Final = ROLES["line"].light
ZERO: Final = ROLES["zero"].light
GOOD: Final = ROLES["good"].light
BAD: Final = ROLES["bad"].light
REGIMES: Final = tuple(ROLES[name].light for name in ("calm", "normal", "stressed", "unknown"))


def role_of(light: str) -> str:
    """What a colour stands for.

    Raises:
        KeyError: it is not of the palette.
    """
    return _ROLE_OF[light]


def strategy_colour(strategy: str) -> str:
    """The colour of a strategy on white; quiet for one that is not of the product."""
    return STRATEGIES[strategy].light if strategy in STRATEGIES else QUIET


def style() -> str:
    """CSS: a variable and two classes per role, for a light and for a dark screen."""
    light, dark = (
        "".join(f"--{role}:{getattr(colour, shade)};" for role, colour in ROLES.items()) for shade in ("light", "dark")
    )
    classes = "".join(f".f-{role}{{fill:var(--{role})}}.s-{role}{{stroke:var(--{role})}}" for role in ROLES)
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}\n"
    )
