"""Pictures an edit pops onto a calm scene (emoji, stickers, logos): patches that change at once and then stand still.

Belongs here: watching thumbnails for such steps. Does not: following what was found (text_tracks), text itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.text_boxes import Box, clip_box
from adcraft_resources.algorithms.values import Mask, Yuv420

SHRINK = 4  # thumbnails are a quarter of the frame's size
STEP_LEVELS, CALM_LEVELS = 24, 7  # change of a step; of a patch at rest, codec noise included
CALM_FRAMES = 5  # at rest before and after
MIN_PATCH_PX = 40
AT_ONCE_SHARE = 0.6  # of a patch that changes from one frame to the next
MAX_SHARE = 0.12  # of the frame; more is a change of light or of scene


@dataclass(frozen=True, slots=True)
class ScreenStep:
    """A patch that changed between the neighbouring frames `before` and `after`, at rest on both sides."""

    before: int
    after: int
    box: Box


class StepWatch:
    """Streaming: `push` every frame; returns the steps that happened `CALM_FRAMES` frames ago."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._last: list[NDArray[np.uint8]] | None = None
        self._changes: deque[NDArray[np.uint8]] = deque(maxlen=2 * CALM_FRAMES + 1)

    def clear(self) -> None:
        """Forget everything: a cut."""
        self._last = None
        self._changes.clear()

    def push(self, index: int, picture: Yuv420) -> list[ScreenStep]:
        """Take the next frame."""
        small = thumbnail(picture)
        if self._last is not None:
            y, u, v = (cv2.absdiff(a, b) for a, b in zip(small, self._last, strict=True))
            self._changes.append(cv2.max(y, cv2.max(u, v)).astype(np.uint8))
        self._last = small
        if len(self._changes) < 2 * CALM_FRAMES + 1:
            return []
        moved = self._changes[CALM_FRAMES] >= STEP_LEVELS
        if not moved.any() or float(moved.mean()) > MAX_SHARE:
            return []
        for k, change in enumerate(self._changes):
            if k != CALM_FRAMES:
                moved &= change <= CALM_LEVELS
        if not moved.any():
            return []
        at = index - CALM_FRAMES
        return [ScreenStep(at - 1, at, box) for box in self._patches(moved)]

    def _patches(self, mask: Mask) -> list[Box]:
        closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        count, _, stats, _ = cv2.connectedComponentsWithStats(closed)
        least = (0.02 * min(self.size) / SHRINK) ** 2
        boxes = []
        for x, y, w, h, area in stats[1:count]:
            if area >= least and area >= 0.4 * w * h and max(w, h) <= 4 * min(w, h):
                box = (int(x) - 1, int(y) - 1, int(x + w) + 1, int(y + h) + 1)
                boxes.append(clip_box(tuple(SHRINK * v for v in box), self.size))  # type: ignore[arg-type]
        return boxes


def thumbnail(picture: Yuv420) -> list[NDArray[np.uint8]]:
    """Return Y, U and V of a frame at (h / 4, w / 4)."""
    height, width = (max(1, side // SHRINK) for side in picture.size)
    planes = (picture.y, picture.u, picture.v)
    return [
        cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        for plane in planes
    ]


def patch_of_step(without: NDArray[np.uint8], shown: NDArray[np.uint8]) -> Mask | None:
    """Return the changed patch of two crops (h, w, 3) of one place, holes filled, or None where it is no patch."""
    change = largest_channel(cv2.absdiff(without, shown))
    moved = cv2.morphologyEx(
        (change >= STEP_LEVELS // 2).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
    )
    contours, _ = cv2.findContours(moved, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    largest = max(cv2.contourArea(c) for c in contours)
    kept = [c for c in contours if cv2.contourArea(c) >= 0.1 * largest]
    filled = np.zeros(moved.shape, np.uint8)
    cv2.drawContours(filled, kept, -1, 1, -1)
    return filled.astype(np.bool_) if filled.sum() >= MIN_PATCH_PX else None


def changed_at_once(first: NDArray[np.uint8], second: NDArray[np.uint8], patch: Mask) -> bool:
    """Say whether most of a patch changed between two neighbouring crops (h, w, 3)."""
    return (
        float((largest_channel(cv2.absdiff(first, second))[patch] >= STEP_LEVELS // 2).mean())
        >= AT_ONCE_SHARE
    )


def edge_strength(crop: NDArray[np.uint8], patch: Mask) -> float:
    """Return the mean colour step along a patch's outline: the picture with the overlay has the harder edge there."""
    step = largest_channel(cv2.morphologyEx(crop, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    outline = cv2.morphologyEx(patch.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return float(step[outline].mean()) if outline.any() else 0.0
