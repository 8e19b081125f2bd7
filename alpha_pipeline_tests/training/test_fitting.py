"""One member: the same bytes each time, whatever follows the fold, and weights that learn."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
import torch

from alpha_pipeline.datasets.folds import TrainingData, training_data
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.fitting import fit_member
from alpha_pipeline.training.loop import DivergedError
from alpha_pipeline.training.member import Member
from alpha_pipeline_tests.learning_world import LAST, experiment, folds_to, samples_of

KINDS = ("hybrid", "v17", "ridge", "expanding_mean")


def data_of(kind: str, ticker: str = "QQQ", *, last: dt.date = LAST, knowing: float = 0.0) -> TrainingData:
    made = experiment(kind)
    return training_data(samples_of(made, ticker, last=last, knowing=knowing), folds_to()[0], made.training.slice_rule)


def trained(kind: str, data: TrainingData, seed: int = 0, parent: Artifact | None = None) -> Artifact:
    parent_id = parent.card.model_id if parent else None
    return fit_member(Member(experiment(kind), data, seed, parent_id), parent, "cpu")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_member_gives_the_same_bytes(kind: str) -> None:
    torch.manual_seed(1)
    first = trained(kind, data_of(kind))
    torch.manual_seed(2)
    torch.rand(5)
    assert trained(kind, data_of(kind)) == first


@pytest.mark.parametrize("kind", KINDS)
def test_bars_after_the_fold_began_change_no_byte(kind: str) -> None:
    first = folds_to()[0].first_session
    assert trained(kind, data_of(kind, last=first)) == trained(kind, data_of(kind))


@pytest.mark.parametrize("kind", ["hybrid", "v17"])
def test_the_seed_matters_and_the_parent_too(kind: str) -> None:
    data = data_of(kind, knowing=0.6)
    first, other = trained(kind, data), trained(kind, data, seed=1)
    child = trained(kind, data, parent=first)
    assert len({first.weights, other.weights, child.weights}) == 3


def test_training_leaves_the_callers_random_state_and_threads_alone() -> None:
    torch.manual_seed(3)
    threads, expected = torch.get_num_threads(), torch.rand(4)
    torch.manual_seed(3)
    trained("hybrid", data_of("hybrid"))
    assert torch.equal(torch.rand(4), expected)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("kind", ["hybrid", "ridge"])
def test_a_feature_that_knows_the_future_lowers_the_loss(kind: str) -> None:
    longer = experiment(kind, training={"epochs": 40, "learning_rate": 0.01})
    card = fit_member(Member(longer, data_of(kind, knowing=0.6), 0, None), None, "cpu").card
    assert card.validation_loss < card.baseline_loss - 0.1


@pytest.mark.parametrize("kind", ["hybrid", "v17"])
def test_the_weights_kept_are_never_worse_than_those_started_from(kind: str) -> None:
    data = data_of(kind)
    parent = trained(kind, data)
    assert trained(kind, data, parent=parent).card.validation_loss <= parent.card.validation_loss + 1e-6


def test_the_card_says_what_was_seen() -> None:
    data = data_of("hybrid")
    card = trained("hybrid", data).card
    assert (card.n_training, card.n_validation) == (len(data.train_rows), 60)
    assert card.trained_through == data.trained_through < card.first_session
    assert card.spike_thresholds is None


def test_spike_tickers_get_a_threshold_per_horizon() -> None:
    thresholds = trained("v17", data_of("v17", "^VIX")).card.spike_thresholds
    assert thresholds is not None
    assert len(thresholds) == 2
    assert all(0 <= threshold <= 1 for threshold in thresholds)


def test_a_training_that_diverges_says_so() -> None:
    data = data_of("v17")
    poisoned = dataclasses.replace(data, targets=np.where(np.isfinite(data.targets), np.float32("inf"), data.targets))
    with pytest.raises(DivergedError, match=r"lower training\.learning_rate"):
        trained("v17", poisoned)
