"""Chains: resumed after a kill, alike with any number of workers, and never stopped by one that fails."""

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from alpha_pipeline.training import trainer
from alpha_pipeline.training.artifact import Artifact, ArtifactError
from alpha_pipeline.training.trainer import Chain, Progress, TrainingResult, find, train
from alpha_pipeline_tests.learning_world import experiment, folds_to, samples_of


class Store(dict[str, Artifact]):
    """A warehouse of artifacts in memory; `dies_after` saves it raises, as a full disk or a kill would."""

    def __init__(self, dies_after: int = 10**9) -> None:
        self.dies_after = dies_after

    def load(self, _experiment: str, _ticker: str, model_id: str) -> Artifact | None:
        return self.get(model_id)

    def save(self, artifact: Artifact) -> None:
        if len(self) >= self.dies_after:
            raise KeyboardInterrupt
        self[artifact.card.model_id] = artifact


def chains(kind: str = "hybrid", tickers: tuple[str, ...] = ("QQQ", "SPY"), seeds: int = 1) -> list[Chain]:
    made = experiment(kind)
    return [Chain(made, samples_of(made, t), seed, folds_to()) for t in tickers for seed in range(seeds)]


def run(todo: list[Chain], store: Store, *, workers: int = 1) -> TrainingResult:
    return train(todo, load=store.load, save=store.save, workers=workers)


pytestmark = pytest.mark.minutes(0.8)


@pytest.fixture(scope="module")
def whole() -> TrainingResult:
    return run(chains(), Store())


def test_every_fold_of_every_chain_is_trained_and_linked(whole: TrainingResult) -> None:
    cards = [artifact.card for artifact in whole.artifacts]
    assert [(c.ticker, c.fold) for c in cards] == [(t, f) for t in ("QQQ", "SPY") for f in range(3)]
    assert [c.parent_id for c in cards[:3]] == [None, cards[0].model_id, cards[1].model_id]
    assert (whole.n_trained, whole.n_found, whole.failures) == (6, 0, ())


def test_a_closed_form_starts_afresh_in_every_fold() -> None:
    assert {a.card.parent_id for a in run(chains("ridge"), Store()).artifacts} == {None}


@pytest.mark.parametrize("finished", [1, 4])
def test_an_interrupted_training_resumes_and_ends_with_the_same_bytes(whole: TrainingResult, finished: int) -> None:
    store = Store(dies_after=finished)
    with pytest.raises(KeyboardInterrupt):
        run(chains(), store)
    assert len(store) == finished
    store.dies_after = 10**9
    again = run(chains(), store)
    assert (again.n_found, again.n_trained) == (finished, 6 - finished)
    assert again.artifacts == whole.artifacts


def test_what_is_done_is_found_done_without_torch(whole: TrainingResult) -> None:
    """A process that finds everything trained pays for no import of torch and starts no worker."""
    store = Store()
    store.update({a.card.model_id: a for a in whole.artifacts})
    again = run(chains(), store, workers=2)
    assert (again.n_found, again.n_trained) == (6, 0)
    code = "import sys, alpha_pipeline.training.trainer; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_find_trains_nothing(whole: TrainingResult) -> None:
    store = Store()
    store.update({a.card.model_id: a for a in whole.artifacts if a.card.fold != 1})
    assert [a.card.fold for a in find(chains()[0], store.load)] == [0]


def test_a_longer_history_leaves_earlier_folds_alone(whole: TrainingResult) -> None:
    made = experiment("hybrid")
    cut = folds_to()[1].first_session
    short = Chain(made, samples_of(made, "QQQ", last=cut), 0, folds_to(cut))
    assert run([short], Store()).artifacts == whole.artifacts[:2]


def test_a_ticker_that_starts_late_starts_at_its_first_fold_with_enough_data() -> None:
    counts = [a.card.n_training for a in run(chains("ridge", ("QQQ",)), Store()).artifacts]
    made = experiment("ridge", training={"minimum_samples": counts[1]})
    result = run([Chain(made, samples_of(made), 0, folds_to())], Store())
    assert [(a.card.fold, a.card.n_training) for a in result.artifacts] == [(1, counts[1]), (2, counts[2])]
    assert result.failures == ()


def test_a_ticker_without_enough_data_is_named_and_stops_no_other() -> None:
    poor = experiment("ridge", training={"minimum_samples": 5_000})
    result = run([Chain(poor, samples_of(poor, "TSLA"), 0, folds_to()), *chains("ridge")], Store())
    assert len(result.artifacts) == 6
    ((ticker, why),) = result.failures
    assert ticker == "TSLA"
    assert "5000 are needed" in why


def test_a_failing_member_stops_its_own_chain_only() -> None:
    todo = chains()
    targets = todo[0].samples.targets.copy()
    targets[-300:] = np.inf  # reaches training in the later folds only
    todo[0] = dataclasses.replace(todo[0], samples=dataclasses.replace(todo[0].samples, targets=targets))
    result = run(todo, Store())
    assert [(a.card.ticker, a.card.fold) for a in result.artifacts if a.card.ticker == "SPY"] == [
        ("SPY", f) for f in range(3)
    ]
    ((ticker, why),) = result.failures
    assert ticker == "QQQ"
    assert why.startswith("small_hybrid, fold ")
    assert "diverged" in why


def test_a_damaged_artifact_is_trained_again(whole: TrainingResult) -> None:
    damaged = whole.artifacts[0].card.model_id

    def load(_experiment: str, _ticker: str, model_id: str) -> Artifact | None:
        if model_id == damaged:
            raise ArtifactError(model_id, "damaged")
        return None

    store = Store()
    train(chains(tickers=("QQQ",)), load=load, save=store.save)
    assert store[damaged] == whole.artifacts[0]


def test_progress_counts_what_is_done() -> None:
    seen: list[Progress] = []
    store = Store()
    train(chains("ridge"), load=store.load, save=store.save, progress=seen.append)
    assert [p.done for p in seen] == [1, 2, 3, 4, 5, 6]
    assert {p.total for p in seen} == {6}
    assert all(np.isfinite(p.loss) and p.samples_per_second > 0 for p in seen)
    assert [p.seconds_left > 0 for p in seen if p.seconds_left is not None] == [True] * (len(seen) - 1) + [False]


UNGUARDED = textwrap.dedent(
    """
    import os, sys
    from alpha_pipeline_tests.training.test_trainer import Store, chains, digest, run
    print("started", flush=True)
    {before}
    result = run(chains(seeds={seeds}), Store(), workers=2)
    print("trained", digest(result), flush=True)
    """
)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "unguarded.py"


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "POLARS_MAX_THREADS": "2"}


def digest(result: TrainingResult) -> str:
    return hashlib.sha256(b"".join(a.card_json + a.weights for a in result.artifacts)).hexdigest()


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_a_script_without_a_main_guard_trains_once_and_to_the_same_bytes(script: Path, whole: TrainingResult) -> None:
    script.write_text(UNGUARDED.format(before="", seeds=1))
    command = [sys.executable, script]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split("\n")[:2] == ["started", f"trained {digest(whole)}"], done.stderr


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds child processes in /proc")
def test_workers_die_with_a_killed_parent(script: Path) -> None:
    script.write_text(UNGUARDED.format(before="", seeds=50))
    parent = subprocess.Popen([sys.executable, script], env=environment(), stdout=subprocess.PIPE)
    try:
        workers = _wait_for(lambda: [c for c in _children(parent.pid) if "spawn_main" in _command(c)], at_least=2)
        time.sleep(2)  # let them train
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert parent.stdout is not None
    parent.stdout.close()
    _wait_for(lambda: [1] * sum(not _alive(worker) for worker in workers), at_least=len(workers))


def _children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    return "spawn_main" in _command(pid)


def _wait_for(found: Callable[[], list[int]], *, at_least: int, seconds: float = 60) -> list[int]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        held = found()
        if len(held) >= at_least:
            return held
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s in vain")


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_a_worker_that_dies_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, whole: TrainingResult) -> None:
    """A worker that is killed from outside takes nothing down: its fold is trained by another."""
    killed = tmp_path / "killed"
    monkeypatch.setattr(trainer, "Crew", _murderous(killed))
    result = run(chains(), Store(), workers=2)
    assert killed.exists()
    assert result.failures == ()
    assert result.artifacts == whole.artifacts


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_a_pool_that_breaks_while_a_worker_starts_is_replaced(
    monkeypatch: pytest.MonkeyPatch, whole: TrainingResult
) -> None:
    """A pool that takes itself down closes its pipes first: starting its next worker fails with an OSError."""
    submit, closed = ProcessPoolExecutor.submit, []

    def fails_once(self: ProcessPoolExecutor, *args: object) -> object:
        if not closed:
            closed.append(self)
            raise OSError("handle is closed")
        return submit(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(ProcessPoolExecutor, "submit", fails_once)
    result = run(chains(), Store(), workers=2)
    assert len(closed) == 1
    assert result.failures == ()
    assert result.artifacts == whole.artifacts


@pytest.mark.slow
@pytest.mark.minutes(0.5)
def test_a_worker_that_is_stopped_is_replaced_and_one_that_stops_again_and_again_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, whole: TrainingResult, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trainer, "Crew", _murderous(tmp_path / "stopped", signal.SIGSTOP))
    result = train(chains(), load=Store().load, save=Store().save, workers=2, silence=12.0)
    assert result.failures == ()
    assert result.artifacts == whole.artifacts
    assert "A worker said nothing for 12 s" in caplog.text
    monkeypatch.setattr(trainer, "Crew", _murderous(None, signal.SIGSTOP))
    result = train(chains()[:1], load=Store().load, save=Store().save, workers=2, silence=3.0)
    [(_, why)] = result.failures
    assert "said nothing for 3 s, again and again" in why
    assert "ALPHA_WORKER_SILENCE" in why


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_an_interruption_ends_workers_whatever_they_are_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stopped = _murderous(tmp_path / "stopped", signal.SIGSTOP)
    crews = []

    class Interrupted(stopped):  # type: ignore[misc, valid-type]
        def wait(self, _running: object) -> object:
            crews.append(list(self._pool._processes))
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "Crew", Interrupted)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(chains(), Store(), workers=2)
    assert time.monotonic() - begun < 60
    assert crews
    assert not any(_alive(pid) for pid in crews[0])


def _murderous(marker: Path | None, sent: signal.Signals = signal.SIGKILL) -> type[trainer.Crew]:
    class Murderous(trainer.Crew):
        def submit(self, task: object) -> object:  # type: ignore[override]
            future = super().submit(task)  # type: ignore[arg-type]
            # Not before the last worker was started: CPython walks over the workers of a broken pool while it may still
            # be adding one, and that traceback is none of ours.
            if marker is None and self._pool is not None:
                for pid in list(self._pool._processes):
                    os.kill(pid, sent)
            elif marker and not marker.exists() and self._pool and len(self._pool._processes) == self._workers:
                marker.touch()
                os.kill(self._training() if sent == signal.SIGSTOP else next(iter(self._pool._processes)), sent)
            return future

        def _training(self) -> int:
            """A worker that is at a task."""
            beats = self._heartbeats
            assert beats is not None
            return _wait_for(lambda: [p for p, at in zip(beats._pids, beats._signs, strict=True) if at], at_least=1)[0]

    return Murderous
