"""From a member to its artifact: scale, build, fit, score, encode."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from alpha_pipeline.datasets.folds import TrainingData
from alpha_pipeline.datasets.matrix import MatrixTrainingData
from alpha_pipeline.datasets.samples import FloatArray, SingleArray
from alpha_pipeline.datasets.scaling import Scaler, fit_scaler
from alpha_pipeline.models.architectures import ExpandingMeanArchitecture, TrainingSpec
from alpha_pipeline.models.baselines import ExpandingMean
from alpha_pipeline.models.contract import ClosedFormModel, Prediction, TrainedModel, WindowSet
from alpha_pipeline.models.events import BullEvent, SpikeEvent
from alpha_pipeline.models.predictive import SPIKE_LOG_RETURN, SPIKE_TICKERS, flagging_threshold, prob_above
from alpha_pipeline.training.artifact import CODE_VERSION, Artifact, Card, EventCard, sha256
from alpha_pipeline.training.calibration import NEVER, calibrate, firing_threshold
from alpha_pipeline.training.loop import Curve, DivergedError, Rows, Windows, fit
from alpha_pipeline.training.losses import objective, student_t_nll
from alpha_pipeline.training.member import Member, libraries
from alpha_pipeline.training.weights import encode, fresh_model, load_into

SLOWER: Final = 0.1


@dataclass(frozen=True, eq=False)
class Start:
    """A member at the point where its fit begins.

    Attributes:
        member: what to train.
        model: with the weights that training starts from; a closed form has yet to be fitted.
        scaler: of the inputs, if the architecture wants them standardised.
        training: what the weights learn from.
        validation: what chooses among them.
        spec: batches and step sizes.
        epochs: most passes.
        resets: how often it diverged before.
    """

    member: Member
    model: TrainedModel | ClosedFormModel
    scaler: Scaler | None
    training: Rows
    validation: Rows
    spec: TrainingSpec
    epochs: int
    resets: int


def fit_member(member: Member, parent: Artifact | None, device: str) -> Artifact:
    """Train one member. The same member gives the same bytes on one machine.

    One that diverges begins anew, from fresh weights and `SLOWER` times as fast, and says so on its card.

    Args:
        member: what to train.
        parent: the artifact that the weights start from, or None to start afresh.
        device: torch's name of the device.

    Raises:
        DivergedError: the loss left the finite numbers, both times.
    """
    try:
        return _fit_member(member, parent, device, resets=0)
    except DivergedError:
        return _fit_member(member, None, device, resets=1)


def _fit_member(member: Member, parent: Artifact | None, device: str, *, resets: int) -> Artifact:
    with reproducible(member.seed):
        start = begin(member, parent, device, resets=resets)
        return finish(start, _fit(start))


def begin(member: Member, parent: Artifact | None, device: str, *, resets: int) -> Start:
    """Scale the inputs, and build the model that training starts from, with torch's global generator.

    Args:
        member: what to train.
        parent: the artifact that the weights start from, or None to start afresh.
        device: torch's name of the device.
        resets: how often it diverged before; each time it is `SLOWER` times as fast.

    Raises:
        ArtifactError: the parent's weights do not fit.
    """
    data, event, spec = member.data, member.experiment.event, member.experiment.training
    standardises = member.experiment.architecture.standardises
    scaler = fit_scaler(data.scaling_rows) if isinstance(data, TrainingData) and standardises else None
    inputs = data.inputs if scaler is None else scaler.apply(data.inputs)
    model = fresh_model(member.experiment, data.ticker, len(data.columns)).to(device)
    windows = Windows(torch.from_numpy(np.ascontiguousarray(inputs)).to(device), data.window)
    targets = torch.from_numpy(data.targets).to(device)
    happened = None if event is None else torch.from_numpy(_happened(data, event)).to(device)
    training = Rows(windows, targets, torch.from_numpy(data.train_rows).to(device), happened)
    validation = Rows(windows, targets, torch.from_numpy(data.validation_rows).to(device), happened)
    if parent is not None:
        load_into(model, parent)
    elif isinstance(model, TrainedModel):
        model.prepare(training.whole())
    return Start(
        member=member,
        model=model,
        scaler=scaler,
        training=training,
        validation=validation,
        spec=spec.model_copy(update={"learning_rate": spec.learning_rate * SLOWER**resets}),
        epochs=spec.epochs if parent is None else spec.warm_epochs,
        resets=resets,
    )


def _happened(data: TrainingData | MatrixTrainingData, event: BullEvent | SpikeEvent) -> SingleArray:
    """Whether the event came, (m, H), 0 or 1; 0 where no label may be used."""
    return (data.targets * data.unit > event.log_return(data.unit)).astype(np.float32)


def _fit(start: Start) -> Curve:
    """Fit in place; how the loss went."""
    if isinstance(start.model, ClosedFormModel):
        start.model.fit(start.training.whole(), start.validation.whole())
        return Curve()
    loss = objective(start.member.experiment.event)
    return fit(start.model, start.training, start.validation, start.spec, loss, epochs=start.epochs)


@torch.no_grad()
def finish(start: Start, curve: Curve) -> Artifact:
    """The artifact of a model that has been fitted.

    Args:
        start: what the fit began with; its model holds the weights to keep.
        curve: how the loss went.

    Raises:
        DivergedError: its validation loss is not finite.
    """
    member, data, model = start.member, start.member.data, start.model.eval()
    weights = encode(model, start.scaler)
    held_out = start.validation.whole()
    prediction = model(held_out.windows)
    loss = float(student_t_nll(prediction, held_out.targets))
    if not np.isfinite(loss):
        raise DivergedError(curve.passes, loss)
    card = Card(
        model_id=member.model_id,
        experiment=member.experiment.name,
        ticker=data.ticker,
        tickers=data.tickers if isinstance(data, MatrixTrainingData) else (),
        seed=member.seed,
        fold=data.fold.index,
        first_session=data.fold.first_session,
        end_session=data.fold.end_session,
        trained_through=data.trained_through,
        parent_id=member.parent_id,
        config_hash=member.config_hash,
        data_hash=member.data_hash,
        code_version=CODE_VERSION,
        libraries=libraries(),
        n_training=len(data.train_rows),
        n_validation=len(data.validation_rows),
        epochs=curve.passes,
        training_curve=curve.training,
        validation_curve=curve.validation,
        validation_loss=loss,
        baseline_loss=_baseline_loss(_of(start.training.targets, start.training), held_out.targets),
        spike_thresholds=_spike_thresholds(data, prediction) if isinstance(data, TrainingData) else None,
        event=_event_card(member, prediction, start.training, held_out),
        resets=start.resets,
        weights_sha256=sha256(weights),
    )
    return Artifact(card, weights)


def _of(values: Tensor, slice_: Rows) -> Tensor:
    """The rows of a slice."""
    return values.index_select(0, slice_.rows)


def _event_card(member: Member, prediction: Prediction, training: Rows, held_out: WindowSet) -> EventCard | None:
    """Calibrate the event's log odds on the validation slice and choose from where to fire, per horizon."""
    event = member.experiment.event
    if event is None or prediction.event_logits is None or held_out.happened is None or training.happened is None:
        return None
    columns = []
    in_training = _double(_of(training.happened, training)).mean(axis=0)
    for log_odds, happened, rate in zip(
        _double(prediction.event_logits).T, _double(held_out.happened).T, in_training, strict=True
    ):
        calibration = calibrate(log_odds, happened)
        probability = calibration.probability(log_odds)
        match event:
            case BullEvent():
                threshold = firing_threshold(probability, happened, event.precision)
            case SpikeEvent():
                threshold = flagging_threshold(probability, float(rate))
        fires = (probability >= threshold) & (threshold < NEVER)
        caught = float(happened[fires].sum())
        columns.append(
            (
                *calibration,
                threshold,
                float(happened.mean()),
                caught / fires.sum() if fires.any() else None,
                caught / happened.sum() if happened.any() else None,
                float(fires.mean()),
            )
        )
    slopes, intercepts, thresholds, base_rates, precisions, recalls, coverages = zip(*columns, strict=True)
    return EventCard(
        kind=event.kind,
        slopes=slopes,
        intercepts=intercepts,
        thresholds=thresholds,
        base_rates=base_rates,
        precisions=precisions,
        recalls=recalls,
        coverages=coverages,
    )


def _baseline_loss(training: Tensor, held_out: Tensor) -> float:
    """The validation loss of the training slice's unconditional distribution, from the targets of both."""
    # The labels that there are, (M, H). The rival looks at no window, so they stand for the windows too.
    learned, judged = (targets[torch.isfinite(targets).all(dim=-1)] for targets in (training, held_out))
    rival = ExpandingMean(ExpandingMeanArchitecture(kind="expanding_mean"), learned.shape[1])
    rival.fit(WindowSet(learned, learned), WindowSet(learned[:0], learned[:0]))
    rival = rival.to(judged.device)
    return float(student_t_nll(rival(judged), judged))


def _spike_thresholds(data: TrainingData, prediction: Prediction) -> tuple[float, ...] | None:
    """Per horizon, the threshold that flags as many validation sessions as spiked in training; None for most."""
    if data.ticker not in SPIKE_TICKERS:
        return None
    spiked = data.targets[data.train_rows] * data.unit[data.train_rows] > SPIKE_LOG_RETURN  # (N, H)
    unit = data.unit[data.validation_rows]
    location, scale, df = (_double(part) for part in (prediction.location, prediction.log_scale.exp(), prediction[2]))
    probabilities = prob_above(SPIKE_LOG_RETURN, location * unit, scale * unit, df)  # (N_val, H)
    columns = zip(probabilities.T, spiked.mean(axis=0), strict=True)
    return tuple(flagging_threshold(column, float(base_rate)) for column, base_rate in columns)


def _double(tensor: Tensor) -> FloatArray:
    return tensor.double().cpu().numpy()


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """One thread and a random state of its own; the caller's are put back."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread, so that sums are added up in one order; the caller's are put back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
