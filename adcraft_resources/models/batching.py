"""How many items go through a model together: a measured memory model, and what to do when it was wrong.

Belongs here: the arithmetic of batches and the retreat from out-of-memory. Does not: any one model.

FLUX is bound by arithmetic from the first item on (measured: eight together gain 2 % in bf16, 9 % in fp8), so a
batch exists to share what is shared, and equal batches beat full ones: each new size must be compiled.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.models.devices import empty_cache, free_bytes

Item = TypeVar("Item")
Result = TypeVar("Result")

HEADROOM = 0.92  # of the free memory; the rest is fragmentation and what the driver takes


@dataclass(frozen=True)
class MemoryModel:
    """Bytes a call needs beside the weights: `fixed` + items × (`per_token` × tokens + `per_pixel` × pixels)."""

    fixed: float = 0.0
    per_token: float = 0.0
    per_pixel: float = 0.0

    def item_bytes(self, tokens: int, pixels: int) -> float:
        """Bytes of one item."""
        return self.per_token * tokens + self.per_pixel * pixels

    def largest(self, free: int, tokens: int, pixels: int) -> int:
        """How many items fit into `free` bytes; 0 where not even one does."""
        item = self.item_bytes(tokens, pixels)
        room = free * HEADROOM - self.fixed
        return int(room // item) if item else 1 << 20


def equal_batches(count: int, most: int) -> list[int]:
    """Split `count` items into the fewest batches of at most `most`, as equal as can be, the larger first."""
    batches = -(-count // max(1, most))
    return [count // batches + (place < count % batches) for place in range(batches)] if count else []


@dataclass
class BatchChooser:
    """Chooses batch sizes for one model on one device and remembers where memory ran out.

    `most` is the size beyond which batching gains nothing.
    """

    device: torch.device
    memory: MemoryModel
    most: int = 4
    limits: dict[tuple[int, int], int] = field(default_factory=dict)

    def choose(self, tokens: int, pixels: int = 0) -> int:
        """Return the batch size for items of this size, at least 1."""
        fits = self.memory.largest(free_bytes(self.device), tokens, pixels)
        return max(1, min(self.most, fits, self.limits.get((tokens, pixels), self.most)))

    def run(
        self,
        items: Sequence[Item],
        call: Callable[[list[Item]], list[Result]],
        *,
        tokens: int,
        pixels: int = 0,
        what: str = "the model",
    ) -> list[Result]:
        """Run `call` over all items in batches, halving when memory runs out.

        A last batch that is smaller is filled up with its last item, whose extra results are dropped: one shape is
        compiled, not two.

        Raises:
            ModelUnavailable: Memory runs out with a single item.
        """
        done: list[Result] = []
        while len(done) < len(items):
            sizes = equal_batches(len(items) - len(done), self.choose(tokens, pixels))
            size = sizes[0]
            part = list(items[len(done) : len(done) + size])
            whole = self._sized(len(items), tokens, pixels)
            try:
                results = call(part + [part[-1]] * (whole - len(part)))
            except torch.OutOfMemoryError as error:
                self._retreat(max(size, whole), tokens, pixels, what, error)
                continue
            done += results[: len(part)]
        return done

    def _sized(self, count: int, tokens: int, pixels: int) -> int:
        return equal_batches(count, self.choose(tokens, pixels))[0]

    def _retreat(self, size: int, tokens: int, pixels: int, what: str, error: BaseException) -> None:
        empty_cache()
        if size <= 1:
            raise ModelUnavailable(
                f"{what} ran out of GPU memory with a single picture.",
                remedy='Set models.flux.memory to "offload" or use a GPU with more memory.',
            ) from error
        self.limits[tokens, pixels] = size // 2
