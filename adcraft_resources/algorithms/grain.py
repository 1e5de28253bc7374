"""Film grain: luma only, held to the middle tones, other in every frame and the same in every run.

Belongs here: making grain and laying it on a luma plane. Does not: dither (dither.py), which is not to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

_MARGIN = 128  # px by which the field is larger than the picture: room for each frame's own cut-out
_SCALE = 256


@dataclass(frozen=True)
class Grain:
    """`strength` is the deviation in luma codes at middle grey, `size_px` about the width of a grain."""

    strength: float = 0.0
    size_px: float = 1.5
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


class GrainField:
    """Grain for pictures of `size` (h, w); `full` says that luma runs over 0..255 instead of 16..235."""

    def __init__(self, grain: Grain, size: tuple[int, int], seed: int, *, full: bool = False) -> None:
        self._size = size
        self._seed = seed
        self._field = _field(grain.size_px, (size[0] + _MARGIN, size[1] + _MARGIN), seed)
        level = np.arange(256) / 255 if full else np.clip((np.arange(256) - 16) / 219, 0, 1)
        held = (4 * level * (1 - level)) ** 0.8 * (
            1.15 - 0.3 * level
        )  # a little more in the shadows, as on film
        self._weight = np.rint(grain.strength * held * 16).astype(np.int16)

    def at(self, luma: NDArray[np.uint8], index: int) -> NDArray[np.int16]:
        """What the grain of frame `index` adds to `luma`, (h, w) code values."""
        top, left, flips = _place(self._seed, index)
        field = self._field[top : top + self._size[0], left : left + self._size[1]]
        field = np.ascontiguousarray(field[:: -1 if flips & 1 else 1, :: -1 if flips & 2 else 1])
        grain = cv2.multiply(cv2.LUT(luma, self._weight), field, scale=1 / (16 * _SCALE))
        return np.asarray(grain, np.int16)


def _field(size_px: float, shape: tuple[int, int], seed: int) -> NDArray[np.int16]:
    noise = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    if size_px > 1:
        noise = cv2.GaussianBlur(noise, (0, 0), size_px / 2.355, borderType=cv2.BORDER_REFLECT)
    noise = np.clip(noise / noise.std(), -3, 3)
    return np.rint(noise * _SCALE).astype(np.int16)


def _place(seed: int, index: int) -> tuple[int, int, int]:
    """Cut-out corner and flips of a frame: the splitmix64 hash of seed and index (Steele et al. 2014)."""
    z = (seed * 0x9E3779B97F4A7C15 + (index + 1) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    z ^= z >> 31
    return z % _MARGIN, (z >> 16) % _MARGIN, (z >> 32) % 4
