"""Members about to be trained in a stack, on random bars with a feature that knows the future."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from alpha_pipeline.datasets.folds import training_data
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.fitting import Start, begin, reproducible
from alpha_pipeline.training.member import Member
from alpha_pipeline.training.stack import Ended, Stack
from alpha_pipeline_tests.learning_world import experiment, folds_to, samples_of

DEEP = {"encoder_layers": 2, "lstm_layers": 2}


def without_dropout(made: Experiment, **architecture: object) -> Experiment:
    """An experiment whose model hides nothing in training."""
    rates = {"head_dropout": 0.0} | ({"input_dropout": 0.0} if made.architecture.kind == "hybrid" else {})
    return with_architecture(made, **rates, **architecture)


def with_architecture(made: Experiment, **values: object) -> Experiment:
    """An experiment with other values of its architecture."""
    return made.model_copy(update={"architecture": made.architecture.model_copy(update=values)})


def start_of(made: Experiment, ticker: str = "QQQ", seed: int = 0, fold: int = 0, *, knowing: float = 0.6) -> Start:
    """A member at the beginning of its fit; later folds have more rows."""
    data = training_data(samples_of(made, ticker, knowing=knowing), folds_to()[fold], made.training.slice_rule)
    with reproducible(seed):
        return begin(Member(made, data, seed, None), None, "cpu", resets=0)


def small(kind: str, training: Mapping[str, object] | None = None) -> Experiment:
    """`learning_world.experiment`; `deep` is a hybrid with two layers of each kind."""
    if kind == "deep":
        return with_architecture(experiment("hybrid", training=training), **DEEP)
    return experiment(kind, training=training)


def trained(starts: Sequence[Start], slots: int, device: str = "cpu") -> list[Ended]:
    """Train members in one stack; how each ended, in their order."""
    stack = Stack(starts[0], slots, device)
    for start in starts:
        stack.submit(start)
    ended: dict[Start, Ended] = {}
    with reproducible(0):
        while stack.members:
            ended |= {one.start: one for one in stack.turn()}
    return [ended[start] for start in starts]


def state(start: Start) -> dict[str, Tensor]:
    """The weights that a member holds."""
    return {name: value.clone() for name, value in start.model.state_dict().items()}
