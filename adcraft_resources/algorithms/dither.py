"""The noise that hides quantisation: a blue-noise tile, the same in every run and on every frame.

Belongs here: making the tile and repeating it over a picture. Does not: film grain, which is meant to be seen.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 64  # px; larger than the eye joins into a pattern at this amplitude


@lru_cache(maxsize=1)
def blue_noise() -> NDArray[np.float32]:
    """Tile (64, 64) of values spread evenly over 0..1 (exclusive), low frequencies removed.

    White noise is high-passed and its values respread by rank, again and again: it converges to noise like that
    of void-and-cluster (Ulichney 1993) in milliseconds.
    """
    tile = np.random.default_rng(20240229).random((TILE, TILE), dtype=np.float32)
    ranks = (np.arange(TILE * TILE, dtype=np.float32) + 0.5) / (TILE * TILE)
    for _ in range(24):
        wide = cv2.copyMakeBorder(tile, 16, 16, 16, 16, cv2.BORDER_WRAP)
        high = tile - cv2.GaussianBlur(wide, (0, 0), 1.5)[16:-16, 16:-16]
        order = np.argsort(high, axis=None, kind="stable")
        tile = np.empty(TILE * TILE, np.float32)
        tile[order] = ranks
        tile = tile.reshape(TILE, TILE)
    return tile


def noise_field(size: tuple[int, int], *, shift: tuple[int, int] = (0, 0)) -> NDArray[np.float32]:
    """Blue noise of `size` (h, w), 0..1; `shift` rolls the tile, so that two fields do not repeat each other."""
    height, width = size
    tile = np.roll(blue_noise(), shift, (0, 1))
    return np.tile(tile, (-(-height // TILE), -(-width // TILE)))[:height, :width].copy()
