"""What a person does in the web UI, click by click."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

from alpha_pipeline_tests.browser import Reader
from alpha_pipeline_tests.defs.served import PATIENCE, Served, eventually


def open_dialog(reader: Reader, group: str) -> None:
    """The dialog that asks which partitions of a group to materialise."""
    reader.open(f"/locations/alpha_pipeline/asset-groups/{group}")
    reader.clicks("//button[starts-with(normalize-space(.), 'Materialize all')]")
    question, dialog = (
        "//button[normalize-space(.)='Confirm']",
        "//*[starts-with(text(), 'Launch runs to materialize')]",
    )
    eventually(lambda: reader.has(question) or reader.has(dialog), f"a dialog for {group}")
    if reader.has(question):
        # Dagster warns of what it did not see made; the forecasts of this world were made by hand.
        reader.clicks(question)
    reader.finds(dialog)


def launch(reader: Reader) -> None:
    """Launch, and wait until the dialog has gone."""
    reader.clicks("//button[starts-with(normalize-space(.), 'Launch') and not(@disabled)]")
    gone = expected.invisibility_of_element_located(
        (By.XPATH, "//*[starts-with(text(), 'Launch runs to materialize')]")
    )
    WebDriverWait(reader.driver, PATIENCE).until(gone)


def choose_partitions(reader: Reader, *names: str) -> None:
    """Choose partitions in the dialog by their names."""
    reader.clicks("//*[text()='Select a partition or create one']")
    for name in names:
        # Typed over: the page does not see a field that is cleared.
        reader.finds("//input[@placeholder='Filter partitions']").send_keys(Keys.CONTROL, "a", Keys.NULL, name)
        reader.clicks(f"//li[normalize-space(.)='{name}' or .//*[text()='{name}']]")
    reader.clicks("//*[starts-with(text(), 'Launch runs to materialize')]")


def add_partition(reader: Reader, ui: Served, ticker: str) -> None:
    """Add a partition in the dialog that asks what to materialise, and close it without launching anything."""
    reader.open("/assets/raw/bars?view=overview")
    reader.clicks("//button[starts-with(normalize-space(.), 'Materialize')]")
    reader.clicks("//button[normalize-space(.)='Add a partition']")
    reader.finds("//input[@placeholder='name']").send_keys(ticker)
    reader.shoots(f"add_{ticker}")
    reader.clicks("//button[normalize-space(.)='Save']")
    eventually(lambda: ticker in partitions(ui), f"{ticker} is a partition")


def partitions(ui: Served) -> list[str]:
    query = """{ assetNodeOrError(assetKey: {path: ["raw", "bars"]}) { ... on AssetNode { partitionKeys } } }"""
    keys: list[str] = ui.ask(query)["assetNodeOrError"]["partitionKeys"]
    return keys
