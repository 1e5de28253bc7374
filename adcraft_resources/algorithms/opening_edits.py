"""What an opening picture may be given: local contrast and a glow, both within bounds.

Belongs here: the edits on one picture's luma and the figures that bound them. Does not: fading them out, choosing their
strength (first_frames), or cropping (framing).
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
"""(h, w) uint8, full range."""

Weights = NDArray[np.float32]
"""(h, w), 0–1."""

CLIP_LIMIT: Final = 2.0  # of contrast-limited equalisation
_TILES: Final = (6, 6)  # larger tiles than OpenCV's eight: no patchwork on plain walls
_GLOW_FROM: Final = 0.62  # luma, 0–1, over which light spills
_GLOW_SPREAD: Final = 0.03  # of the short side
_ROLL_OFF: Final = 28  # levels from black and white within which changes are held back
_BLACK, _WHITE = 1, 254


def enriching_change(luma: Luma, contrast: float, glow: float, hold: Weights | None = None) -> Weights:
    """Return what local contrast and glow add to each pixel's luma; its mean is 0, so brightness stays.

    Contrast: CLAHE (Zuiderveld 1994) at clip limit 2, blended in by `contrast`. Glow: the blurred bright parts
    screened over the picture with opacity `glow`. Added to luma alone, so chroma stays.

    Args:
        luma: (h, w) uint8, full range.
        contrast: 0–1.
        glow: 0–0.15.
        hold: Where nothing may get lighter (skin), 0–1.

    Returns:
        (h, w) float32 in levels of 0–255.
    """
    evened = cv2.createCLAHE(CLIP_LIMIT, _TILES).apply(luma)
    level = luma.astype(np.float32)
    change = (evened.astype(np.float32) - level) * np.float32(contrast)
    change += _spill(luma) * (255 - level) * np.float32(glow)
    change = _as_weights(cv2.GaussianBlur(change, (0, 0), 0.8))  # equalised steps of one level must not band
    if hold is not None:
        change -= np.maximum(change, 0) * hold
    room = _headroom(luma)
    change = (change - change.mean()) * room
    return _as_weights(change - change.mean() * room)


def _headroom(luma: Luma) -> Weights:
    """1 in the middle tones, falling to 0 at black and white: edits end before detail does."""
    return _as_weights(np.minimum(np.minimum(luma, 255 - luma).astype(np.float32) / _ROLL_OFF, 1))


def _spill(luma: Luma) -> Weights:
    """How much light of bright parts reaches each pixel, 0–1; blurred at half the size."""
    height, width = luma.shape
    size = max(1, width // 2), max(1, height // 2)
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    bright = np.clip((small - _GLOW_FROM) / (1 - _GLOW_FROM), 0, 1)
    blurred = cv2.GaussianBlur(bright, (0, 0), max(1.0, _GLOW_SPREAD * min(size)))
    return _as_weights(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR))


def clipped_share(luma: Luma) -> float:
    """Return the share of pixels whose full-range luma is black or white: detail that is gone."""
    return float(((luma <= _BLACK) | (luma >= _WHITE)).mean())


def _as_weights(values: NDArray[Any]) -> Weights:
    return np.asarray(values, np.float32)
