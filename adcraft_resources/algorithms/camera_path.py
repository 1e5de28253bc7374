"""The camera's path through a clip as one similarity a frame, for looks that ride on the scene.

Belongs here: following the camera from frame to frame and chaining the steps. Does not: motion for filling text
(camera_motion.py, which wants homographies and masks), dense flow (flow_carrying.py).

Steps chained from frame to frame hold where a direct comparison fails: after a second of a fast pan two frames may
share nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Shot

Motion = NDArray[np.float64]
"""3x3 similarity on pixels (x, y, 1) of the full picture."""

_SIDE = 288  # px of the short side the camera is followed at
_CORNERS, _QUALITY, _APART = 300, 0.01, 7
_FEWEST = 8  # corners that must be found again
_INLIER_PX = 1.0


class CameraPath:
    """Where the camera stood: `start[t]` takes pixels of frame t to those of its shot's first frame."""

    def __init__(self, start: Sequence[Motion]) -> None:
        self._start = start

    def to_start(self, index: int) -> Motion:
        """From frame `index` to the first frame of its shot."""
        return self._start[min(index, len(self._start) - 1)]

    def between(self, index: int, other: int) -> Motion:
        """From frame `index` to frame `other` of the same shot."""
        return np.linalg.inv(self.to_start(other)) @ self.to_start(index)


def trace_camera(lumas: Iterable[NDArray[np.uint8]], shots: Sequence[Shot]) -> CameraPath:
    """Follow the camera through the luma planes of a clip, starting anew at each shot.

    Corners (Shi and Tomasi 1994) are followed by pyramidal Lucas-Kanade; the similarity most of them agree on is
    the step (RANSAC).
    """
    firsts = {shot.first_frame for shot in shots}
    path: list[Motion] = []
    before: NDArray[np.uint8] | None = None
    for index, luma in enumerate(lumas):
        scale = min(1.0, _SIDE / min(luma.shape))
        now = luma if scale == 1 else _shrunk(luma, scale)
        if before is None or index in firsts:
            path.append(np.eye(3))
        else:
            path.append(path[-1] @ _step(now, before, scale))
        before = now
    return CameraPath(path)


def _shrunk(luma: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _step(now: NDArray[np.uint8], before: NDArray[np.uint8], scale: float) -> Motion:
    """The similarity from `now` to `before` in pixels of the full picture; the identity if it cannot be told."""
    corners = cv2.goodFeaturesToTrack(now, _CORNERS, _QUALITY, _APART)
    if corners is None:
        return np.eye(3)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(now, before, corners, np.empty_like(corners))
    kept = found[:, 0] > 0
    if int(kept.sum()) <= _FEWEST:
        return np.eye(3)
    step, _ = cv2.estimateAffinePartial2D(corners[kept], moved[kept], ransacReprojThreshold=_INLIER_PX)
    if step is None:
        return np.eye(3)
    out = np.vstack([step, [0.0, 0.0, 1.0]])
    out[:2, 2] /= scale
    return out
