"""The pictures of `docs/guide.md`, taken by a real browser of what a newcomer sees.

Usage, in the checkout: `make run`, then `make ui` in another terminal, and ``python -m alpha_pipeline_tests.pictures``
beside it. Needs Debian's packages chromium and chromium-driver. The figures in them are those of that warehouse.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image
from rich.console import Console
from selenium.webdriver.common.by import By

from alpha_pipeline.cli import day
from alpha_pipeline_tests.browser import Reader, a_reader

FOLDER: Final = Path(__file__).parents[1] / "docs" / "pictures"
COLOURS: Final = 255
SETTLED: Final = 4.0  # seconds until the web UI has drawn a graph or a dialog
WIDTH, HEIGHT = 1100, 4000  # an element is pictured as far as the window reaches
TERMINAL: Final = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<pre style="display:inline-block;margin:0;padding:16px;font:14px/1.35 monospace;
background:#fff;color:#111">{code}</pre>"""
PHONE: Final = 400
PAPER: Final = 900  # A4 at 108 dots an inch
SECTIONS: Final = {
    "leaderboard": "how-good-the-forecasts-are",
    "questions": "questions-and-verdicts",
    "equity": "equity-and-drawdown",
    "reliability": "whether-p-up-means-what-it-says",
    "decay": "how-long-a-forecast-is-of-use",
    "completeness": "which-sessions-are-held",
}
PAGES: Final = {
    "partitions": "/assets/models/v13_bull_sniper?view=partitions",
    "catalogue": "/assets/signals/qqq_position?view=overview",
}
SHOW: Final = "(//*[text()='[Show Markdown]'])[1]"
DIALOG: Final = "//img[@alt='picture']/ancestor::*[@role='dialog'][1]"


def card(warehouse: Path) -> str:
    """What `alpha today` prints, as a page."""
    day.console = Console(record=True, width=104, file=io.StringIO(), force_terminal=True)
    day.today(warehouse=[str(warehouse)])
    return day.console.export_html(inline_styles=True, code_format=TERMINAL)


def pictures(warehouse: Path, ui: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each picture's name and PNG."""
    with a_reader("", folder) as reader:
        reader.driver.set_window_size(WIDTH, HEIGHT)
        page = folder / "card.html"
        page.write_text(card(warehouse))
        yield "card", element(reader, page.as_uri(), "pre")
        brief, tear_sheet = ((warehouse / "reports" / name).as_uri() for name in ("latest_brief.html", "latest.html"))
        yield "brief", element(reader, brief, "main")
        for name, anchor in SECTIONS.items():
            yield name, element(reader, tear_sheet, f"#{anchor}")
        yield "brief_phone", as_shown(reader, brief, PHONE, 900, "screen", "dark")
        yield "tear_sheet_paper", as_shown(reader, tear_sheet, PAPER, 1270, "print", "light")
    with a_reader(ui, folder) as reader:
        reader.open("/asset-groups")
        reader.sees("signals")
        time.sleep(SETTLED)
        yield "graph", reader.driver.get_screenshot_as_png()
        for name, path in PAGES.items():
            reader.driver.set_window_size(WIDTH + 300, 900)
            reader.open(path)
            time.sleep(SETTLED)
            yield name, reader.driver.get_screenshot_as_png()
        reader.driver.set_window_size(WIDTH, HEIGHT)
        reader.open("/assets/reports/tear_sheet?view=overview")
        reader.clicks(SHOW)
        dialog = reader.finds(DIALOG)
        time.sleep(SETTLED)
        yield "tear_sheet_asset", dialog.screenshot_as_png


def as_shown(reader: Reader, url: str, width: int, height: int, media: str, scheme: str) -> bytes:
    """The top of a page on another screen, or on paper."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    reader.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    reader.open(url)
    shot: bytes = reader.driver.get_screenshot_as_png()
    reader.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    return shot


def element(reader: Reader, url: str, selector: str) -> bytes:
    """One element of a page, whole."""
    if reader.driver.current_url != url:
        reader.open(url)  # a page of ours runs nothing: once loaded it is drawn
    shot: bytes = reader.driver.find_element(By.CSS_SELECTOR, selector).screenshot_as_png
    return shot


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=Path("warehouse"))
    parser.add_argument("--ui", default="http://127.0.0.1:3000")
    given = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, png in pictures(given.warehouse.resolve(), given.ui, Path(folder)):
            # A palette takes a third of the bytes; fitted by k-means, it is off by too little to see.
            few = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE)
            few.save(FOLDER / f"{name}.png", optimize=True)
            print(f"{name}: {(FOLDER / f'{name}.png').stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
