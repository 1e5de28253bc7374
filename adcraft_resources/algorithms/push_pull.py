"""Filling unknown samples from known ones by a pyramid (push-pull, a fast stand-in for a membrane).

Belongs here: smooth interpolation over holes. Does not: texture, time, or knowing what the values mean.
"""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

Field = NDArray[np.float32]


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
    weight = known.astype(np.float32)
    flat = values.reshape(*known.shape, -1)
    planes = [flat[..., channel].astype(np.float32) * weight for channel in range(flat.shape[2])]
    return np.dstack(_fill_level(planes, weight)).reshape(values.shape)


def _fill_level(planes: list[Field], weight: Field) -> list[Field]:
    """Fill planes where `weight` is 0; it is 1 elsewhere, and unknown samples hold zeros."""
    height, width = weight.shape
    if height * width == 1 or cv2.countNonZero(weight) == height * width:
        return planes
    share = _halved(weight)
    # One known sample of four already says all there is to say about its square.
    scale = np.asarray(1 / np.maximum(share, np.float32(0.25)), np.float32)
    coarse = [_halved(plane) * scale for plane in planes]
    known = (weight > 0).view(np.uint8)
    filled: list[Field] = []
    for plane, below in zip(planes, _fill_level(coarse, np.sign(share)), strict=True):
        large = cv2.resize(below, (below.shape[1] * 2, below.shape[0] * 2), interpolation=cv2.INTER_LINEAR)
        cut = np.ascontiguousarray(large[:height, :width])
        filled.append(np.asarray(cv2.copyTo(plane, known, cut), np.float32))
    return filled


def _halved(plane: MatLike) -> Field:
    """Return the means of 2 x 2 squares, an odd edge completed with zeros."""
    height, width = plane.shape
    if height % 2 or width % 2:
        # Several times as fast as np.pad on the small levels.
        plane = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)
    size = ((width + 1) // 2, (height + 1) // 2)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
