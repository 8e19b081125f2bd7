"""The typed settings and the one clock.

Flags beat environment variables, which beat defaults. Every part of the system asks `Settings.now`
for the time, so that a past day can be replayed with ``ALPHA_NOW``.
"""

import datetime as dt
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

from alpha_pipeline.errors import SettingError, UsageError
from alpha_pipeline.words import keep_secret

T = TypeVar("T")
SourceKind = Literal["simulated", "files", "yahoo"]
ProfileName = Literal["quick", "standard", "full"]
DeviceName = Literal["auto", "cpu", "cuda"]
ALL: Final = "all"
_MOST_DIGITS: Final = 9
# What a Host header may say; an IPv6 address has brackets.
HOST_NAME: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Profile:
    """How much training a run buys.

    Attributes:
        name: the profile's name.
        seeds: ensemble members per (ticker, fold).
        retrain_months: months between two folds (12 = yearly, 3 = quarterly).
    """

    name: ProfileName
    seeds: int
    retrain_months: int


PROFILES: dict[ProfileName, Profile] = {
    "quick": Profile("quick", seeds=1, retrain_months=12),
    "standard": Profile("standard", seeds=3, retrain_months=3),
    "full": Profile("full", seeds=10, retrain_months=3),
}


@dataclass(frozen=True)
class Settings:
    """Everything a person can set, in one place.

    Attributes:
        warehouse: absolute root of the warehouse (``ALPHA_WAREHOUSE``).
        source: where bars come from (``ALPHA_SOURCE``).
        source_path: file or folder of the `files` source (``ALPHA_SOURCE_PATH``).
        profile_name: `quick`, `standard` or `full` (``ALPHA_PROFILE``).
        seeds: ensemble members per (ticker, fold) instead of the profile's, or None (``ALPHA_SEEDS``).
        device: `auto`, `cpu` or `cuda` (``ALPHA_DEVICE``).
        yahoo_base_url: base URL that answers like Yahoo; None means Yahoo itself (``ALPHA_YAHOO_BASE_URL``).
        yahoo_rate: requests a second that Yahoo gets from all processes of this machine together
            (``ALPHA_YAHOO_RATE``).
        yahoo_patience: seconds that one refresh may wait in vain for Yahoo in all: for refusals to end, and for answers
            that do not come (``ALPHA_YAHOO_PATIENCE``).
        cboe_vix: URL or file of CBOE's history of ``^VIX``, or `off`; None means CBOE's own for bars of Yahoo
            itself and `off` for others (``ALPHA_CBOE_VIX``).
        alerts: where alerts go, Apprise URLs (``ALPHA_ALERTS``, separated by spaces).
        fixed_now: the replayed time, or None for the real clock (``ALPHA_NOW``).
        through: last session to use, or None for the last closed one (``ALPHA_THROUGH``).
        since: first session to ask for, of held tickers too, or None for the first one held and all there is of a new
            ticker (``ALPHA_SINCE``).
        reports_kept: newest sessions whose brief and tear sheet stay, at least 1; None keeps all
            (``ALPHA_REPORTS_KEPT``; there ``all``).
        ui_hosts: names under which a proxy serves the web UI to others, as they stand in the address bar
            (``ALPHA_UI_HOSTS``, separated by spaces); loopback names always do.
        simulated_seed: seed of the simulated market (``ALPHA_SIMULATED_SEED``).
        simulated_planted_ic: planted information coefficient of the simulated market
            (``ALPHA_SIMULATED_PLANTED_IC``); 0 plants none.
    """

    warehouse: Path = field(default_factory=lambda: Path("warehouse").resolve())
    source: SourceKind = "simulated"
    source_path: Path | None = None
    profile_name: ProfileName = "quick"
    seeds: int | None = None
    device: DeviceName = "auto"
    yahoo_base_url: str | None = None
    yahoo_rate: float = 2.0
    yahoo_patience: float = 180.0
    cboe_vix: str | None = None
    alerts: tuple[str, ...] = ()
    fixed_now: dt.datetime | None = None
    through: dt.date | None = None
    since: dt.date | None = None
    reports_kept: int | None = 30
    ui_hosts: tuple[str, ...] = ()
    simulated_seed: int = 7
    simulated_planted_ic: float = 0.0

    def __post_init__(self) -> None:
        """Whatever reads settings can put them into a message: their secrets are shown nowhere from here on."""
        keep_secret(self.alerts, is_whole=True)
        keep_secret(filter(None, (self.yahoo_base_url, self.cboe_vix, str(self.source_path or ""))))

    @property
    def profile(self) -> Profile:
        """The named profile's values, with the seeds that were set."""
        profile = PROFILES[self.profile_name]
        return profile if self.seeds is None else replace(profile, seeds=self.seeds)

    def now(self) -> dt.datetime:
        """The time, timezone-aware UTC: the replayed one if set, else the real clock."""
        return self.fixed_now or machine_now()

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for child processes."""
        values: dict[str, object | None] = {
            "ALPHA_WAREHOUSE": self.warehouse,
            "ALPHA_SOURCE": self.source,
            "ALPHA_SOURCE_PATH": self.source_path,
            "ALPHA_PROFILE": self.profile_name,
            "ALPHA_SEEDS": self.seeds,
            "ALPHA_DEVICE": self.device,
            "ALPHA_YAHOO_BASE_URL": self.yahoo_base_url,
            "ALPHA_YAHOO_RATE": self.yahoo_rate,
            "ALPHA_YAHOO_PATIENCE": self.yahoo_patience,
            "ALPHA_CBOE_VIX": self.cboe_vix,
            "ALPHA_ALERTS": " ".join(self.alerts) or None,
            "ALPHA_NOW": self.fixed_now.isoformat() if self.fixed_now else None,
            "ALPHA_THROUGH": self.through,
            "ALPHA_SINCE": self.since,
            "ALPHA_REPORTS_KEPT": ALL if self.reports_kept is None else self.reports_kept,
            "ALPHA_UI_HOSTS": " ".join(self.ui_hosts) or None,
            "ALPHA_SIMULATED_SEED": self.simulated_seed,
            "ALPHA_SIMULATED_PLANTED_IC": self.simulated_planted_ic,
        }
        return {name: str(value) for name, value in values.items() if value is not None}


def machine_now() -> dt.datetime:
    """This machine's clock, timezone-aware UTC, whatever time is replayed: when something happens here."""
    return dt.datetime.now(dt.UTC)


def one_of(flag: str, given: Sequence[T] | None) -> T | None:
    """The value of a flag that has one; None when it was not given.

    Raises:
        UsageError: it was given more than one.
    """
    values = list(dict.fromkeys(given or ()))
    if len(values) > 1:
        raise UsageError(f"{flag} takes one value, and was given {' and '.join(map(str, values))}: leave one.")
    return values[0] if values else None


def listed(given: Sequence[str]) -> list[str]:
    """The names of a list, taken apart at commas, each once; an empty name stays, for its reader to refuse."""
    return list(dict.fromkeys(name.strip() for text in given for name in text.split(",")))


def load_settings(
    overrides: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings.

    Args:
        overrides: flag values by variable name (``ALPHA_…``); None values are ignored.
        environ: the environment; the process's own when None.

    Raises:
        SettingError: a value that the setting cannot take.
    """
    values = {k: v for k, v in (os.environ if environ is None else environ).items() if k.startswith("ALPHA_") and v}
    values |= {k: v for k, v in (overrides or {}).items() if v is not None}
    # Before anything is refused and shown.
    keep_secret(values.get("ALPHA_ALERTS", "").split(), is_whole=True)
    keep_secret(values.get(name, "") for name in ("ALPHA_YAHOO_BASE_URL", "ALPHA_CBOE_VIX", "ALPHA_SOURCE_PATH"))
    return Settings(
        warehouse=_path(values, "ALPHA_WAREHOUSE") or Path("warehouse").resolve(),
        source=cast("SourceKind", _choice(values, "ALPHA_SOURCE", "simulated", get_args(SourceKind))),
        source_path=_path(values, "ALPHA_SOURCE_PATH"),
        profile_name=cast("ProfileName", _choice(values, "ALPHA_PROFILE", "quick", get_args(ProfileName))),
        seeds=_count(values, "ALPHA_SEEDS"),
        device=cast("DeviceName", _choice(values, "ALPHA_DEVICE", "auto", get_args(DeviceName))),
        yahoo_base_url=_url(values, "ALPHA_YAHOO_BASE_URL"),
        yahoo_rate=_positive(values, "ALPHA_YAHOO_RATE", 2.0),
        yahoo_patience=_positive(values, "ALPHA_YAHOO_PATIENCE", 180.0),
        cboe_vix=_place(values, "ALPHA_CBOE_VIX"),
        alerts=tuple(values.get("ALPHA_ALERTS", "").split()),
        fixed_now=_instant(values, "ALPHA_NOW"),
        through=_day(values, "ALPHA_THROUGH"),
        since=_day(values, "ALPHA_SINCE"),
        reports_kept=_kept(values),
        ui_hosts=_hosts(values),
        simulated_seed=_whole(values, "ALPHA_SIMULATED_SEED", 7),
        simulated_planted_ic=_finite(values, "ALPHA_SIMULATED_PLANTED_IC", 0.0),
    )


def _path(values: Mapping[str, str], name: str) -> Path | None:
    """A path, absolute, since a child process may run elsewhere."""
    if name not in values:
        return None
    given = values[name]
    if not given.strip():
        raise SettingError(name, given, "the path of a file or folder")
    try:
        return Path(given).expanduser().resolve()
    except (RuntimeError, ValueError, OSError) as error:  # no such user; a NUL byte; links in a circle
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingError(name, given, f"a path that can be followed ({why})") from None


def _place(values: Mapping[str, str], name: str) -> str | None:
    """A file as an absolute path; a URL or `off` as it is."""
    given = values.get(name)
    if given == "off" or (given is not None and "://" in given):
        return given if given == "off" else _url(values, name)
    path = _path(values, name)
    return None if path is None else str(path)


def _url(values: Mapping[str, str], name: str) -> str | None:
    """A URL as it is; what is wrong with one is said without it, because it may hold a password."""
    if name not in values:
        return None
    allowed = "a URL such as http://host:8080, with a port from 1 to 65535"
    try:
        parts = urlsplit(values[name])
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not values[name].isprintable() or " " in values[name]:
        raise SettingError(name, "…", allowed)
    return values[name]


def _choice(values: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = values.get(name, default)
    if value not in allowed:
        raise SettingError(name, value, "one of " + ", ".join(allowed))
    return value


def _number(values: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(values.get(name, default))
    except ValueError:
        raise SettingError(name, values[name], "a number") from None


def _finite(values: Mapping[str, str], name: str, default: float) -> float:
    number = _number(values, name, default)
    if not math.isfinite(number):
        raise SettingError(name, values[name], "a number")
    return number


def _positive(values: Mapping[str, str], name: str, default: float) -> float:
    number = _number(values, name, default)
    if not 0 < number < float("inf"):
        raise SettingError(name, values[name], "a number above 0")
    return number


def _whole(values: Mapping[str, str], name: str, default: int) -> int:
    try:
        number = int(values.get(name, default))
    except ValueError:
        raise SettingError(name, values[name], "a whole number") from None
    if not 0 <= number < 10**_MOST_DIGITS:
        raise SettingError(name, values[name], f"a whole number from 0 on, of {_MOST_DIGITS} digits at most")
    return number


def _count(values: Mapping[str, str], name: str) -> int | None:
    return None if name not in values else _above_0(name, values[name], "a whole number above 0")


def _kept(values: Mapping[str, str]) -> int | None:
    given = values.get("ALPHA_REPORTS_KEPT", str(Settings.reports_kept))
    if given == ALL:
        return None
    return _above_0("ALPHA_REPORTS_KEPT", given, f"a whole number above 0, or {ALL}")


def _above_0(name: str, given: str, allowed: str) -> int:
    if not given.isdecimal() or len(given) > _MOST_DIGITS or int(given) < 1:
        raise SettingError(name, given, allowed)
    return int(given)


def _hosts(values: Mapping[str, str]) -> tuple[str, ...]:
    """Names of a web site, in lower case as browsers send them."""
    names = values.get("ALPHA_UI_HOSTS", "").lower().replace(",", " ").split()
    for name in names:
        found = HOST_NAME.fullmatch(name)
        if found is None or not 0 < int(found["port"] or 80) < 65_536:
            allowed = "names as they stand in the address bar, such as alpha.example.org or 10.0.0.5:8080"
            raise SettingError("ALPHA_UI_HOSTS", name, allowed)
    return tuple(dict.fromkeys(names))


def _instant(values: Mapping[str, str], name: str) -> dt.datetime | None:
    if name not in values:
        return None
    try:
        instant = dt.datetime.fromisoformat(values[name])
        instant = instant.replace(tzinfo=dt.UTC) if instant.tzinfo is None else instant.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise SettingError(name, values[name], "an ISO time such as 2025-06-30T21:00:00+00:00") from None
    _require_in_calendar(values, name, instant.date())
    return instant


def _day(values: Mapping[str, str], name: str) -> dt.date | None:
    if name not in values:
        return None
    try:
        day = dt.date.fromisoformat(values[name])
    except ValueError:
        raise SettingError(name, values[name], "an ISO date such as 2025-06-30") from None
    _require_in_calendar(values, name, day)
    return day


def _require_in_calendar(values: Mapping[str, str], name: str, day: dt.date) -> None:
    """Refuse a day of which the exchange's calendar says nothing."""
    # The calendar brings pandas and takes a second to import, which those need not wait for who set no day.
    from alpha_pipeline.sessions import CALENDAR_FIRST, CALENDAR_LAST  # noqa: PLC0415

    if not CALENDAR_FIRST <= day <= CALENDAR_LAST:
        raise SettingError(name, values[name], f"a day from {CALENDAR_FIRST} to {CALENDAR_LAST}")
