"""CBOE's history of ^VIX: from a file, from a server, and what it says when it is not that."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from alpha_pipeline.errors import SourceError
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA
from alpha_pipeline.sources.cboe import HISTORY_URL, CboeVix, make_second_opinion

# 15 January 2024 was a Monday on which CBOE printed and the NYSE was shut.
HISTORY = (
    "DATE,OPEN,HIGH,LOW,CLOSE\r\n"
    "01/02/1990,17.240000,17.240000,17.240000,17.240000\r\n"
    "01/12/2024,12.490000,13.090000,12.440000,12.700000\r\n"
    "01/15/2024,13.250000,13.430000,13.170000,13.250000\r\n"
    "01/16/2024,13.390000,14.360000,13.320000,13.840000\r\n"
    "01/17/2024,14.270000,15.400000,14.240000,14.790000\r\n"
)
FRIDAY, TUESDAY, WEDNESDAY = dt.date(2024, 1, 12), dt.date(2024, 1, 16), dt.date(2024, 1, 17)
# Wednesday's session closed 21:00 UTC; it counts as closed 45 minutes later.
NOW = dt.datetime(2024, 1, 17, 21, 30, tzinfo=dt.UTC)
Script = list[tuple[int, str]]


def history(tmp_path: Path, text: str = HISTORY) -> CboeVix:
    path = tmp_path / "VIX_History.csv"
    path.write_text(text, newline="")
    return CboeVix(str(path), lambda: NOW)


class Cboe(BaseHTTPRequestHandler):
    """Answers each request with the next line of the script."""

    script: ClassVar[Script]

    def do_GET(self) -> None:
        status, text = self.script.pop(0)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[Callable[[Script], tuple[CboeVix, list[float]]]]:
    """A second opinion whose server follows a script, and the pauses it made."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Cboe)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def make(script: Script) -> tuple[CboeVix, list[float]]:
        Cboe.script = script
        pauses: list[float] = []
        return CboeVix(f"http://127.0.0.1:{server.server_port}/VIX_History.csv", lambda: NOW, pauses.append), pauses

    yield make
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_gives_the_sessions_asked_for_without_its_holidays(tmp_path: Path) -> None:
    answer = history(tmp_path).fetch(FRIDAY, WEDNESDAY)
    assert (answer.ticker, answer.source) == ("^VIX", "cboe")
    assert dict(answer.bars.schema) == ANSWER_SCHEMA
    assert answer.bars["session"].to_list() == [FRIDAY, TUESDAY, WEDNESDAY]
    assert answer.bars.row(1) == ("^VIX", TUESDAY, 13.39, 14.36, 13.32, 13.84, 13.84, 0.0, True)
    assert dict(answer.actions.schema) == ACTION_SCHEMA
    assert answer.actions.is_empty()


def test_a_session_that_has_not_closed_is_not_final(tmp_path: Path) -> None:
    assert history(tmp_path).fetch(TUESDAY, WEDNESDAY).bars["is_final"].to_list() == [True, False]


def test_a_range_without_sessions_is_empty(tmp_path: Path) -> None:
    assert history(tmp_path).fetch(dt.date(2024, 1, 13), dt.date(2024, 1, 15)).bars.is_empty()


def test_a_price_that_cannot_be_read_is_null_and_spares_the_rest(tmp_path: Path) -> None:
    bars = history(tmp_path, HISTORY.replace("13.840000", "n/a")).fetch(FRIDAY, TUESDAY).bars
    assert bars["close"].to_list() == [12.7, None]
    assert bars["high"].to_list() == [13.09, 14.36]


def test_a_header_in_another_case_and_days_without_zeros(tmp_path: Path) -> None:
    text = "\ufeffDate, Open, High, Low, Close\n1/2/2024, 13, 14, 12, 13.5\n"
    assert history(tmp_path, text).fetch(dt.date(2024, 1, 2), FRIDAY).bars["close"].to_list() == [13.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no CSV"),
        ("<!DOCTYPE html>\n<html>", r"lacks the column\(s\) DATE, OPEN, .*begins with '<!DOCTYPE html>'"),
        (HISTORY.replace(",CLOSE", ""), r"lacks the column\(s\) CLOSE; it begins with 'DATE,OPEN,HIGH,LOW'"),
        (HISTORY.replace(",HIGH", ",OPEN "), "is no CSV: .*open"),
        (HISTORY.partition("\n")[0], "holds no row"),
        (HISTORY.replace("01/16/2024", "2024-01-16"), r"'2024-01-16' is no date mm/dd/yyyy \(1 such rows\)"),
    ],
    ids=["empty", "page", "no close", "open twice", "no row", "other dates"],
)
def test_what_is_not_cboes_history_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=rf"VIX_History\.csv.*{said}.*Set ALPHA_CBOE_VIX"):
        history(tmp_path, text).fetch(FRIDAY, WEDNESDAY)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read: No such file.*Set ALPHA_CBOE_VIX"):
        CboeVix(str(tmp_path / "none.csv"), lambda: NOW).fetch(FRIDAY, WEDNESDAY)


def test_a_server_that_fails_is_asked_again(served: Callable[[Script], tuple[CboeVix, list[float]]]) -> None:
    opinion, pauses = served([(500, ""), (429, ""), (200, HISTORY)])
    assert opinion.fetch(FRIDAY, WEDNESDAY).bars.height == 3
    assert pauses == [1.0, 2.0]


def test_a_server_that_keeps_failing(served: Callable[[Script], tuple[CboeVix, list[float]]]) -> None:
    opinion, pauses = served([(503, "")] * 3)
    with pytest.raises(SourceError, match=r"in 3 attempts \(HTTP 503\)"):
        opinion.fetch(FRIDAY, WEDNESDAY)
    assert pauses == [1.0, 2.0]


@pytest.mark.parametrize("answer", [(404, "gone"), (200, "<html>sign in</html>")])
def test_what_another_attempt_would_not_change_is_asked_once(
    served: Callable[[Script], tuple[CboeVix, list[float]]], answer: tuple[int, str]
) -> None:
    opinion, pauses = served([answer])
    with pytest.raises(SourceError, match=r"HTTP 404|lacks the column"):
        opinion.fetch(FRIDAY, WEDNESDAY)
    assert pauses == []


def test_a_server_that_is_away() -> None:
    pauses: list[float] = []
    with pytest.raises(SourceError, match=r"in 3 attempts .*Try later"):
        # Port 9 of the loopback: nobody listens.
        CboeVix("http://127.0.0.1:9/", lambda: NOW, pauses.append).fetch(FRIDAY, WEDNESDAY)
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (Settings(source="yahoo"), HISTORY_URL),
        (Settings(source="yahoo", cboe_vix="off"), None),
        (Settings(source="yahoo", cboe_vix="vix.csv"), "vix.csv"),
        (Settings(source="yahoo", yahoo_base_url="http://127.0.0.1:9"), None),
        (Settings(source="yahoo", yahoo_base_url="http://127.0.0.1:9", cboe_vix="vix.csv"), "vix.csv"),
        (Settings(source="files"), None),
        (Settings(source="files", cboe_vix="vix.csv"), "vix.csv"),
        (Settings(source="simulated", cboe_vix="vix.csv"), None),
    ],
    ids=lambda value: f"{value.source}-{value.cboe_vix}" if isinstance(value, Settings) else None,
)
def test_who_is_asked(settings: Settings, where: str | None) -> None:
    opinion = make_second_opinion(settings)
    assert (opinion.where if opinion else None) == where
