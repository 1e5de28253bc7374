"""Blocks whose weights wait in RAM and take turns on the device, the next one on its way while one is at work.

Belongs here: keeping weights in pinned memory, two places on the device, and the order of copies. Does not: which
model, or when to do this. diffusers' group offloading hooks into each block's call, which then cannot be compiled.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

_ALIGNED = 256
PLACES = 2


class BlockStream:
    """Weights of blocks that run one after the other, always in the same order.

    Args:
        blocks: In the order they run; their tensors are taken into pinned RAM one block after the other.
        device: Where they run.

    Holds the two largest blocks on the device. A block is called through its `Streamed`.
    """

    def __init__(self, blocks: Sequence[nn.Module], device: torch.device) -> None:
        self._device = device
        self._on_gpu = device.type == "cuda"
        sizes = [_bytes_of(block) for block in blocks]
        places = torch.empty(PLACES, max(sizes), dtype=torch.uint8, device=device)
        self._places = list(places)
        self._kept = [self._take(block, self._places[at % PLACES]) for at, block in enumerate(blocks)]
        self._holds: list[int | None] = [None] * PLACES
        if self._on_gpu:
            self._copies = torch.cuda.Stream(device)
            self._arrived = [torch.cuda.Event() for _ in blocks]
            self._free = [torch.cuda.Event() for _ in range(PLACES)]
        self.device_bytes = places.numel()

    def enter(self, at: int) -> None:
        """Have block `at` on the device before its work, and the next one on its way."""
        self._bring(at)
        if self._on_gpu:
            torch.cuda.current_stream(self._device).wait_event(self._arrived[at])
        following = (at + 1) % len(self._kept)
        if following % PLACES != at % PLACES:  # an odd number of blocks: the first waits for the last
            self._bring(following)

    def leave(self, at: int) -> None:
        """Note that block `at` has been given its work: its place is free when that is done."""
        if self._on_gpu:
            self._free[at % PLACES].record(torch.cuda.current_stream(self._device))

    def _bring(self, at: int) -> None:
        place = at % PLACES
        if self._holds[place] == at:
            return
        target = self._places[place][: self._kept[at].numel()]
        self._holds[place] = at
        if not self._on_gpu:
            target.copy_(self._kept[at])
            return
        self._copies.wait_event(self._free[place])
        with torch.cuda.stream(self._copies):
            target.copy_(self._kept[at], non_blocking=True)
            self._arrived[at].record(self._copies)

    def _take(self, block: nn.Module, place: torch.Tensor) -> torch.Tensor:
        """Copy a block's tensors into one piece of RAM and let them point at their place on the device."""
        flat = torch.empty(_bytes_of(block), dtype=torch.uint8, pin_memory=self._on_gpu)
        start = 0
        for tensor in _tensors_of(block):
            size = tensor.numel() * tensor.element_size()
            plain = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
            flat[start : start + size].copy_(plain)
            there = place[start : start + size].view(tensor.dtype).view(tensor.shape)
            tensor.data = there
            start += _aligned(size)
        return flat


class Streamed(nn.Module):
    """A block of a stream in the place of the block itself; what is compiled is the block, not this."""

    def __init__(self, block: nn.Module, stream: BlockStream, at: int) -> None:
        super().__init__()
        self.block = block
        self._stream, self._at = stream, at

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the block."""
        self._stream.enter(self._at)
        out = self.block(*args, **kwargs)
        self._stream.leave(self._at)
        return out


def stream_blocks(lists: Sequence[nn.ModuleList], device: torch.device) -> BlockStream:
    """Put every block of `lists`, which run in this order, into one stream, in place."""
    blocks = [block for one in lists for block in one]
    stream = BlockStream(blocks, device)
    at = 0
    for one in lists:
        for place, block in enumerate(list(one)):
            one[place] = Streamed(block, stream, at)
            at += 1
    return stream


def _tensors_of(block: nn.Module) -> Iterator[torch.Tensor]:
    yield from block.parameters()
    yield from block.buffers()


def _bytes_of(block: nn.Module) -> int:
    return sum(_aligned(one.numel() * one.element_size()) for one in _tensors_of(block))


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
