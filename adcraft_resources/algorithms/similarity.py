"""How alike two pictures are: structural similarity on luma, whole or outside a mask.

Belongs here: SSIM and its map. Does not: thresholds, which are the gates' business.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Mask

Luma = NDArray[np.uint8]
"""(h, w) uint8."""

_WINDOW = 11
_SIGMA = 1.5
_HALF = _WINDOW // 2
_BAND = 96  # rows
_CENTRE = np.float32(255)
_C1 = np.float32(
    2 * (0.01 * 255) ** 2
)  # both doubled: the terms of sum and difference are twice those of a and b
_C2 = np.float32(2 * (0.03 * 255) ** 2)


def structural_similarity(a_luma: Luma, b_luma: Luma) -> float:
    """Mean SSIM of two (h, w) uint8 planes, in [-1, 1]; 1 means equal."""
    return float(similarity_map(a_luma, b_luma).mean())


def similarity_map(a_luma: Luma, b_luma: Luma) -> NDArray[np.float32]:
    """SSIM at every pixel, (h, w) float32: Gaussian 11x11, σ 1.5 (Wang et al., 2004), borders mirrored.

    Raises:
        ValueError: The shapes differ.
    """
    if a_luma.shape != b_luma.shape:
        raise ValueError(f"planes differ in shape: {a_luma.shape} and {b_luma.shape}")
    height = a_luma.shape[0]
    out = np.empty(a_luma.shape, np.float32)
    for top in range(0, height, _BAND):  # in bands, so that the ten planes in between stay in the cache
        above, below = max(0, top - _HALF), min(height, top + _BAND + _HALF)
        band = _band_map(a_luma[above:below], b_luma[above:below])
        out[top : top + _BAND] = band[top - above : top - above + _BAND]
    return out


def _band_map(a_luma: Luma, b_luma: Luma) -> NDArray[np.float32]:
    """SSIM from sum and difference of the planes: their moments give the same terms with four blurs, not five."""
    a, b = a_luma.astype(np.float32), b_luma.astype(np.float32)
    total, difference = (
        a + (b - _CENTRE),
        a - b,
    )  # the sum is centred on 0: its float32 squares keep their digits
    mean_sum, mean_difference = _blur(total), _blur(difference)
    var_sum, var_difference = _blur(total * total), _blur(difference * difference)
    var_sum -= mean_sum * mean_sum
    var_sum += _C2
    mean_sum += _CENTRE
    mean_sum *= mean_sum
    mean_sum += _C1
    mean_difference *= mean_difference
    var_difference -= mean_difference
    alike = (mean_sum - mean_difference) * (var_sum - var_difference)
    mean_sum += mean_difference
    var_sum += var_difference
    mean_sum *= var_sum
    alike /= mean_sum
    return np.asarray(alike, np.float32)


def masked_similarity(before: Frame | Luma, after: Frame | Luma, mask: Mask) -> float:
    """Mean SSIM over pixels whose window lies outside `mask`; 1 means the scene is untouched.

    Args:
        before: RGB (h, w, 3) or luma (h, w), uint8.
        after: As `before`.
        mask: (h, w) bool, True = replaced; grown by the window's half so that replaced pixels do not count.

    Returns:
        The mean, or 1.0 where the mask leaves no pixel to compare.

    Raises:
        ValueError: The shapes differ.
    """
    if before.shape != after.shape or before.shape[:2] != mask.shape:
        raise ValueError(f"shapes differ: {before.shape}, {after.shape}, mask {mask.shape}")
    outside = ~_grown(mask)
    if not outside.any():
        return 1.0
    return float(similarity_map(luma_of(before), luma_of(after))[outside].mean())


def luma_of(picture: Frame | Luma) -> Luma:
    """BT.601 luma (h, w) of an RGB frame; a plane is returned as it is."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)  # noqa: PLR2004
    return np.asarray(grey, np.uint8)


def _blur(plane: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (_WINDOW, _WINDOW), _SIGMA), np.float32)


def _grown(mask: Mask) -> Mask:
    window = np.ones((_WINDOW, _WINDOW), np.uint8)
    return np.asarray(cv2.dilate(mask.view(np.uint8), window), np.uint8).view(np.bool_)
