"""How the camera moves from frame to frame: one transform a step, from corners outside the masks.

Belongs here: tracking points and fitting transforms. Does not: per-pixel flow, or what the motion is used for.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Mask

Transform = NDArray[np.float64]
"""3 x 3 matrix on (x, y, 1) in display pixels."""

CORNERS = 240
FOLLOWED_FRAMES = 5  # before new points are looked for
REFITS = 4
INLIER_PX = 0.8  # at analysis size
TRUSTED_SHARE = 0.5
MIN_PAIRS = 12  # fewer pairs than this cannot outvote a moving person
STILL_PX = 0.6  # a camera that strays less than this over a whole chunk stands still
LOST_LEVELS = 20  # a patch this different from where it was tracked to was lost
TIGHT_PX = 0.08  # inliers of the last fit: a slowly moving person must not bend a still camera
ANALYSIS_SIDE = 640  # long side of the picture points are tracked on


class CameraTracker:
    """Follows the camera through the frames of one shot; `push` each frame in order, then read `steps`."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._scale = min(1.0, ANALYSIS_SIDE / max(size))
        self._size = size
        self._last: NDArray[np.uint8] | None = None
        self._hidden: Mask | None = None
        self._free: NDArray[np.uint8] | None = None
        self._points = np.empty((0, 2), np.float32)
        self._age = FOLLOWED_FRAMES
        self._enough = 0
        self._steps: list[Transform] = []
        self._agreement: list[float] = []

    def push(self, luma: NDArray[np.uint8], hidden: Mask | None) -> None:
        """Take the next frame's luma (h, w) and its mask of pixels that do not belong to the scene."""
        shape = (max(1, round(self._size[1] * self._scale)), max(1, round(self._size[0] * self._scale)))
        small = np.asarray(cv2.resize(luma, shape, interpolation=cv2.INTER_AREA), np.uint8)
        if hidden is not self._hidden or self._free is None:
            self._hidden, self._free = hidden, _free_of(hidden, shape)
        if self._last is None:
            self._steps.append(np.eye(3))
        else:
            self._steps.append(self._unscaled(self._step(small)))
        self._last = small

    def _step(self, small: NDArray[np.uint8]) -> Transform:
        """Return the transform that takes points of `small` to the frame before; identity if it cannot be told."""
        last, free = self._last, self._free
        if last is None or free is None:
            raise ValueError("there is no frame before the first")
        if self._age >= FOLLOWED_FRAMES or len(self._points) < self._enough:
            found = cv2.goodFeaturesToTrack(last, CORNERS, 0.01, 7, mask=free, blockSize=5)
            self._points = np.empty((0, 2), np.float32) if found is None else found.reshape(-1, 2)
            self._age, self._enough = 0, len(self._points) // 2
        self._age += 1
        before = self._points
        if len(before) < MIN_PAIRS:
            return np.eye(3)
        now, found, error = cv2.calcOpticalFlowPyrLK(
            last, small, before[:, None], np.empty_like(before[:, None]), winSize=(17, 17), maxLevel=3
        )
        now = now.reshape(-1, 2)
        ok = (found.ravel() > 0) & (error.ravel() < LOST_LEVELS) & _inside_free(now, free)
        self._points = now[ok]
        if len(self._points) < MIN_PAIRS:
            return np.eye(3)
        fitted = fit_transform(now[ok], before[ok])
        if fitted is None:
            self._agreement.append(0.0)
            return np.eye(3)
        errors = _errors(fitted, now[ok].astype(np.float64), before[ok].astype(np.float64))
        self._agreement.append(float(np.mean(errors < INLIER_PX)))
        return fitted

    @property
    def trusted(self) -> bool:
        """Say whether one transform a step explains most of the points: a plane, or a distant scene."""
        return float(np.median(self._agreement or [1.0])) >= TRUSTED_SHARE

    def steps(self) -> list[Transform]:
        """Transform of each frame's coordinates into its predecessor's (the first: identity)."""
        chain = [np.eye(3)]
        for step in self._steps[1:]:
            chain.append(chain[-1] @ step)
        if max(_reach(transform, self._size) for transform in chain) < STILL_PX:
            return [np.eye(3) for _ in self._steps]
        return list(self._steps)

    def _unscaled(self, step: Transform) -> Transform:
        # Pixel centres: x_small = (x + 0.5) * scale - 0.5.
        shift = 0.5 * self._scale - 0.5
        down = np.array([[self._scale, 0, shift], [0, self._scale, shift], [0, 0, 1]])
        return np.linalg.inv(down) @ step @ down


def is_still(steps: list[Transform]) -> bool:
    """Say whether all steps are the identity."""
    return all(np.array_equal(step, np.eye(3)) for step in steps)


def _reach(transform: Transform, size: tuple[int, int]) -> float:
    corners = np.array([[0, 0], [size[1], 0], [0, size[0]], [size[1], size[0]]], np.float64)
    moved = cv2.perspectiveTransform(corners[None], transform)[0]
    return float(np.abs(moved - corners).max())


def _free_of(hidden: Mask | None, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return 255 where points may be looked for, at analysis size (width, height)."""
    free = np.full(shape[::-1], 255, np.uint8)
    if hidden is not None:
        blocked = cv2.resize(hidden.astype(np.uint8) * 255, shape, interpolation=cv2.INTER_AREA)
        free[cv2.dilate(blocked, np.ones((7, 7), np.uint8)) > 0] = 0
    return free


def _inside_free(points: NDArray[Any], free: NDArray[np.uint8]) -> NDArray[np.bool_]:
    x, y = np.round(points).astype(np.int32).T
    inside = (x >= 0) & (y >= 0) & (x < free.shape[1]) & (y < free.shape[0])
    return inside & (free[y.clip(0, free.shape[0] - 1), x.clip(0, free.shape[1] - 1)] > 0)


def fit_transform(here: NDArray[Any], there: NDArray[Any]) -> Transform | None:
    """Prefer the model with fewer degrees of freedom unless the homography explains the points much better."""
    cv2.setRNGSeed(1)
    full, inliers = cv2.findHomography(here, there, cv2.RANSAC, INLIER_PX, maxIters=600, confidence=0.995)
    if full is None or int(inliers.sum()) < max(MIN_PAIRS, len(here) // 4):
        return None
    best = np.asarray(full, np.float64)
    keep = inliers.ravel() > 0
    for _ in range(REFITS):
        best = _simplest(here[keep].astype(np.float64), there[keep].astype(np.float64), best)
        error = _errors(best, here.astype(np.float64), there.astype(np.float64))
        tight = error < max(TIGHT_PX, 2 * float(np.median(error[keep])))
        if int(tight.sum()) < MIN_PAIRS or np.array_equal(tight, keep):
            break
        keep = tight
    return best


def _simplest(here: NDArray[np.float64], there: NDArray[np.float64], best: Transform) -> Transform:
    enough = 1.15 * _rms(best, here, there) + 0.005
    for fit in (_similarity, _affine):
        simple = fit(here, there)
        if _rms(simple, here, there) <= enough:
            return simple
    return best


def _affine(here: NDArray[np.float64], there: NDArray[np.float64]) -> Transform:
    ones = np.column_stack([here, np.ones(len(here))])
    solution = np.linalg.lstsq(ones, there, rcond=None)[0]
    return np.vstack([solution.T, [0, 0, 1]])


def _similarity(here: NDArray[np.float64], there: NDArray[np.float64]) -> Transform:
    """Least squares scale, rotation and shift, through complex numbers."""
    a, b = here @ [1, 1j], there @ [1, 1j]
    mean_a, mean_b = a.mean(), b.mean()
    turn = np.vdot(a - mean_a, b - mean_b) / max(np.vdot(a - mean_a, a - mean_a).real, 1e-9)
    shift = mean_b - turn * mean_a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag], [0, 0, 1]])


def _rms(transform: Transform, here: NDArray[np.float64], there: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(_errors(transform, here, there) ** 2)))


def _errors(
    transform: Transform, here: NDArray[np.float64], there: NDArray[np.float64]
) -> NDArray[np.float64]:
    moved = cv2.perspectiveTransform(here[None], transform)[0]
    return np.hypot(*(moved - there).T)
