"""The denoising loop of rectified-flow models: Euler steps, and steps that are foreseen instead of computed.

Belongs here: schedules and the loop. Does not: a model's inputs.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Velocity = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(latents, timestep 0..1 per item) → velocity of the latents."""
AfterStep = Callable[[torch.Tensor, int], torch.Tensor]


class Cancelled(Exception):  # noqa: N818 - an event
    """The caller asked to stop between two steps."""


@dataclass(frozen=True)
class Schedule:
    """Noise levels of a run: `sigmas` has one entry more than `timesteps` (0..1000)."""

    sigmas: tuple[float, ...]
    timesteps: tuple[float, ...]

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.timesteps)

    def last(self, steps: int) -> Schedule:
        """The schedule from its last `steps` steps on: what an edit of a picture runs."""
        return Schedule(self.sigmas[-steps - 1 :], self.timesteps[-steps:])


def schedule_of(scheduler: Any, steps: int, mu: float) -> Schedule:
    """Return the scheduler's own noise levels for `steps` steps at shift `mu`."""
    sigmas = torch.linspace(1.0, 1 / steps, steps, dtype=torch.float64).tolist()
    scheduler.set_timesteps(sigmas=sigmas, mu=mu, device="cpu")
    return Schedule(tuple(scheduler.sigmas.tolist()), tuple(scheduler.timesteps.tolist()))


def foreseen_steps(steps: int, computed: int) -> frozenset[int]:
    """Which steps to foresee when only `computed` of `steps` are to be computed: never the first two or the last."""
    if computed >= steps or steps < 4:  # noqa: PLR2004 - nothing to foresee from
        return frozenset()
    middle = list(range(2, steps - 1))
    wanted = max(0, computed - 3)
    kept = (
        {middle[round(i * (len(middle) - 1) / max(1, wanted - 1))] for i in range(wanted)}
        if wanted
        else set()
    )
    return frozenset(middle) - kept


@torch.inference_mode()
def denoise(
    latents: torch.Tensor,
    schedule: Schedule,
    velocity: Velocity,
    *,
    foreseen: frozenset[int] = frozenset(),
    after_step: AfterStep | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> torch.Tensor:
    """Walk `latents` down the schedule and return them.

    A foreseen step takes the velocity on the line through the last two computed ones, over sigma. It costs nothing
    and changes the result, so it is a choice of quality.

    Raises:
        Cancelled: `should_stop` said so between two steps.
    """
    known: list[tuple[float, torch.Tensor]] = []
    for step, timestep in enumerate(schedule.timesteps):
        if should_stop is not None and should_stop():
            raise Cancelled(f"stopped before step {step + 1} of {schedule.steps}")
        sigma, following = schedule.sigmas[step], schedule.sigmas[step + 1]
        if step in foreseen:
            moved = _foresee(known, sigma)
        else:
            times = torch.full((latents.shape[0],), timestep, device=latents.device).to(latents.dtype) / 1000
            moved = velocity(latents, times)
            known = _remember(known, sigma, moved, keep=bool(foreseen))
        latents = (latents.float() + (following - sigma) * moved.float()).to(latents.dtype)
        if after_step is not None:
            latents = after_step(latents, step)
    return latents


def _remember(
    known: Sequence[tuple[float, torch.Tensor]], sigma: float, moved: torch.Tensor, *, keep: bool
) -> list[tuple[float, torch.Tensor]]:
    return [*known[-1:], (sigma, moved.clone())] if keep else []


def _foresee(known: Sequence[tuple[float, torch.Tensor]], sigma: float) -> torch.Tensor:
    (before, older), (now, newer) = known
    return newer + (newer - older) * ((sigma - now) / (now - before))
