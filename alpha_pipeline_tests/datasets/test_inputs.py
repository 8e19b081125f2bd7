"""What an experiment may ask for exists."""

from typing import get_args

from alpha_pipeline.datasets.inputs import FeatureSetName
from alpha_pipeline.features.tables import FEATURE_SETS


def test_the_feature_sets_that_can_be_asked_for_are_those_that_are_computed() -> None:
    assert set(get_args(FeatureSetName)) == set(FEATURE_SETS)
