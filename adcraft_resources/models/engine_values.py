"""What engines are told and asked: settings, a checkpoint's parts, prompts as read, pictures to restyle.

Belongs here: records. Does not: running anything.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from adcraft_resources.algorithms.values import Frame

Precision = Literal["auto", "bf16", "fp8", "fp32"]


@dataclass(frozen=True)
class EngineSettings:
    """How an engine runs.

    `precision` auto is fp8 where the card has it and the engine is compiled, else bf16 (fp32 on a CPU). `computed`
    is the share of steps that are computed, the others foreseen. `area` is the pixels of a picture. `memory`
    "offload" keeps the transformer's blocks in RAM and brings them over as they are needed.
    """

    device: str = "auto"
    precision: Precision = "auto"
    compiled: bool = True
    computed: float = 1.0
    area: int = 1 << 20
    memory: Literal["resident", "offload"] = "resident"
    artifacts: Path | None = None


@dataclass(frozen=True)
class FluxParts:
    """What an engine takes of a checkpoint, under the names a diffusers pipeline has for them."""

    transformer: Any
    vae: Any
    scheduler: Any


@dataclass(frozen=True)
class PromptEmbedding:
    """A prompt as the transformer reads it, on the CPU: `tokens` (length, width) and, for FLUX.1, `pooled` (width,)."""

    tokens: torch.Tensor
    pooled: torch.Tensor | None = None

    def to_dict(self) -> dict[str, torch.Tensor]:
        """Tensors by name."""
        return {"tokens": self.tokens} | ({} if self.pooled is None else {"pooled": self.pooled})

    @classmethod
    def from_dict(cls, tensors: dict[str, torch.Tensor]) -> PromptEmbedding:
        """The embedding written by `to_dict`."""
        return cls(tensors["tokens"], tensors.get("pooled"))


@dataclass(frozen=True)
class Restyle:
    """One picture to restyle. `guide`, where there is one, is the shot's previous key, restyled and warped to here."""

    frame: Frame
    prompt: PromptEmbedding
    seed: int
    strength: float = 0.5
    guidance: float = 3.5
    guide: Frame | None = None
