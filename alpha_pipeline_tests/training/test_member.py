"""The model id: known before training, and different whenever what goes in is."""

import dataclasses

from alpha_pipeline.datasets.folds import training_data
from alpha_pipeline.training.member import Member
from alpha_pipeline_tests.learning_world import experiment, folds_to, samples_of


def member(**changes: object) -> Member:
    made = experiment("ridge")
    data = training_data(samples_of(made), folds_to()[0], made.training.slice_rule)
    return dataclasses.replace(Member(made, data, 0, None), **changes)


def test_the_same_goes_in_the_same_id_comes_out() -> None:
    assert member().model_id == member().model_id


def test_everything_that_goes_in_changes_the_id() -> None:
    base = member()
    data = dataclasses.replace(base.data, targets=base.data.targets + 1)
    changed = [
        member(seed=1),
        member(parent_id="p"),
        member(data=data),
        member(experiment=experiment("ridge", training={"embargo_sessions": 6})),
        member(experiment=experiment("expanding_mean")),
    ]
    assert len({base.model_id, *(other.model_id for other in changed)}) == 6


def test_the_description_and_the_tickers_do_not() -> None:
    reworded = experiment("ridge").model_copy(update={"description": "other words", "tickers": ("SPY",)})
    assert member(experiment=reworded).model_id == member().model_id
