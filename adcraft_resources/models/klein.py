"""FLUX.2-klein: edits from reference pictures in four steps, and inpaints.

Belongs here: the inputs of its transformer and its two loops, as diffusers' Flux2KleinPipeline and
Flux2KleinInpaintPipeline build them, but with references of their own for every picture of a batch, no PIL, and
latents that are encoded once. Does not: loading weights (flux_loading.py).
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import torch

from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.models.batching import MemoryModel
from adcraft_resources.models.denoising import AfterStep, Schedule, denoise, foreseen_steps, schedule_of
from adcraft_resources.models.devices import GIB
from adcraft_resources.models.engine_values import PromptEmbedding, Restyle
from adcraft_resources.models.flux_engine import VAE_BYTES, FluxEngine
from adcraft_resources.models.picture_sizes import bucket_of, resize
from adcraft_resources.models.turns import one_at_a_time

STEPS = 4
TEXT_TOKENS = 512
_REFERENCE_APART = 10  # distance of references in the transformer's time coordinate
_FAST = ("to_q", "to_k", "to_v", "to_qkv", "to_out.0", "to_out", "add_q_proj", "add_k_proj", "add_v_proj")
_FAST_TAILS = (
    *(f".attn.{name}" for name in (*_FAST, "to_added_qkv", "to_add_out", "to_qkv_mlp_proj")),
    *(f".{part}.{name}" for part in ("ff", "ff_context") for name in ("linear_in", "linear_out")),
)


class KleinEngine(FluxEngine):
    """FLUX.2-klein as stylist and filler."""

    graphed: ClassVar[MemoryModel] = MemoryModel(0.1 * GIB, 1.38e-4 * GIB, once_per_pixel=VAE_BYTES)

    def blank_prompt(self) -> PromptEmbedding:
        """A prompt of zeros."""
        width = self.transformer.config.joint_attention_dim
        return PromptEmbedding(torch.zeros(TEXT_TOKENS, width, dtype=self.dtype))

    def _fast_linears(self, name: str) -> bool:
        return f".{name}".endswith(_FAST_TAILS)

    def sequence_of(self, size: tuple[int, int], *, guided: bool) -> int:
        """The picture in the making, one or two references, and the words."""
        return (3 if guided else 2) * self.tokens_of(size) + TEXT_TOKENS

    def _to_latents(self, encoded: torch.Tensor) -> torch.Tensor:
        mean, deviation = self._statistics(encoded)  # one of each folded channel
        return (_folded(encoded) - mean) / deviation

    def _to_vae(self, latents: torch.Tensor) -> torch.Tensor:
        mean, deviation = self._statistics(latents)
        return _unfolded(latents * deviation + mean)

    def _statistics(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        norm = self.vae.bn
        mean = norm.running_mean.view(1, -1, 1, 1).to(like)
        spread = torch.sqrt(norm.running_var.view(1, -1, 1, 1) + self.vae.config.batch_norm_eps)
        return mean, spread.to(like)

    def _restyle(
        self, batch: list[Restyle], size: tuple[int, int], stop: Callable[[], bool] | None
    ) -> torch.Tensor:
        first = torch.cat([self.encode(one.frame, size) for one in batch])
        references = [first]
        if all(one.guide is not None for one in batch):
            references.append(
                torch.cat([self.encode(one.guide, size) for one in batch if one.guide is not None])
            )
        noise = self.noise([one.seed for one in batch], tuple(first.shape[1:]))
        return self.run(
            noise, references, self.prompts([one.prompt for one in batch]), self._schedule(size), stop=stop
        )

    def run(
        self,
        latents: torch.Tensor,
        references: Sequence[torch.Tensor],
        prompts: torch.Tensor,
        schedule: Schedule,
        *,
        after_step: AfterStep | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> torch.Tensor:
        """Denoise latents (b, c, h, w) beside references of the same batch; return (b, c, h, w)."""
        count, channels, height, width = latents.shape
        fixed = torch.cat([_pack(one) for one in references], dim=1)
        inputs = {
            "encoder_hidden_states": prompts,
            "txt_ids": _text_ids(prompts.shape[1]).to(self.device),
            "img_ids": _picture_ids([latents, *references]).to(self.device),
        }

        def velocity(moving: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            seen = torch.cat([moving, fixed], dim=1)
            moved = self._step(hidden_states=seen, timestep=times, **inputs)
            return moved[:, : moving.shape[1]]

        packed = denoise(
            _pack(latents),
            schedule,
            velocity,
            foreseen=foreseen_steps(schedule.steps, round(schedule.steps * self.settings.computed)),
            after_step=after_step,
            should_stop=stop,
        )
        return packed.permute(0, 2, 1).reshape(count, channels, height, width)

    @one_at_a_time
    def fill(self, frame: Frame, mask: Mask, prompt: PromptEmbedding, seed: int) -> Frame:
        """Make up the masked pixels; the frame must already hold something calm there, since it is the reference."""
        size = bucket_of(frame.shape[0], frame.shape[1], self.settings.area)
        known = self.encode(frame, size)
        noise = self.noise([seed], tuple(known.shape[1:]))
        schedule = self._schedule(size)
        keep = _pack(_latent_mask(mask, known))
        packed_known, packed_noise = _pack(known), _pack(noise)

        def hold(latents: torch.Tensor, step: int) -> torch.Tensor:
            sigma = schedule.sigmas[step + 1]
            there = sigma * packed_noise + (1 - sigma) * packed_known
            return ((1 - keep) * there + keep * latents).to(latents.dtype)

        made = self.decode(self.run(noise, [known], self.prompts([prompt]), schedule, after_step=hold))[0]
        return resize(made, (frame.shape[0], frame.shape[1]))

    def _schedule(self, size: tuple[int, int]) -> Schedule:
        return schedule_of(self.scheduler, STEPS, empirical_mu(self.tokens_of(size), STEPS))


def empirical_mu(tokens: int, steps: int) -> float:
    """How far the schedule is shifted to the noisy side, as published with FLUX.2: lines fitted at 10 and 200 steps."""
    at_200 = 0.00016927 * tokens + 0.45666666
    if tokens > 4300:  # noqa: PLR2004 - where the publisher switches
        return at_200
    at_10 = 8.73809524e-05 * tokens + 1.89833333
    slope = (at_200 - at_10) / 190
    return slope * steps + at_200 - 200 * slope


def _folded(latents: torch.Tensor) -> torch.Tensor:
    """(b, c, h, w) → (b, 4c, h/2, w/2): 2×2 patches to channels."""
    count, channels, height, width = latents.shape
    patches = latents.reshape(count, channels, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
    return patches.reshape(count, channels * 4, height // 2, width // 2)


def _unfolded(latents: torch.Tensor) -> torch.Tensor:
    count, channels, height, width = latents.shape
    patches = latents.reshape(count, channels // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    return patches.reshape(count, channels // 4, height * 2, width * 2)


def _pack(latents: torch.Tensor) -> torch.Tensor:
    """(b, c, h, w) → (b, h·w, c)."""
    return latents.flatten(2).permute(0, 2, 1)


def _text_ids(length: int) -> torch.Tensor:
    ids = torch.zeros(length, 4, dtype=torch.int64)
    ids[:, 3] = torch.arange(length)
    return ids


def _picture_ids(pictures: Sequence[torch.Tensor]) -> torch.Tensor:
    """Coordinates (time, y, x, 0) of the tokens of a picture in the making and its references, (n, 4)."""
    ids = []
    for place, one in enumerate(pictures):
        axes = (torch.tensor([place * _REFERENCE_APART]), *(torch.arange(side) for side in one.shape[2:]))
        ids.append(torch.cartesian_prod(*axes, torch.arange(1)))
    return torch.cat(ids)


def _latent_mask(mask: Mask, like: torch.Tensor) -> torch.Tensor:
    """(1, 1, h, w): 1 where a latent touches a masked pixel."""
    pixels = torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(like)
    return torch.nn.functional.adaptive_max_pool2d(pixels, like.shape[2:])
