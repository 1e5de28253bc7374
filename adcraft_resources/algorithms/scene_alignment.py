"""Where the scene of one remembered frame lies in another: what a camera's move does to pictures seconds apart.

Belongs here: aligning two frames directly, and comparing them then. Does not: frame by frame motion for filling
(camera_motion), what a difference means (mask_growth, text_kinds).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_motion import MIN_PAIRS, Transform, fit_transform
from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import Crop, crop_yuv
from adcraft_resources.algorithms.text_boxes import Box, clip_box
from adcraft_resources.algorithms.values import Mask, Yuv420

ANALYSIS_SIDE = 640  # long side of the picture corners are followed on
CORNERS, QUALITY, APART = 220, 0.005, 8
RETURN_PX = 0.7  # a corner may be off after the way there and back
AGREEING = 0.6  # of the corners found again
AGREEING_PX = 1.2  # at analysis size
CAMERA_PX = 0.7  # a smaller move of the camera needs no alignment
KEPT = 160  # alignments remembered
MARGIN = 2  # pixels around a crop for the interpolation


class SceneAlignment:
    """Aligns frames of a memory; each pair is worked out once."""

    def __init__(self, memory: FrameMemory) -> None:
        self._memory = memory
        self._known: dict[tuple[int, int], Transform | None] = {}
        self._small: dict[int, NDArray[np.uint8]] = {}

    def between(self, a: int, b: int, hidden: Sequence[Box] = ()) -> Transform | None:
        """Return the transform that takes pixels of frame `a` to those of frame `b`, or None where none is sure.

        `hidden` are places that may not belong to the scene. Both frames must be remembered and of one shot.
        """
        if a == b:
            return np.eye(3)
        if (a, b) not in self._known:
            if len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[a, b] = self._align(a, b, hidden)
        return self._known[a, b]

    def _align(self, a: int, b: int, hidden: Sequence[Box]) -> Transform | None:
        pair = self._memory.pair(a, b)
        if pair is None:
            return None
        size = pair[0].size
        scale = min(1.0, ANALYSIS_SIDE / max(size))
        first, second = (self._shrunk(k, picture, scale) for k, picture in zip((a, b), pair, strict=True))
        free = np.full(first.shape, 255, np.uint8)
        for left, top, right, bottom in hidden:
            x, y, w, h = (round(value * scale) for value in (left, top, right, bottom))
            free[max(0, y - 2) : h + 2, max(0, x - 2) : w + 2] = 0
        found = _follow_corners(first, second, free)
        return None if found is None else _unscaled(found, scale)

    def _shrunk(self, index: int, picture: Yuv420, scale: float) -> NDArray[np.uint8]:
        if index not in self._small:
            for old in [k for k in self._small if self._memory.picture(k) is None]:
                del self._small[old]
            small = cv2.resize(picture.y, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            self._small[index] = np.asarray(small, np.uint8)
        return self._small[index]


def _follow_corners(
    first: NDArray[np.uint8], second: NDArray[np.uint8], free: NDArray[np.uint8]
) -> Transform | None:
    """Return the transform most corners agree on (Shi and Tomasi 1994, pyramidal Lucas-Kanade, the way back)."""
    corners = cv2.goodFeaturesToTrack(first, CORNERS, QUALITY, APART, mask=free, blockSize=5)
    if corners is None or len(corners) < MIN_PAIRS:
        return None
    window, levels = (17, 17), 4
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, corners, np.empty_like(corners), winSize=window, maxLevel=levels
    )
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        second, first, there, np.empty_like(corners), winSize=window, maxLevel=levels
    )
    error = np.linalg.norm((back - corners).reshape(-1, 2), axis=1)
    good = (found.ravel() > 0) & (returned.ravel() > 0) & (error < RETURN_PX)
    if int(good.sum()) < MIN_PAIRS:
        return None
    here, now = corners.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
    fitted = fit_transform(here, now)
    if fitted is None:
        return None
    off = cv2.perspectiveTransform(here[None].astype(np.float64), fitted)[0] - now
    return fitted if float(np.mean(np.hypot(*off.T) < AGREEING_PX)) >= AGREEING else None


def _unscaled(transform: Transform, scale: float) -> Transform:
    # Pixel centres: x_small = (x + 0.5) * scale - 0.5.
    shift = 0.5 * scale - 0.5
    down = np.array([[scale, 0, shift], [0, scale, shift], [0, 0, 1]])
    return np.linalg.inv(down) @ transform @ down


def moves_at(transform: Transform, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how points (n, 2) move under a transform, (n, 2) pixels."""
    here = points.astype(np.float64)
    return np.asarray(cv2.perspectiveTransform(here[None], transform)[0] - here, np.float64)


def box_corners(box: Box) -> NDArray[np.float64]:
    """Return the corners of a box, (4, 2)."""
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def aligned_crop(picture: Yuv420, box: Box, transform: Transform) -> tuple[Crop, Mask]:
    """Return what `picture` shows at `box` of another frame, (h, w, 3) Y, U, V, and where it shows anything.

    Args:
        picture: The frame to take from.
        box: In pixels of the other frame.
        transform: Takes pixels of `picture` to pixels of the other frame.
    """
    back = np.asarray(np.linalg.inv(transform), np.float64)
    corners = box_corners(box)
    place = corners + moves_at(back, corners)
    (x0, y0), (x1, y1) = np.floor(place.min(axis=0)) - MARGIN, np.ceil(place.max(axis=0)) + MARGIN
    left, top, right, bottom = clip_box((int(x0), int(y0), int(x1), int(y1)), picture.size)
    source = (left // 2 * 2, top // 2 * 2, right, bottom)
    crop = crop_yuv(picture, source)
    # from pixels of the wanted crop to pixels of the cut one
    out = np.array([[1, 0, box[0]], [0, 1, box[1]], [0, 0, 1]], np.float64)
    inner = np.array([[1, 0, -source[0]], [0, 1, -source[1]], [0, 0, 1]], np.float64)
    matrix = inner @ back @ out
    width, height = box[2] - box[0], box[3] - box[1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(crop, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    known = np.full(crop.shape[:2], 255, np.uint8)
    seen = cv2.warpPerspective(known, matrix, (width, height), flags=flags)
    return np.asarray(moved, np.uint8), seen == np.iinfo(np.uint8).max


def stray_levels(scene: Crop, shown: Crop) -> NDArray[np.float32]:
    """Return by how many levels each pixel of `shown` lies outside what `scene` has within a pixel around it.

    The most of the three planes; an alignment half a pixel off leaves nothing.
    """
    kernel = np.ones((3, 3), np.uint8)
    above = cv2.subtract(shown, cv2.dilate(scene, kernel))
    below = cv2.subtract(cv2.erode(scene, kernel), shown)
    return largest_channel(np.asarray(cv2.max(above, below), np.uint8)).astype(np.float32)
