"""What others say, made fit to be shown: printable, short, and without secrets.

A server, a file, a library and a setting all end up in messages, and messages in terminals, logs, tables, pages and
alerts. Two gates let them through: `errors.AlphaError`, of which every message is made, and the contract of the sources
(`sources.base`). Both ask `shown`, and so does whatever shows a foreign word without them.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

LONGEST: Final = 4_000  # characters of a message
LONGEST_SAID: Final = 300  # of what a server says within one
LONGEST_VALUE: Final = 60  # of a single value
HIDDEN: Final = "…"

# The plain letters of ASCII, the end of a line, and whatever `str.isprintable` lets through: no escapes, no marks that
# turn the direction of writing, no half of a surrogate pair.
_SUSPECT: Final = re.compile(r"[^\n\x20-\x7e]")
_URL: Final = re.compile(r"\b([a-z][a-z0-9+.-]*:/{1,2})([^\s'\"<>`]+)", re.IGNORECASE)
_LOGIN: Final = re.compile(r"[^\s/:@'\"]+:[^\s/@'\"]+@(?=[\w\[])")
# A part of an address that is shorter says little, and would be found within other words.
_SHORTEST_PASSWORD: Final = 4
_SHORTEST_PART: Final = 8
_secrets: set[str] = set()


def shown(text: str, longest: int = LONGEST) -> str:
    """A text as it may be shown: without secrets, what cannot be printed as an escape, and no longer than that."""
    # Before it is cut: of a secret that is cut in two the first half would stay.
    text = masked(text[: 4 * longest + LONGEST])
    text = _SUSPECT.sub(_escaped, text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def said(text: str, longest: int = LONGEST_SAID) -> str:
    """What a server or a library says, in one line."""
    return shown(" ".join(text[: 4 * longest + LONGEST].split()), longest)


def quoted(value: object, longest: int = LONGEST_VALUE) -> str:
    """A value as Python writes it, short."""
    if isinstance(value, str):
        return shown(repr(value[: 2 * longest]), longest)
    kinds: dict[type, str] = {dict: "an object", list: "a list"}
    return kinds.get(type(value)) or ("null" if value is None else shown(repr(value), longest))


def masked(text: str) -> str:
    """A text without secrets: the user, password and query of any address, and whatever `keep_secret` was told."""
    if "/" in text:
        text = _URL.sub(lambda found: found[1] + _without_secrets(found[2]), text)
    if "@" in text:
        text = _LOGIN.sub(f"{HIDDEN}@", text)
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return text


def address(url: str) -> str:
    """Which address is meant, for a message: scheme, host and the last part of the path; a file as it is."""
    parts = _parts(url)
    if parts is None:
        return shown(url, LONGEST_SAID)
    head = f"{parts[0]}://{parts[1]}"
    names = [name for name in parts[2].split("/") if name]
    between = f"/{HIDDEN}" if len(names) > 1 else ""
    return shown(f"{head}{between}/{names[-1]}" if names else head, LONGEST_SAID)


def keep_secret(urls: Iterable[str], *, is_whole: bool = False) -> None:
    """From now on show nowhere in this process what is secret in these addresses.

    Args:
        urls: addresses, such as settings hold.
        is_whole: whether their hosts and paths are secret too, as those of a notification service are.
    """
    for url in urls:
        _secrets.update(_of_address(url, is_whole=is_whole))


def _of_address(url: str, *, is_whole: bool) -> set[str]:
    _, mark, rest = url.partition("://")
    if not mark:
        return set()
    head, _, query = rest.partition("?")
    login, _, place = head.rpartition("@")
    password = login.partition(":")[2]
    parts = {value for _, value in parse_qsl(query)} | set(login.partition(":")[::2])
    if is_whole:
        host, _, path = place.partition("/")
        # A name with a dot or a port is a server's; anything else there is a token or a topic.
        parts |= set() if "." in host or ":" in host else {host}
        parts |= set(re.split(r"[/,&?=#:]", f"{path}/{query}"))
    found = {part for part in parts if len(part) >= _SHORTEST_PART}
    found |= {password} if len(password) >= _SHORTEST_PASSWORD else set()
    return {form for part in found for form in (part, unquote(part), quote(part, safe=""))}


def _without_secrets(rest: str) -> str:
    """What follows the scheme, without user, password, query and fragment."""
    mark = min((at for at in (rest.find("?"), rest.find("#")) if at >= 0), default=-1)
    head, has_more = (rest, False) if mark < 0 else (rest[:mark], len(rest) > mark + 1)
    login, at, place = head.rpartition("@")
    return f"{HIDDEN if login else ''}{at}{place}" + (f"{rest[mark]}{HIDDEN}" if has_more else rest[len(head) :])


def _parts(url: str) -> tuple[str, str, str] | None:
    """(scheme, host and port, path) of an address; None of a file."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # brackets or a port that are none
        scheme, mark, _ = url.partition("://")
        return (scheme, HIDDEN, "") if mark else None
    return (parts.scheme, f"{parts.hostname or HIDDEN}{port}", parts.path) if "://" in url else None


def _escaped(found: re.Match[str]) -> str:
    letter = found[0]
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else letter.encode("unicode_escape").decode()
