"""How many samples a second pykan passes forward and backward: run by `benchmarks.kan` in an environment with it.

It needs torch and pykan, and nothing of this project. Its one argument is the JSON of the sizes; it prints one line of
JSON per figure. pykan is measured twice: without what it keeps for pruning and symbolic regression, which is its fast
mode, and as it comes. Both have its default grid of 3 intervals and cubic splines.
"""

import json
import os
import sys
import time
from typing import Any

import torch
from kan import KAN  # type: ignore[import-not-found]


def samples_per_second(layer: Any, width: int, batch: int, seconds: float) -> float:  # noqa: ANN401  # it is not typed
    """Forward and backward, on one thread."""
    x = torch.randn(batch, width, requires_grad=True)

    def step() -> None:
        layer.zero_grad()
        x.grad = None
        torch.autograd.backward(layer(x).sum())

    step()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        step()
        done += batch
    return done / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    figures = os.fdopen(os.dup(1), "w")  # what the library prints goes elsewhere
    os.dup2(2, 1)
    sizes = [settings["width"]] * 2
    layers = {
        "pykan, fast mode": KAN(width=sizes, auto_save=False).speed(),
        "pykan, as it comes": KAN(width=sizes),
    }
    for name, layer in layers.items():
        figure = {
            "layer": name,
            "parameters": sum(p.numel() for p in layer.parameters() if p.requires_grad),
            "samples_per_second": samples_per_second(layer, **settings),
        }
        print(json.dumps(figure), file=figures, flush=True)


if __name__ == "__main__":
    main()
