"""Experiment files: what is packaged, how they extend each other, and what is said when one is wrong."""

import json
from pathlib import Path

import pytest

from alpha_pipeline import universe
from alpha_pipeline.errors import ExperimentError
from alpha_pipeline.models.spec import Experiment, load_experiments

RIDGE = {
    "description": "d",
    "architecture": {"kind": "ridge"},
    "inputs": {"kind": "features", "sets": ["technical"]},
    "window": 2,
    "tickers": ["QQQ"],
}

HYBRID = RIDGE | {"architecture": {"kind": "hybrid"}}


def load(folder: Path, **files: object) -> dict[str, Experiment]:
    for stem, values in files.items():
        text = values if isinstance(values, str) else json.dumps(values)
        (folder / f"{stem}.json").write_text(text)
    return load_experiments(folder)


def test_the_packaged_experiments() -> None:
    experiments = load_experiments()
    assert list(experiments) == sorted(experiments)
    assert {"expanding_mean", "ridge", "v12_super_model", "v17_pilot"} <= set(experiments)
    assert "experimental_v17" not in experiments
    assert experiments["v12_super_model"].tickers == universe.CORE
    assert experiments["v17_pilot"].tickers == ("QQQ", *universe.MAG7, *universe.SECTORS)
    assert experiments["v12_super_model"].target.horizons == (1, 5)
    held = experiments["matrix_transformer"].tickers
    assert len(held) == 50
    assert held[0] == "QQQ"
    assert set(held) < {"QQQ", *universe.MAG7, *universe.HOLDINGS}
    assert "survivor-biased" in experiments["matrix_transformer"].description


def test_extending_lays_object_over_object(tmp_path: Path) -> None:
    child = {"extends": "base", "training": {"epochs": 3}, "tickers": ["spy", "MAG7"]}
    base = RIDGE | {"is_template": True, "training": {"epochs": 9, "patience": 2}}
    made = load(tmp_path, base=base, child=child)
    assert list(made) == ["child"]
    assert (made["child"].training.epochs, made["child"].training.patience) == (3, 2)
    assert made["child"].tickers == ("SPY", *universe.MAG7)


def test_another_kind_replaces_the_whole_object(tmp_path: Path) -> None:
    child = {"extends": "base", "architecture": {"kind": "hybrid", "width": 16}}
    made = load(tmp_path, base=RIDGE | {"architecture": {"kind": "ridge", "penalties": [1.0]}}, child=child)
    assert made["child"].architecture.kind == "hybrid"


def test_a_packaged_template_can_be_extended_from_elsewhere(tmp_path: Path) -> None:
    assert load(tmp_path, mine={"extends": "experimental_v17", "tickers": ["QQQ"]})["mine"].architecture.kind == "v17"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("{\n  'window': 2}", r"^mine.json: not valid JSON at line 2"),
        ("[1]", r"^mine.json: must hold a JSON object"),
        (RIDGE | {"windw": 3}, r'^mine.json: key "windw" is not known. Allowed here: .*window'),
        (
            RIDGE | {"architecture": {"kind": "hybrid", "widht": 3}},
            r'^mine.json: key "architecture.widht" is not known. Allowed here: .*heads.*width',
        ),
        (
            HYBRID | {"event": {"kind": "bull", "movee": 1}},
            r'^mine.json: key "event.movee" is not known. Allowed here: kind, move, multiplier, precision, weight.',
        ),
        (
            HYBRID | {"event": {"kind": "bull", "move": -1}},
            r'^mine.json: key "event.move" \(is -1\): Input should be gre',
        ),
        (HYBRID | {"event": {"kind": "bear"}}, r"^mine.json: key \"event\".*'bear'.*'bull', 'spike'"),
        (RIDGE | {"event": {"kind": "bull"}}, r'"event" needs architecture'),
        (RIDGE | {"training": {"epoch": 3}}, r'^mine.json: key "training.epoch" is not known. .*epochs'),
        (RIDGE | {"training": {"epochs": 0}}, r'key "training.epochs" \(is 0\): Input should be greater than or'),
        (RIDGE | {"architecture": {"kind": "gru"}}, r'key "architecture".*\'gru\'.*\'hybrid\', \'v17\''),
        (
            RIDGE | {"inputs": {"kind": "features", "sets": ["magic"]}},
            r'key "inputs.sets.0" \(is \'magic\'\).*technical',
        ),
        ({k: v for k, v in RIDGE.items() if k != "window"}, r'^mine.json: key "window" is missing'),
        (RIDGE | {"tickers": ["NO SUCH"]}, r'key "tickers".*NO SUCH.*a group: MAG7, SECTORS, CORE'),
        (RIDGE | {"extends": "nothing"}, r'^mine.json: "extends" names \'nothing\'.*experimental_v17'),
        (RIDGE | {"extends": "mine"}, r'"extends" goes in a circle: mine -> mine'),
        (RIDGE | {"architecture": {"kind": "v17"}}, r'architecture "v17" needs inputs'),
        (RIDGE | {"architecture": {"kind": "matrix"}}, r'architecture "matrix" needs inputs \{"kind": "raw_bars"\}'),
        (RIDGE | {"architecture": {"kind": "hybrid", "width": 30, "heads": 4}}, r"heads must divide width"),
    ],
)
def test_a_malformed_file_is_named_in_one_line(tmp_path: Path, values: object, said: str) -> None:
    with pytest.raises(ExperimentError, match=said) as caught:
        load(tmp_path, mine=values)
    assert "\n" not in str(caught.value)


def test_the_file_that_sets_a_wrong_key_is_the_culprit(tmp_path: Path) -> None:
    base = RIDGE | {"is_template": True, "training": {"epochs": -1}}
    with pytest.raises(ExperimentError, match=r'^base.json: key "training.epochs"'):
        load(tmp_path, base=base, child={"extends": "base", "window": 4})


def test_a_name_must_serve_as_an_asset_key(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"My-Model\.json"):
        load(tmp_path, **{"My-Model": RIDGE})
