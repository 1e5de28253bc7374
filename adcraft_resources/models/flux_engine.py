"""What every FLUX shares: pictures in and out through the VAE, batches, precision, compilation, offloading.

Belongs here: the engine a checkpoint's own loop is built into. Does not: one checkpoint's inputs (klein.py, flux1.py).
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.models.batching import BatchChooser, MemoryModel
from adcraft_resources.models.compiling import CompiledArtifacts, compile_blocks
from adcraft_resources.models.devices import GIB, can_fp8, empty_cache, pick_device, speed_up_matmul
from adcraft_resources.models.engine_values import EngineSettings, PromptEmbedding, Restyle
from adcraft_resources.models.fp8 import swap_linears
from adcraft_resources.models.graphs import GraphedCall
from adcraft_resources.models.offloading import stream_blocks
from adcraft_resources.models.picture_sizes import bucket_of, resize, restore_detail
from adcraft_resources.models.turns import one_at_a_time

MOST_TOGETHER = 4  # more gains under 2 % and costs another compilation
VAE_BYTES = 1.28 * GIB / (1 << 20)  # a pixel decoded: measured at 1024x1024 on an H100, compiled
LATENTS_KEPT = 64  # encoded pictures remembered; 1 MB each


class FluxEngine(ABC):
    """A FLUX checkpoint ready to restyle and fill pictures.

    Args:
        parts: Of the checkpoint: FluxParts, or a diffusers pipeline, whose loop is not used.
        settings: How to run.

    The same arguments give the same picture whatever shared its batch, up to rounding.
    """

    eager: ClassVar[MemoryModel] = MemoryModel(0.2 * GIB, 0.453 * GIB / 4608, once_per_pixel=VAE_BYTES)
    """Of plain calls: measured on an H200 with FLUX.1."""
    graphed: ClassVar[MemoryModel]
    """What a checkpoint's captured calls keep; measured with fp8 linears."""

    def __init__(self, parts: Any, settings: EngineSettings) -> None:
        self.settings = settings
        self.device = pick_device(settings.device)
        self.transformer: Any = parts.transformer
        self.vae: Any = parts.vae
        self.scheduler: Any = parts.scheduler
        self.precision = _precision_of(settings, self.device)
        self.dtype = torch.float32 if self.precision == "fp32" else torch.bfloat16
        self.chooser = BatchChooser(
            self.device,
            self.graphed if settings.compiled and settings.memory == "resident" else self.eager,
            most=MOST_TOGETHER,
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
    def sequence_of(self, size: tuple[int, int], *, guided: bool) -> int:
        """Tokens of an edit: the picture, what it is shown, and the words."""

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
        return finish(self.restyle_small(requests, should_stop), requests)

    @one_at_a_time
    def restyle_small(
        self, requests: Sequence[Restyle], should_stop: Callable[[], bool] | None = None
    ) -> list[Frame]:
        """As `restyle`, at the model's size: what follows (`finish`) need not keep others from the device."""
        height, width = requests[0].frame.shape[:2]
        size = bucket_of(height, width, self.settings.area)
        tokens = self.sequence_of(size, guided=requests[0].guide is not None)

        def call(batch: list[Restyle]) -> list[Frame]:
            made = self.decode(self._restyle(batch, size, should_stop))
            self._note_shape((size, len(batch), batch[0].guide is None))
            return made

        return self.chooser.run(
            requests, call, tokens=tokens, pixels=size[0] * size[1], what="FLUX", last_resort=self._tile
        )

    def _tile(self) -> bool:
        """Have the VAE go tile by tile from now on; False where it does already."""
        if self.vae.use_tiling:
            return False
        self.vae.enable_tiling()
        return True

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
            home = torch.device("cpu") if self.settings.memory == "offload" else None
            self.fp8_layers = swap_linears(self.transformer, self._fast_linears, self.device, home)
            empty_cache()
        self.vae.to(self.device, self.dtype)
        blocks = [self.transformer.transformer_blocks, self.transformer.single_transformer_blocks]
        if self.settings.compiled:
            compile_blocks([block for one in blocks for block in one])
            self.vae.to(memory_format=torch.channels_last)
            for part in (self.vae.encoder, self.vae.decoder):
                part.compile(dynamic=False)
        if self.settings.memory == "offload":
            stream_blocks(blocks, self.device)
        self.transformer.to(self.device)


def _precision_of(settings: EngineSettings, device: torch.device) -> str:
    if settings.precision != "auto":
        return settings.precision
    if device.type == "cpu":
        return "fp32"
    return "fp8" if settings.compiled and can_fp8(device) else "bf16"


def finish(made: Sequence[Frame], requests: Sequence[Restyle]) -> list[Frame]:
    """Bring restyled pictures to their sources' sizes, with their fine detail."""
    return [restore_detail(one, request.frame) for one, request in zip(made, requests, strict=True)]


def engine_version(settings: EngineSettings) -> str:
    """What of the settings changes pictures, for digests."""
    return f"{settings.precision} {settings.computed} {settings.area}"
