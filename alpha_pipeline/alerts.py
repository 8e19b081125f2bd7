"""Alerts: what a person should hear of without asking. They go to the log and to the services of the settings.

A service is an Apprise URL: ``json://`` and ``jsons://`` are plain webhooks, and mail, chats and phones have schemes
of their own (github.com/caronc/apprise). URLs hold passwords and tokens, so whatever is printed calls a service by
its scheme and host.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import apprise

from alpha_pipeline.errors import SettingError
from alpha_pipeline.words import HIDDEN, said, shown

Kind = Literal["failure", "stale", "exit", "leak", "disputed", "clock", "test"]

logger = logging.getLogger(__name__)
# Apprise logs a URL that it cannot read, secret and all. Why a service failed comes with its result and is logged here.
logging.getLogger("apprise").propagate = False
logging.getLogger("apprise").addHandler(logging.NullHandler())  # else what nobody handles goes to standard error

_TYPES: Final[dict[Kind, apprise.NotifyType]] = {
    "failure": apprise.NotifyType.FAILURE,
    "stale": apprise.NotifyType.WARNING,
    "exit": apprise.NotifyType.WARNING,
    "leak": apprise.NotifyType.FAILURE,
    "disputed": apprise.NotifyType.WARNING,
    "clock": apprise.NotifyType.WARNING,
    "test": apprise.NotifyType.INFO,
}


@dataclass(frozen=True)
class Alert:
    """One thing to hear of.

    Attributes:
        key: what it is about; an alert of the same key is the same alert.
        title: one line.
        body: the facts and the fix, in plain text.
        kind: `failure` of a run, `stale` data, `exit` of every long, a `leak` found, answers `disputed`, a wrong
            `clock`, or a `test`.
    """

    key: str
    title: str
    body: str
    kind: Kind

    def __post_init__(self) -> None:
        """What goes to services of others is printable, short and without secrets."""
        object.__setattr__(self, "title", said(self.title))
        object.__setattr__(self, "body", shown(self.body))


def check(urls: Sequence[str]) -> list[str]:
    """The names of the services that the URLs stand for, in their order; nothing is sent.

    Raises:
        SettingError: a URL that Apprise cannot read. It is named by its place and scheme, for it may hold a secret.
    """
    return list(_services(urls))


def send(alert: Alert, urls: Sequence[str], only: Collection[str] | None = None) -> list[str]:
    """Write an alert to the log and send it to the services.

    Args:
        alert: what to say.
        urls: Apprise URLs.
        only: names of the services to send to; all of them when None.

    Returns:
        The names of the services that did not take it. A dead service is no error.

    Raises:
        SettingError: a URL that Apprise cannot read; the log has the alert by then.
    """
    logger.warning("%s: %s", alert.title, alert.body)
    failed = []
    for name, service in _services(urls).items():
        if only is not None and name not in only:
            continue
        result = service.notify(
            title=alert.title,
            body=alert.body,
            notify_type=_TYPES[alert.kind],
            body_format=apprise.NotifyFormat.TEXT,
        )
        if not result:
            why = said(" ".join(entry.message for entry in result.logs()))
            logger.warning("%s did not take the alert %r: %s", name, alert.key, why or "no reason given")
            failed.append(name)
    return failed


def former_names(urls: Sequence[str]) -> dict[str, str]:
    """The names that services had while a token or a topic could be part of one, with those that they have now."""
    former: dict[str, str] = {}
    for url, name in zip(urls, _services(urls), strict=True):
        plugin: Any = apprise.Apprise.instantiate(url)
        parts = urlsplit(plugin.url(privacy=True))
        base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        twins = sum(before.partition(" ")[0] == base for before in former)
        former[f"{base} ({twins + 1})" if twins else base] = name
    return former


def _services(urls: Sequence[str]) -> dict[str, apprise.Apprise]:
    """The services by name; a second one of a scheme and host is numbered."""
    asset = apprise.AppriseAsset(app_id="alpha_pipeline", app_desc="alpha_pipeline", async_mode=False)
    services: dict[str, apprise.Apprise] = {}
    for place, url in enumerate(urls, start=1):
        plugin = apprise.Apprise.instantiate(url, asset=asset)
        if plugin is None:
            scheme, mark, _ = url.partition("://")
            raise SettingError(
                "ALPHA_ALERTS",
                f"{scheme}://…" if mark else "…",
                f"an Apprise URL such as jsons://host/path in place {place}; `alpha alerts --test` tries them",
            )
        service = apprise.Apprise(asset=asset)
        service.add(plugin)
        base = _name(plugin)
        twins = sum(name.partition(" ")[0] == base for name in services)
        services[f"{base} ({twins + 1})" if twins else base] = service
    return services


def _name(plugin: Any) -> str:  # noqa: ANN401 - Apprise's plugins are untyped
    """Scheme and host of a service.

    Path and query can be secret, and so can what stands in the place of the host in the addresses of many: a token, or
    a topic that whoever knows it can read. Only where it is a server's name in each form of the address it is shown.
    """
    parts = urlsplit(plugin.url(privacy=True))
    host = parts.netloc.rpartition("@")[2]
    is_server = all("{host}" in form for form in plugin.templates) or getattr(plugin, "mode", None) == "private"
    return f"{parts.scheme}://{host if is_server else HIDDEN}"
