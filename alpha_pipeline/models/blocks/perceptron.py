"""What a KAN layer is compared with."""

from torch import Tensor, nn


class Perceptron(nn.Module):
    """One hidden layer, with about as many parameters as a `ChebyshevKAN` layer of this degree.

    Args:
        inputs: I.
        outputs: O.
        degree: of the KAN layer that it replaces.
    """

    def __init__(self, inputs: int, outputs: int, degree: int) -> None:
        super().__init__()
        hidden = max(1, round(inputs * outputs * degree / (inputs + outputs)))
        self.layers = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(…, I) to (…, O)."""
        y: Tensor = self.layers(x)
        return y
