"""Continuing what stands around a mask under it, within one frame, and how wrong that will be.

Belongs here: the smooth spatial prediction and its expected error. Does not: other frames, texture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.window_clip import WindowClip

REFRESH_FRAMES = 6  # an error estimate stays good so long ...
REFRESH_USES = 3  # ... and at least for so many frames painted: under a calm motion those lie apart
SAFE_SHARE = 0.15  # local share of safe samples below which an energy says nothing
LAGS = (1, 2, 4, 8, 16, 32)  # blocks
LOCAL_BLOCKS = 17  # side of the square over which differences are averaged
VARIOGRAM_SHARE = 0.4  # of the squared difference at a place's depth that a smooth continuation gets wrong

Field = NDArray[np.float32]
Rows = NDArray[np.integer]


class Surroundings:
    """Spatial predictions for the frames of one window; error estimates are reused for a few frames."""

    def __init__(self) -> None:
        self._error: Field = np.zeros(0, np.float32)
        self._of: tuple[int, MaskGeometry] | None = None
        self._uses = 0

    def error_of(self, clip: WindowClip, frame: int, geometry: MaskGeometry) -> Field:
        """Return the expected squared luma error (n,) of a smooth continuation at the filled blocks.

        It is the energy of the detail around the mask which such a continuation lacks; it grows with the depth under
        the mask as samples differ with their distance.
        """
        if self._is_stale(frame, geometry):
            rows, columns = geometry.area
            safe = ~geometry.unsafe[rows, columns]
            half = clip.half(frame)[rows, columns].astype(np.float32)
            row, column = geometry.block_rows - rows.start, geometry.block_columns - columns.start
            self._error = VARIOGRAM_SHARE * _variogram(half, safe, row, column, geometry.depth)
            self._of, self._uses = (frame, geometry), 0
        self._uses += 1
        return self._error

    def _is_stale(self, frame: int, geometry: MaskGeometry) -> bool:
        if self._of is None or self._of[1] is not geometry:
            return True
        return frame - self._of[0] >= REFRESH_FRAMES and self._uses >= REFRESH_USES

    def values_of(
        self, clip: WindowClip, frame: int, geometry: MaskGeometry, chosen: NDArray[np.intp]
    ) -> Field:
        """Return (m, 6) values of the chosen filled blocks: four luma pixels, two of chroma."""
        rows, columns = geometry.area
        smooth = push_pull(clip.chroma(frame)[rows, columns], ~geometry.filled[rows, columns])
        row = geometry.block_rows[chosen] - rows.start
        column = geometry.block_columns[chosen] - columns.start
        values = np.empty((len(row), 6), np.float32)
        values[:, 4:] = smooth[row, column]
        height, width = smooth.shape[:2]
        pixels = np.s_[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
        fine = push_pull(clip.luma(frame)[pixels], ~geometry.mask[pixels])
        values[:, :4] = fine.reshape(height, 2, width, 2)[row, :, column].reshape(-1, 4)
        return values


def _variogram(half: Field, safe: NDArray[np.bool_], row: Rows, column: Rows, depth: Field) -> Field:
    """Read, at each place, the mean squared difference of safe samples as far apart as the place is deep."""
    reach = [lag for lag in LAGS if lag <= max(1.5 * float(depth.max()), 1) and lag < min(half.shape)]
    levels = np.stack([_difference_at(half, safe, lag)[row, column] for lag in reach])
    level = np.clip(np.log2(np.maximum(depth, 1)), 0, len(reach) - 1)
    low = np.minimum(level.astype(np.int32), max(len(reach) - 2, 0))
    high = np.minimum(low + 1, len(reach) - 1)
    places = np.arange(len(depth))
    part = level - low
    return (levels[low, places] * (1 - part) + levels[high, places] * part).astype(np.float32)


def _difference_at(half: Field, safe: NDArray[np.bool_], lag: int) -> Field:
    """Local mean of squared differences at a lag, along rows and columns, continued under the mask."""
    planes = np.zeros((*half.shape, 2), np.float32)
    for here, there in (
        (np.s_[:, :-lag], np.s_[:, lag:]),
        (np.s_[:-lag], np.s_[lag:]),
    ):
        pair = (safe[here] & safe[there]).astype(np.float32)
        planes[here][..., 0] += np.square(half[here] - half[there]) * pair
        planes[here][..., 1] += pair
    total, weight = cv2.split(cv2.blur(planes, (LOCAL_BLOCKS, LOCAL_BLOCKS)))
    return push_pull(total / np.maximum(weight, np.float32(1e-3)), (weight > SAFE_SHARE) & safe)
