"""Someone who reads and clicks in a real browser: for the tests of what a person sees."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

from alpha_pipeline_tests.defs.served import PATIENCE

Found = TypeVar("Found")
CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
)
MARKS: Final = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or CHROMEDRIVER is None, reason="needs Debian's packages chromium and chromium-driver"
    ),
]


class Reader:
    """Someone who reads and clicks; every look waits until there is something to see.

    Args:
        driver: the browser.
        url: of the web UI.
        shots: folders for screenshots.
    """

    def __init__(self, driver: WebDriver, url: str, shots: list[Path]) -> None:
        self.driver = driver
        self.url = url
        self.shots = shots

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)

    def sees(self, *texts: str) -> None:
        """Wait until the page shows all of the texts."""
        for text in texts:
            self._waits(_shows(text), f"{text!r} on {self.driver.current_url}")

    def finds(self, xpath: str) -> WebElement:
        return self._waits(expected.element_to_be_clickable((By.XPATH, xpath)), xpath)

    def clicks(self, xpath: str) -> None:
        """Click, again where the page was drawn anew in between."""

        def click(driver: WebDriver) -> bool:
            found = expected.element_to_be_clickable((By.XPATH, xpath))(driver)
            if found:
                found.click()
            return bool(found)

        self._waits(click, xpath)

    def _waits(self, condition: Callable[[WebDriver], Found], what: str) -> Found:
        redrawn = (StaleElementReferenceException, ElementClickInterceptedException)
        return WebDriverWait(self.driver, PATIENCE, ignored_exceptions=redrawn).until(condition, what)

    def shoots(self, name: str) -> None:
        for folder in self.shots:
            self.driver.save_screenshot(str(folder / f"{name}.png"))

    def has(self, xpath: str) -> bool:
        return any(found.is_displayed() for found in self.driver.find_elements(By.XPATH, xpath))


def _shows(text: str) -> Callable[[WebDriver], bool]:
    return lambda driver: text in words_of(driver)


def words_of(driver: WebDriver) -> str:
    return driver.find_element(By.TAG_NAME, "body").text


@contextmanager
def a_reader(url: str, folder: Path, *arguments: str) -> Iterator[Reader]:
    """A browser that knows nothing yet.

    Args:
        url: of the web UI.
        folder: for its profile and screenshots; they go to ``ALPHA_SCREENSHOTS`` too, where that is set.
        arguments: further ones of the browser's command line.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*ARGUMENTS, *arguments, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(argument)
    shots = [folder]
    if "ALPHA_SCREENSHOTS" in os.environ:
        shots.append(Path(os.environ["ALPHA_SCREENSHOTS"]))
        shots[1].mkdir(parents=True, exist_ok=True)
    # Named paths: Selenium has nothing to look for, let alone to download.
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    someone = Reader(driver, url, shots)
    try:
        yield someone
        someone.shoots("last")
    finally:
        driver.quit()
