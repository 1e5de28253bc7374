"""The bank of detail filters (algorithms.texture_bank) on a device, added up as they are made.

Belongs here: the same filters as there, each with its place. Does not: learning weights. The pictures are never all in
memory: each is added with its weight and dropped.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional

from adcraft_resources.algorithms.texture_bank import (
    BLURS,
    DETAILS,
    FILTERS,
    FLAT,
    GUIDED,
    HELD_TO,
    HELDS,
    ROOTS,
    SLOPES,
    SQUARES,
)

_GREY = (0.299, 0.587, 0.114)


def add_details(base: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the graded picture (1, 3, h, w) in 0..1 with its filters added, `weights` (3, filters) of them."""
    made = base.clone()
    for place, plane in _filters(base):
        made.addcmul_(plane.expand_as(base), weights[:, place].view(1, 3, 1, 1))
    return made


def _filters(base: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
    red, green, blue = base.clamp(0, 1).split(1, dim=1)
    luma = _GREY[0] * red + _GREY[1] * green + _GREY[2] * blue
    scale = max(1.0, min(luma.shape[-2:]) / HELD_TO)
    yield from enumerate((*(base * 255).split(1, dim=1), torch.ones_like(luma)))
    yield FILTERS - 1, luma * luma
    blurred = _blurred(luma, [sigma * scale for sigma in BLURS]).split(1, dim=1)
    smooth = [_guided(luma, max(1, round(radius * scale)), edge) for radius, edge in GUIDED]
    for at, around in enumerate((*blurred, *smooth)):
        detail = luma - around
        yield from _with_luma(DETAILS.start + at, detail, luma)
        yield SQUARES.start + at, detail * detail.abs()
    for at, source in enumerate((luma, smooth[1], smooth[2])):
        slope = _slope(source) * scale
        yield from _with_luma(SLOPES.start + at, slope, luma)
        yield from _with_luma(ROOTS.start + at, slope.sqrt(), luma)
        yield HELDS.start + at, slope.clamp(max=FLAT)


def _with_luma(place: int, plane: torch.Tensor, luma: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
    """A plane and its product with luma, which comes as much later as the plain filters are many."""
    yield place, plane
    yield place - DETAILS.start + ROOTS.stop, plane * luma


def _blurred(plane: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Gaussian blurs (1, sigmas, h, w) with OpenCV's windows for floats and its mirrored border.

    One channel for each, so that they are convolutions by depth: others may be done in TF32, which is too coarse here.
    """
    reaches = [(round(sigma * 8 + 1) | 1) // 2 for sigma in sigmas]
    reach = max(reaches)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32, device=plane.device)
    kernels = torch.stack(
        [
            torch.exp(-(at**2) / (2 * sigma**2)) * (at.abs() <= own)
            for sigma, own in zip(sigmas, reaches, strict=True)
        ]
    )
    kernels = (kernels / kernels.sum(1, keepdim=True)).view(len(sigmas), 1, 1, -1)
    wide = functional.pad(plane, (reach, reach, reach, reach), mode="reflect").repeat(1, len(sigmas), 1, 1)
    across = functional.conv2d(wide, kernels, groups=len(sigmas))
    return functional.conv2d(across, kernels.transpose(2, 3).contiguous(), groups=len(sigmas))


def _box(plane: torch.Tensor, radius: int) -> torch.Tensor:
    wide = functional.pad(plane, (radius, radius, radius, radius), mode="reflect")
    side = 2 * radius + 1
    return functional.avg_pool2d(functional.avg_pool2d(wide, (1, side), 1), (side, 1), 1)


def _guided(luma: torch.Tensor, radius: int, edge: float) -> torch.Tensor:
    if radius < 4:  # noqa: PLR2004 - as in the bank
        slope, offset = _guide(luma, radius, edge)
        return slope * luma + offset
    height, width = luma.shape[-2:]
    even = functional.pad(luma, (0, width % 2, 0, height % 2), mode="replicate")
    parts = (
        functional.interpolate(one, scale_factor=2, mode="bilinear")[..., :height, :width]
        for one in _guide(functional.avg_pool2d(even, 2), radius // 2, edge)
    )
    slope, offset = parts
    return slope * luma + offset


def _guide(luma: torch.Tensor, radius: int, edge: float) -> tuple[torch.Tensor, torch.Tensor]:
    mean = _box(luma, radius)
    spread = _box(luma * luma, radius) - mean * mean
    keep = spread / (spread + edge * edge)
    return _box(keep, radius), _box((1 - keep) * mean, radius)


def _slope(luma: torch.Tensor) -> torch.Tensor:
    wide = functional.pad(luma, (1, 1, 1, 1), mode="replicate")
    down = wide[..., :-2, :] + 2 * wide[..., 1:-1, :] + wide[..., 2:, :]
    across = wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]
    x = down[..., 2:] - down[..., :-2]
    y = across[..., 2:, :] - across[..., :-2, :]
    return torch.hypot(x, y) / 8
