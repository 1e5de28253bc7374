"""Filling unknown samples from known ones by a pyramid (push-pull, a fast stand-in for a membrane).

Belongs here: smooth interpolation over holes. Does not: texture, time, or knowing what the values mean.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def push_pull(values: NDArray[np.generic], known: NDArray[np.generic]) -> Field:
    """Return `values` with unknown samples replaced by a smooth continuation of the known ones.

    Values are averaged down a pyramid by their weights ("push") and unknown samples take the coarser level's
    answer on the way back ("pull"): Gortler et al., The Lumigraph, 1996, section 3.4.

    Args:
        values: (h, w) or (h, w, c), any real type; what stands under unknown samples is ignored.
        known: (h, w) weights from 0 (unknown) to 1 (known), or bool.

    Returns:
        float32 of the shape of `values`; zeros where nothing at all is known.
    """
    if values.shape[:2] != known.shape:
        raise ValueError(f"values {values.shape} and known {known.shape} differ in size")
    weight = known.astype(np.float32)
    flat = values.reshape(*known.shape, -1).astype(np.float32)
    filled = _fill_level(np.dstack([flat * weight[..., None], weight]))
    return filled.reshape(values.shape)


def halve(weighted: Field) -> Field:
    """Return the 2 x 2 sums of (h, w, c) at half size, an odd edge completed with zeros."""
    height, width = weighted.shape[:2]
    even = cv2.copyMakeBorder(weighted, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT, value=0)
    even = even.reshape((height + 1) // 2 * 2, (width + 1) // 2 * 2, -1)
    rows = even[0::2] + even[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def double(values: Field, height: int, width: int) -> Field:
    """Return (h, w, c) brought to twice its size bilinearly and cut to (height, width)."""
    size = (values.shape[1] * 2, values.shape[0] * 2)
    large = cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
    return large.reshape(size[1], size[0], -1)[:height, :width]


def _fill_level(weighted: Field) -> Field:
    weight = weighted[..., -1:]
    own = weighted[..., :-1] / np.maximum(weight, 1e-6)
    height, width = weighted.shape[:2]
    if height * width == 1 or float(weight.min()) >= 1.0:
        return own
    coarse = halve(weighted)
    # A coarse sample one quarter known already says all there is to say about its square.
    coarse /= np.maximum(coarse[..., -1:], 1.0)
    below = double(_fill_level(coarse), height, width)
    return own * weight + below * (1.0 - weight)


def smooth_known(values: NDArray[np.generic], known: NDArray[np.generic], sigma: float) -> Field:
    """Return the Gaussian mean of the known samples around each sample (normalised convolution), float32.

    `values` is (h, w) or (h, w, c); samples with nothing known in reach come back as 0.
    """
    weight = known.astype(np.float32)
    flat = values.reshape(*known.shape, -1).astype(np.float32)
    stack = cv2.GaussianBlur(np.dstack([flat * weight[..., None], weight]), (0, 0), sigma)
    return (stack[..., :-1] / np.maximum(stack[..., -1:], 1e-3)).reshape(values.shape)
