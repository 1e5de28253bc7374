"""How well a picture suits a product and what it looks like, by formulas instead of a model.

Belongs here: palette fit, tone, subject prominence and the descriptor for near-duplicates; arrays in, values out.
Does not: the palettes (prompts/appeal.json) or the meaning of a score (ranking). Everything here is heuristic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.saliency import find_saliency
from adcraft_resources.algorithms.values import Frame

_SIDE: Final = 160  # px of the long side on which colours are counted
_HALF_FIT: Final = 0.25  # share of a picture in palette colours that scores one half
_GOOD_SPREAD: Final = 55.0  # L* between the 5th and 95th percentile of a well-exposed picture
_TARGET_L: Final = 55.0  # mean L* of one
_BLACK_L, _WHITE_L = 1.0, 99.5  # L* beyond which a pixel is clipped
_HISTOGRAMS: Final = ((0.0, 100.0, 12), (-40.0, 40.0, 24), (-50.0, 60.0, 30))  # range and bins of L*, a*, b*
_CELLS: Final = 4  # a side, of the colour and gradient layouts
_WAYS: Final = 6  # gradient directions per cell
_SHARES: Final = (0.6, 0.2, 0.2)  # of the squared length: histogram, colour layout, gradient layout
DESCRIPTOR_SIZE: Final = 12 + 24 + 30 + (3 * _CELLS**2 + 1) + _WAYS * _CELLS**2


@dataclass(frozen=True, slots=True)
class Swatch:
    """A colour in CIE L*a*b* (L* 0..100), how far around it still counts (ΔE76) and its weight."""

    lab: tuple[float, float, float]
    spread: float
    weight: float


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours a product's pictures hold, and colours that work against them."""

    wanted: tuple[Swatch, ...]
    against: tuple[Swatch, ...]


def palette_fit(frame: Frame, palette: Palette) -> float:
    """Fit of the colours of an RGB picture to `palette`, 0..1.

    Each pixel counts exp(−½(ΔE/spread)²)·weight for its best wanted swatch, less the same for its best opposed
    one; their saliency-weighted mean m ≥ 0 scores m / (m + 0.25), scaled so that m = 1 scores 1.
    """
    lab = _small_lab(frame)
    gain = _nearest(lab, palette.wanted) - 0.5 * _nearest(lab, palette.against)
    weight = 0.5 + 0.5 * _saliency_like(frame, lab.shape[:2])
    mean = max(0.0, float((gain * weight).sum() / weight.sum()))
    return min(1.0, mean / (mean + _HALF_FIT) * (1 + _HALF_FIT))


def tone_quality(frame: Frame) -> float:
    """Exposure and contrast, 0..1: min(1, (L95−L5)/55) × exp(−½((mean L*−55)/25)²) × (1 − clipped share)."""
    light = _small_lab(frame)[..., 0]
    low, high = np.percentile(light, (5, 95))
    clipped = float(((light <= _BLACK_L) | (light >= _WHITE_L)).mean())
    exposure = float(np.exp(-0.5 * ((float(light.mean()) - _TARGET_L) / 25) ** 2))
    return min(1.0, float(high - low) / _GOOD_SPREAD) * exposure * (1 - clipped)


def subject_prominence(frame: Frame) -> float:
    """How clearly one thing stands out, 0..1: the share of saliency in its densest tenth, 0.1 → 0, 0.7 → 1."""
    saliency = np.sort(find_saliency(frame), axis=None)
    share = float(saliency[-max(1, saliency.size // 10) :].sum())
    return min(1.0, max(0.0, (share - 0.1) / 0.6))


def describe_picture(frame: Frame) -> NDArray[np.float32]:
    """Unit vector of length `DESCRIPTOR_SIZE` of what an RGB picture looks like.

    Square roots of soft L*, a*, b* histograms (0.6 of the squared length), the mean colours of a 4×4 grid (0.2) and
    the gradient directions of a 4×4 grid (0.2). The same look re-encoded, noisy or cropped by 2 % stays at a
    cosine ≥ 0.99; the looks of one product's default styles on one clip lie mostly at 0.65–0.96.
    """
    lab = _small_lab(frame)
    parts = (_colour_histogram(lab), _colour_layout(lab), _gradient_layout(lab[..., 0]))
    weighted = [_unit(part) * share**0.5 for part, share in zip(parts, _SHARES, strict=True)]
    return _unit(np.concatenate(weighted)).astype(np.float32)


def mean_descriptor(descriptors: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vector of a clip from those of its frames, (n, d) → (d,)."""
    return _unit(np.asarray(descriptors, np.float32).mean(axis=0)).astype(np.float32)


def _small_lab(frame: Frame) -> NDArray[np.float32]:
    scale = min(1.0, _SIDE / max(frame.shape[:2]))
    size = max(2, round(frame.shape[1] * scale)), max(2, round(frame.shape[0] * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2Lab), np.float32)


def _nearest(lab: NDArray[np.float32], swatches: Sequence[Swatch]) -> NDArray[np.float32]:
    best = np.zeros(lab.shape[:2], np.float32)
    for swatch in swatches:
        distance = ((lab - np.array(swatch.lab, np.float32)) ** 2).sum(axis=2)
        np.maximum(best, swatch.weight * np.exp(-0.5 * distance / swatch.spread**2), out=best)
    return best


def _saliency_like(frame: Frame, shape: tuple[int, ...]) -> NDArray[np.float32]:
    saliency = cv2.resize(find_saliency(frame), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    peak = float(saliency.max())
    return np.asarray(saliency / peak if peak > 0 else saliency, np.float32)


def _colour_histogram(lab: NDArray[np.float32]) -> NDArray[np.float64]:
    """Square roots of the marginal histograms, each pixel shared between its two nearest bins."""
    bins = []
    for channel, (low, high, count) in enumerate(_HISTOGRAMS):
        place = np.clip((lab[..., channel].ravel() - low) / (high - low), 0, 1) * (count - 1)
        left = np.minimum(place.astype(np.intp), count - 2)
        right_share = place - left
        bins.append(np.bincount(left, 1 - right_share, count) + np.bincount(left + 1, right_share, count))
    return np.sqrt(np.concatenate(bins))


def _colour_layout(lab: NDArray[np.float32]) -> NDArray[np.floating]:
    """Mean colour of each cell, chroma doubled; the constant keeps a grey picture from pointing anywhere."""
    cells = cv2.resize(
        (lab - np.array((50, 0, 0), np.float32)) * np.array((1, 2, 2), np.float32),
        (_CELLS, _CELLS),
        interpolation=cv2.INTER_AREA,
    )
    return np.concatenate([np.asarray(cells).ravel(), [60.0]])


def _gradient_layout(light: NDArray[np.float32]) -> NDArray[np.float64]:
    """Square roots of the gradient strength by direction in each cell."""
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    way = ((np.arctan2(down, across) % np.pi) / np.pi * _WAYS).astype(np.intp) % _WAYS
    rows, columns = light.shape
    cell = (np.arange(rows) * _CELLS // rows)[:, None] * _CELLS + (np.arange(columns) * _CELLS // columns)[
        None
    ]
    return np.sqrt(
        np.bincount((cell * _WAYS + way).ravel(), np.hypot(across, down).ravel(), _WAYS * _CELLS**2)
    )


def _unit(values: NDArray[np.floating]) -> NDArray[np.floating]:
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else np.full_like(values, values.size**-0.5)
