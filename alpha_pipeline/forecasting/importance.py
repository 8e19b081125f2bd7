"""Permutation importance: what a model loses when a group of its inputs is that of another session.

It says how much a fold's model relied on a group over many sessions, and nothing of one forecast. The validation slice
chose among the weights, so it flatters what they found there. Groups that say the same share their importance: each
can stand in for the other.

Sources: Breiman, "Random forests", Machine Learning 45, 2001; Fisher, Rudin and Dominici, "All models are wrong, but
many are useful", JMLR 20, 2019, for any model and groups of inputs. Here whole windows are permuted, so that a path
stays one that was seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from alpha_pipeline.datasets.samples import FloatArray, IntArray, Samples
from alpha_pipeline.forecasting.ensemble import Reader
from alpha_pipeline.training.losses import student_t_nll

PERMUTATIONS: Final = 5


@dataclass(frozen=True)
class Importance:
    """How much a model relies on a group.

    Attributes:
        group: its name.
        increase: of the negative log likelihood when the group is permuted, nats, mean over permutations and
            members. Below 0 where the model would do better without.
        standard_error: of that mean, over permutations.
    """

    group: str
    increase: float
    standard_error: float


def permutation_importance(
    samples: Samples,
    members: Sequence[Reader],
    rows: IntArray,
    permuted: Mapping[str, Sequence[int]],
    permutations: int = PERMUTATIONS,
) -> tuple[Importance, ...]:
    """The importance of each group over some sessions, largest first. The same each time: the permutations are fixed.

    Args:
        samples: one ticker's data.
        members: of one fold.
        rows: of the sessions: the fold's validation slice, or those it forecast whose labels are known.
        permuted: group -> places of its inputs.
        permutations: at least 2.

    Raises:
        ValueError: the label of a row is not known.
    """
    targets = samples.targets[rows] / samples.unit[rows]  # (N, H), in units of volatility
    if not np.isfinite(targets).all():
        raise ValueError(f"{samples.ticker}: permutation importance needs rows whose labels are known")
    wanted = torch.from_numpy(targets)
    orders = [np.random.default_rng(number).permutation(len(rows)) for number in range(permutations)]
    each = [_increases(samples, member, rows, wanted, permuted, orders) for member in members]
    increases = np.mean(each, axis=0)  # (G, permutations)
    errors = increases.std(axis=1, ddof=1) / np.sqrt(permutations)  # (G,)
    columns = zip(permuted, increases.mean(axis=1).tolist(), errors.tolist(), strict=True)
    found = [Importance(*values) for values in columns]
    return tuple(sorted(found, key=lambda one: -one.increase))


def _increases(
    samples: Samples,
    member: Reader,
    rows: IntArray,
    targets: torch.Tensor,
    permuted: Mapping[str, Sequence[int]],
    orders: Sequence[IntArray],
) -> FloatArray:
    """One member's loss increases, (groups, permutations)."""
    windows = member.windows(samples, rows)  # (N, T, F)
    whole = float(student_t_nll(member.read(windows), targets))
    increases = np.zeros((len(permuted), len(orders)))
    for group, places in enumerate(permuted.values()):
        is_permuted = np.isin(np.arange(windows.shape[2]), places)  # (F,)
        for number, order in enumerate(orders):
            changed = np.where(is_permuted, windows[order], windows)
            increases[group, number] = float(student_t_nll(member.read(changed), targets)) - whole
    return increases
