"""Frames as Y'CbCr planes and back, for work that is done on planes.

Belongs here: the full-range BT.601 planes in which looks work on RGB frames, where 8 bits lose least; going through a
picture a few rows at a time. Does not: the planes of a codec with their own matrix and range (video_codecs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Yuv420

Floats = NDArray[np.float32]

BAND = 64  # rows, an even number: a few planes of floats of so many stay in a core's cache


def planes_of(frame: Frame) -> Yuv420:
    """Planes of an RGB frame, bt601 full range, chroma averaged over 2x2 pixels."""
    y, v, u = cv2.split(cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb))
    small = (
        cv2.resize(evened(plane), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for plane in (u, v)
    )
    return Yuv420(*(np.asarray(plane, np.uint8) for plane in (y, *small)), matrix="bt601", range="full")


def evened(plane: NDArray[Any]) -> NDArray[Any]:
    """A plane with its last row and column again where their count is odd: each pixel of half size has four."""
    height, width = plane.shape
    if height % 2 == 0 and width % 2 == 0:
        return plane
    return cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def doubled(plane: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """A plane of half size spread linearly over a picture of `size` (h, w)."""
    wide = cv2.resize(plane, (2 * plane.shape[1], 2 * plane.shape[0]), interpolation=cv2.INTER_LINEAR)
    return wide[: size[0], : size[1]]


def doubled_rows(plane: NDArray[Any], size: tuple[int, ...], top: int) -> NDArray[Any]:
    """The rows of the same from `top`, an even one: as many as `size` (rows, w) says."""
    first = max(0, top // 2 - 1)
    part = doubled(plane[first : -(-(top + size[0]) // 2) + 1], (top - 2 * first + size[0], size[1]))
    return part[top - 2 * first :]


def luma_of(frame: Frame) -> NDArray[np.uint8]:
    """Luma (h, w) of an RGB frame, bt601 full range."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def frame_of(picture: Yuv420) -> Frame:
    """RGB frame of bt601 full-range planes; raises ValueError for others."""
    if (picture.matrix, picture.range) != ("bt601", "full"):
        raise ValueError(f"planes are {picture.matrix} {picture.range}, not bt601 full")
    u, v = (doubled(plane, picture.size) for plane in (picture.u, picture.v))
    return np.asarray(cv2.cvtColor(cv2.merge([picture.y, v, u]), cv2.COLOR_YCrCb2RGB), np.uint8)


def bands(height: int, most: int = BAND) -> Iterator[slice]:
    """The rows of a picture, `most` at a time: what is made of them is used again before it has left the cache."""
    for top in range(0, height, most):
        yield slice(top, min(height, top + most))


Layer = Callable[[slice, Floats], None]
"""Adds to the given rows of a picture (rows, w, 3), or writes them."""


def whole(layer: Layer, size: tuple[int, ...]) -> Floats:
    """What a layer adds to all of a picture, (h, w, 3)."""
    out = np.zeros((*size[:2], 3), np.float32)
    for rows in bands(len(out)):
        layer(rows, out[rows])
    return out


class Spread:
    """A small plane (rows, columns[, channels]) spread linearly over a picture, a few rows at a time.

    For one thread: what a call returns is overwritten by the next.
    """

    def __init__(self, small: Floats, size: tuple[int, ...]) -> None:
        height, width = size[:2]
        self._shape = (width, *small.shape[2:])
        wide = cv2.resize(small, (width, len(small)), interpolation=cv2.INTER_LINEAR)
        self._wide = np.asarray(wide, np.float32).reshape(len(small), -1)
        at = np.clip((np.arange(height) + 0.5) * (len(small) / height) - 0.5, 0, len(small) - 1)
        self._above = at.astype(np.intp)
        self._below = np.minimum(self._above + 1, len(small) - 1)
        self._share = (at - self._above).astype(np.float32)[:, None]
        self._kept = np.empty((2, 0, self._wide.shape[1]), np.float32)

    def __call__(self, rows: slice) -> Floats:
        """The picture's `rows`."""
        above, below = self._above[rows], self._below[rows]
        if self._kept.shape[1] < len(above):
            self._kept = np.empty((2, len(above), self._wide.shape[1]), np.float32)
        out, step = self._kept[:, : len(above)]
        np.take(self._wide, above, 0, out=out, mode="clip")
        np.take(self._wide, below, 0, out=step, mode="clip")
        step -= out
        step *= self._share[rows]
        out += step
        return out.reshape(len(out), *self._shape)
