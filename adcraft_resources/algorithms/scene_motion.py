"""How the scene around a text moves, from corners followed between two frames.

Belongs here: one local shift. Does not: camera models for filling, text poses (text_presence).
"""

from __future__ import annotations

import cv2
import numpy as np

from adcraft_resources.algorithms.text_boxes import Box, fill_quad, line_height
from adcraft_resources.algorithms.values import Quad, Yuv420

MIN_POINTS = 6
RETURN_ERROR = 1.0  # pixels a corner may be off after the way there and back


def scene_shift(before: Yuv420, after: Yuv420, box: Box, quad: Quad) -> tuple[float, float] | None:
    """Return the median shift (dx, dy) of the scene in `box` outside the text, or None where nothing can be followed.

    Corners by Shi and Tomasi (CVPR 1994), followed by pyramidal Lucas-Kanade with the check of the way back.
    """
    left, top, right, bottom = box
    first, second = before.y[top:bottom, left:right], after.y[top:bottom, left:right]
    free = (~fill_quad(quad, box, grow=0.3 * line_height(quad))).astype(np.uint8)
    corners = cv2.goodFeaturesToTrack(first, 60, 0.02, 6, mask=free)
    if corners is None or len(corners) < MIN_POINTS:
        return None
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, corners, corners.copy(), winSize=(21, 21), maxLevel=3
    )
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        second, first, there, there.copy(), winSize=(21, 21), maxLevel=3
    )
    error = np.linalg.norm((back - corners).reshape(-1, 2), axis=1)
    good = (found.ravel() > 0) & (returned.ravel() > 0) & (error < RETURN_ERROR)
    if good.sum() < MIN_POINTS:
        return None
    dx, dy = np.median((there - corners).reshape(-1, 2)[good], axis=0)
    return float(dx), float(dy)
