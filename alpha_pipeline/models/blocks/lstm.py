"""The recurrent block."""

import torch
from torch import Tensor, nn


class LSTM(nn.Module):
    """A long short-term memory network over the window: (B, T, F) to (B, T, D).

    Recurrent weights start orthogonal and the forget gate open, so that the state of a whole window survives
    the first epochs.

    Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997; the open
        forget
    gate after Jozefowicz et al., "An empirical exploration of recurrent network architectures", ICML 2015.

    Args:
        inputs: F.
        width: D.
        layers: stacked layers.
    """

    def __init__(self, inputs: int, width: int, layers: int = 1) -> None:
        super().__init__()
        self.cells = nn.LSTM(inputs, width, num_layers=layers, batch_first=True)
        with torch.no_grad():
            for name, parameter in self.cells.named_parameters():
                if "weight_hh" in name:
                    for gate in parameter.chunk(4):
                        nn.init.orthogonal_(gate)
                elif "bias_ih" in name:
                    parameter.zero_()
                    parameter[width : 2 * width] = 1.0  # gates are ordered input, forget, cell, output
                elif "bias_hh" in name:
                    parameter.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """The hidden state after each session."""
        states, _ = self.cells(x)
        return states  # (B, T, D)
