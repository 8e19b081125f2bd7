"""The shared model through the one trainer: one chain for all its tickers."""

import pytest

from alpha_pipeline.training.artifact import read_artifact
from alpha_pipeline.training.trainer import Chain, TrainingResult, find, train
from alpha_pipeline_tests.learning_world import folds_to
from alpha_pipeline_tests.matrix_world import experiment, matrix
from alpha_pipeline_tests.training.test_trainer import Store


def chain(seed: int = 0) -> Chain:
    return Chain(experiment(), matrix(), seed, folds_to())


def run(todo: list[Chain], store: Store, *, workers: int = 1) -> TrainingResult:
    return train(todo, load=store.load, save=store.save, workers=workers)


@pytest.fixture(scope="module")
def whole() -> TrainingResult:
    return run([chain()], Store())


def test_each_fold_learns_from_the_tickers_known_by_then(whole: TrainingResult) -> None:
    cards = [artifact.card for artifact in whole.artifacts]
    assert whole.failures == ()
    assert [(card.ticker, card.fold) for card in cards] == [("*", 0), ("*", 1), ("*", 2)]
    assert [card.tickers for card in cards] == [("QQQ", "CRWD"), ("QQQ", "CRWD", "PDD"), ("QQQ", "CRWD", "PDD")]
    assert [card.parent_id for card in cards] == [None, cards[0].model_id, cards[1].model_id]
    assert [card.is_of("PDD") for card in cards] == [False, True, True]
    assert all(card.validation_loss < card.baseline_loss + 0.05 for card in cards)
    assert {card.spike_thresholds for card in cards} == {None}


def test_an_interrupted_training_resumes_and_ends_with_the_same_bytes(whole: TrainingResult) -> None:
    store = Store(dies_after=1)
    with pytest.raises(KeyboardInterrupt):
        run([chain()], store)
    store.dies_after = 10**9
    again = run([chain()], store)
    assert (again.n_found, again.n_trained) == (1, 2)
    assert again.artifacts == whole.artifacts
    assert find(chain(), store.load) == list(whole.artifacts)


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_a_worker_trains_the_same_bytes(whole: TrainingResult) -> None:
    result = run([chain(), chain(1)], Store(), workers=2)
    assert result.artifacts[:3] == whole.artifacts
    assert {artifact.card.seed for artifact in result.artifacts[3:]} == {1}


def test_where_the_data_end_changes_no_weight(whole: TrainingResult) -> None:
    """Not even where they end before a ticker is listed."""
    cut = folds_to()[0].first_session
    short = run([Chain(experiment(), matrix(last=cut), 0, folds_to(cut))], Store())
    assert short.artifacts == whole.artifacts[:1]


def test_a_card_tells_its_tickers(whole: TrainingResult) -> None:
    artifact = whole.artifacts[1]
    assert read_artifact(artifact.card_json, artifact.weights) == artifact


def test_too_little_data_is_a_failure_of_the_chain() -> None:
    poor = experiment().model_copy(
        update={"training": experiment().training.model_copy(update={"minimum_samples": 5_000})}
    )
    result = run([Chain(poor, matrix(), 0, folds_to())], Store())
    assert [ticker for ticker, _ in result.failures] == ["*"]
    assert "training sessions, 5000 are needed" in result.failures[0][1]
