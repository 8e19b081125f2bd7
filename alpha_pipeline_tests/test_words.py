"""What others say is shown printable, short and without secrets."""

import datetime as dt
from collections.abc import Iterator

import polars as pl
import pytest

from alpha_pipeline import words
from alpha_pipeline.alerts import Alert, check
from alpha_pipeline.errors import AlphaError, SettingError, UnknownTickerError
from alpha_pipeline.settings import load_settings
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer, Reading
from alpha_pipeline.sources.yahoo import meeting_place
from alpha_pipeline.words import address, masked, quoted, said, shown

ESCAPES = "\x1b[31mred\x1b[0m \x07 \u202eevil\u202c \x9b2J \r \ud800 \u200b"
CANARY = "canary-5f3a9c71"


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """What a test keeps secret is no secret of the next one."""
    before = set(words._secrets)
    yield
    words._secrets.clear()
    words._secrets.update(before)


def test_escapes_are_shown_as_what_they_are() -> None:
    assert shown(ESCAPES) == "\\x1b[31mred\\x1b[0m \\x07 \\u202eevil\\u202c \\x9b2J   \\ud800 \\u200b"
    assert said("two\nlines\tof  words") == "two lines of words"
    assert shown("a\nb · é 漢 …") == "a\nb · é 漢 …"


def test_a_long_word_is_cut() -> None:
    assert len(shown("x" * 10**6)) == words.LONGEST
    assert len(said("x" * 10**6)) == words.LONGEST_SAID
    assert len(quoted("x" * 10**6)) == words.LONGEST_VALUE
    assert (quoted(None), quoted({}), quoted([1]), quoted("\x1b")) == ("null", "an object", "a list", "'\\x1b'")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"http://user:{CANARY}@host:80/x?y={CANARY}#z failed", "http://…@host:80/x?… failed"),
        (f"'https://host/?token={CANARY}'", "'https://host/?…'"),
        (f"/home/me/s3:/key:{CANARY}@bucket is not there", "/home/me/s3:/…@bucket is not there"),
        (f"user:{CANARY}@host", "…@host"),
        ("https://host/path and `alpha sql` at 10:30", "https://host/path and `alpha sql` at 10:30"),
    ],
)
def test_addresses_lose_their_secrets(text: str, hidden: str) -> None:
    assert masked(text) == hidden


def test_what_settings_hold_is_shown_nowhere() -> None:
    """Also where a server says it back, in a form of its own."""
    load_settings(
        environ={
            "ALPHA_YAHOO_BASE_URL": f"http://me:{CANARY}1@127.0.0.1:9?key={CANARY}2",
            "ALPHA_CBOE_VIX": f"https://me:{CANARY}%2F3@host/VIX.csv?key={CANARY}4",
            "ALPHA_ALERTS": f"ntfys://{CANARY}5 json://host/{CANARY}6",
        }
    )
    told = f"no {CANARY}1, {CANARY}2, {CANARY}/3, {CANARY}%2F3, {CANARY}4, {CANARY}5, {CANARY}6"
    gates = (
        str(AlphaError(told)),
        str(SettingError("X", told, "y")),
        UnknownTickerError("X", told, told).brief,
        Alert("k", told, told, "test").body,
        Alert("k", told, told, "test").title,
        Reading(told, columns=((told, told),), refused=told).columns[0][0],
        Reading(told, ignored=(told,)).ignored[0],
        Answer("X", pl.DataFrame(schema=ANSWER_SCHEMA), pl.DataFrame(schema=ACTION_SCHEMA), "x", (told,)).notes[0],
    )
    assert not [words for words in gates if CANARY in words]


def test_a_setting_that_is_refused_hides_its_secret() -> None:
    with pytest.raises(SettingError) as refused:
        load_settings(environ={"ALPHA_ALERTS": f"json://u:{CANARY}@h", "ALPHA_SOURCE": f"http://u:{CANARY}@h"})
    assert CANARY not in str(refused.value)


def test_gates_let_no_escape_through() -> None:
    texts = (
        str(AlphaError(ESCAPES)),
        Reading("x", first=dt.date(2024, 1, 2), refused=ESCAPES).refused,
        Answer("X", pl.DataFrame(schema=ANSWER_SCHEMA), pl.DataFrame(schema=ACTION_SCHEMA), "x", (ESCAPES,)).notes[0],
    )
    assert all(text.isprintable() for text in texts)
    assert len(str(AlphaError("x" * 10**6))) == words.LONGEST


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"ntfys://{CANARY}", "ntfys://…"),
        (f"ntfy://user:{CANARY}@host.example/topic", "ntfy://host.example"),
        (f"slack://T1JJ3T3L2/A1BRTD4JD/{'S' * 24}", "slack://…"),
        (f"tgram://123456789:{CANARY.replace('-', '_')}xxxxxxxxxxxxxxxxxxxx/12", "tgram://…"),
        (f"json://user:{CANARY}@host:8080/{CANARY}?x={CANARY}", "json://host:8080"),
    ],
)
def test_a_service_is_called_by_what_is_no_secret(url: str, name: str) -> None:
    assert check([url]) == [name]


def test_a_folder_is_named_by_the_host_alone() -> None:
    assert meeting_place(f"https://me:{CANARY}@host.example:8443/{CANARY}?t={CANARY}").name == "host.example_8443"
    assert address(f"https://me:{CANARY}@host.example/{CANARY}/VIX.csv?t={CANARY}") == "https://host.example/…/VIX.csv"
