"""From light to a picture: the lens, the film and the print.

Belongs here: what happens to a whole picture after it is lit. Does not: lighting it (studio.py).
"""

from __future__ import annotations

import cv2
import numpy as np

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.sample_ads.geometry import Vectors
from adcraft_resources.sample_ads.noise import Plane


def through_lens(light: Vectors, depth: Plane, focus: float, haze: tuple[float, float, float]) -> Vectors:
    """Haze with distance, and blur where the floor is out of focus."""
    fade = (1 - np.exp(-np.clip(depth - focus * 1.15, 0, 30) * 0.35))[:, :, None]
    light = light * (1 - fade) + np.array(haze, np.float32) * fade
    small = cv2.resize(light, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    size = (light.shape[1], light.shape[0])
    blurred = [cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma), size) for sigma in (1.0, 3.2)]
    spread = np.clip(np.abs(1 / depth - 1 / focus) * focus * 2.6 - 0.62, 0, 2)[:, :, None]
    first, second = np.clip(spread, 0, 1), np.clip(spread - 1, 0, 1)
    return (light * (1 - first) + blurred[0] * first) * (1 - second) + blurred[1] * second


def develop(light: Vectors, exposure: float) -> Frame:
    """Film curve (after J. Hable's filmic operator, fitted), glow, vignette and fine grain to 8 bit."""
    height, width = light.shape[:2]
    small = cv2.resize(np.maximum(light - 1.6, 0), (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    light = light + 0.22 * cv2.resize(cv2.GaussianBlur(small, (0, 0), 5), (width, height))
    y = (np.arange(height, dtype=np.float32) / height - 0.5)[:, None]
    x = (np.arange(width, dtype=np.float32) / width - 0.5)[None, :]
    vignette = (1 - 0.42 * (x * x + y * y) ** 1.1)[:, :, None]
    seen = np.maximum(light * vignette * np.float32(exposure), 0)
    curve = (seen * (2.51 * seen + 0.03)) / (seen * (2.43 * seen + 0.59) + 0.14)
    picture = np.clip(curve, 0, 1) ** np.float32(1 / 2.2) * 255
    grain = np.random.default_rng(5).normal(0, 1.6, (height, width, 1)).astype(np.float32)
    return np.clip(picture + grain + 0.5, 0, 255).astype(np.uint8)
