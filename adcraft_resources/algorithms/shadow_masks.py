"""Shadows that letters cast to one side: what a reach measured all around would miss or overdo.

Belongs here: finding the side and the length in one mean picture. Does not: outlines (mask_growth).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.values import Mask

SIDES = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
LONGEST = 0.25  # line heights a shadow falls at most
GROUND_FROM = 0.45  # line heights from the letters where the ground is not shaded any more
MIN_DEPTH = 7.0  # levels by which a shadow's pixels differ from the ground that goes on around them
ONE_SIGN = 0.85  # of its pixels that do so in the same sense
MIN_PIXELS = 24


def shadows_of(luma: NDArray[np.float32], letters: Mask, covered: Mask, height: float) -> Mask:
    """Return the pixels that lie in the letters' shadow (or glow) beyond those `covered` already.

    Letters are pushed to one side step by step; as long as what they newly cover differs in one sense from the
    ground spread in from around, it is their shadow.

    Args:
        luma: Mean picture, (h, w).
        letters: The strokes.
        covered: Letters and outline.
        height: Of the line, pixels.
    """
    shadow = np.zeros(letters.shape, np.bool_)
    near = cv2.distanceTransform((~letters).astype(np.uint8), cv2.DIST_L2, 3) <= GROUND_FROM * height
    if near.all() or not letters.any():
        return shadow
    depth = luma - push_pull(luma, ~near)
    for side in SIDES:
        shadow |= _shadow_to(side, depth, letters, covered, round(LONGEST * height))
    return shadow


def _shadow_to(
    side: tuple[int, int], depth: NDArray[np.float32], letters: Mask, covered: Mask, longest: int
) -> Mask:
    shadow = np.zeros(letters.shape, np.bool_)
    for step in range(1, longest + 1):
        moved = _shifted(letters, side[0] * step, side[1] * step)
        fresh = moved & ~covered & ~shadow
        if int(fresh.sum()) < MIN_PIXELS:  # the outline reaches further
            continue
        values = depth[fresh]
        dark, light = float((values <= -MIN_DEPTH).mean()), float((values >= MIN_DEPTH).mean())
        if max(dark, light) < ONE_SIGN:
            break
        shadow |= fresh
    return shadow


def _shifted(mask: Mask, dx: int, dy: int) -> Mask:
    height, width = mask.shape
    out = np.zeros_like(mask)
    rows, columns = slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx))
    out[rows, columns] = mask[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    return out
