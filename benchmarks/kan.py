"""What a KAN layer costs, forward and backward: against a linear layer, a perceptron of equal parameters, and pykan.

From 64 to 64, batches of 256, on one thread, with the gradient of the inputs, as inside a network.

Run it on an idle machine: ``python -m benchmarks.kan [--rivals PYTHON] [--seconds 8]``. pykan is no dependency of the
project: ``--rivals`` names the interpreter of an environment that has torch and pykan, in which
`benchmarks/kan_rivals.py` measures it. Without it pykan is left out.
"""

from collections.abc import Iterator
from typing import Any

import torch
from rich.table import Table
from torch import nn

from alpha_pipeline.models.blocks.kan import ChebyshevKAN
from alpha_pipeline.models.blocks.perceptron import Perceptron
from benchmarks.training import CONSOLE, arguments, per_second, rival_figures

WIDTH, BATCH, DEGREE = 64, 256, 3


def samples(layer: nn.Module) -> Iterator[int]:
    """Forward and backward, again and again: the samples of each time."""
    x = torch.randn(BATCH, WIDTH, requires_grad=True)
    while True:
        layer.zero_grad()
        x.grad = None
        torch.autograd.backward(layer(x).sum())
        yield BATCH


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = {
        "ChebyshevKAN": ChebyshevKAN(WIDTH, WIDTH, DEGREE),
        "nn.Linear": nn.Linear(WIDTH, WIDTH),
        "perceptron": Perceptron(WIDTH, WIDTH, DEGREE),
    }
    figures: list[dict[str, Any]] = [
        {
            "layer": name,
            "parameters": sum(p.numel() for p in layer.parameters()),
            "samples_per_second": per_second(samples(layer), given.seconds),
        }
        for name, layer in layers.items()
    ]
    if given.rivals is None:
        CONSOLE.print("Without --rivals pykan is left out.")
    else:
        settings = {"width": WIDTH, "batch": BATCH, "seconds": given.seconds}
        figures += rival_figures(given.rivals, "kan_rivals.py", settings)
    own = figures[0]["samples_per_second"]
    table = Table("layer", "parameters", "samples a second", "the KAN layer against it")
    for figure in figures:
        rate = figure["samples_per_second"]
        table.add_row(figure["layer"], f"{figure['parameters']:,}", f"{rate:,.0f}", f"{own / rate:.2f}")
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
