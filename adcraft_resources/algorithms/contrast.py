"""How well two colours can be told apart, by WCAG 2.2, and colours chosen by it.

Belongs here: relative luminance, contrast ratio and its measurement on pixels. Does not: drawing text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Mask

Colour = tuple[int, int, int]
"""sRGB, 0–255."""

_TOE: Final = 0.04045  # sRGB is linear below
_CODES: Final = np.arange(256) / 255
_LINEAR: Final = np.where(_CODES <= _TOE, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)
_ENOUGH: Final = 4000
_WEIGHTS: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)


def relative_luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return WCAG relative luminance, 0–1, of sRGB `pixels` (..., 3)."""
    return _LINEAR[pixels] @ _WEIGHTS


def contrast_ratio(one: Colour, other: Colour) -> float:
    """Return the WCAG contrast ratio of two colours, 1–21."""
    return ratio_of(*(float(relative_luminance(np.array(c, np.uint8))) for c in (one, other)))


def ratio_of(one: float, other: float) -> float:
    """Return the WCAG contrast ratio of two relative luminances."""
    light, dark = max(one, other), min(one, other)
    return (light + 0.05) / (dark + 0.05)


def measured_contrast(picture: Frame, ink: Mask, ground: Mask) -> float | None:
    """Return the contrast of text in a picture: its ink against what lies next to it.

    Conservative: the quartile of the ink that is nearer to the ground meets the quartile of the ground that is
    nearer to the ink, so that a part of the text that drowns is not averaged away.

    Args:
        picture: (h, w, 3) uint8.
        ink: (h, w) pixels wholly inside glyphs.
        ground: (h, w) pixels next to glyphs.

    Returns:
        The ratio, or None where either mask is empty.
    """
    if not ink.any() or not ground.any():
        return None
    text, around = (relative_luminance(_sampled(picture[mask])) for mask in (ink, ground))
    if np.median(text) >= np.median(around):
        return ratio_of(float(np.percentile(text, 25)), float(np.percentile(around, 75)))
    return ratio_of(float(np.percentile(text, 75)), float(np.percentile(around, 25)))


def _sampled(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Some of many pixels, evenly picked: quartiles need no more."""
    return pixels[:: max(1, len(pixels) // _ENOUGH)]


def farthest_colour(choices: Sequence[Colour], mean: Colour) -> Colour:
    """Return the one of `choices` farthest from `mean` in CIE Lab; the first of equals."""
    lab = cv2.cvtColor(np.array([[*choices, mean]], np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    distance = np.linalg.norm(lab[:-1] - lab[-1], axis=1)
    return choices[int(np.argmax(np.round(distance, 3)))]
