"""The real web UI against real pages of others, and what it does by itself all the same.

One server for all of it. It is told neither a source nor the path of its files: the warehouse knows them.
"""

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import quote

import polars as pl
import pytest
from selenium.common.exceptions import WebDriverException

from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.warehouse.tickers import added
from alpha_pipeline_tests.browser import MARKS, Reader, a_reader, words_of
from alpha_pipeline_tests.defs.served import Served, bare_environment, eventually, serving
from alpha_pipeline_tests.defs.world import World, make_world
from alpha_pipeline_tests.web_ui import add_partition, choose_partitions, launch, open_dialog

pytestmark = MARKS

FOREIGN: Final = "foreign.test"  # a name of others, of another site
REBOUND: Final = "rebound.test"  # a name of others that has come to mean this machine
SERVED_AS: Final = "alpha.test"  # a name of our own
BROWSER: Final = (
    "--no-proxy-server",
    f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1, MAP {REBOUND} 127.0.0.1",
)
SCHEDULE: Final = "weekly_training"
MUTATION: Final = f"""mutation {{ startSchedule(scheduleSelector: {{ repositoryLocationName: "alpha_pipeline",
    repositoryName: "__repository__", scheduleName: "{SCHEDULE}" }}) {{ __typename }} }}"""
REPORT: Final = "/report_asset_materialization/raw/bars?partition=EVIL"

# What a page can do to another server; each is given its address, and ends when the browser is done with it.
LIBRARY: Final = """
const [ui, mutation, report, done] = arguments, get = ui + '/graphql?query=' + encodeURIComponent(mutation);
const json = JSON.stringify({query: mutation});
const ends = (element, where = document.body) => new Promise(end => {
    element.onload = element.onerror = end; setTimeout(end, 5000); where.appendChild(element); });
const element = (kind, fields) => Object.assign(document.createElement(kind), fields);
const plain = (address, options) => fetch(address, {mode: 'no-cors', ...options}).catch(() => null);
const form = async (action, method, enctype, name, value) => {
    const target = element('iframe', {name: 'target' + Math.random()});
    const made = element('form', {action, method, enctype, target: target.name});
    if (name) made.appendChild(element('input', {name, value}));
    document.body.appendChild(made);
    const end = ends(target); made.submit(); await end; };
"""
ATTACKS: Final = {
    "img": "await ends(element('img', {src: get}))",
    "script": "await ends(element('script', {src: get}))",
    "style sheet": "await ends(element('link', {rel: 'stylesheet', href: get}), document.head)",
    "iframe": "await ends(element('iframe', {src: get}))",
    "fetch": "await plain(get, {headers: {Accept: 'image/png'}})",
    "fetch that asks for a page": "await plain(get, {headers: {Accept: 'text/html'}})",
    "fetch of two operations": "await plain(get.replace('query=', 'query=query%20A%7Bversion%7D%20'))",
    "head": "await plain(get, {method: 'HEAD'})",
    "form by get": "await form(ui + '/graphql', 'GET', '', 'query', mutation)",
    "form by post": "await form(get, 'POST', 'application/x-www-form-urlencoded')",
    "form of plain text": """await form(ui + '/graphql', 'POST', 'text/plain', json.slice(0, -1) + ',"', '":1}')""",
    "upload": "await form(get, 'POST', 'multipart/form-data', 'query', mutation)",
    "post of nothing": "await plain(get, {method: 'POST'})",
    "post of text": "await plain(get, {method: 'POST', body: json})",
    "post of text that says json": (
        "await plain(ui + '/graphql', {method: 'POST', body: json,"
        " headers: {'Content-Type': 'text/plain;application/json'}})"
    ),
    "post of json": (
        "await fetch(ui + '/graphql', {method: 'POST', body: json, headers: {'Content-Type': 'application/json'}})"
        ".catch(() => null)"
    ),
    "beacon": "navigator.sendBeacon(get, json); await new Promise(end => setTimeout(end, 500))",
    "report": "await plain(ui + report, {method: 'POST'})",
}
# A preflight is asked first, or nothing at all: no server sees the request itself.
ASKED_FIRST: Final = {"post of json"}
SOCKET: Final = """
const [ui, mutation, report, done] = arguments;
const socket = new WebSocket(ui.replace('http', 'ws') + '/graphql', 'graphql-ws');
socket.onopen = () => done('open'); socket.onclose = event => done('closed ' + event.code);
"""


class Page(http.server.BaseHTTPRequestHandler):
    """A page of others, and a server that takes whatever comes."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.taken.append((self.command, self.path))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"<!DOCTYPE html><title>others</title><body>a page of others</body>")

    do_POST = do_HEAD = do_OPTIONS = do_GET  # noqa: N815  http.server's names

    def log_message(self, *_: object) -> None: ...


@contextmanager
def others() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.taken = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Bars of QQQ; the files know more."""
    made = make_world(tmp_path, ["QQQ", "SPY", "NVDA"])
    file = tmp_path / "bars.parquet"
    bars = pl.read_parquet(file)
    pl.concat([bars, bars.filter(ticker="NVDA").with_columns(ticker=pl.lit("PLTR"))]).write_parquet(file)
    with patch.dict(os.environ), open_instance(made.settings) as instance:
        assert made.run(instance, "refresh_bars", tickers=["QQQ"]).success
    return made


def state(ui: Served) -> dict[str, Any]:
    """All that the attacks would change, and the switches of every schedule and sensor."""
    where = 'repositorySelector: { repositoryLocationName: "alpha_pipeline", repositoryName: "__repository__" }'
    query = f"""{{
        schedulesOrError({where}) {{ ... on Schedules {{ results {{ name scheduleState {{ status }} }} }} }}
        sensorsOrError({where}) {{ ... on Sensors {{ results {{ name sensorState {{ status }} }} }} }}
        assetNodeOrError(assetKey: {{ path: ["raw", "bars"] }}) {{
            ... on AssetNode {{ assetMaterializations(partitions: ["EVIL"]) {{ partition }} }} }} }}"""
    found = ui.ask(query)
    switches = {one["name"]: one["scheduleState"]["status"] for one in found["schedulesOrError"]["results"]}
    switches |= {one["name"]: one["sensorState"]["status"] for one in found["sensorsOrError"]["results"]}
    return {**switches, "reported": found["assetNodeOrError"]["assetMaterializations"], "runs": len(ui.runs())}


def attack(reader: Reader, url: str, name: str) -> None:
    script = f"{LIBRARY}(async () => {{ {ATTACKS[name]}; done('') }})().catch(error => done(String(error)))"
    assert reader.driver.execute_async_script(script, url, MUTATION, REPORT) == "", name


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """A server that takes all gets every one of them: what the web UI refuses below has come to it."""
    with others() as page, others() as victim, a_reader("", tmp_path, *BROWSER) as reader:
        for name in ATTACKS:
            reader.driver.get(f"http://{FOREIGN}:{page.server_port}/")
            attack(reader, f"http://127.0.0.1:{victim.server_port}", name)
            taken = victim.taken  # type: ignore[attr-defined]
            eventually(lambda got=taken: got, f"{name} has come", 20)
            assert all(command == "OPTIONS" for command, _ in taken) == (name in ASKED_FIRST), (name, taken)
            taken.clear()


@pytest.mark.minutes(2)
def test_no_page_of_others_drives_the_web_ui_which_does_all_it_did(world: World, tmp_path: Path) -> None:
    told = bare_environment() | {name: world.environment[name] for name in ("ALPHA_WAREHOUSE", "ALPHA_NOW")}
    command = [str(Path(sys.executable).with_name("alpha")), "ui", "--allow-host", SERVED_AS]
    refuses_to_start_where_nothing_says_which_files(command, told, world)
    with (
        serving(command, told, tmp_path / "ui.log") as ui,
        a_reader(ui.url, tmp_path, *BROWSER) as reader,
        others() as page,
    ):
        start = state(ui)
        assert start[SCHEDULE] == "STOPPED"
        # Of another port (the same site, as browsers see it), of another site, and of a name that means this machine.
        for host in ("127.0.0.1", FOREIGN, REBOUND):
            own = f"http://{host}:{page.server_port}/"
            changes_nothing(reader, ui, own, ui.url.replace("127.0.0.1", REBOUND) if host == REBOUND else ui.url)
        shows_links_and_no_frames(reader, ui, f"http://{FOREIGN}:{page.server_port}/")
        reader.driver.get(f"{ui.url.replace('127.0.0.1', REBOUND)}/runs")
        reader.sees(f"Refused: this web UI is not served as '{REBOUND}:", "--allow-host NAME (or ALPHA_UI_HOSTS)")
        knows_the_name_that_it_was_given(ui)
        assert state(ui) == start
        does_all_it_did(reader, ui, world)


def refuses_to_start_where_nothing_says_which_files(command: list[str], told: dict[str, str], world: World) -> None:
    """The warehouse knows them from its last refresh; one of before says nothing, and files may be gone."""
    known, file = world.settings.warehouse / "files.json", world.settings.warehouse.parent / "bars.parquet"
    for away, why in ((known, "nothing says which"), (file, f"{file} is not there")):
        away.rename(away.with_name("away"))
        ended = subprocess.run(command, env=told, capture_output=True, text=True, timeout=60, check=False)
        away.with_name("away").rename(away)
        assert (ended.returncode, ended.stdout) == (2, "")
        [line] = ended.stderr.splitlines()
        assert why in line
        assert line.endswith("name their file or folder with --path (or ALPHA_SOURCE_PATH).")


def changes_nothing(reader: Reader, ui: Served, page: str, url: str) -> None:
    """Every attack of a page on the web UI under an address."""
    before = state(ui)
    for name in ATTACKS:
        reader.driver.get(page)
        attack(reader, url, name)
        assert state(ui) == before, (page, name)
    assert reader.driver.execute_async_script(SOCKET, url, MUTATION, REPORT) == "closed 1006", page


def shows_links_and_no_frames(reader: Reader, ui: Served, page: str) -> None:
    """A link may be followed; in a frame a click that is meant for the page around would land on a button."""
    for path, shown in (
        (f"/graphql?query={quote(MUTATION)}", "Refused: GET only reads. Send a mutation by POST"),
        ("/automation", SCHEDULE),
    ):
        reader.driver.get(page)
        reader.driver.execute_script("location.href = arguments[0]", f"{ui.url}{path}")
        reader.sees(shown)
    reader.driver.get(page)
    framed = f"{LIBRARY} ends(element('iframe', {{src: ui + '/automation'}})).then(() => done(''))"
    reader.driver.execute_async_script(framed, ui.url, MUTATION, REPORT)
    reader.driver.switch_to.frame(0)
    with contextlib.suppress(WebDriverException):  # nothing is in the frame that could be asked
        assert SCHEDULE not in words_of(reader.driver)
    reader.driver.switch_to.default_content()


def knows_the_name_that_it_was_given(ui: Served) -> None:
    """As behind a proxy that hands on what the browser sent."""
    body = json.dumps({"query": "{ version }"}).encode()
    for host, status in ((SERVED_AS, 200), (f"{SERVED_AS}:81", 403)):
        headers = {"Host": host, "Origin": f"https://{SERVED_AS}", "Content-Type": "application/json"}
        with closing(HTTPConnection(ui.url.removeprefix("http://"), timeout=30)) as there:
            there.request("POST", "/graphql", body, headers)
            assert there.getresponse().status == status, host


def does_all_it_did(reader: Reader, ui: Served, world: World) -> None:
    """By clicks: a schedule and a sensor are switched, a partition is added, two partitions are materialised."""
    for kind, name, after in (("schedules", SCHEDULE, "RUNNING"), ("sensors", "dead_runs", "STOPPED")):
        reader.open("/automation")
        row = f"//a[@href='/locations/alpha_pipeline/{kind}/{name}']/.."
        reader.clicks(f"{row}//label[contains(@class, 'formatSwitch')]")
        eventually(lambda n=name, a=after: state(ui)[n] == a, f"{name} is {after}")
    add_partition(reader, ui, "PLTR")
    eventually(lambda: added(world.warehouse) == ["PLTR"], "the files know the name, and it is followed")
    open_dialog(reader, "raw")
    choose_partitions(reader, "SPY", "NVDA")
    launch(reader)
    for ticker in ("SPY", "NVDA"):
        ui.holds("raw/bars", ticker)
    # A live view of a run comes by WebSocket.
    run = next(run for run in ui.runs() if run["tags"].get("dagster/backfill"))
    reader.open(f"/runs/{run['runId']}")
    reader.sees("STEP_SUCCESS", "raw")
