"""Frames as Y'CbCr planes and back, for work that is done on planes.

Belongs here: the full-range BT.601 planes in which looks work on RGB frames, where 8 bits lose least. Does not: the
planes of a codec with their own matrix and range (video_codecs).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Yuv420


def planes_of(frame: Frame) -> Yuv420:
    """Planes of an RGB frame, bt601 full range, chroma averaged over 2x2 pixels."""
    height, width = frame.shape[:2]
    y, v, u = cv2.split(cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb))
    half = (-(-width // 2), -(-height // 2))
    small = (cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (u, v))
    return Yuv420(*(np.asarray(plane, np.uint8) for plane in (y, *small)), matrix="bt601", range="full")


def luma_of(frame: Frame) -> NDArray[np.uint8]:
    """Luma (h, w) of an RGB frame, bt601 full range."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def frame_of(picture: Yuv420) -> Frame:
    """RGB frame of bt601 full-range planes; raises ValueError for others."""
    if (picture.matrix, picture.range) != ("bt601", "full"):
        raise ValueError(f"planes are {picture.matrix} {picture.range}, not bt601 full")
    height, width = picture.size
    u, v = (
        cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in (picture.u, picture.v)
    )
    return np.asarray(cv2.cvtColor(cv2.merge([picture.y, v, u]), cv2.COLOR_YCrCb2RGB), np.uint8)
