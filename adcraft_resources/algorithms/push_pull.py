"""Filling unknown samples from known ones by a pyramid (push-pull, a fast stand-in for a membrane).

Belongs here: smooth interpolation over holes. Does not: texture, time, or knowing what the values mean.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

CV_CHANNELS = 4  # cv2.resize averages areas of no more channels


def push_pull(values: NDArray[np.generic], known: NDArray[np.bool_]) -> Field:
    """Return `values` with unknown samples replaced by a smooth continuation of the known ones.

    Known samples are averaged down a pyramid ("push") and unknown ones take the coarser level's answer on the way
    back ("pull"): Gortler et al., The Lumigraph, 1996, section 3.4.

    Args:
        values: (h, w) or (h, w, c), any real type; what stands under unknown samples is ignored.
        known: (h, w) bool.

    Returns:
        float32 of the shape of `values`; zeros where nothing at all is known.
    """
    if values.shape[:2] != known.shape:
        raise ValueError(f"values {values.shape} and known {known.shape} differ in size")
    height, width = known.shape
    count = 1 if values.ndim == 2 else values.shape[2]  # noqa: PLR2004 - a plane
    stack = np.empty((height, width, count + 1), np.float32)
    stack[..., :-1] = values.reshape(height, width, count)
    stack[..., -1] = known
    stack[~known] = 0
    return _fill_level(stack).reshape(values.shape)


def _fill_level(stack: Field) -> Field:
    """Fill a level whose last channel says 1 (known) or 0; unknown samples hold zeros."""
    known = stack[..., -1] > 0
    height, width = known.shape
    if height * width == 1 or bool(known.all()):
        return stack[..., :-1]
    filled = double(_fill_level(_coarser(stack)), height, width)
    np.copyto(filled, stack[..., :-1], where=known[..., None])
    return filled


def _coarser(stack: Field) -> Field:
    """Return the means of the known samples of each 2 x 2 square."""
    height, width = stack.shape[:2]
    if height % 2 or width % 2:
        stack = cv2.copyMakeBorder(stack, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT, value=0)
    size = ((width + 1) // 2, (height + 1) // 2)
    if stack.shape[2] <= CV_CHANNELS:
        coarse = cv2.resize(stack, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    else:
        rows = stack[0::2] + stack[1::2]
        coarse = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    # One known sample of four already says all there is to say about the square.
    coarse /= np.maximum(coarse[..., -1:], np.float32(0.25))
    return coarse


def double(values: Field, height: int, width: int) -> Field:
    """Return (h, w, c) brought to twice its size bilinearly and cut to (height, width)."""
    size = (values.shape[1] * 2, values.shape[0] * 2)
    large = cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
    return large.reshape(size[1], size[0], -1)[:height, :width]
