"""Light that a look lays over the picture: a smooth gain in space, learned from keys.

Belongs here: fitting a map of gains fixed to the screen or to the scene, and reading it for a frame. Does not: colour
(cube_fitting.py), choosing between the two (look_propagation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_path import Motion
from adcraft_resources.algorithms.planes import Spread

Plane = NDArray[np.float32]

_GRID = 20  # cells along the short side
_MOST_CELLS = 120  # along a side of a map that covers a long pan
_SCALES = (12.0, 4.0, 1.5, 0.7)  # cells; what a fine scale did not see is told by the coarser one
_HOLD = 0.02  # weight of the coarser scale against the mean weight of a cell
_GAINS = (0.2, 4.0)
_CLIPPED, _TOP, _DARK = 250, 255, 4  # codes that say little about gain
_READ_AT = 4  # a map is smooth: it is read at a quarter of the picture's size


@dataclass(frozen=True)
class LightMap:
    """Gains (rows, columns, 3) in cells; `to_cells` takes pixels of the frame the map is fixed to there."""

    gains: Plane
    to_cells: Motion

    def at(self, size: tuple[int, ...], motion: Motion) -> Plane:
        """Gains (h, w, 3) for a picture of `size` whose pixels `motion` takes to the map's frame."""
        return self.over(size, motion)(slice(None))

    def over(self, size: tuple[int, ...], motion: Motion) -> Spread:
        """The same a few rows at a time."""
        return Spread(self.small_at(size, motion), size)

    def small_at(self, size: tuple[int, ...], motion: Motion) -> Plane:
        """The same at a quarter of the size, from which it is spread linearly."""
        height, width = size[:2]
        small = (-(-width // _READ_AT), -(-height // _READ_AT))
        matrix = self.to_cells @ motion @ np.linalg.inv(_scaled(small[0] / width, small[1] / height))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        read = cv2.warpAffine(self.gains, matrix[:2], small, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(read, np.float32)

    def for_larger(self, ratio: float) -> LightMap:
        """The same map for pictures `ratio` times as large."""
        return LightMap(self.gains, self.to_cells @ np.linalg.inv(_scaled(ratio, ratio)))


def fit_light(pairs: Sequence[tuple[Plane, Plane]], motions: Sequence[Motion]) -> LightMap:
    """The map that best takes each expected picture to its restyled one (codes, above 255 where that is known).

    `motions` take each picture's pixels to the frame the map is fixed to: identities for light on the screen.
    """
    height, width = pairs[0][1].shape[:2]
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
    seen = np.hstack([(motion @ corners)[:2] for motion in motions])
    low, span = seen.min(1), np.ptp(seen, axis=1)
    cell = max(min(height, width) / _GRID, float(span.max()) / _MOST_CELLS)
    cells = tuple(max(2, int(np.ceil(side / cell))) for side in span)
    to_cells = _scaled(cells[0] / span[0], cells[1] / span[1]) @ _shifted(-low)
    over, under = np.zeros((2, cells[1], cells[0], 3), np.float32)
    for (expected, styled), motion in zip(pairs, motions, strict=True):
        for total, part in zip((over, under), _products(expected, styled), strict=True):
            shrink = _scaled(part.shape[1] / width, part.shape[0] / height)
            matrix = to_cells @ motion @ np.linalg.inv(shrink)
            np.add(total, cv2.warpAffine(part, matrix[:2], cells, flags=cv2.INTER_LINEAR), out=total)
    return LightMap(_ratio(over, under), to_cells)


def _products(expected: Plane, styled: Plane) -> tuple[Plane, Plane]:
    """Products whose ratio is the gain, averaged over half cells; clipped pixels count little."""
    height, width = styled.shape[:2]
    half = min(height, width) / (2 * _GRID)
    size = max(2, round(width / half)), max(2, round(height / half))
    fair = np.where(
        ((styled > _CLIPPED) & (styled <= _TOP)) | (expected < _DARK), np.float32(0.02), np.float32(1)
    )
    over, under = (
        cv2.resize(np.asarray(part, np.float32), size, interpolation=cv2.INTER_AREA)
        for part in (fair * expected * styled, fair * expected * expected)
    )
    return np.asarray(over, np.float32), np.asarray(under, np.float32)


def _ratio(over: Plane, under: Plane) -> Plane:
    """The smooth gain per cell and channel, from coarse to fine."""
    hold = _HOLD * under.mean((0, 1)) + 1e-3
    gain = np.broadcast_to((over.sum((0, 1)) + 1e-3) / (under.sum((0, 1)) + 1e-3), over.shape)
    for sigma in _SCALES:
        top, bottom = (
            cv2.GaussianBlur(part, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for part in (over, under)
        )
        gain = (top + hold * gain) / (bottom + hold)
    return np.asarray(np.clip(gain, *_GAINS), np.float32)


def _scaled(x: float, y: float) -> Motion:
    """Pixels to pixels of a picture `x` and `y` times as wide and high; centres to centres."""
    return np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5], [0, 0, 1]], np.float64)


def _shifted(by: NDArray[np.float64]) -> Motion:
    return np.array([[1, 0, by[0]], [0, 1, by[1]], [0, 0, 1]], np.float64)
