"""Many launches as one: on a GPU a step of small models is bound by its launches, and a CUDA graph is one launch."""

import logging
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

_LOGGER = logging.getLogger(__name__)
_REHEARSALS: Final = 3  # libraries choose their kernels and take their memory before the recording


class Captured:
    """A function of fixed shapes that is recorded at its first call and replayed from then on.

    Where there is nothing to record on, or recording fails, it is just called.

    Args:
        function: of tensors; returns nothing, and leaves its results in tensors that it owns.
        idle: arguments of the shapes to come for which it changes nothing; it rehearses with them.
        record: whether to record; only a GPU can.
    """

    def __init__(self, function: Callable[..., None], idle: tuple[Tensor, ...], *, record: bool) -> None:
        self._function = function
        self._inputs = idle
        self._graph = self._recorded() if record else None

    @property
    def is_recorded(self) -> bool:
        """Whether calls replay a recording."""
        return self._graph is not None

    def __call__(self, *inputs: Tensor) -> None:
        """Run the function, or what was recorded of it."""
        if self._graph is None:
            self._function(*inputs)
            return
        for held, given in zip(self._inputs, inputs, strict=True):
            held.copy_(given)
        self._graph.replay()

    def _recorded(self) -> torch.cuda.CUDAGraph | None:
        try:
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.stream(stream):  # left again also when recording fails
                for _ in range(_REHEARSALS):
                    self._function(*self._inputs)
                with torch.cuda.graph(graph, stream=stream):
                    self._function(*self._inputs)
            torch.cuda.current_stream().wait_stream(stream)
        except RuntimeError as error:
            _LOGGER.warning("Training steps are not recorded as CUDA graphs and run slower: %s", error)
            return None
        return graph
