"""Grain for fills: what is averaged or continued smoothly lacks the noise of the footage, and shows by its calm.

Belongs here: measuring the noise around a mask over time, and adding as much to the fill. Does not: film looks.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.source_tracing import StepField
from adcraft_resources.algorithms.window_clip import WindowClip

VISIBLE = 2.0  # levels: weaker noise is left out, the codec would spend bits on it for nothing
MISSING = 0.85  # share of the noise that steadied fills have lost
LOWER_HALF_MEAN = 0.3247  # mean of the smaller half of |x| for a normal x of deviation 1
TILE = 256  # side of the noise picture fills are cut from
SOFTNESS = 0.55  # px: noise that went through a codec is not white
MEASURED_FRAMES = 6


def measure_noise(clip: WindowClip, painted: dict[int, MaskGeometry], step: StepField) -> float:
    """Return the deviation, in luma levels, of the noise around the masks.

    It is read off the smaller half of the differences to the frame before, moved along: noise is everywhere, badly
    followed contours are not.
    """
    frames = [frame for frame in painted if frame > 0 and not clip.hidden[frame - 1].all()]
    levels: list[float] = []
    for frame in frames[:: max(1, len(frames) // MEASURED_FRAMES)]:
        geometry = painted[frame]
        ring = geometry.ring
        row, column = np.divmod(ring, clip.blocks[1])
        dx, dy = step(frame, frame - 1, ring)
        near_y = np.rint(row + dy / 2).astype(np.int32).clip(0, clip.blocks[0] - 1)
        near_x = np.rint(column + dx / 2).astype(np.int32).clip(0, clip.blocks[1] - 1)
        seen = np.flatnonzero(~clip.hidden[frame - 1, near_y, near_x])
        if len(seen) == 0:
            continue
        there = np.full(len(seen), frame - 1, np.int32)
        old = clip.luma_at(there, 2 * column[seen] + dx[seen], 2 * row[seen] + dy[seen])[:, 0]
        change = np.abs(clip.luma(frame)[2 * row[seen], 2 * column[seen]] - old)
        levels.append(float(np.sort(change)[: len(change) // 2 + 1].mean()) / LOWER_HALF_MEAN)
    return float(np.median(levels) / np.sqrt(2)) if levels else 0.0


def noise_tile() -> NDArray[np.float32]:
    """Return the noise all grain is cut from, (TILE, TILE), deviation 1, always the same."""
    white = np.random.default_rng(20240229).normal(0, 1, (TILE, TILE)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(white, (0, 0), SOFTNESS, borderType=cv2.BORDER_REFLECT), np.float32)
    return soft / soft.std()


def add_grain(
    clip: WindowClip, frame: int, geometry: MaskGeometry, tile: NDArray[np.float32], deviation: float
) -> None:
    """Add noise of `deviation` levels to the masked pixels of a filled frame, another cut for every frame."""
    rows, columns, _ = geometry.pixels
    down, right = (frame * 97 + 31) % TILE, (frame * 57 + 11) % TILE
    luma = clip.luma(frame)
    noise = tile[(rows + down) % TILE, (columns + right) % TILE] * np.float32(deviation * MISSING)
    luma[rows, columns] = np.clip(luma[rows, columns] + noise + 0.5, 0, 255).astype(np.uint8)
