import shutil
from pathlib import Path

import pytest

from alpha_pipeline.doctor import folders
from alpha_pipeline.doctor.examination import examine
from alpha_pipeline.doctor.finding import Finding
from alpha_pipeline.errors import ExperimentError
from alpha_pipeline.models import spec
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.settings import load_settings


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packaged experiments that a test may spoil."""
    folder = tmp_path / "experiments"
    shutil.copytree(spec.PACKAGED, folder)
    monkeypatch.setattr(spec, "PACKAGED", folder)
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"extends": "ridge", "window": "wide"', r"mine\.json: not valid JSON at line 1"),
        ('{"extends": "ridge", "window": "wide"}', r'mine\.json: key "window" \(is \'wide\'\)'),
        ('{"extends": "ridge", "windows": 3}', r'mine\.json: key "windows" is not known. Allowed here: .*window'),
        ('{"extends": "rigde"}', r"mine\.json: \"extends\" names 'rigde'.*ridge"),
        ('{"extends": "ridge", "tickers": ["A B"]}', r"mine\.json: .*'A B' cannot be a ticker"),
        ("[]", r"mine\.json: must hold a JSON object"),
    ],
)
def test_a_malformed_experiment_is_named_by_the_loader_and_by_the_doctor(
    tmp_path: Path, experiments: Path, text: str, words: str
) -> None:
    (experiments / "mine.json").write_text(text)
    with pytest.raises(ExperimentError, match=words) as caught:
        load_experiments(experiments)
    assert "\n" not in str(caught.value)
    findings = {f.what: f for f in examine(load_settings({"ALPHA_WAREHOUSE": str(tmp_path / "fresh")}, {}))}
    assert findings["experiments"] == Finding("experiments", False, str(caught.value))
    assert findings["warehouse"].is_ok, "the rest is looked at all the same"


def test_too_little_room_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings({"ALPHA_WAREHOUSE": str(tmp_path / "not" / "yet")}, {})
    assert {f.what: f.is_ok for f in examine(settings)}["disk"] is True
    monkeypatch.setattr(folders, "LOW_DISK_BYTES", 10**18)
    finding = next(f for f in examine(settings) if f.what == "disk")
    assert not finding.is_ok
    assert f"GB free at {tmp_path}: free some" in finding.detail
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("urls", "is_ok", "detail"),
    [
        ("", True, "to the log alone"),
        ("json://127.0.0.1:9/hook", True, "json://127.0.0.1:9"),
        ("jason://x", False, "jason://…"),
    ],
)
def test_where_alerts_go_is_a_finding(tmp_path: Path, urls: str, is_ok: bool, detail: str) -> None:
    settings = load_settings({"ALPHA_WAREHOUSE": str(tmp_path / "fresh")}, {"ALPHA_ALERTS": urls})
    finding = next(f for f in examine(settings) if f.what == "alerts")
    assert finding.is_ok == is_ok
    assert detail in finding.detail
