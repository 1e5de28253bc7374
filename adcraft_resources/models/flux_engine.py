"""What every FLUX shares: pictures in and out through the VAE, batches, precision, compilation, offloading.

Belongs here: the engine a checkpoint's own loop is built into. Does not: one checkpoint's inputs (klein.py, flux1.py).
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.models.batching import BatchChooser, MemoryModel
from adcraft_resources.models.compiling import CompiledArtifacts, compile_blocks
from adcraft_resources.models.devices import GIB, can_fp8, empty_cache, pick_device, speed_up_matmul
from adcraft_resources.models.fp8 import swap_linears
from adcraft_resources.models.graphs import GraphedCall
from adcraft_resources.models.picture_sizes import bucket_of, resize, restore_detail
from adcraft_resources.models.turns import one_at_a_time

Precision = Literal["auto", "bf16", "fp8", "fp32"]
MOST_TOGETHER = 4  # more gains under 2 % and costs another compilation
LATENTS_KEPT = 64  # encoded pictures remembered; 1 MB each


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


class FluxEngine(ABC):
    """A FLUX checkpoint ready to restyle and fill pictures.

    Args:
        parts: Of the checkpoint: FluxParts, or a diffusers pipeline, whose loop is not used.
        settings: How to run.

    The same arguments give the same picture whatever shared its batch, up to rounding.
    """

    eager: ClassVar[MemoryModel] = MemoryModel(0.2 * GIB, 0.453 * GIB / 4608)
    lean: ClassVar[MemoryModel] = MemoryModel(0.2 * GIB, 0.30 * GIB / 4608)
    """Measured on an H200: peak over weights per item and token, eager and compiled."""

    def __init__(self, parts: Any, settings: EngineSettings) -> None:
        self.settings = settings
        self.device = pick_device(settings.device)
        self.transformer: Any = parts.transformer
        self.vae: Any = parts.vae
        self.scheduler: Any = parts.scheduler
        self.precision = _precision_of(settings, self.device)
        self.dtype = torch.float32 if self.precision == "fp32" else torch.bfloat16
        self.chooser = BatchChooser(
            self.device, self.lean if settings.compiled else self.eager, most=MOST_TOGETHER
        )
        self._latents: OrderedDict[bytes, torch.Tensor] = OrderedDict()
        self._step = GraphedCall(
            self._run_transformer, enabled=settings.compiled and settings.memory == "resident"
        )
        self._artifacts: CompiledArtifacts | None = None
        self._shapes: set[tuple[object, ...]] = set()
        self._prepare()

    # --- what a checkpoint adds

    @abstractmethod
    def _fast_linears(self, name: str) -> bool:
        """Whether a linear layer of the transformer, by name, may run in fp8."""

    @abstractmethod
    def _to_latents(self, encoded: torch.Tensor) -> torch.Tensor:
        """VAE latents → the transformer's (b, c, h, w)."""

    @abstractmethod
    def _to_vae(self, latents: torch.Tensor) -> torch.Tensor:
        """The transformer's (b, c, h, w) → VAE latents."""

    @abstractmethod
    def _restyle(
        self, batch: list[Restyle], size: tuple[int, int], stop: Callable[[], bool] | None
    ) -> torch.Tensor:
        """Latents (b, c, h, w) of the restyled pictures."""

    @abstractmethod
    def fill(self, frame: Frame, mask: Mask, prompt: PromptEmbedding, seed: int) -> Frame:
        """Return the picture, same size, with the masked pixels made up; the others are for the caller to keep."""

    # --- what all do

    def restyle(
        self, requests: Sequence[Restyle], should_stop: Callable[[], bool] | None = None
    ) -> list[Frame]:
        """Restyle pictures of one size, each back at its own size with its fine detail.

        Raises:
            Cancelled: `should_stop` said so between two steps.
            ModelUnavailable: Not even one picture fits into memory.
        """
        if not requests:
            return []
        made = self._restyle_all(requests, should_stop)  # what follows must not keep others from the device
        return [restore_detail(one, request.frame) for one, request in zip(made, requests, strict=True)]

    @one_at_a_time
    def _restyle_all(
        self, requests: Sequence[Restyle], should_stop: Callable[[], bool] | None
    ) -> list[Frame]:
        height, width = requests[0].frame.shape[:2]
        size = bucket_of(height, width, self.settings.area)
        tokens = self.tokens_of(size) * (2 if requests[0].guide is None else 3)

        def call(batch: list[Restyle]) -> list[Frame]:
            made = self.decode(self._restyle(batch, size, should_stop))
            self._note_shape((size, len(batch), batch[0].guide is None))
            return made

        return self.chooser.run(requests, call, tokens=tokens, pixels=size[0] * size[1], what="FLUX")

    def tokens_of(self, size: tuple[int, int]) -> int:
        """Tokens of a picture of (height, width)."""
        return size[0] * size[1] // 256

    def encode(self, frame: Frame, size: tuple[int, int]) -> torch.Tensor:
        """Return the picture's latents (1, c, h, w) at `size`; a picture seen before is not encoded again."""
        mark = hashlib.blake2b(np.ascontiguousarray(frame).data, digest_size=16).digest() + bytes(
            str(size), "ascii"
        )
        if mark not in self._latents:
            while len(self._latents) >= LATENTS_KEPT:
                self._latents.popitem(last=False)
            self._latents[mark] = self._encode(resize(frame, size))
        self._latents.move_to_end(mark)
        return self._latents[mark]

    @torch.inference_mode()
    def _encode(self, frame: Frame) -> torch.Tensor:
        picture = torch.from_numpy(frame)[None].to(self.device, non_blocking=True)
        values = picture.permute(0, 3, 1, 2).to(self.dtype) / 127.5 - 1
        encoded = self.vae.encode(self._strided(values)).latent_dist.mode()
        return self._to_latents(encoded).contiguous()

    @torch.inference_mode()
    def decode(self, latents: torch.Tensor) -> list[Frame]:
        """Return the pictures of latents (b, c, h, w), decoded one by one: the VAE, not the transformer, peaks."""
        made = []
        for one in self._to_vae(latents).split(1):
            values = self.vae.decode(self._strided(one.to(self.dtype)), return_dict=False)[0]
            codes = ((values.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
            made.append(codes[0].permute(1, 2, 0).contiguous())
        return [one.cpu().numpy() for one in made]

    def _strided(self, values: torch.Tensor) -> torch.Tensor:
        """One memory layout always: the compiled VAE would compile again for another."""
        layout = torch.channels_last if self.settings.compiled else torch.contiguous_format
        return values.contiguous(memory_format=layout)

    def noise(self, seeds: Sequence[int], shape: tuple[int, ...]) -> torch.Tensor:
        """Return noise (b, *shape), drawn on the CPU so that it depends on the seed alone."""
        drawn = [torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)) for seed in seeds]
        return torch.stack(drawn).to(self.device, self.dtype)

    def prompts(self, batch: Sequence[PromptEmbedding]) -> torch.Tensor:
        """Return prompts (b, length, width) on the device."""
        return torch.stack([one.tokens for one in batch]).to(self.device, self.dtype)

    def warm_up(self, size: tuple[int, int], batch: int = 1, *, guided: bool = False) -> None:
        """Run one whole edit of the size and batch, so that everything is compiled, then keep the artifacts."""
        frame = np.full((*size, 3), 127, np.uint8)
        guide = frame if guided else None
        request = Restyle(frame, self.blank_prompt(), 0, guide=guide)
        self.decode(self._restyle([request] * batch, size, None))
        self.keep_artifacts()

    def _note_shape(self, shape: tuple[object, ...]) -> None:
        """Keep what was compiled for a shape that was new."""
        if shape not in self._shapes:
            self._shapes.add(shape)
            self.keep_artifacts()

    def keep_artifacts(self) -> int:
        """Write what was compiled; return its bytes."""
        return self._artifacts.save() if self._artifacts is not None else 0

    @abstractmethod
    def blank_prompt(self) -> PromptEmbedding:
        """A prompt of zeros, of the right shape."""

    def close(self) -> None:
        """Free the device: graphs, latents, weights."""
        self._step.forget()
        self._latents.clear()
        del self.transformer, self.vae
        empty_cache()

    @torch.inference_mode()
    def _run_transformer(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.transformer(**inputs, return_dict=False)[0]

    def _prepare(self) -> None:
        speed_up_matmul()
        if self.settings.artifacts is not None and self.settings.compiled:
            name = f"{type(self).__name__} {self.precision} {self.settings.area}"
            self._artifacts = CompiledArtifacts(self.settings.artifacts, name, self.device)
            self._artifacts.load()
        self.transformer.requires_grad_(requires_grad=False)
        if self.settings.compiled and hasattr(self.transformer, "fuse_qkv_projections"):
            self.transformer.fuse_qkv_projections()
        self.transformer.to(self.dtype)
        if self.precision == "fp8":
            self.fp8_layers = swap_linears(self.transformer, self._fast_linears, self.device)
            empty_cache()
        self._place()
        if self.settings.compiled:
            compile_blocks(
                [*self.transformer.transformer_blocks, *self.transformer.single_transformer_blocks]
            )
            self.vae.to(memory_format=torch.channels_last)
            for part in (self.vae.encoder, self.vae.decoder):
                part.compile(dynamic=False)

    def _place(self) -> None:
        self.vae.to(self.device, self.dtype)
        if self.settings.memory == "resident" or self.device.type == "cpu":
            self.transformer.to(self.device)
            return
        self.vae.enable_tiling()
        self.transformer.enable_group_offload(
            onload_device=self.device,
            offload_device=torch.device("cpu"),
            offload_type="block_level",
            num_blocks_per_group=1,
            use_stream=True,
        )


def _precision_of(settings: EngineSettings, device: torch.device) -> str:
    if settings.precision != "auto":
        return settings.precision
    if device.type == "cpu":
        return "fp32"
    return "fp8" if settings.compiled and can_fp8(device) and settings.memory == "resident" else "bf16"


def engine_version(settings: EngineSettings) -> str:
    """What of the settings changes pictures, for digests."""
    return f"{settings.precision} {settings.computed} {settings.area}"
