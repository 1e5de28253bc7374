"""What a mask means for the blocks of a window: what is filled, what is unsafe to look at, what surrounds it.

Belongs here: index lists that depend on the mask alone, so that they are made once per distinct mask.
Does not: pixel values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Mask
from adcraft_resources.algorithms.window_clip import Indices

RING = 5  # blocks around the unsafe ones on which predictions are tried
AREA_PAD = 4  # blocks kept around the ring so that smoothing has room


@dataclass(frozen=True)
class MaskGeometry:
    """One mask of a window, (h, w) bool with even sides, seen as 2 x 2 blocks."""

    mask: Mask

    @cached_property
    def filled(self) -> NDArray[np.bool_]:
        """Blocks with a masked pixel: their chroma sample is replaced."""
        height, width = self.mask.shape
        return self.mask.reshape(height // 2, 2, width // 2, 2).any(axis=(1, 3))

    @cached_property
    def unsafe(self) -> NDArray[np.bool_]:
        """Filled blocks and their neighbours: sampling there would touch masked pixels."""
        return cv2.dilate(self.filled.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0

    @cached_property
    def traced(self) -> Indices:
        """Flat indices of the unsafe blocks: the order of all per-block lists."""
        return np.flatnonzero(self.unsafe).astype(np.int32)

    @cached_property
    def filled_in_traced(self) -> Indices:
        """Positions of the filled blocks within `traced`."""
        return np.flatnonzero(self.filled.reshape(-1)[self.traced]).astype(np.int32)

    @cached_property
    def blocks(self) -> Indices:
        """Flat indices of the filled blocks."""
        return self.traced[self.filled_in_traced]

    @cached_property
    def _nearest(self) -> tuple[Indices, Indices]:
        free = (~self.unsafe).astype(np.uint8)
        distance, labels = cv2.distanceTransformWithLabels(
            free, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        ring = np.flatnonzero((distance > 0) & (distance <= RING)).astype(np.int32)
        position = np.zeros(int(labels.max()) + 1, np.int32)
        position[labels.reshape(-1)[self.traced]] = np.arange(len(self.traced), dtype=np.int32)
        return ring, position[labels.reshape(-1)[ring]]

    @property
    def ring(self) -> Indices:
        """Flat indices of the blocks around the mask whose true value is known."""
        return self._nearest[0]

    @property
    def ring_follows(self) -> Indices:
        """For each ring block, the position in `traced` of the nearest hidden block."""
        return self._nearest[1]

    @cached_property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns (blocks) that hold the mask, its ring and a margin."""
        rows, columns = np.divmod(np.concatenate([self.traced, self.ring]), self.filled.shape[1])
        return (
            slice(max(0, int(rows.min()) - AREA_PAD), int(rows.max()) + 1 + AREA_PAD),
            slice(max(0, int(columns.min()) - AREA_PAD), int(columns.max()) + 1 + AREA_PAD),
        )

    @cached_property
    def depth(self) -> NDArray[np.float32]:
        """Distance of each filled block (list as `blocks`) to the nearest block outside, in blocks."""
        distance = cv2.distanceTransform(np.pad(self.filled, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 3)
        return distance[1:-1, 1:-1].reshape(-1)[self.blocks].astype(np.float32)
