"""The recurrent block as matrix products, for models that are trained side by side."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F


class UnrolledLSTM(nn.Module):
    """What `nn.LSTM` computes, with its parameters under its names, session by session.

    `torch.vmap` has no rule for `nn.LSTM`; it has one for this.

    Args:
        cells: whose place it takes: batch first, in one direction, with biases.
    """

    def __init__(self, cells: nn.LSTM) -> None:
        super().__init__()
        self.layers = cells.num_layers
        for name, parameter in cells.named_parameters():
            self.register_parameter(name, nn.Parameter(parameter.detach().clone()))

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """The hidden state after each session, (B, T, F) to (B, T, D), and nothing where `nn.LSTM` returns the last."""
        states = x.transpose(0, 1)  # (T, B, F)
        for layer in range(self.layers):
            to_input, to_hidden, input_bias, hidden_bias = (
                getattr(self, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            gates = F.linear(states.flatten(0, 1), to_input, input_bias + hidden_bias)  # (T B, 4 D)
            states = _recur(gates.view(*states.shape[:2], -1), to_hidden)[0]  # (T, B, D)
        return states.transpose(0, 1).contiguous(), None  # a layer that follows reads it in one product


class _Recurrence(torch.autograd.Function):
    """The recurrence, and its gradient by hand: all that needs no order is one operation for the whole window.

    Gates are ordered input, forget, cell, output, as in `nn.LSTM`. Dimensions ahead of those named are models.
    """

    @staticmethod
    def forward(gates: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States, open gates and cells, (…, T, B, D), (…, T, B, 4 D) and (…, T, B, D).

        Args:
            gates: what the inputs say, (…, T, B, 4 D).
            weight: what the hidden state says, (…, 4 D, D).
        """
        D = weight.shape[-1]
        opened = torch.empty_like(gates)
        cells, states = (gates.new_empty(*gates.shape[:-1], D) for _ in "12")
        transposed = weight.transpose(-1, -2)
        steps = zip(gates.unbind(-3), opened.unbind(-3), cells.unbind(-3), states.unbind(-3), strict=True)
        past: tuple[Tensor, Tensor] | None = None  # cell and state
        for said, gate, cell, state in steps:  # (…, B, 4 D), (…, B, 4 D), (…, B, D), (…, B, D)
            heard = said if past is None else said + past[1] @ transposed
            torch.sigmoid(heard, out=gate)
            torch.tanh(heard[..., 2 * D : 3 * D], out=gate[..., 2 * D : 3 * D])
            let_in, kept, candidate, let_out = gate.chunk(4, dim=-1)
            torch.mul(let_in, candidate, out=cell)
            if past is not None:
                cell.addcmul_(kept, past[0])
            torch.tanh(cell, out=state)
            state.mul_(let_out)
            past = cell, state
        return states, opened, cells

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
        """Keep what the gradient needs."""
        states, opened, cells = output
        ctx.mark_non_differentiable(opened, cells)
        ctx.save_for_backward(inputs[1], states, opened, cells)

    @staticmethod
    def backward(ctx: Any, *output_grads: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401 - torch's type lacks what it has
        """Gradients of gates and weight."""
        weight, states, opened, cells = ctx.saved_tensors
        D = weight.shape[-1]
        let_in, kept, candidate, let_out = opened.chunk(4, dim=-1)
        bent = cells.tanh()
        before = torch.cat((torch.zeros_like(cells[..., :1, :, :]), cells[..., :-1, :, :]), dim=-3)
        # Per step, how the state moves the cell and the output gate, and the cell the other three gates.
        to_cell = let_out * (1 - bent * bent)  # (…, T, B, D)
        to_output = bent * let_out * (1 - let_out)  # (…, T, B, D)
        to_others = torch.stack(
            (candidate * let_in * (1 - let_in), before * kept * (1 - kept), let_in * (1 - candidate * candidate)),
            dim=-2,
        )  # (…, T, B, 3, D)
        grads = torch.empty_like(opened)  # (…, T, B, 4 D)
        steps = zip(
            *(x.unbind(-3) for x in (output_grads[0], to_cell, to_output, kept, grads)),
            to_others.unbind(-4),
            strict=True,
        )
        later: tuple[Tensor, Tensor] | None = None  # gradients of the next step's gates, and of this one's cell
        for state_grad, by_cell, by_output, forget, grad, by_others in reversed(list(steps)):
            whole = state_grad if later is None else state_grad + later[0] @ weight  # (…, B, D)
            cell_grad = whole * by_cell if later is None else torch.addcmul(later[1], whole, by_cell)  # (…, B, D)
            torch.mul(cell_grad.unsqueeze(-2), by_others, out=grad[..., : 3 * D].unflatten(-1, (3, D)))
            torch.mul(whole, by_output, out=grad[..., 3 * D :])
            later = grad, cell_grad * forget
        late, early = grads[..., 1:, :, :].flatten(-3, -2), states[..., :-1, :, :].flatten(-3, -2)
        return grads, late.transpose(-1, -2) @ early

    @staticmethod
    def vmap(
        info: object,  # noqa: ARG004 - torch hands it over
        in_dims: tuple[int, int],
        gates: Tensor,
        weight: Tensor,
    ) -> tuple[tuple[Tensor, Tensor, Tensor], int]:
        """Many models at once: the recurrence takes their axis ahead of its own."""
        return _recur(gates.movedim(in_dims[0], 0), weight.movedim(in_dims[1], 0)), 0


def _recur(gates: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return _Recurrence.apply(gates, weight)  # type: ignore[no-untyped-call]
