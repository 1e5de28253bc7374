"""What a text's surroundings did over its life: sums that tell added pixels from the scene behind them.

Belongs here: gathering, in memory that does not grow with time. Does not: drawing masks from it (mask_growth).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.glyph_masks import Crop, crop_yuv
from adcraft_resources.algorithms.text_boxes import Box, clip_box, line_height, quad_box, quad_sides
from adcraft_resources.algorithms.values import Quad, Yuv420

Level = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Step:
    """One end of a life: the picture without the text and with it, and how much the scene moves by itself there.

    `clean` is false where another text stood at the place without this one. `aligned` says that `without` was
    brought to where the camera had moved on to, which a difference must allow a pixel for.
    """

    without: Crop
    shown: Crop
    unrest: Level
    clean: bool = True
    aligned: bool = False


@dataclass(slots=True)
class Surroundings:
    """Sums over the frames where the text stands at home, in `box` around it.

    `total` and `squares` are of luma, `colour` of Y, U, V over `colour_count` sampled frames.
    """

    box: Box
    count: int = 0
    total: Level | None = None
    squares: Level | None = None
    colour: Level | None = None
    colour_count: int = 0
    appears: Step | None = None
    vanishes: Step | None = None

    def release(self) -> None:
        """Forget the pictures; the masks are drawn."""
        self.total = self.squares = self.colour = None
        self.appears = self.vanishes = None

    def add(self, picture: Yuv420) -> None:
        """Count one frame."""
        left, top, right, bottom = self.box
        luma = picture.y[top:bottom, left:right].astype(np.float32)
        if self.total is None or self.squares is None:
            self.total, self.squares = luma.copy(), luma * luma
        else:
            cv2.accumulate(luma, self.total)
            cv2.accumulateSquare(luma, self.squares)
        self.count += 1

    def add_colour(self, picture: Yuv420) -> None:
        """Count one sampled frame's colours."""
        crop = crop_yuv(picture, self.box).astype(np.float32)
        self.colour = crop if self.colour is None else self.colour + crop
        self.colour_count += 1

    def deviation(self) -> Level | None:
        """Return the temporal standard deviation of luma, or None before the second frame."""
        if self.total is None or self.squares is None or self.count == 1:
            return None
        mean = self.total / self.count
        return np.sqrt(np.maximum(self.squares / self.count - mean * mean, 0)).astype(np.float32)

    def portrait(self) -> Crop | None:
        """Return the mean picture, (h, w, 3) Y, U, V."""
        if self.colour is None:
            return None
        mean = self.colour / self.colour_count
        if self.total is not None:
            mean[..., 0] = self.total / self.count
        return np.clip(np.round(mean), 0, 255).astype(np.uint8)


def surroundings_box(quad: Quad, size: tuple[int, int]) -> Box:
    """Return the box around a text that a plate or burst behind it can be expected to fill."""
    height = line_height(quad)
    margin = float(np.clip(0.6 * max(quad_sides(quad)), 1.2 * height, 2.4 * height))
    margin = float(np.clip(margin, 0.03 * min(size), 0.25 * min(size)))
    left, top, right, bottom = quad_box(quad, size, pad=margin)
    return clip_box((left // 2 * 2, top // 2 * 2, right + right % 2, bottom + bottom % 2), size)


def unrest_between(pairs: Sequence[tuple[Yuv420, Yuv420]], box: Box) -> Level:
    """Return how much each pixel's neighbourhood changes within pairs of frames at most, levels of luma."""
    left, top, right, bottom = box
    most = np.zeros((bottom - top, right - left), np.uint8)
    for first, second in pairs:
        most = np.maximum(
            most, cv2.absdiff(first.y[top:bottom, left:right], second.y[top:bottom, left:right])
        )
    return cv2.dilate(cv2.blur(most, (3, 3)), np.ones((7, 7), np.uint8)).astype(np.float32)
