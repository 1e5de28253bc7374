"""The edge of what a screen shows, seen from Oklab, and bringing colours inside it.

Belongs here: sRGB's gamut by lightness and hue. Does not: what pushes colours out (grading.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.colour import Floats

_SLACK = 1e-4  # linear light beyond 0..1 that still counts as inside: rounding of the matrices


def compress_gamut(lab: Floats, kept: Floats, knee: float = 0.75) -> Floats:
    """Oklab with chroma brought inside sRGB at its own lightness and hue.

    Above `knee` of the way to the edge chroma is pressed rather than cut, so that a strong colour keeps its shades;
    `kept` (...) is the chroma the source had, which is always allowed: it was real there.
    """
    share, edge = gamut_share(lab)
    over = np.maximum(share - knee, 0) / (1 - knee)
    pressed = np.where(share > knee, knee + (1 - knee) * over / (1 + over), share)
    chroma = share * edge
    allowed = np.maximum(np.minimum(pressed, 1.0) * edge, np.minimum(chroma, kept))
    scale = allowed / np.maximum(chroma, 1e-9)
    return np.concatenate([np.clip(lab[..., :1], 0, 1), lab[..., 1:] * scale[..., None]], -1)


def gamut_share(lab: Floats) -> tuple[Floats, Floats]:
    """Chroma of Oklab colours as a share of sRGB's edge at their lightness and hue, and that edge."""
    light = np.clip(lab[..., :1], 0, 1)
    chroma = np.hypot(lab[..., 1], lab[..., 2])[..., None]
    unit = lab[..., 1:] / np.maximum(chroma, 1e-9)
    edge = np.maximum(_bisect(partial(_in_gamut, light, unit), light.shape), 1e-6)
    return (chroma / edge)[..., 0], edge[..., 0]


def _in_gamut(light: Floats, unit: Floats, chroma: Floats) -> NDArray[np.bool_]:
    linear = colour.oklab_to_linear(np.concatenate([light, unit * chroma], -1))
    return np.asarray(((linear > -_SLACK) & (linear < 1 + _SLACK)).all(-1, keepdims=True))


def _bisect(inside: Callable[[Floats], NDArray[np.bool_]], shape: tuple[int, ...]) -> Floats:
    low, high = np.zeros(shape), np.full(shape, 0.4)
    for _ in range(10):
        middle = (low + high) / 2
        ok = inside(middle)
        low, high = np.where(ok, middle, low), np.where(ok, high, middle)
    return low
