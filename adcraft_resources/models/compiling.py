"""Compiling repeated blocks once, and keeping what the compiler made for the next process.

Belongs here: regional compilation and its artifacts. Does not: which blocks.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from adcraft_resources.models.devices import describe_device

_SHAPES = 64  # (batch, size) pairs a process may compile before it is refused

log = logging.getLogger(__name__)


def compile_blocks(blocks: Iterable[nn.Module]) -> None:
    """Compile each block in place; equal blocks share one compilation per shape, so this takes seconds, not minutes."""
    torch._dynamo.config.recompile_limit = _SHAPES  # noqa: SLF001 - no public name
    torch._dynamo.config.accumulated_recompile_limit = 8 * _SHAPES  # noqa: SLF001
    for block in blocks:
        block.compile(fullgraph=True, dynamic=False)


class CompiledArtifacts:
    """What the compiler made, in one file per device, versions and model, shared by all processes of a machine.

    Args:
        folder: Where the files lie.
        name: Which model and precision.
        device: Where it runs.
    """

    def __init__(self, folder: Path, name: str, device: torch.device) -> None:
        mark = hashlib.sha256(f"{describe_device(device)} {name}".encode()).hexdigest()[:16]
        self.path = Path(folder) / f"{mark}.artifacts"

    def load(self) -> bool:
        """Hand the kept artifacts to the compiler; False where there are none or they don't fit."""
        if not self.path.is_file():
            return False
        data = self.path.read_bytes()
        try:
            return torch.compiler.load_cache_artifacts(data) is not None
        except (
            RuntimeError,
            ValueError,
            KeyError,
            EOFError,
        ) as error:  # a file of another version or cut short
            log.warning("compiled artifacts %s are not usable (%s); compiling again", self.path, error)
            return False

    def save(self) -> int:
        """Keep what was compiled so far; return its bytes, 0 where there was nothing to keep."""
        made = torch.compiler.save_cache_artifacts()
        if made is None:
            return 0
        data, _ = made
        draft = self.path.with_suffix(f".{os.getpid()}.draft")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            draft.replace(self.path)
        except OSError as error:  # weights may be mounted read-only; the next process compiles again
            log.warning("compiled artifacts can't be kept in %s: %s", self.path.parent, error.strerror)
            return 0
        return len(data)
