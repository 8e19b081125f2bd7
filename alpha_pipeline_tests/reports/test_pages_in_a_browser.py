"""The pages as a real browser lays them out: on a wide screen, on a telephone, light and dark, and on paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpha_pipeline.reports.daily_report import render_brief, render_html
from alpha_pipeline.reports.explanation_page import render_html as render_explanation
from alpha_pipeline_tests.browser import MARKS, Reader, a_reader
from alpha_pipeline_tests.reports.full_evidence import full_evidence
from alpha_pipeline_tests.reports.test_explanation import EXPLAINED

pytestmark = MARKS

PAGES = ["brief", "tear_sheet", "explanation"]
TOO_WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
SHOWN = "return [...document.querySelectorAll('figure')].map(f => [f.className, f.getClientRects().length > 0])"
# Texts of a figure that lie on each other, or reach out of it, by more than a pixel or two.
UNREADABLE = """
const found = [];
for (const svg of document.querySelectorAll('figure svg')) {
  const frame = svg.getBoundingClientRect();
  if (!frame.width) continue;
  const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  texts.forEach(([said, box], place) => {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 ||
        box.top < frame.top - 2 || box.bottom > frame.bottom + 2)
      found.push(`${said} is cut in ${svg.ariaLabel}`);
    for (const [other, beside] of texts.slice(place + 1))
      if (Math.min(box.right, beside.right) - Math.max(box.left, beside.left) > 1 &&
          Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top) > 3)
        found.push(`${said} lies on ${other} in ${svg.ariaLabel}`);
  });
}
return found;
"""
GROUND = "return getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    evidence = full_evidence()
    pages = (render_brief(evidence), render_html(evidence), render_explanation(EXPLAINED))
    for name, html in zip(PAGES, pages, strict=True):
        (folder / f"{name}.html").write_text(html)
    return folder


@pytest.fixture(scope="module")
def reader(folder: Path) -> Iterator[Reader]:
    with a_reader(f"{folder.as_uri()}/", folder) as someone:
        yield someone


def set_up(reader: Reader, width: int, **features: str) -> None:
    driver: Any = reader.driver
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


@pytest.mark.parametrize("width", [1200, 760, 600, 400])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_screen_and_no_text_of_a_figure_is_cut_or_covered(
    reader: Reader, page: str, width: int
) -> None:
    set_up(reader, width)
    reader.open(f"{page}.html")
    assert reader.driver.execute_script(TOO_WIDE) == 0
    assert reader.driver.execute_script(UNREADABLE) == []
    shown = {tuple(one) for one in reader.driver.execute_script(SHOWN)}
    assert shown == {("on-wide", width > 620), ("on-narrow", width <= 620)}


@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(18, 22, 28)")])
def test_a_page_is_light_or_dark_as_its_reader_prefers(reader: Reader, scheme: str, ground: str) -> None:
    set_up(reader, 1200, prefers_color_scheme=scheme)
    reader.open("brief.html")
    assert reader.driver.execute_script(GROUND) == ground


def test_a_page_asks_for_nothing_and_says_nothing_in_the_console(reader: Reader) -> None:
    for page in PAGES:
        reader.open(f"{page}.html")
        asked = reader.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
        assert asked == []
        assert reader.driver.execute_script("return document.scripts.length") == 0
