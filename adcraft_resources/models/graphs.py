"""Replaying a model's call as one CUDA graph: no launch gaps between its kernels.

Belongs here: capturing and replaying. Does not: what is captured. A graph remembers addresses, so whoever moves
weights must `forget` the graphs over them.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

Inputs = dict[str, torch.Tensor]
_WARM_UPS = 2
_KEPT = 4  # shapes; each holds the activations of one call


@lru_cache
def _side_stream(device: int) -> torch.cuda.Stream:
    """The one stream calls are warmed up on: cuBLAS keeps 32 MB for every stream it ever saw."""
    return torch.cuda.Stream(device)


class GraphedCall:
    """A function of tensors, replayed per input shape; on a CPU, and where capture is off, the function itself.

    The result is the graphs' own memory, which all shapes share: use or copy it before the next call.
    """

    def __init__(self, function: Callable[..., torch.Tensor], *, enabled: bool = True) -> None:
        self._function = function
        self._enabled = enabled
        self._graphs: OrderedDict[tuple[object, ...], tuple[torch.cuda.CUDAGraph, Inputs, torch.Tensor]]
        self._graphs = OrderedDict()
        self._pool: Any = None

    def __call__(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Call with tensors by name."""
        if not self._enabled or not next(iter(inputs.values())).is_cuda:
            return self._function(**inputs)
        key = tuple((name, value.shape, value.dtype) for name, value in sorted(inputs.items()))
        if key not in self._graphs:
            self._capture(key, inputs)
        self._graphs.move_to_end(key)
        graph, held, result = self._graphs[key]
        for name, value in inputs.items():
            if held[name].data_ptr() != value.data_ptr():
                held[name].copy_(value)
        graph.replay()
        return result

    def forget(self) -> None:
        """Drop all graphs and their memory."""
        self._graphs.clear()
        self._pool = None

    def _capture(self, key: tuple[object, ...], inputs: Inputs) -> None:
        while len(self._graphs) >= _KEPT:
            self._graphs.popitem(last=False)
        held = {name: value.clone() for name, value in inputs.items()}
        side = _side_stream(torch.cuda.current_device())
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self._function(**held)
        torch.cuda.current_stream().wait_stream(side)
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        # Looks are painted on streams of their own meanwhile: what other threads do is no part of the capture.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            result = self._function(**held)
        self._graphs[key] = (graph, held, result)
