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
    """Bytes a call needs beside the weights.

    `fixed` + items × (`per_token` × tokens + `per_pixel` × pixels) + `once_per_pixel` × pixels: the last is for what
    goes item by item, as a VAE does, beside what the batch holds.
    """

    fixed: float = 0.0
    per_token: float = 0.0
    per_pixel: float = 0.0
    once_per_pixel: float = 0.0

    def item_bytes(self, tokens: int, pixels: int) -> float:
        """Bytes of one item."""
        return self.per_token * tokens + self.per_pixel * pixels

    def call_bytes(self, items: int, tokens: int, pixels: int) -> float:
        """Bytes of a call with so many items."""
        return self.fixed + items * self.item_bytes(tokens, pixels) + self.once_per_pixel * pixels

    def largest(self, free: int, tokens: int, pixels: int) -> int:
        """How many items fit into `free` bytes; 0 where not even one does."""
        item = self.item_bytes(tokens, pixels)
        room = free * HEADROOM - self.fixed - self.once_per_pixel * pixels
        return max(0, int(room // item)) if item else 1 << 20


def equal_batches(count: int, most: int) -> list[int]:
    """Split `count` items into the fewest batches of at most `most`, as equal as can be, the larger first."""
    batches = -(-count // max(1, most))
    return [count // batches + (place < count % batches) for place in range(batches)] if count else []


@dataclass
class BatchChooser:
    """Chooses batch sizes for one model on one device and remembers where memory ran out.

    `most` is the size beyond which batching gains nothing. A size that went through is kept to: what it needs is held
    from then on, and another one would be compiled anew.
    """

    device: torch.device
    memory: MemoryModel
    most: int = 4
    limits: dict[tuple[int, int], int] = field(default_factory=dict)
    proved: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def choose(self, tokens: int, pixels: int = 0) -> int:
        """Return the batch size for items of this size, at least 1."""
        if (tokens, pixels, self.most) in self.proved:
            return self.proved[tokens, pixels, self.most]
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
        last_resort: Callable[[], bool] | None = None,
    ) -> list[Result]:
        """Run `call` over all items in batches, halving when memory runs out.

        A last batch that is smaller is filled up with its last item, whose extra results are dropped: one shape is
        compiled, not two.

        Args:
            items: What to run over.
            call: Runs a batch.
            tokens: Of an item.
            pixels: Of an item.
            what: Named in errors.
            last_resort: Asked for more room when a single item does not fit; False where there is none.

        Raises:
            ModelUnavailable: Memory runs out with a single item.
        """
        done: list[Result] = []
        while len(done) < len(items):
            sizes = equal_batches(len(items) - len(done), self.choose(tokens, pixels))
            size = sizes[0]
            part = list(items[len(done) : len(done) + size])
            chosen = self.choose(tokens, pixels)
            whole = equal_batches(len(items), chosen)[0]
            try:
                results = call(part + [part[-1]] * (whole - len(part)))
            except torch.OutOfMemoryError as error:
                if max(size, whole) > 1 or last_resort is None or not last_resort():
                    self._retreat(max(size, whole), tokens, pixels, what, error)
                continue
            if whole == chosen:
                self.proved[tokens, pixels, self.most] = chosen
            done += results[: len(part)]
        return done

    def _retreat(self, size: int, tokens: int, pixels: int, what: str, error: BaseException) -> None:
        empty_cache()
        if size <= 1:
            raise ModelUnavailable(
                f"{what} ran out of GPU memory with a single picture.",
                remedy='Set models.flux.memory to "offload" or use a GPU with more memory.',
            ) from error
        self.limits[tokens, pixels] = size // 2
        self.proved.pop((tokens, pixels, self.most), None)
