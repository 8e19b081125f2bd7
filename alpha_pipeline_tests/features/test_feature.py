import pytest

from alpha_pipeline.features.feature import Feature


def test_warm_up_is_the_look_back_unless_stated() -> None:
    assert Feature("x", 20, "").warm_up == 20
    assert Feature("x", 300, "", 14).warm_up == 14
    assert Feature("x", 20, "", 0).warm_up == 0


def test_a_warm_up_longer_than_the_look_back_is_refused() -> None:
    with pytest.raises(ValueError, match="rsi_14"):
        Feature("rsi_14", 10, "", 14)
