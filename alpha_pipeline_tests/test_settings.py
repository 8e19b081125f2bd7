import datetime as dt
from pathlib import Path

import pytest

from alpha_pipeline.errors import SettingError
from alpha_pipeline.settings import load_settings


def test_flags_beat_the_environment_which_beats_defaults() -> None:
    environ = {"ALPHA_PROFILE": "standard", "ALPHA_SOURCE": "yahoo"}
    settings = load_settings({"ALPHA_PROFILE": "full", "ALPHA_SOURCE": None}, environ)
    assert (settings.profile.seeds, settings.source, settings.device) == (10, "yahoo", "auto")


def test_seeds_beat_those_of_the_profile() -> None:
    settings = load_settings({"ALPHA_PROFILE": "standard", "ALPHA_SEEDS": "10"}, {})
    assert (settings.profile.seeds, settings.profile.retrain_months) == (10, 3)
    assert load_settings({}, {}).profile.seeds == 1


def test_defaults() -> None:
    settings = load_settings({}, {})
    assert (settings.source, settings.profile_name) == ("simulated", "quick")
    assert settings.warehouse == Path("warehouse").resolve()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ALPHA_SOURCE", "bloomberg", "simulated, files, yahoo"),
        ("ALPHA_PROFILE", "fast", "quick, standard, full"),
        ("ALPHA_SEEDS", "0", "a whole number above 0"),
        ("ALPHA_SEEDS", "ten", "a whole number above 0"),
        ("ALPHA_REPORTS_KEPT", "0", "a whole number above 0, or all"),
        ("ALPHA_REPORTS_KEPT", "none", "a whole number above 0, or all"),
        ("ALPHA_NOW", "yesterday", "ISO time"),
        ("ALPHA_THROUGH", "30.6.2025", "ISO date"),
        ("ALPHA_SINCE", "2005", "ISO date"),
        ("ALPHA_SIMULATED_SEED", "7.9", "a whole number"),
        ("ALPHA_SIMULATED_PLANTED_IC", "much", "a number"),
        ("ALPHA_YAHOO_RATE", "0", "a number above 0"),
        ("ALPHA_UI_HOSTS", "https://alpha.example.org", "names as they stand in the address bar"),
        ("ALPHA_UI_HOSTS", "alpha.example.org/", "names as they stand in the address bar"),
        ("ALPHA_UI_HOSTS", "alpha.example.org:0", "names as they stand in the address bar"),
        ("ALPHA_UI_HOSTS", "me@alpha.example.org", "names as they stand in the address bar"),
    ],
)
def test_a_wrong_value_names_the_setting_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingError, match=f"{name}='{value}'.*{allowed}"):
        load_settings({}, {name: value})


@pytest.mark.parametrize(("given", "kept"), [(None, 30), ("5", 5), ("all", None)])
def test_reports_are_kept_for_so_many_sessions_or_for_ever(given: str | None, kept: int | None) -> None:
    settings = load_settings({}, {"ALPHA_REPORTS_KEPT": given} if given else {})
    assert settings.reports_kept == kept
    assert load_settings({}, settings.environment()) == settings


@pytest.mark.parametrize("wrong", ["*", "[::1", "b\u00e4r.example", "a..b:70000", "name:"])
def test_a_name_that_no_browser_can_send_is_refused(wrong: str) -> None:
    with pytest.raises(SettingError, match="ALPHA_UI_HOSTS"):
        load_settings({}, {"ALPHA_UI_HOSTS": f"alpha.example.org {wrong}"})


def test_the_clock_can_be_replayed() -> None:
    settings = load_settings({}, {"ALPHA_NOW": "2025-06-30T17:00:00-04:00"})
    assert settings.now() == dt.datetime(2025, 6, 30, 21, 0, tzinfo=dt.UTC)


def test_a_child_process_gets_the_same_settings() -> None:
    settings = load_settings(
        {},
        {
            "ALPHA_NOW": "2025-06-30T21:00:00+00:00",
            "ALPHA_SOURCE": "files",
            "ALPHA_SOURCE_PATH": "/bars.parquet",
            "ALPHA_SEEDS": "10",
            "ALPHA_YAHOO_RATE": "0.5",
            "ALPHA_CBOE_VIX": "/vix.csv",
            "ALPHA_ALERTS": "json://127.0.0.1:8080/hook  mailto://me@example.org",
            "ALPHA_UI_HOSTS": "Alpha.example.org 10.0.0.5:8080, [fd00::5]:8080",
        },
    )
    assert load_settings({}, settings.environment()) == settings
