"""AherNet's weight transfer: what tells whole moments apart, made to tell cells of a time line apart (eq. 1)."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

Activation = Literal["none", "relu", "leaky", "elu"]


class WeightTransfer(nn.Module):
    """The function T of one anchor layer: from a classifier's weights to another's, class by class.

    It is a chain of square linear layers that start as the identity. It sees one class at a time and has no parameter
    of a class, so that what is learned on one set of classes serves for any other. A second chain of layers from one
    number to one number maps the biases, as in the public code; the paper speaks of weights alone.

    Args:
        dim: D, the width of the anchor layer's features.
        layers: linear layers of each chain; 0 leaves weights and biases as they are.
        activation: follows each linear layer, `none`, ReLU, leaky ReLU or ELU.
        last: whether it follows the last one too, as in the public code. Then even the untrained function changes
            negative weights.
        slope: of leaky ReLU on the negative side.
    """

    def __init__(
        self,
        dim: int,
        layers: int = 2,
        activation: Activation = "elu",
        last: bool = True,
        slope: float = 0.2,
    ) -> None:
        super().__init__()
        self.activation, self.last, self.slope = activation, last, slope
        self.weights = nn.ModuleList(_identity(dim) for _ in range(layers))
        self.biases = nn.ModuleList(_identity(1) for _ in range(layers))

    def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (C, D) and biases (C,) of the classifier of cells, from those of the classifier of moments."""
        for number, (of_weights, of_biases) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            weight, bias = of_weights(weight), of_biases(bias[:, None])[:, 0]
            if self.last or number < len(self.weights):
                weight, bias = self._activated(weight), self._activated(bias)
        return weight, bias

    def _activated(self, x: Tensor) -> Tensor:
        if self.activation == "relu":
            return F.relu(x)
        if self.activation == "leaky":
            return F.leaky_relu(x, self.slope)
        return F.elu(x) if self.activation == "elu" else x


def _identity(dim: int) -> nn.Linear:
    """A square linear layer that does nothing yet."""
    layer = nn.utils.skip_init(nn.Linear, dim, dim)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
