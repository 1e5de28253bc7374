"""Texture a look makes out of what is in the frame itself: sharpening, smoothing, drawn edges.

Belongs here: filters of the graded frame and the linear mixture of them that comes nearest to restyled keys. Does not:
texture that no filter of the frame explains, which is carried along flow (flow_carrying.py).

What a generator does to detail is largely a function of the detail that was there. Filters of luma at a few scales,
edge-aware ones among them (guided filter, He et al. 2010), and their products with luma and their own size are
mixed by ridge regression on the keys. No motion is needed, so nothing can be carried to the wrong place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.planes import doubled, evened

Plane = NDArray[np.float32]

BLURS = (0.8, 1.6, 4.0)  # px at a short side of up to 480
GUIDED = (
    (2, 0.03),
    (4, 0.06),
    (8, 0.12),
    (16, 0.2),
)  # radius in px, contrast (luma 0..1) that counts as an edge
HELD_TO = 480
FLAT = 0.02  # slope of luma a pixel above which an edge counts no more
_DETAIL_FILTERS, _SLOPE_FILTERS = 3, 5  # made of each
_ROWS = 16  # mixed at once, so that the bank stays in the cache: of a whole picture it is forty pictures
_RIDGE = 1e-3
_SAMPLES = 30_000


@dataclass(frozen=True)
class Mixture:
    """Weights (3, filters) float32 of a bank's filters on R, G, B; 0..1 code values."""

    weights: Plane

    def __call__(self, base: Plane) -> Plane:
        """What is added to the graded frame `base` (h, w, 3) codes 0..255, in the same codes."""
        marks = Marks.of(base / np.float32(255))
        out = np.empty_like(base)
        bank = np.empty((marks.filters, _ROWS, base.shape[1]), np.float32)
        for top in range(0, len(base), _ROWS):
            part = out[top : top + _ROWS]
            filters = bank[:, : len(part)]
            marks.fill(filters, slice(top, top + _ROWS))
            # Not by BLAS: its threads cost more than they save on so little.
            added = cv2.gemm(self.weights, filters.reshape(len(bank), -1), 1, cast(Any, None), 0)
            added = np.asarray(added, np.float32).reshape(3, *part.shape[:2])
            np.multiply(added.transpose(1, 2, 0), np.float32(255), out=part)
        return out


@dataclass(frozen=True)
class Sums:
    """Normal equations of one key: `gram` (n, n), `moment` (n, 3), `energy` of what is to be explained, pixels."""

    gram: NDArray[np.float64]
    moment: NDArray[np.float64]
    energy: float
    count: int


@dataclass(frozen=True)
class Marks:
    """What the bank's filters are made of, pixel by pixel: a graded frame in 0..1, its luma, details and slopes."""

    base: Plane
    luma: Plane
    details: tuple[Plane, ...]
    slopes: tuple[Plane, ...]

    @classmethod
    def of(cls, base: Plane) -> Marks:
        """Find them in a frame (h, w, 3)."""
        luma = np.asarray(cv2.cvtColor(np.clip(base, 0, 1), cv2.COLOR_RGB2GRAY), np.float32)
        scale = max(1.0, min(luma.shape) / HELD_TO)
        smooth = [np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma * scale), np.float32) for sigma in BLURS]
        guided = [_guided(luma, max(1, round(radius * scale)), edge) for radius, edge in GUIDED]
        slopes = (_slope(source) * np.float32(scale) for source in (luma, guided[1], guided[2]))
        return cls(base, luma, tuple(luma - one for one in (*smooth, *guided)), tuple(slopes))

    @property
    def filters(self) -> int:
        """How many filters there are: colours, a constant, luma squared, those of details and slopes."""
        return 5 + _DETAIL_FILTERS * len(self.details) + _SLOPE_FILTERS * len(self.slopes)

    def fill(self, bank: Plane, rows: slice) -> None:
        """Write the filters of some rows to `bank` (filters, rows, w)."""
        luma = self.luma[rows]
        bank[:3] = self.base[rows].transpose(2, 0, 1)
        bank[3] = 1
        np.multiply(luma, luma, out=bank[4])
        filters = iter(bank[5:])
        for detail in (one[rows] for one in self.details):
            plain, square, lit = (next(filters) for _ in range(_DETAIL_FILTERS))
            plain[:] = detail
            np.multiply(detail, np.abs(detail), out=square)
            square *= 4
            np.multiply(detail, luma, out=lit)
        for slope in (one[rows] for one in self.slopes):
            plain, root, held, lit, lit_root = (next(filters) for _ in range(_SLOPE_FILTERS))
            plain[:] = slope
            np.sqrt(slope, out=root)
            np.minimum(slope, FLAT, out=held)
            np.multiply(slope, luma, out=lit)
            np.multiply(root, luma, out=lit_root)


def filters_of(base: Plane) -> Plane:
    """The bank (filters, h, w) of a graded frame in 0..1."""
    marks = Marks.of(base)
    bank = np.empty((marks.filters, *base.shape[:2]), np.float32)
    marks.fill(bank, slice(None))
    return bank


def _guided(luma: Plane, radius: int, edge: float) -> Plane:
    """The self-guided filter; wide windows are worked out at half size."""
    if radius >= 4:  # noqa: PLR2004 - px from which nobody sees the difference
        half = np.asarray(
            cv2.resize(evened(luma), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32
        )
        slope, offset = _guide(half, radius // 2, edge)
        slope, offset = (doubled(plane, luma.shape) for plane in (slope, offset))
    else:
        slope, offset = _guide(luma, radius, edge)
    return np.asarray(slope * luma + offset, np.float32)


def _guide(luma: Plane, radius: int, edge: float) -> tuple[Plane, Plane]:
    window = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(luma, window)
    spread = cv2.blur(luma * luma, window) - mean * mean
    keep = spread / (spread + np.float32(edge * edge))
    blurred = [np.asarray(cv2.blur(plane, window), np.float32) for plane in (keep, (1 - keep) * mean)]
    return blurred[0], blurred[1]


def _slope(luma: Plane) -> Plane:
    across, down = (
        cv2.Sobel(luma, cv2.CV_32F, dx, dy, scale=0.125, borderType=cv2.BORDER_REPLICATE)
        for dx, dy in ((1, 0), (0, 1))
    )
    return np.asarray(cv2.magnitude(across, down), np.float32)


def sums_of(base: Plane, styled: NDArray[np.uint8]) -> Sums:
    """The normal equations of one key, from its graded picture (codes) and its restyled one."""
    marks = Marks.of(base / np.float32(255))
    height, width = marks.luma.shape
    step = max(1, marks.luma.size // _SAMPLES)
    bank, parts = np.empty((marks.filters, _ROWS, width), np.float32), []
    for top in range(0, height, _ROWS):
        rows = slice(top, min(height, top + _ROWS))
        part = bank[:, : rows.stop - top]
        marks.fill(part, rows)
        chosen = part.reshape(len(bank), -1)[:, (step // 2 - top * width) % step :: step]
        parts.append(chosen.astype(np.float64))
    columns = np.concatenate(parts, 1)
    sampled = slice(step // 2, None, step)
    before, after = (picture.reshape(-1, 3)[sampled].astype(np.float64) for picture in (base, styled))
    wanted = (after - before) / 255
    return Sums(columns @ columns.T, columns @ wanted, float((wanted**2).sum()), columns.shape[1])


def mix(keys: Sequence[Sums]) -> Mixture:
    """The mixture with the least squared error over `keys`."""
    gram = np.sum([key.gram for key in keys], 0)
    moment = np.sum([key.moment for key in keys], 0)
    size = np.sqrt(np.diag(gram)) + 1e-6
    ridge = gram / np.outer(size, size) + _RIDGE * np.eye(len(size))
    weights = np.linalg.solve(ridge, moment / size[:, None]) / size[:, None]
    return Mixture(np.ascontiguousarray(weights.T, np.float32))


def left_over(mixture: Mixture, key: Sums) -> float:
    """Mean squared error, in code values, that `mixture` leaves on a key."""
    weights = mixture.weights.astype(np.float64).T
    explained = 2 * key.moment - key.gram @ weights
    return max(key.energy - float((weights * explained).sum()), 0.0) / (3 * key.count) * 255**2
