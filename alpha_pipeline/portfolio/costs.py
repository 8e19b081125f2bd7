"""What trading costs: a flat rate on the traded notional, each side."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alpha_pipeline.errors import SettingError

DEFAULT_COST_BPS: Final = 5.0
BASIS_POINT: Final = 1e-4


def cost_rate(cost_bps: float) -> float:
    """The fraction of the traded notional that one side costs.

    Raises:
        SettingError: a negative cost, or one that eats the whole notional.
    """
    if not 0 <= cost_bps * BASIS_POINT < 1:
        raise SettingError("cost_bps", str(cost_bps), "basis points from 0 to below 10000")
    return cost_bps * BASIS_POINT


def traded_notional(cost: NDArray[np.float64], cost_bps: float = DEFAULT_COST_BPS) -> NDArray[np.float64]:
    """The traded notional behind the costs of a ledger, in fractions of equity; both sides count.

    Raises:
        SettingError: the ledger was made without costs, so they say nothing about trading.
    """
    if cost_bps <= 0:
        raise SettingError("cost_bps", str(cost_bps), "the positive cost the ledger was made with")
    return cost / cost_rate(cost_bps)
