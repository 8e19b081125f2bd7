"""Chains trained in stacks: resumed after a kill, stopped by nobody else's failure, and artifacts like any other."""

import dataclasses
from concurrent.futures import Future

import numpy as np
import pytest
import torch

from alpha_pipeline.models.contract import ClosedFormModel, TrainedModel
from alpha_pipeline.training import stacks, trainer
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.fitting import Start, begin
from alpha_pipeline.training.losses import student_t_nll
from alpha_pipeline.training.member import Member, Task
from alpha_pipeline.training.pool import Crew, StackingCrew
from alpha_pipeline.training.stack import Stack
from alpha_pipeline.training.stacks import Stacks
from alpha_pipeline.training.trainer import Chain, Progress, TrainingResult, train
from alpha_pipeline.training.weights import restore
from alpha_pipeline_tests.learning_world import experiment, samples_of
from alpha_pipeline_tests.stack_world import start_of
from alpha_pipeline_tests.training.test_trainer import Store, chains

SLOTS = 3  # fewer than chains: some wait


def run(todo: list[Chain], store: Store) -> TrainingResult:
    return train(todo, load=store.load, save=store.save, slots=SLOTS)


@pytest.fixture(scope="module")
def whole() -> TrainingResult:
    return run(chains(seeds=2), Store())


def test_every_fold_of_every_chain_is_trained_and_linked(whole: TrainingResult) -> None:
    cards = [artifact.card for artifact in whole.artifacts]
    assert [(c.ticker, c.seed, c.fold) for c in cards] == [
        (t, s, f) for t in ("QQQ", "SPY") for s in (0, 1) for f in range(3)
    ]
    assert [c.parent_id for c in cards[:3]] == [None, cards[0].model_id, cards[1].model_id]
    assert [c.epochs for c in cards[:3]] == [3, 2, 2]
    assert (whole.n_trained, whole.n_found, whole.failures) == (12, 0, ())
    assert len({artifact.weights for artifact in whole.artifacts}) == 12


@pytest.mark.parametrize("finished", [1, 7])
def test_an_interrupted_training_resumes_and_ends_with_the_same_bytes(whole: TrainingResult, finished: int) -> None:
    store = Store(dies_after=finished)
    with pytest.raises(KeyboardInterrupt):
        run(chains(seeds=2), store)
    assert len(store) == finished
    store.dies_after = 10**9
    again = run(chains(seeds=2), store)
    assert (again.n_found, again.n_trained) == (finished, 12 - finished)
    assert again.artifacts == whole.artifacts


def test_a_chain_by_itself_ends_with_the_same_bytes(whole: TrainingResult) -> None:
    assert run(chains(tickers=("SPY",)), Store()).artifacts == whole.artifacts[6:9]


def test_a_chain_whose_labels_are_not_finite_fails_alone(whole: TrainingResult) -> None:
    todo = chains(seeds=2)
    targets = todo[0].samples.targets.copy()
    targets[-300:] = np.inf  # reaches training in the later folds only
    todo[0] = dataclasses.replace(todo[0], samples=dataclasses.replace(todo[0].samples, targets=targets))
    result = run(todo, Store())
    ((ticker, why),) = result.failures
    assert ticker == "QQQ"
    assert why.startswith("small_hybrid, fold ")
    assert "diverged" in why
    assert result.artifacts[-9:] == whole.artifacts[-9:]


def test_one_that_diverges_begins_anew_more_slowly(monkeypatch: pytest.MonkeyPatch, whole: TrainingResult) -> None:
    """From fresh weights, with a tenth of the step size; the others end with the same bytes."""
    begun: list[tuple[str, int, int, float]] = []

    def poisons_once(member: Member, parent: Artifact | None, device: str, *, resets: int) -> Start:
        start = begin(member, parent, device, resets=resets)
        data = member.data
        if (data.ticker, member.seed) != ("QQQ", 1) or data.fold.index != 1:
            return start
        begun.append((data.ticker, resets, start.epochs, start.spec.learning_rate))
        if resets:
            return start
        nothing = torch.full_like(start.training.targets, torch.inf)
        return dataclasses.replace(start, training=dataclasses.replace(start.training, targets=nothing))

    monkeypatch.setattr(stacks, "begin", poisons_once)
    result = run(chains(seeds=2), Store())
    assert begun == [("QQQ", 0, 2, 1e-3), ("QQQ", 1, 3, pytest.approx(1e-4))]
    assert [a.card.resets for a in result.artifacts[3:6]] == [0, 1, 0]
    others = [0, 1, 2, 3, *range(6, 12)]
    assert [result.artifacts[place] for place in others] == [whole.artifacts[place] for place in others]


@pytest.mark.parametrize("kind", ["sniper", "v17", "v17_no_revin", "v17_no_kan"])
def test_an_artifact_restores_into_the_ordinary_model_and_forecasts_the_same(kind: str) -> None:
    made = experiment(kind)
    [first, *_] = train(chains(kind, ("QQQ",)), load=Store().load, save=Store().save, slots=SLOTS).artifacts
    start = start_of(made, knowing=0.0)
    model, scaler = restore(made, first, len(start.member.data.columns))
    assert isinstance(model, TrainedModel)
    assert (scaler is None) == (start.scaler is None)
    held_out = start.validation.whole()
    loss = float(student_t_nll(model(held_out.windows), held_out.targets).detach())
    assert loss == first.card.validation_loss
    [alone, *_] = train(chains(kind, ("QQQ",)), load=Store().load, save=Store().save).artifacts
    shapes = [{name: (v.shape, v.dtype) for name, v in a.tensors().items()} for a in (first, alone)]
    assert shapes[0] == shapes[1]
    assert first.card.baseline_loss == alone.card.baseline_loss


def test_a_chain_begun_one_by_one_goes_on_in_a_stack() -> None:
    """And the other way round: the parent's weights are weights, whoever trained them."""
    for first_slots, then_slots in ((None, SLOTS), (SLOTS, None)):
        store = Store(dies_after=1)
        with pytest.raises(KeyboardInterrupt):
            train(chains(tickers=("QQQ",)), load=store.load, save=store.save, slots=first_slots)
        store.dies_after = 10**9
        result = train(chains(tickers=("QQQ",)), load=store.load, save=store.save, slots=then_slots)
        assert (result.n_found, result.n_trained) == (1, 2)
        assert result.failures == ()


def test_models_of_other_shapes_get_stacks_of_their_own() -> None:
    """The level of an index is fed back to a V17, so its head is wider."""
    result = train(chains("v17", ("QQQ", "^VIX")), load=Store().load, save=Store().save, slots=SLOTS)
    assert [a.card.ticker for a in result.artifacts] == ["QQQ"] * 3 + ["^VIX"] * 3
    assert result.failures == ()


def test_closed_forms_are_fitted_beside_a_stack() -> None:
    result = run([*chains("ridge", ("QQQ",)), *chains(tickers=("SPY",))], Store())
    assert [a.card.experiment for a in result.artifacts] == ["small_ridge"] * 3 + ["small_hybrid"] * 3


def test_progress_counts_what_is_done() -> None:
    seen: list[Progress] = []
    train(chains("v17"), load=Store().load, save=Store().save, progress=seen.append, slots=SLOTS)
    assert [(p.done, p.total) for p in seen] == [(done, 6) for done in range(1, 7)]
    assert all(np.isfinite(p.loss) and p.samples_per_second > 0 for p in seen)


def test_a_device_that_fails_fails_those_who_train_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(_: Stack) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Stack, "_launch", out_of_memory)
    futures = submitted(Stacks("cpu", SLOTS), "QQQ", "SPY")
    assert [str(future.exception()) for future in futures] == ["out of memory"] * 2


def submitted(device: Stacks, *tickers: str) -> list[Future[Artifact]]:
    futures = [device.submit(Task(start_of(experiment("v17"), ticker).member, None)) for ticker in tickers]
    while device.busy:
        device.turn()
    return futures


@pytest.mark.parametrize(
    ("kind", "device", "slots", "crew"),
    [
        ("hybrid", "cuda", None, StackingCrew),
        ("v17", "cpu", 8, StackingCrew),
        ("hybrid", "cpu", None, Crew),
        ("ridge", "cuda", None, Crew),
        ("lightgbm", "cuda", 8, Crew),
    ],
)
def test_what_is_stacked_where(kind: str, device: str, slots: int | None, crew: type[Crew]) -> None:
    made = experiment(kind)
    assert type(trainer._crew([Chain(made, samples_of(made), 0, ())], 2, device, slots, 60.0)) is crew


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_chains_are_trained_alike_whoever_trains_beside_them() -> None:
    def on_gpu(todo: list[Chain]) -> TrainingResult:
        return train(todo, load=Store().load, save=Store().save, device="cuda")

    together, alone = on_gpu(chains(seeds=2)), on_gpu(chains(tickers=("SPY",)))
    assert together.failures == ()
    assert together.artifacts[6:9] == alone.artifacts


def test_a_closed_form_has_no_place_in_a_stack() -> None:
    start = start_of(experiment("ridge"))
    assert isinstance(start.model, ClosedFormModel)
    with pytest.raises(TypeError, match="small_ridge is not trained by gradient descent"):
        Stack(start, 1, "cpu")
