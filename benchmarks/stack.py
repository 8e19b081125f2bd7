"""How fast stacks train, against one member at a time on the same device.

Every member has 16 features (V17: five channels), 4,096 sessions, two horizons, and batches of 256. One at a time is
`train_epoch` of a single model. A stack's figure counts the windows of all its members, and takes in its validation;
it is nan where the device's memory does not bear the stack.

Run it on an idle machine: ``python -m benchmarks.stack --device cuda``; on a CPU with fewer slots.
"""

import argparse
import copy
import datetime as dt
import time
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch

from alpha_pipeline.datasets.folds import Fold, TrainingData
from alpha_pipeline.models.contract import TrainedModel
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.fitting import Start, begin, reproducible
from alpha_pipeline.training.loop import train_epoch
from alpha_pipeline.training.losses import objective
from alpha_pipeline.training.member import Member
from alpha_pipeline.training.slots import LADDER, slots_for
from alpha_pipeline.training.stack import Stack

SESSIONS, VALIDATION, HORIZONS = 4_096, 252, (1, 5)
MODELS = (
    *(("hybrid", {"width": width, "heads": 4}, window) for window in (32, 64) for width in (32, 64)),
    ("v17", {}, 64),
)
ENDLESS = {"epochs": 10**6, "patience": 10**6}


def start(kind: str, values: dict[str, int], window: int, device: str, seed: int = 0) -> Start:
    """A member on random data."""
    rng = np.random.default_rng(seed)
    features = {"kind": "raw_bars"} if kind == "v17" else {"kind": "features", "sets": ["technical"]}
    made = {"name": kind, "description": "", "architecture": {"kind": kind} | values, "inputs": features}
    experiment = Experiment.model_validate(made | {"window": window, "training": ENDLESS, "tickers": ["QQQ"]})
    F = 5 if kind == "v17" else 16
    rows = np.arange(window - 1, SESSIONS)
    data = TrainingData(
        ticker="QQQ",
        fold=Fold(0, dt.date(2016, 1, 4), dt.date(2017, 1, 3)),
        columns=tuple(f"x{i}" for i in range(F)),
        inputs=rng.normal(size=(SESSIONS, F)).astype(np.float32),
        targets=rng.normal(size=(SESSIONS, len(HORIZONS))).astype(np.float32),
        unit=np.ones((SESSIONS, len(HORIZONS))),
        train_rows=rows[:-VALIDATION],
        validation_rows=rows[-VALIDATION:],
        window=window,
        horizons=HORIZONS,
        trained_through=dt.date(2015, 12, 31),
    )
    with reproducible(seed):
        return begin(Member(experiment, data, seed, None), None, device, resets=0)


def one_at_a_time(member: Start, seconds: float) -> float:
    """Windows a second of `train_epoch`."""
    model = cast("TrainedModel", member.model)
    average, spec = copy.deepcopy(model), member.spec
    optimiser = torch.optim.AdamW(model.parameters(), lr=spec.learning_rate, fused=True)
    loss = objective(None)
    return per_second(lambda: train_epoch(model, average, optimiser, member.training, spec, loss), member, 1, seconds)


def stacked(members: Sequence[Start], device: str, seconds: float) -> float:
    """Windows a second of a stack without an empty slot."""
    stack = Stack(members[0], len(members), device)
    for member in members:
        stack.submit(member)
    return per_second(stack.turn, members[0], len(members), seconds)


def per_second(epoch: Callable[[], object], member: Start, members: int, seconds: float) -> float:
    """Windows a second, after one pass to warm up."""
    epoch()
    done, started = 0, now()
    while now() - started < seconds:
        epoch()
        done += 1
    return done * members * len(member.training.rows) / (now() - started)


def now() -> float:
    """Seconds, when the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--slots", type=int, nargs="+", default=LADDER)
    parser.add_argument("--seconds", type=float, default=8.0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if chosen.device == "cuda" else "CPU, one thread"
    print(f"Windows trained a second, {name}, torch {torch.__version__}\n")
    print("| model | window | one at a time |", *(f"stack of {slots} |" for slots in chosen.slots))
    print("|---|---|---|" + "---|" * len(chosen.slots))
    for kind, values, window in MODELS:
        figures = [one_at_a_time(start(kind, values, window, chosen.device), chosen.seconds)]
        most = slots_for(start(kind, values, window, "cpu"), "cuda") if chosen.device == "cuda" else max(LADDER)
        for slots in chosen.slots:
            members = [start(kind, values, window, "cpu", seed) for seed in range(slots if slots <= most else 0)]
            figures.append(stacked(members, chosen.device, chosen.seconds) if members else float("nan"))
        width = f" {values['width']}" if values else ""
        print(f"| {kind}{width} | {window} |", *(f"{figure:,.0f} |" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
