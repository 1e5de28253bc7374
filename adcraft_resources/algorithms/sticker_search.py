"""Where on a gliding scene something came up that its camera's move does not explain: candidates for stickers.

Belongs here: two frames in, boxes and shapes out. Does not: time, what becomes of them (stickers).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_motion import Transform
from adcraft_resources.algorithms.glyph_masks import Crop, crop_yuv
from adcraft_resources.algorithms.scene_alignment import aligned_crop, stray_levels
from adcraft_resources.algorithms.text_boxes import Box, clip_box, grow_by
from adcraft_resources.algorithms.values import Mask, Yuv420

SURE_STRAY = 22.0  # levels beyond the scene
SEARCH_SIDE = 480  # long side of the picture candidates are looked for in
JOIN = 0.025  # of the short side: parts of one sticker lie no further apart
LEAST_SIDE, MOST_SIDE = 0.04, 0.5  # of the short side
LEAST_FULL = 0.12  # of its hull; an arrow is thin
MOST_FOUND, MOST_STRAY = (
    3,
    0.05,
)  # candidates, share of the frame that strays: more is a scene of its own life
CALM_RING, RING = 9.0, 0.03  # levels at a candidate's ring, 85th percentile; its width in short sides


def stray_boxes(pair: tuple[Yuv420, Yuv420], transform: Transform, taken: Mask) -> list[tuple[Box, Mask]]:
    """Return the boxes, with room around, and shapes (h, w of the box) of what strays in the second picture."""
    size = pair[1].size
    scale = min(1.0, SEARCH_SIDE / max(size))
    whole = (0, 0, size[1], size[0])
    scene, known = aligned_crop(pair[0], whole, transform)
    small = (max(1, round(size[1] * scale)), max(1, round(size[0] * scale)))
    first, second = (_shrunk(crop, small) for crop in (scene, crop_yuv(pair[1], whole)))
    stray = stray_levels(first, second)
    free = cv2.resize((known & ~taken).astype(np.uint8), small, interpolation=cv2.INTER_NEAREST) > 0
    stray[~free] = 0
    sure = stray > SURE_STRAY
    if float(sure.mean()) > MOST_STRAY:
        return []
    short = min(small)
    opened = cv2.morphologyEx(sure.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = grow_by(opened > 0, JOIN * short)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined.astype(np.uint8))
    found = []
    for k in range(1, count):
        own = (labels == k) & (opened > 0)
        if _sticker_like(own, stats[k], stray, labels == k, short):
            found.append(_enlarged(own, stats[k], size, scale))
    return found if len(found) <= MOST_FOUND else []


def _sticker_like(
    own: Mask, stats: NDArray[np.int32], stray: NDArray[np.float32], around: Mask, short: int
) -> bool:
    x, y, w, h = (int(v) for v in stats[:4])
    rows, columns = own.shape
    if x <= 0 or y <= 0 or x + w >= columns or y + h >= rows:  # it may come in from beyond the screen
        return False
    pad = 2 * JOIN * short
    if (
        min(w, h) - pad < 0.5 * LEAST_SIDE * short
        or not LEAST_SIDE * short <= max(w, h) - pad <= MOST_SIDE * short
    ):
        return False
    if float(own.sum()) < LEAST_FULL * float(hull_of(own).sum()):
        return False
    ring = grow_by(around, RING * short) & ~around
    return float(np.percentile(stray[ring], 85)) <= CALM_RING


def _enlarged(own: Mask, stats: NDArray[np.int32], size: tuple[int, int], scale: float) -> tuple[Box, Mask]:
    x, y, w, h = (float(v) / scale for v in stats[:4])
    pad = 0.2 * max(w, h)
    left, top, right, bottom = clip_box(
        (round(x - pad), round(y - pad), round(x + w + pad), round(y + h + pad)), size
    )
    box = (left // 2 * 2, top // 2 * 2, right, bottom)
    shape = cv2.resize(own.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return box, shape[box[1] : box[3], box[0] : box[2]]


def _shrunk(crop: Crop, size: tuple[int, int]) -> Crop:
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def hull_of(mask: Mask) -> Mask:
    """Return the convex hull of a mask, filled."""
    hull = np.zeros(mask.shape, np.uint8)
    points = cv2.findNonZero(mask.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull.astype(np.bool_)
