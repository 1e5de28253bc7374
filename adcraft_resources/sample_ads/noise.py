"""Random textures that look the same on every machine.

Belongs here: seeded, tileable noise and its sampling. Does not: what the noise is used for.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]
"""Numbers, one a point or pixel; float32 throughout."""

_TILE = 512
_ROW = 1024
_FAR = 30_000


@cache
def noise_tile(seed: int, first_cells: int = 4, octaves: int = 6, gain: float = 0.5) -> Plane:
    """Make a tileable texture of fractal value noise, (512, 512) float32, mean 0, about -1 to 1."""
    random = np.random.default_rng(seed)
    total = np.zeros((_TILE, _TILE), np.float32)
    for octave in range(octaves):
        cells = first_cells << octave
        if cells > _TILE:
            break
        grid = random.uniform(-1, 1, (cells, cells)).astype(np.float32)
        wrapped = np.pad(grid, 2, mode="wrap")
        step = _TILE // cells
        grown = cv2.resize(wrapped, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += grown[2 * step : 2 * step + _TILE, 2 * step : 2 * step + _TILE] * gain**octave
    return total / max(1e-6, float(np.abs(total).max()))


def sample(tile: Plane, x: Plane, y: Plane, size: float) -> Plane:
    """Read a tile that repeats every `size` units at the points (x, y), (n,) float32 each."""
    scale, limit = np.float32(_TILE / size), np.float32(_FAR)  # beyond it OpenCV's fixed-point maps overflow
    return read_at(
        tile, np.clip(x * scale, -limit, limit), np.clip(y * scale, -limit, limit), cv2.BORDER_WRAP
    )


def read_at(picture: NDArray[Any], x: Plane, y: Plane, border: int = cv2.BORDER_CONSTANT) -> NDArray[Any]:
    """Read a picture between its pixels at the points (x, y), (n,) each; returns (n,) or (n, channels)."""
    count = len(x)
    rows = -(-count // _ROW)
    maps = np.zeros((2, rows * _ROW), np.float32)  # OpenCV wants maps of less than 32767 a side
    maps[0, :count], maps[1, :count] = x, y
    across, down = maps.reshape(2, rows, _ROW)
    found = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=border)
    return found.reshape(rows * _ROW, *picture.shape[2:])[:count]
