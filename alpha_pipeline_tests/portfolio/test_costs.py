import numpy as np
import pytest

from alpha_pipeline.errors import SettingError
from alpha_pipeline.portfolio import costs


def test_five_basis_points_a_side() -> None:
    assert costs.cost_rate(costs.DEFAULT_COST_BPS) == pytest.approx(0.0005)


def test_traded_notional_undoes_the_cost() -> None:
    traded = np.array([1.0, 0.0, 2.0])
    np.testing.assert_allclose(costs.traded_notional(traded * costs.cost_rate(7), 7), traded)


@pytest.mark.parametrize("cost_bps", [-1, 10_000, float("nan")])
def test_a_cost_that_cannot_be_is_refused(cost_bps: float) -> None:
    with pytest.raises(SettingError, match="cost_bps"):
        costs.cost_rate(cost_bps)


def test_costs_of_zero_say_nothing_about_trading() -> None:
    with pytest.raises(SettingError, match="positive"):
        costs.traded_notional(np.zeros(3), 0)
