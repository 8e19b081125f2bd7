"""A matplotlib figure as inline SVG: text stays text, and every colour is a class that the page's style fills in.

No element has an id, so any number of figures stand on one page, and equal figures give equal bytes.
"""

from html import escape
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform
from matplotlib.typing import ColorType

from alpha_pipeline.reports.figures.palette import role_of

DPI: Final = 72  # a point is a pixel of the page
_END: Final = '"/>'
_ANCHORS: Final = {"left": "", "center": ' text-anchor="middle"', "right": ' text-anchor="end"'}


def says(artist: Artist, *words: str) -> None:
    """What a reader sees who points at an artist; of a row of marks, one for each."""
    artist.set_gid("\n".join(words))


def inline(figure: Figure, label: str, *, is_spoken: bool = True) -> str:
    """The figure as an SVG element that is as wide as its place.

    Args:
        figure: drawn at `DPI`, in colours of the palette.
        label: what it shows, for those who cannot see it.
        is_spoken: whether what `says` said is in it; else it is smaller.
    """
    width, height = (round(side * DPI) for side in figure.get_size_inches())
    ink = Ink(width, height, is_spoken=is_spoken)
    figure.draw(ink)
    name = f'role="img" aria-label="{escape(label)}"'
    return f'<svg viewBox="0 0 {width} {height}" {name}>{"".join(ink.parts)}</svg>'


class Ink(RendererBase):
    """Draws what matplotlib asks for as SVG elements.

    Attributes:
        parts: the elements so far.
    """

    def __init__(self, width: int, height: int, *, is_spoken: bool = True) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._size = (width, height)
        self._is_spoken = is_spoken
        self._words: list[str] = []
        self._last = ""

    def get_canvas_width_height(self) -> tuple[float, float]:
        """In pixels."""
        return self._size

    def flipy(self) -> bool:
        """Whether y grows downwards."""
        return True

    def points_to_pixels(self, points: Any) -> Any:  # noqa: ANN401  matplotlib's own signature
        """The same: see `DPI`."""
        return points

    def open_group(self, s: str, gid: str | None = None) -> None:  # noqa: ARG002  matplotlib's own signature
        """Remember what is said of the elements that follow."""
        self._words = gid.split("\n") if gid and self._is_spoken else []

    def close_group(self, s: str) -> None:  # noqa: ARG002  matplotlib's own signature
        """Forget it."""
        self._words = []

    def draw_path(
        self, gc: GraphicsContextBase, path: Path, transform: Transform, rgbFace: ColorType | None = None
    ) -> None:
        """A line or an area."""
        line = outline(path, transform + Affine2D().scale(1, -1).translate(0, self._size[1]), is_line=rgbFace is None)
        if not line:
            return
        look = _look(gc, rgbFace)
        if self._words:
            self.parts.append(f'<path{look} d="{line}"><title>{escape(self._words[0])}</title></path>')
        elif look == self._last:
            # One element for all that look alike and lie one after another.
            self.parts[-1] = f"{self.parts[-1].removesuffix(_END)}{line}{_END}"
            return
        else:
            self.parts.append(f'<path{look} d="{line}{_END}')
        self._last = "" if self._words else look

    def draw_markers(
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: ColorType | None = None,
    ) -> None:
        """Marks: round ones as circles, whose outline would be long."""
        is_round = marker_path.codes is not None and bool(np.isin(Path.CURVE4, marker_path.codes))
        radius = np.ptp(marker_trans.transform(marker_path.vertices)[:, 0]) / 2
        words = self._words
        for number, (x, y) in enumerate(trans.transform(path.vertices)):
            self._words = words[number : number + 1]
            if is_round and np.isfinite(y):
                self._circle(_look(gc, rgbFace), x, self._size[1] - y, radius)
            elif np.isfinite(y):
                self.draw_path(gc, marker_path, marker_trans + Affine2D().translate(x, y), rgbFace)

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,  # noqa: ARG002  no text of ours is turned
        ismath: Any = False,  # noqa: ANN401, ARG002  nor a formula
        mtext: Text | None = None,
    ) -> None:
        """Text, anchored where it was meant to be: the reader's font is as wide as it is."""
        anchor = ""
        if mtext is not None:
            x = mtext.get_transform().transform(mtext.get_unitless_position())[0]
            anchor = _ANCHORS[mtext.get_horizontalalignment()]
        bold = ' font-weight="600"' if prop.get_weight() == "bold" else ""
        size = _short(10 * float(prop.get_size_in_points()))
        place = f'x="{_short(10 * x)}" y="{_short(10 * y)}" font-size="{size}"{anchor}{bold}'
        self._last = ""
        self.parts.append(f'<text class="f-{role_of(to_hex(gc.get_rgb()))}" {place}>{escape(s)}</text>')

    def _circle(self, look: str, x: float, y: float, radius: float) -> None:
        title = f"<title>{escape(self._words[0])}</title>" if self._words else ""
        place = f'cx="{_short(10 * x)}" cy="{_short(10 * y)}" r="{_short(10 * radius)}"'
        self.parts.append(f"<circle{look} {place}>{title}</circle>" if title else f"<circle{look} {place}/>")
        self._last = ""


def outline(path: Path, transform: Transform, *, is_line: bool = False) -> str:
    """A path as SVG writes it: to a tenth of a pixel, each point by its distance from the one before.

    Args:
        path: what is drawn.
        transform: to pixels, y downwards.
        is_line: whether points that a straight line passes within a ninth of a pixel are left out.
    """
    commands: list[str] = []
    at = start = np.zeros(2, dtype=np.int64)
    for vertices, code in path.iter_segments(transform, simplify=is_line and path.should_simplify, curves=True):
        if code == Path.CLOSEPOLY:
            commands.append("z")
            at = start
            continue
        points = np.rint(10 * np.asarray(vertices).reshape(-1, 2)).astype(np.int64)
        if code == Path.MOVETO:
            commands.append("M" + _numbers(points[0].tolist()))
            at = start = points[0]
        elif code == Path.LINETO:
            commands.append(_line(points[0] - at))
            at = points[0]
        else:
            commands.append(("c" if code == Path.CURVE4 else "q") + _numbers((points - at).ravel().tolist()))
            at = points[-1]
    return "".join(commands)


def _line(step: np.ndarray[Any, np.dtype[np.int64]]) -> str:
    across, down = step.tolist()
    if down == 0:
        return f"h{_short(across)}" if across else ""
    return f"v{_short(down)}" if across == 0 else f"l{_numbers([across, down])}"


def _numbers(tenths: list[int]) -> str:
    """Numbers side by side; a minus needs no blank before it."""
    return " ".join(map(_short, tenths)).replace(" -", "-")


def _short(tenths: float) -> str:
    """A number given in tenths, without what is not needed."""
    whole = round(tenths)
    shown = f"{whole / 10:g}" if whole % 10 else str(whole // 10)
    return shown.replace("0.", ".", 1) if shown.startswith(("0.", "-0.")) else shown


def _look(gc: GraphicsContextBase, face: ColorType | None) -> str:
    """Classes and widths of what is drawn."""
    classes, more = [], ""
    if face is None and gc.get_linewidth() == 0:
        classes.append("touched")  # seen by the pointer alone
    if face is not None:
        classes.append(f"f-{role_of(to_hex(face))}")
        more += _opacity("fill-opacity", face)
    if gc.get_linewidth() > 0:
        classes.append(f"s-{role_of(to_hex(gc.get_rgb()))}")
        width = _short(10 * gc.get_linewidth())
        more += f' stroke-width="{width}"' if width != "1" else ""
        more += _opacity("stroke-opacity", gc.get_rgb())
        dashes: Any = gc.get_dashes()[1]
        more += f' stroke-dasharray="{" ".join(f"{one:g}" for one in dashes)}"' if dashes is not None else ""
    return f' class="{" ".join(classes)}"{more}'


def _opacity(name: str, colour: Any) -> str:  # noqa: ANN401  any of matplotlib's colours
    return f' {name}="{colour[3]:.2g}"' if len(colour) == 4 and colour[3] < 1 else ""
