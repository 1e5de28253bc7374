"""Frames as Y'CbCr planes and back, for work that is done on planes.

Belongs here: the full-range BT.601 planes in which looks work on RGB frames, where 8 bits lose least. Does not: the
planes of a codec with their own matrix and range (video_codecs).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Yuv420


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


def luma_of(frame: Frame) -> NDArray[np.uint8]:
    """Luma (h, w) of an RGB frame, bt601 full range."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def frame_of(picture: Yuv420) -> Frame:
    """RGB frame of bt601 full-range planes; raises ValueError for others."""
    if (picture.matrix, picture.range) != ("bt601", "full"):
        raise ValueError(f"planes are {picture.matrix} {picture.range}, not bt601 full")
    u, v = (doubled(plane, picture.size) for plane in (picture.u, picture.v))
    return np.asarray(cv2.cvtColor(cv2.merge([picture.y, v, u]), cv2.COLOR_YCrCb2RGB), np.uint8)
