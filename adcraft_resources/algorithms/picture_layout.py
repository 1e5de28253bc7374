"""A picture laid out in another shape: part of it enlarged or reduced, a blurred ground around it where it is smaller.

Belongs here: resampling planes. Does not: choosing the part (window_choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.framing import Box
from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.algorithms.window_choice import ShotWindow

Plane = NDArray[np.uint8]

_GROUND: Final = 16  # the ground is made at this fraction of the size: it shows no detail
_GROUND_BLUR: Final = 0.045  # of its long side
_GROUND_LIGHT: Final = 0.72  # it stands back behind the picture
_BLACK: Final = 16


@dataclass(frozen=True)
class PictureLayout:
    """How pictures of (h, w) `source` become pictures of (h, w) `target`, both even, by a shot's window.

    `middle` is where the picture's centre goes down the target where it leaves room, as a share of the height.
    """

    source: tuple[int, int]
    target: tuple[int, int]
    window: ShotWindow
    middle: float = 0.5

    @property
    def scale(self) -> float:
        """Target px per source px."""
        return self.place[3] / (self.source[0] * (self.window.share if self.window.axis == 1 else 1.0))

    @property
    def place(self) -> tuple[int, int, int, int]:
        """x, y, width, height of the picture in the target, px, even."""
        height, width = self.target
        if not self.window.filled:
            return 0, 0, width, height
        _, _, w, h = self.window.window(0.0)
        shape = w * self.source[1] / (h * self.source[0])
        wide, high = (width, width / shape) if width / shape <= height else (height * shape, height)
        wide, high = _even(wide), _even(high)
        top = min(max(0.0, self.middle * height - high / 2), height - high)
        return _even((width - wide) / 2), _even(top), wide, high

    def shifted(self, boxes: Sequence[Box], clear: tuple[int, int, int, int]) -> PictureLayout:
        """The layout moved down or up, where it leaves room, so that boxes (px of the target) stand in `clear`."""
        if not self.window.filled or not boxes or self.place[3] >= self.target[0]:
            return self
        top, bottom = min(box[1] for box in boxes), max(box[1] + box[3] for box in boxes)
        low, high = clear[1] - top, clear[1] + clear[3] - bottom
        by = max(0.0, low) if low > 0 else min(0.0, high)
        return replace(self, middle=self.middle + by / self.target[0])

    def map_box(self, box: Box, time_s: float) -> Box:
        """A box (shares of the source) as px of the target; it may stick out of the picture's place."""
        x, y, w, h = self.window.window(time_s)
        left, top, wide, high = self.place
        return (
            left + (box[0] - x) / w * wide,
            top + (box[1] - y) / h * high,
            box[2] / w * wide,
            box[3] / h * high,
        )

    def apply(self, picture: Yuv420, time_s: float) -> Yuv420:
        """The laid-out picture."""
        x, y, w, h = self.window.window(time_s)
        height, width = self.source
        part = (x * width, y * height, w * width, h * height)
        still = self.window.path.is_still
        if still:
            part = tuple(float(_even(v)) for v in part)
        left, top, wide, high = self.place
        shown = [
            _resampled(plane, tuple(v / k for v in part), (wide // k, high // k), still=still)
            for plane, k in ((picture.y, 1), (picture.u, 2), (picture.v, 2))
        ]
        if not self.window.filled:
            return replace(picture, y=shown[0], u=shown[1], v=shown[2])
        ground = [self._ground(plane, k) for plane, k in ((picture.y, 1), (picture.u, 2), (picture.v, 2))]
        for plane, over, k in zip(ground, shown, (1, 2, 2), strict=True):
            plane[top // k : (top + high) // k, left // k : (left + wide) // k] = over
        return replace(picture, y=ground[0], u=ground[1], v=ground[2])

    def _ground(self, plane: Plane, k: int) -> Plane:
        """The picture's middle spread over the target, out of focus and darker."""
        height, width = (side // k for side in self.target)
        rows, columns = plane.shape
        shape = width / height
        w, h = (columns, columns / shape) if columns / shape <= rows else (rows * shape, rows)
        x, y = round((columns - w) / 2), round((rows - h) / 2)
        size = max(4, width * k // _GROUND), max(4, height * k // _GROUND)
        small = cv2.resize(
            plane[y : y + max(1, round(h)), x : x + max(1, round(w))], size, interpolation=cv2.INTER_AREA
        )
        small = cv2.GaussianBlur(small, (0, 0), _GROUND_BLUR * max(size), borderType=cv2.BORDER_REFLECT)
        if k == 1:
            small = cv2.convertScaleAbs(small, alpha=_GROUND_LIGHT, beta=_BLACK * (1 - _GROUND_LIGHT))
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _resampled(plane: Plane, part: tuple[float, ...], size: tuple[int, int], *, still: bool) -> Plane:
    """A part (x, y, w, h) of a plane at (w, h) `size`: reduced by area, enlarged by cubic (Lanczos: 9 x its cost)."""
    x, y, w, h = part
    if still:
        x0, y0 = round(x), round(y)
        cut = plane[y0 : y0 + max(1, round(h)), x0 : x0 + max(1, round(w))]
        if (cut.shape[1], cut.shape[0]) == size:
            return np.ascontiguousarray(cut)
        smaller = size[0] < cut.shape[1]
        kind = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(cut, size, interpolation=kind), np.uint8)
    scale = size[0] / w, size[1] / h
    if scale[0] < 1:
        reduced = round(plane.shape[1] * scale[0]), round(plane.shape[0] * scale[1])
        plane = np.asarray(cv2.resize(plane, reduced, interpolation=cv2.INTER_AREA), np.uint8)
        x, y, scale = x * scale[0], y * scale[1], (1.0, 1.0)
    # Pixel centres: target (i + .5) / s - .5 + x.
    back = np.array(
        [[1 / scale[0], 0, x + 0.5 / scale[0] - 0.5], [0, 1 / scale[1], y + 0.5 / scale[1] - 0.5]], np.float32
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(plane, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _even(value: float) -> int:
    return 2 * round(value / 2)
