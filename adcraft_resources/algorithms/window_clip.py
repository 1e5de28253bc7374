"""The pictures of one window through a chunk, laid out so that any pixel of any frame is one look-up away.

Belongs here: storage, and sampling at (frame, x, y). Does not: deciding what to sample.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_windows import Window
from adcraft_resources.algorithms.values import Mask, Yuv420

MAX_SIDE = 32_000  # cv2.remap addresses pictures with 16 bit
LIST_WIDTH = 4096  # lists of points are handed to cv2.remap as rows of this length

Points = NDArray[np.floating]
Indices = NDArray[np.integer]


class WindowClip:
    """Crops of `count` frames as planes: luma, chroma (u, v interleaved) and luma at half size.

    All frames of a plane lie in one atlas, side by side, so that pixels of different frames are gathered by a
    single `cv2.remap`. A block is the 2 x 2 luma pixels of one chroma sample.
    """

    def __init__(self, window: Window, count: int) -> None:
        self.window = window
        self.count = count
        self.blocks = (window.height // 2, window.width // 2)
        columns = min(count, max(1, MAX_SIDE // window.width))
        rows = -(-count // columns)
        if rows * window.height > MAX_SIDE:
            raise ValueError(f"{count} frames of {window.width}x{window.height} do not fit one atlas")
        self._columns = columns
        tops, lefts = np.divmod(np.arange(count), columns)
        self._tops, self._lefts = tops.astype(np.float32), lefts.astype(np.float32)
        self._luma = np.zeros((rows * window.height, columns * window.width), np.uint8)
        self._chroma = np.zeros((rows * self.blocks[0], columns * self.blocks[1], 2), np.uint8)
        self._half = np.zeros((rows * self.blocks[0], columns * self.blocks[1]), np.uint8)
        self.hidden = np.zeros((count, *self.blocks), np.bool_)
        """Blocks no other frame may look at: masked, or so close that sampling would touch the mask."""

    @staticmethod
    def bytes_per_pixel() -> float:
        """Memory a window pixel of one frame takes, bookkeeping of the tracing included."""
        return 2.2

    def put(self, frame: int, picture: Yuv420, hidden: Mask) -> None:
        """Store the window's part of a full picture; `hidden` is (blocks) bool."""
        area = self.window
        y, x = area.y, area.x
        self.luma(frame)[:] = picture.y[y : y + area.height, x : x + area.width]
        half = np.s_[y // 2 : (y + area.height) // 2, x // 2 : (x + area.width) // 2]
        self.chroma(frame)[..., 0] = picture.u[half]
        self.chroma(frame)[..., 1] = picture.v[half]
        self.hidden[frame] = hidden
        self.refresh_half(frame)

    def take(self, frame: int, picture: Yuv420) -> None:
        """Write the window's part back into a full picture, in place."""
        area = self.window
        y, x = area.y, area.x
        picture.y[y : y + area.height, x : x + area.width] = self.luma(frame)
        half = np.s_[y // 2 : (y + area.height) // 2, x // 2 : (x + area.width) // 2]
        picture.u[half] = self.chroma(frame)[..., 0]
        picture.v[half] = self.chroma(frame)[..., 1]

    def luma(self, frame: int) -> NDArray[np.uint8]:
        """Luma of a frame, (h, w), a view."""
        return self._view(self._luma, frame, self.window.height, self.window.width)

    def chroma(self, frame: int) -> NDArray[np.uint8]:
        """Chroma of a frame, (h / 2, w / 2, 2), a view."""
        return self._view(self._chroma, frame, *self.blocks)

    def half(self, frame: int) -> NDArray[np.uint8]:
        """Luma of a frame at half size, (h / 2, w / 2), a view."""
        return self._view(self._half, frame, *self.blocks)

    def refresh_half(self, frame: int) -> None:
        """Bring the half-size luma up to date after the luma was written."""
        cv2.resize(self.luma(frame), self.blocks[::-1], dst=self.half(frame), interpolation=cv2.INTER_AREA)

    def half_at(self, frames: Indices, x: Points, y: Points) -> Points:
        """Half-size luma at block coordinates (x, y) of each one's frame, (n,) float32."""
        return self._gather(self._half, self.blocks, frames, x, y, cv2.INTER_LINEAR)

    def chroma_at(self, frames: Indices, x: Points, y: Points) -> Points:
        """Chroma at block coordinates, (n, 2) float32."""
        return self._gather(self._chroma, self.blocks, frames, x, y, cv2.INTER_LINEAR)

    def luma_at(self, frames: Indices, x: Points, y: Points) -> Points:
        """The four luma pixels of blocks whose top left one lies at (x, y), bicubic, (n, 4) float32."""
        height, width = self.window.height, self.window.width
        map_x = np.clip(x, 0, width - 2) + self._lefts[frames] * np.float32(width)
        map_y = np.clip(y, 0, height - 2) + self._tops[frames] * np.float32(height)
        four_x = (map_x[:, None] + np.array([0, 1, 0, 1], np.float32)).reshape(-1)
        four_y = (map_y[:, None] + np.array([0, 0, 1, 1], np.float32)).reshape(-1)
        return read_points(self._luma, four_x, four_y, cv2.INTER_CUBIC).reshape(-1, 4)

    def _view(self, atlas: NDArray[np.uint8], frame: int, height: int, width: int) -> NDArray[np.uint8]:
        row, column = divmod(frame, self._columns)
        return atlas[row * height : (row + 1) * height, column * width : (column + 1) * width]

    def _gather(
        self,
        atlas: NDArray[np.uint8],
        size: tuple[int, int],
        frames: Indices,
        x: Points,
        y: Points,
        interpolation: int,
    ) -> Points:
        map_x = np.clip(x, 0, size[1] - 1) + self._lefts[frames] * np.float32(size[1])
        map_y = np.clip(y, 0, size[0] - 1) + self._tops[frames] * np.float32(size[0])
        return read_points(atlas, map_x, map_y, interpolation)


def read_points(plane: NDArray[Any], x: Points, y: Points, interpolation: int) -> NDArray[np.float32]:
    """Return the plane's values, (n,) or (n, c) float32, at (x, y): a list of points instead of a map."""
    count = len(x)
    padded = -(-max(count, 1) // LIST_WIDTH) * LIST_WIDTH
    maps = np.empty((2, padded), np.float32)
    maps[0, :count], maps[1, :count] = x, y
    maps[:, count:] = 0
    lists = maps.reshape(2, -1, LIST_WIDTH)
    out = cv2.remap(plane, lists[0], lists[1], interpolation, borderMode=cv2.BORDER_REPLICATE)
    return out.reshape(padded, *plane.shape[2:])[:count].astype(np.float32)
