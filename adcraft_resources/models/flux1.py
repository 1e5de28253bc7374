"""FLUX.1: image to image (schnell, dev) and Fill.

Belongs here: the inputs of its transformer and its loops, as diffusers' FluxImg2ImgPipeline and FluxFillPipeline build
them. Does not: loading weights (flux_loading.py).
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import torch

from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.models.batching import MemoryModel
from adcraft_resources.models.denoising import Schedule, denoise, foreseen_steps, schedule_of
from adcraft_resources.models.devices import GIB
from adcraft_resources.models.engine_values import PromptEmbedding, Restyle
from adcraft_resources.models.flux_engine import VAE_BYTES, FluxEngine
from adcraft_resources.models.picture_sizes import bucket_of, resize
from adcraft_resources.models.turns import one_at_a_time

DEV_STEPS, SCHNELL_STEPS, FILL_STEPS = 28, 4, 28
FILL_GUIDANCE = 30.0
TEXT_TOKENS = 512
GUIDE_SHARE = 0.35  # of the warped previous key in the picture an edit starts from
_FAST_TAILS = (".attn.to_q", ".attn.to_k", ".attn.to_v", ".attn.to_qkv", ".attn.to_out.0", ".attn.add_q_proj",
    ".attn.add_k_proj", ".attn.add_v_proj", ".attn.to_added_qkv", ".attn.to_add_out", ".ff.net.0.proj", ".ff.net.2",
    ".ff_context.net.0.proj", ".ff_context.net.2", ".proj_mlp", "s.proj_out")  # fmt: skip


class Flux1Engine(FluxEngine):
    """FLUX.1 as stylist (image to image), or as filler where the checkpoint is Fill."""

    graphed: ClassVar[MemoryModel] = MemoryModel(0.1 * GIB, 9.2e-5 * GIB, once_per_pixel=VAE_BYTES)

    def blank_prompt(self) -> PromptEmbedding:
        """A prompt of zeros."""
        config = self.transformer.config
        return PromptEmbedding(
            torch.zeros(TEXT_TOKENS, config.joint_attention_dim, dtype=self.dtype),
            torch.zeros(config.pooled_projection_dim, dtype=self.dtype),
        )

    def _fast_linears(self, name: str) -> bool:
        inside = name.startswith(("transformer_blocks.", "single_transformer_blocks."))
        return inside and (f".{name}".endswith(_FAST_TAILS) or name.endswith(".proj_out"))

    def sequence_of(self, size: tuple[int, int], *, guided: bool) -> int:
        """The picture in the making and the words; a guide is mixed into it."""
        del guided
        return self.tokens_of(size) + TEXT_TOKENS

    def _to_latents(self, encoded: torch.Tensor) -> torch.Tensor:
        return (encoded - self.vae.config.shift_factor) * self.vae.config.scaling_factor

    def _to_vae(self, latents: torch.Tensor) -> torch.Tensor:
        return latents / self.vae.config.scaling_factor + self.vae.config.shift_factor

    def _restyle(
        self, batch: list[Restyle], size: tuple[int, int], stop: Callable[[], bool] | None
    ) -> torch.Tensor:
        known = torch.cat([self._start_of(one, size) for one in batch])
        noise = self.noise([one.seed for one in batch], tuple(known.shape[1:]))
        whole = self.schedule(size)
        # Sigma decides how far the edit may go; a distilled schedule has few steps, so at least two of it are run.
        steps = max(min(2, whole.steps), int(min(whole.steps * batch[0].strength, whole.steps)))
        schedule = whole.last(steps)
        sigma = schedule.sigmas[0]
        start = (sigma * noise + (1 - sigma) * known).to(self.dtype)
        return self.run(start, [one.prompt for one in batch], schedule, guidance=batch[0].guidance, stop=stop)

    def _start_of(self, request: Restyle, size: tuple[int, int]) -> torch.Tensor:
        known = self.encode(request.frame, size)
        if request.guide is None:
            return known
        return (1 - GUIDE_SHARE) * known + GUIDE_SHARE * self.encode(request.guide, size)

    def run(
        self,
        latents: torch.Tensor,
        prompts: Sequence[PromptEmbedding],
        schedule: Schedule,
        *,
        guidance: float,
        beside: torch.Tensor | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> torch.Tensor:
        """Denoise latents (b, c, h, w), `beside` (b, tokens, c) joined to their channels; return (b, c, h, w)."""
        count, _, height, width = latents.shape
        inputs = {
            "encoder_hidden_states": self.prompts(prompts),
            "pooled_projections": torch.stack([_pooled(one) for one in prompts]).to(self.device, self.dtype),
            "txt_ids": torch.zeros(prompts[0].tokens.shape[0], 3, device=self.device, dtype=self.dtype),
            "img_ids": _picture_ids(height // 2, width // 2).to(self.device, self.dtype),
        }
        if self.transformer.config.guidance_embeds:
            inputs["guidance"] = torch.full((count,), guidance, device=self.device)

        def velocity(moving: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            seen = moving if beside is None else torch.cat([moving, beside], dim=2)
            return self._step(hidden_states=seen, timestep=times, **inputs)

        packed = denoise(
            _pack(latents),
            schedule,
            velocity,
            foreseen=foreseen_steps(schedule.steps, round(schedule.steps * self.settings.computed)),
            should_stop=stop,
        )
        return _unpack(packed, height, width)

    @one_at_a_time
    def fill(self, frame: Frame, mask: Mask, prompt: PromptEmbedding, seed: int) -> Frame:
        """Make up the masked pixels with a Fill checkpoint, which sees the picture with a hole."""
        size = bucket_of(frame.shape[0], frame.shape[1], self.settings.area)
        hole = resize_mask(mask, size)
        # The hole is grey, which is 0 to the VAE, as in training.
        small = resize(frame, size)
        beside = self.beside_of(np.where(hole[..., None], np.uint8(127), small), hole)
        noise = self.noise([seed], (self.vae.config.latent_channels, size[0] // 8, size[1] // 8))
        latents = self.run(noise, [prompt], self.schedule(size), guidance=FILL_GUIDANCE, beside=beside)
        return resize(self.decode(latents)[0], (frame.shape[0], frame.shape[1]))

    def beside_of(self, holed: Frame, hole: Mask) -> torch.Tensor:
        """Return what a Fill checkpoint sees beside its latents: the picture with the hole, and the hole itself."""
        known = self.encode(holed, (holed.shape[0], holed.shape[1]))
        factor = holed.shape[0] // known.shape[2]
        pixels = torch.from_numpy(np.ascontiguousarray(hole)).to(self.device, self.dtype)
        rows, columns = known.shape[2:]
        cells = pixels.reshape(rows, factor, columns, factor).permute(1, 3, 0, 2)
        cells = cells.reshape(1, factor * factor, rows, columns)
        return torch.cat([_pack(known), _pack(cells)], dim=2)

    def schedule(self, size: tuple[int, int]) -> Schedule:
        """Noise levels of a whole run at a size."""
        config = self.scheduler.config
        least, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        mu = low + (self.tokens_of(size) - least) * (high - low) / (most - least)
        steps = DEV_STEPS if self.transformer.config.guidance_embeds else SCHNELL_STEPS
        return schedule_of(self.scheduler, steps, mu)


def _pooled(prompt: PromptEmbedding) -> torch.Tensor:
    if prompt.pooled is None:
        raise ValueError("this prompt was read for another checkpoint: FLUX.1 wants a pooled embedding too")
    return prompt.pooled


def _pack(latents: torch.Tensor) -> torch.Tensor:
    """(b, c, h, w) → (b, h/2·w/2, 4c): 2×2 patches."""
    count, channels, height, width = latents.shape
    patches = latents.reshape(count, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return patches.reshape(count, (height // 2) * (width // 2), channels * 4)


def _unpack(packed: torch.Tensor, height: int, width: int) -> torch.Tensor:
    count, _, channels = packed.shape
    patches = packed.reshape(count, height // 2, width // 2, channels // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return patches.reshape(count, channels // 4, height, width)


def _picture_ids(rows: int, columns: int) -> torch.Tensor:
    return torch.cartesian_prod(torch.arange(1), torch.arange(rows), torch.arange(columns)).float()


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return the mask at (height, width), True wherever any of its pixels was."""
    pixels = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    return torch.nn.functional.adaptive_max_pool2d(pixels, size)[0, 0].numpy() > 0
