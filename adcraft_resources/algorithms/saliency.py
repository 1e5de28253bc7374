"""Where a still picture draws the eye, and how strong a picture it is at a glance.

Belongs here: saliency and the plain figures of a first frame. Does not: editing the picture or choosing a crop
(framing). All of it is heuristic: no model of human gaze stands behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.framing import centroid_of, golden_score
from adcraft_resources.algorithms.values import Frame

Saliency = NDArray[np.float32]
"""(h, w) on a small grid, non-negative, sums to 1."""

_GRID: Final = 64  # px of the long side on which the spectrum is taken, as in the paper
_SCORE_SIDE: Final = 360  # px of the short side at which figures are taken, so that sizes compare
_SHARP_LAPLACIAN: Final = 30.0  # standard deviation of the Laplacian of a crisp phone picture at that size
_STRONG_CONTRAST: Final = 64.0  # standard deviation of luma of a contrasty picture
_VIVID: Final = 70.0  # Hasler & Süsstrunk: "quite" to "highly colourful" lies at 45–109
_WEIGHTS: Final = {
    "saliency": 0.25,
    "sharpness": 0.25,
    "contrast": 0.2,
    "colourfulness": 0.1,
    "golden_ratio": 0.2,
}


def find_saliency(frame: Frame, boxes: Sequence[tuple[float, float, float, float]] = ()) -> Saliency:
    """Return where `frame` draws the eye.

    Spectral residual (Hou & Zhang, CVPR 2007) on the channels of CIE Lab, times frequency-tuned colour rarity
    (Achanta et al., CVPR 2009), with a mild pull to the centre; `boxes` (faces, labels) are raised.

    Args:
        frame: (h, w, 3) RGB.
        boxes: x, y, width, height as shares of the picture.
    """
    height, width = frame.shape[:2]
    scale = _GRID / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab)
    residual = sum(
        (_spectral_residual(_as_map(lab[..., c])) for c in range(3)), np.zeros(lab.shape[:2], np.float32)
    )
    rarity = np.linalg.norm(cv2.GaussianBlur(lab, (0, 0), 1.0) - lab.mean((0, 1)), axis=2)
    map_ = _unit(residual) * 0.6 + _unit(rarity.astype(np.float32)) * 0.4
    map_ = _as_map(cv2.GaussianBlur(map_ * _centre_pull(map_.shape), (0, 0), _GRID / 24))
    for x, y, w, h in boxes:
        _raise_box(map_, x, y, w, h)
    map_ = np.maximum(map_ - np.percentile(map_, 40), 0) ** 2.5
    total = float(map_.sum())
    return (map_ / total if total > 0 else np.full_like(map_, 1 / map_.size)).astype(np.float32)


def _spectral_residual(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the log spectrum has beyond its local mean, back in the picture, squared and smoothed."""
    spectrum = np.fft.fft2(channel)
    log = np.log(np.abs(spectrum) + 1e-6).astype(np.float32)
    residual = log - cv2.blur(log, (3, 3))
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))
    return _unit(_as_map(cv2.GaussianBlur((np.abs(back) ** 2).astype(np.float32), (0, 0), 2.5)))


def _as_map(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _centre_pull(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """1 in the middle, falling to about one half in the corners: viewers look there first."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.exp(-(x**2 + y**2) / 3).astype(np.float32)


def _raise_box(map_: NDArray[np.float32], x: float, y: float, w: float, h: float) -> None:
    rows, columns = map_.shape
    part = map_[
        int(y * rows) : max(int((y + h) * rows), int(y * rows) + 1),
        int(x * columns) : max(int((x + w) * columns), int(x * columns) + 1),
    ]
    part += 0.5 * float(map_.max())


def score_opening(frame: Frame, boxes: Sequence[tuple[float, float, float, float]] = ()) -> dict[str, float]:
    """Return what makes a first frame strong, each 0–1, higher is better.

    `saliency`: how concentrated attention is (share of saliency in the densest tenth of the picture, 0.1 → 0,
    0.7 → 1). `sharpness`: standard deviation of the Laplacian over 30, square root. `contrast`: standard deviation
    of luma over 64. `colourfulness`: Hasler & Süsstrunk (2003) over 70. `golden_ratio`: nearness of the saliency
    centroid to a golden point (see `framing.golden_score`). `total`: their weighted mean.
    """
    scale = _SCORE_SIDE / min(frame.shape[:2])
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=kind), np.uint8)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    saliency = find_saliency(small, boxes)
    densest = np.sort(saliency, axis=None)[-saliency.size // 10 :]
    scores = {
        "saliency": (float(densest.sum()) - 0.1) / 0.6,
        "sharpness": (float(cv2.Laplacian(luma, cv2.CV_32F).std()) / _SHARP_LAPLACIAN) ** 0.5,
        "contrast": float(luma.std()) / _STRONG_CONTRAST,
        "colourfulness": colourfulness(small) / _VIVID,
        "golden_ratio": golden_score(*centroid_of(saliency)),
    }
    scores = {name: round(min(max(value, 0.0), 1.0), 4) for name, value in scores.items()}
    return {**scores, "total": round(sum(_WEIGHTS[name] * value for name, value in scores.items()), 4)}


def colourfulness(frame: Frame) -> float:
    """Return the colourfulness M of Hasler & Süsstrunk (2003); 0 is grey, over 80 very colourful."""
    r, g, b = (frame[..., c].astype(np.float32) for c in range(3))
    rg, yb = r - g, (r + g) / 2 - b
    spread = float(np.hypot(rg.std(), yb.std()))
    return spread + 0.3 * float(np.hypot(rg.mean(), yb.mean()))
