"""What a mask means for the blocks of a window: what is filled, what is unsafe to look at, what surrounds it.

Belongs here: index lists that depend on the mask alone, so that they are made once per distinct mask.
Does not: pixel values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Mask
from adcraft_resources.algorithms.window_clip import Indices

RING = 3  # blocks around the unsafe ones on which predictions are tried
CELL = 4  # blocks: ring errors are averaged over cells of this side
AREA_PAD = 4  # blocks kept around the ring so that smoothing has room
_LISTS = (
    "_around",
    "depth",
    "pixels",
    "ring_cells",
    "block_cells",
    "block_rows",
    "block_columns",
    "block_places",
)
_LISTS += ("ring_places",)


@dataclass(frozen=True)
class MaskGeometry:
    """One mask of a window, (h, w) bool with even sides, seen as 2 x 2 blocks."""

    mask: Mask

    def forget_lists(self) -> None:
        """Let go of the long lists made for filling; whoever asks for one again has it made again."""
        for name in _LISTS:
            self.__dict__.pop(name, None)

    @cached_property
    def filled(self) -> NDArray[np.bool_]:
        """Blocks with a masked pixel: their chroma sample is replaced."""
        height, width = self.mask.shape
        return np.asarray(self.mask.reshape(height // 2, 2, width // 2, 2).any(axis=(1, 3)), np.bool_)

    @cached_property
    def unsafe(self) -> NDArray[np.bool_]:
        """Filled blocks and their neighbours: sampling there would touch masked pixels."""
        return np.asarray(cv2.dilate(self.filled.view(np.uint8), np.ones((3, 3), np.uint8))).view(np.bool_)

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
    def _around(self) -> tuple[Indices, Indices]:
        free = (~self.unsafe).astype(np.uint8)
        distance, labels = cv2.distanceTransformWithLabels(
            free, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        labels = np.asarray(labels, np.int32)
        ring = np.flatnonzero((distance > 0) & (distance <= RING)).astype(np.int32)
        ring = ring[(ring + ring // free.shape[1]) % 2 == 0]  # every other block, as on a chessboard
        of_label = np.zeros(int(labels.max()) + 1, np.int32)
        of_label[labels.reshape(-1)[self.traced]] = self.traced
        edge = of_label[labels.reshape(-1)[ring]]
        height, width = free.shape
        (row, column), (edge_row, edge_column) = np.divmod(ring, width), np.divmod(edge, width)
        row = np.clip(2 * edge_row - row, 0, height - 1)
        column = np.clip(2 * edge_column - column, 0, width - 1)
        mirrored = row * width + column
        follows = np.where(self.unsafe.reshape(-1)[mirrored], mirrored, edge)
        return ring, np.searchsorted(self.traced, follows).astype(np.int32)

    @property
    def ring(self) -> Indices:
        """Flat indices of the blocks around the mask whose true value is known."""
        return self._around[0]

    @property
    def ring_follows(self) -> Indices:
        """For each ring block, the position in `traced` of the hidden block it stands for.

        That is its mirror image in the edge of the mask, so that sources deep inside are tried too.
        """
        return self._around[1]

    @cached_property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns (blocks) that hold the mask, its ring and a margin."""
        rows, columns = np.divmod(np.concatenate([self.traced, self.ring]), self.filled.shape[1])
        height, width = self.filled.shape
        return (
            slice(max(0, int(rows.min()) - AREA_PAD), min(height, int(rows.max()) + 1 + AREA_PAD)),
            slice(max(0, int(columns.min()) - AREA_PAD), min(width, int(columns.max()) + 1 + AREA_PAD)),
        )

    @cached_property
    def depth(self) -> NDArray[np.float32]:
        """Distance of each filled block (list as `blocks`) to the nearest block outside, in blocks."""
        distance = cv2.distanceTransform(np.pad(self.filled, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 3)
        return distance[1:-1, 1:-1].reshape(-1)[self.blocks].astype(np.float32)

    @cached_property
    def pixels(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Masked pixels: row, column, and position in a (blocks, 4) list of the blocks' pixels."""
        row, column = np.divmod(self.blocks, self.filled.shape[1])
        rows = (2 * row)[:, None] + np.array([0, 0, 1, 1])
        columns = (2 * column)[:, None] + np.array([0, 1, 0, 1])
        chosen = np.flatnonzero(self.mask[rows, columns].reshape(-1))
        return rows.reshape(-1)[chosen], columns.reshape(-1)[chosen], chosen

    @cached_property
    def cells(self) -> tuple[int, int]:
        """Height and width of the coarse grid over `area`, in cells of CELL blocks."""
        rows, columns = self.area
        return -(-(rows.stop - rows.start) // CELL), -(-(columns.stop - columns.start) // CELL)

    @cached_property
    def ring_cells(self) -> Indices:
        """Flat cell of each ring block."""
        row, column = np.divmod(self.ring, self.filled.shape[1])
        return (
            (row - self.area[0].start) // CELL * self.cells[1] + (column - self.area[1].start) // CELL
        ).astype(np.int32)

    @cached_property
    def block_cells(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Fractional cell coordinates (x, y) of the filled blocks, for bilinear reading."""
        row, column = np.divmod(self.blocks, self.filled.shape[1])
        x = (column - self.area[1].start + 0.5) / CELL - 0.5
        y = (row - self.area[0].start + 0.5) / CELL - 0.5
        return x.astype(np.float32), y.astype(np.float32)

    @cached_property
    def block_rows(self) -> NDArray[np.intp]:
        """Row of each filled block."""
        return np.asarray(self.blocks // self.filled.shape[1], np.intp)

    @cached_property
    def block_columns(self) -> NDArray[np.intp]:
        """Column of each filled block."""
        return np.asarray(self.blocks % self.filled.shape[1], np.intp)

    @cached_property
    def block_places(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Row and column of each filled block, ready for arithmetic."""
        return self.block_rows.astype(np.float32), self.block_columns.astype(np.float32)

    @cached_property
    def ring_places(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Row and column of each ring block."""
        row, column = np.divmod(self.ring, self.filled.shape[1])
        return row.astype(np.float32), column.astype(np.float32)


def forget_after(geometries: Sequence[MaskGeometry | None], frame: int) -> None:
    """Drop a mask's lists after its last frame in a row: a chunk may hold hundreds of masks."""
    geometry = geometries[frame]
    if geometry is not None and (frame + 1 == len(geometries) or geometries[frame + 1] is not geometry):
        geometry.forget_lists()
