"""One member: the same bytes each time, whatever follows the fold, and weights that learn."""

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
import torch

from alpha_pipeline.datasets.folds import TrainingData, training_data
from alpha_pipeline.models.architectures import TrainingSpec
from alpha_pipeline.models.contract import TrainedModel
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training import fitting
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.fitting import fit_member
from alpha_pipeline.training.loop import Curve, DivergedError, Rows
from alpha_pipeline.training.member import Member
from alpha_pipeline_tests.learning_world import ARCHITECTURES, LAST, experiment, folds_to, samples_of

KINDS = tuple(ARCHITECTURES)


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


@pytest.mark.parametrize("kind", ["hybrid", "v17", "sniper"])
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


@pytest.mark.parametrize("kind", ["hybrid", "ridge", "lightgbm"])
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


def test_the_card_says_how_the_loss_went() -> None:
    """It falls where something is to be learned, and the pass that was kept is the one that the weights are of."""
    longer = experiment("hybrid", training={"epochs": 12, "learning_rate": 0.01, "patience": 3})
    card = fit_member(Member(longer, data_of("hybrid", knowing=0.6), 0, None), None, "cpu").card
    assert len(card.training_curve) == len(card.validation_curve) - 1 == card.epochs > 3
    assert card.training_curve[-1] < card.training_curve[0] - 0.05
    assert min(card.validation_curve) == pytest.approx(card.validation_loss, abs=1e-5)
    assert min(card.validation_curve) < card.validation_curve[0] - 0.05
    closed = trained("ridge", data_of("ridge")).card
    assert (closed.training_curve, closed.validation_curve) == ((), ())


def test_spike_tickers_get_a_threshold_per_horizon() -> None:
    thresholds = trained("v17", data_of("v17", "^VIX")).card.spike_thresholds
    assert thresholds is not None
    assert len(thresholds) == 2
    assert all(0 <= threshold <= 1 for threshold in thresholds)


def test_the_card_of_an_event_says_what_validation_showed() -> None:
    longer = experiment("sniper", training={"epochs": 40, "learning_rate": 0.01})
    data = data_of("sniper", knowing=0.6)
    card = fit_member(Member(longer, data, 0, None), None, "cpu").card.event
    assert card is not None
    assert (card.kind, len(card.thresholds)) == ("bull", 2)
    happened = (data.targets[data.validation_rows] > 0.5).mean(axis=0)
    assert card.base_rates == pytest.approx(tuple(happened))
    assert card.precisions[0] is not None
    assert card.recalls[0] is not None
    assert card.precisions[0] >= 0.4 > card.base_rates[0] + 0.05
    assert card.precisions[0] * card.coverages[0] == pytest.approx(card.recalls[0] * card.base_rates[0])


def test_a_spike_is_a_fixed_share_and_flagged_as_often_as_in_training() -> None:
    data = data_of("spotter", knowing=0.6)
    card = trained("spotter", data).card.event
    assert card is not None
    returns = data.targets * data.unit
    spiked = returns > np.log(1.01)
    assert card.base_rates == pytest.approx(tuple(spiked[data.validation_rows].mean(axis=0)))
    assert card.coverages == pytest.approx(tuple(spiked[data.train_rows].mean(axis=0)), abs=0.03)


def test_an_event_must_be_a_hybrids() -> None:
    with pytest.raises(ValueError, match='"event" needs architecture'):
        Experiment.model_validate(experiment("ridge").model_dump() | {"event": {"kind": "bull"}})


def test_one_that_diverges_begins_anew_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first step size that leaves the finite numbers is divided by ten, from fresh weights."""
    data, rates, fit = data_of("hybrid"), [], fitting.fit

    def once(
        model: TrainedModel, training: Rows, validation: Rows, spec: TrainingSpec, *given: Any, **more: Any
    ) -> Curve:
        rates.append(spec.learning_rate)
        if len(rates) == 1:
            raise DivergedError(1, float("nan"))
        return fit(model, training, validation, spec, *given, **more)

    monkeypatch.setattr(fitting, "fit", once)
    card = trained("hybrid", data).card
    assert rates == [1e-3, pytest.approx(1e-4)]
    assert card.resets == 1


def test_a_training_that_diverges_says_so() -> None:
    data = data_of("v17")
    poisoned = dataclasses.replace(data, targets=np.where(np.isfinite(data.targets), np.float32("inf"), data.targets))
    with pytest.raises(DivergedError, match=r"lower training\.learning_rate"):
        trained("v17", poisoned)
