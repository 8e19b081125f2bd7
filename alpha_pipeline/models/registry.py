"""From an architecture's values to its model: one line per architecture."""

from typing import assert_never

from alpha_pipeline.models.architectures import (
    Architecture,
    ExpandingMeanArchitecture,
    HybridArchitecture,
    LastValueArchitecture,
    LightGBMArchitecture,
    MatrixArchitecture,
    RidgeArchitecture,
    V17Architecture,
)
from alpha_pipeline.models.baselines import ExpandingMean, LastValue, Ridge
from alpha_pipeline.models.boosted import LightGBM
from alpha_pipeline.models.contract import ClosedFormModel, TrainedModel
from alpha_pipeline.models.hybrid import Hybrid
from alpha_pipeline.models.matrix import MatrixTransformer
from alpha_pipeline.models.v17 import V17


def build(  # noqa: PLR0911 - one line per architecture
    architecture: Architecture,
    *,
    inputs: int,
    window: int,
    horizons: int,
    level_matters: bool,
    has_event: bool = False,
) -> TrainedModel | ClosedFormModel:
    """A fresh model, its weights drawn from torch's global generator.

    Args:
        architecture: the experiment's values.
        inputs: F.
        window: T.
        horizons: H.
        level_matters: whether the ticker is an index, whose level means something.
        has_event: whether the log odds of an event are forecast too; a hybrid can.
    """
    match architecture:
        case HybridArchitecture():
            return Hybrid(architecture, inputs, horizons, has_event=has_event)
        case V17Architecture():
            return V17(architecture, inputs, window, horizons, level_matters=level_matters)
        case MatrixArchitecture():
            return MatrixTransformer(architecture, window, horizons)
        case RidgeArchitecture():
            return Ridge(architecture, inputs, horizons)
        case LightGBMArchitecture():
            return LightGBM(architecture, inputs, horizons)
        case LastValueArchitecture():
            return LastValue(architecture, horizons)
        case ExpandingMeanArchitecture():
            return ExpandingMean(architecture, horizons)
        case _:
            assert_never(architecture)
