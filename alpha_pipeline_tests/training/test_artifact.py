"""Artifacts: bytes out, the same value back, and damage noticed."""

import datetime as dt

import numpy as np
import pytest

from alpha_pipeline.training.artifact import (
    Artifact,
    ArtifactError,
    Card,
    card_or_none,
    encode_tensors,
    read_artifact,
    sha256,
)

WEIGHTS = encode_tensors({"b": np.arange(3, dtype=np.float32), "a": np.eye(2)})


def card(**changes: object) -> Card:
    values: dict[str, object] = {
        "model_id": "abc",
        "experiment": "ridge",
        "ticker": "^VIX",
        "seed": 0,
        "fold": 2,
        "first_session": dt.date(2018, 1, 2),
        "end_session": dt.date(2019, 1, 2),
        "trained_through": dt.date(2017, 12, 20),
        "parent_id": None,
        "config_hash": "c",
        "data_hash": "d",
        "code_version": "1",
        "libraries": {"torch": "2"},
        "n_training": 900,
        "n_validation": 252,
        "epochs": 0,
        "validation_loss": 1.4,
        "baseline_loss": 1.5,
        "spike_thresholds": (0.1, 0.2),
        "weights_sha256": sha256(WEIGHTS),
    }
    return Card.model_validate(values | changes)


def test_an_artifact_survives_its_two_files() -> None:
    artifact = Artifact(card(), WEIGHTS)
    back = read_artifact(artifact.card_json, artifact.weights)
    assert back == artifact
    np.testing.assert_array_equal(back.tensors()["a"], np.eye(2))


def test_equal_tensors_give_equal_bytes_in_any_order() -> None:
    assert encode_tensors({"a": np.eye(2), "b": np.arange(3, dtype=np.float32)}) == WEIGHTS


def test_changed_weights_are_noticed() -> None:
    damaged = WEIGHTS[:-1] + b"\x07"
    with pytest.raises(ArtifactError, match="abc cannot be used: the weights are not those its card describes"):
        read_artifact(Artifact(card(), WEIGHTS).card_json, damaged)


def test_a_malformed_card_is_noticed() -> None:
    with pytest.raises(ArtifactError, match="malformed at seed"):
        read_artifact(card().model_dump_json().replace('"seed":0', '"seed":"x"').encode(), WEIGHTS)


def test_weights_that_are_no_safetensors_are_noticed() -> None:
    junk = b"pickle?" * 10
    with pytest.raises(ArtifactError, match="abc"):
        Artifact(card(weights_sha256=sha256(junk)), junk).tensors()


def test_a_card_that_was_changed_is_noticed_and_one_from_before_its_hash_is_read() -> None:
    stored = Artifact(card(), WEIGHTS).card_json
    for changed in (stored.replace(b"1.4", b"1.5"), stored.replace(b"0.1", b"0.9"), stored.replace(b"2018", b"2017")):
        assert changed != stored
        with pytest.raises(ArtifactError, match="not what was stored"):
            read_artifact(changed, WEIGHTS)
    assert read_artifact(card().model_dump_json(indent=2).encode(), WEIGHTS) == Artifact(card(), WEIGHTS)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model_id": 1}'])
def test_bytes_that_are_no_card_are_noticed(data: bytes) -> None:
    with pytest.raises(ArtifactError, match="card"):
        read_artifact(data, WEIGHTS)
    assert card_or_none(data) is None


def test_an_artifact_under_another_name_is_noticed() -> None:
    artifact = Artifact(card(), WEIGHTS)
    names = (artifact.card.experiment, artifact.card.ticker, artifact.card.model_id)
    assert artifact.require(*names) is artifact
    for place in range(3):
        other = [*names]
        other[place] = "other"
        with pytest.raises(ArtifactError, match="its card is that of"):
            artifact.require(*other)
