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

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.planes import Layer, bands, doubled_rows, evened, whole

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
# Places of filters: colours in codes and one, then these. Those from details on come once more, times luma.
_SCALES, _SLOPED = len(BLURS) + len(GUIDED), 3
SQUARES = slice(4, 4 + _SCALES)
HELDS = slice(SQUARES.stop, SQUARES.stop + _SLOPED)
DETAILS = slice(HELDS.stop, HELDS.stop + _SCALES)
SLOPES = slice(DETAILS.stop, DETAILS.stop + _SLOPED)
ROOTS = slice(SLOPES.stop, SLOPES.stop + _SLOPED)
_PLAIN, _LIT = ROOTS.stop, ROOTS.stop - DETAILS.start + 1
FILTERS = _PLAIN + _LIT
_ROWS = 16  # mixed at once, so that the bank stays in the cache: of a whole picture it is forty pictures
_RIDGE = 1e-3
_SAMPLES = 30_000


@dataclass(frozen=True)
class Mixture:
    """Weights (3, filters) float32 of a bank's filters on R, G, B, of 0..1."""

    weights: Plane

    def __call__(self, base: Plane) -> Plane:
        """What is added to the graded frame `base` (h, w, 3) codes 0..255, in the same codes."""
        return whole(self.over(base), base.shape)

    def over(self, base: Plane) -> Layer:
        """The same a few rows at a time, at most as many as `bands` gives."""
        picture, width, weights = Marker(base), base.shape[1], self.weights * np.float32(255)
        plain, lit = weights[:, :_PLAIN], weights[:, _PLAIN:]
        bank, merged = empty_bank(_ROWS, width), np.empty((_ROWS, width, 3), np.float32)
        added, with_luma = np.empty((2, 3, _ROWS, width), np.float32)

        def add(rows: slice, out: Plane) -> None:
            marks = picture.at(rows)
            for part in bands(len(out), _ROWS):
                count = part.stop - part.start
                marks.fill(bank[:, :count], part)
                # Row by row: BLAS wakes its threads for more than that, which costs more than it saves.
                by_row = bank[:, :count].transpose(1, 0, 2)
                np.matmul(plain, by_row[:, :_PLAIN], out=added[:, :count].transpose(1, 0, 2))
                np.matmul(lit, by_row[:, -_LIT:], out=with_luma[:, :count].transpose(1, 0, 2))
                np.multiply(with_luma, bank[-1], out=with_luma)
                np.add(added, with_luma, out=added)
                out[part] += cv2.merge(list(added), merged)[:count]

        return add


@dataclass(frozen=True)
class Sums:
    """Normal equations of one key: `gram` (n, n), `moment` (n, 3), `energy` of what is to be explained, pixels."""

    gram: NDArray[np.float64]
    moment: NDArray[np.float64]
    energy: float
    count: int


class Marker:
    """Finds the marks of a graded frame (h, w, 3) of codes 0..255 a few rows at a time.

    What needs more of the picture than a few rows beside them is found for all of it at once.
    """

    def __init__(self, base: Plane) -> None:
        self._base = base
        luma = np.asarray(cv2.cvtColor(base, cv2.COLOR_RGB2GRAY), np.float32)
        self._luma = np.multiply(luma, np.float32(1 / 255), out=luma)
        self._scale = max(1.0, min(luma.shape) / HELD_TO)
        *self._sigmas, widest = (sigma * self._scale for sigma in BLURS)
        self._blurred = np.asarray(cv2.GaussianBlur(luma, (0, 0), widest), np.float32)
        self._guides = [_Guide(luma, max(1, round(radius * self._scale)), edge) for radius, edge in GUIDED]
        self._reach = max(
            *(_reach(sigma) for sigma in self._sigmas), *(guide.reach for guide in self._guides)
        )

    def at(self, rows: slice) -> Marks:
        """The marks of some rows; they begin at an even one."""
        top, bottom = max(0, rows.start - self._reach), min(len(self._luma), rows.stop + self._reach)
        luma, inner = self._luma[top:bottom], slice(rows.start - top, rows.stop - top)
        smooth = [np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), np.float32) for sigma in self._sigmas]
        guided = [guide(luma, top) for guide in self._guides]
        around = [*(one[inner] for one in smooth), self._blurred[rows], *(one[inner] for one in guided)]
        slopes = [[part[inner] for part in self._slopes(one)] for one in (luma, guided[1], guided[2])]
        return Marks(self._base[rows], luma[inner], around, slopes)

    def _slopes(self, luma: Plane) -> list[Plane]:
        """The slopes of some rows, across and down."""
        scale, replicate = 0.125 * self._scale, cv2.BORDER_REPLICATE
        return [
            np.asarray(cv2.Sobel(luma, cv2.CV_32F, dx, 1 - dx, scale=scale, borderType=replicate), np.float32)
            for dx in (1, 0)
        ]


@dataclass(frozen=True)
class Marks:
    """What the filters of some rows are made of: graded codes, luma 0..1, what it is around each pixel, slopes."""

    base: Plane
    luma: Plane
    around: Sequence[Plane]
    slopes: Sequence[Sequence[Plane]]

    def fill(self, bank: Plane, rows: slice) -> None:
        """Write what the filters of some of the rows are made of to an `empty_bank` (planes, rows, w)."""
        cv2.split(self.base[rows], list(bank[:3]))
        bank[-1] = luma = self.luma[rows]
        for around, detail, square in zip(self.around, bank[DETAILS], bank[SQUARES], strict=True):
            np.subtract(luma, around[rows], out=detail)
            np.multiply(detail, np.abs(detail, out=square), out=square)
        slopes = zip(self.slopes, bank[SLOPES], bank[HELDS], bank[ROOTS], strict=True)
        for (across, down), slope, held, root in slopes:
            cv2.magnitude(across[rows], down[rows], slope)
            np.minimum(slope, FLAT, out=held)
            cv2.sqrt(slope, root)


def empty_bank(rows: int, width: int) -> Plane:
    """Planes for `Marks.fill`: the plain filters, and luma, with which the last of them and itself are filters, too."""
    bank = np.empty((_PLAIN + 1, rows, width), np.float32)
    bank[3] = 1
    return bank


class _Guide:
    """The self-guided filter of a luma: wide windows at half size, close ones with the rows asked for."""

    def __init__(self, luma: Plane, radius: int, edge: float) -> None:
        self._radius, self._edge = radius, edge
        self._wide = radius >= 4  # noqa: PLR2004 - px from which nobody sees the difference
        self.reach = 2 if self._wide else 2 * radius  # rows it takes on either side, an even number
        if self._wide:
            half = cv2.resize(evened(luma), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            self._parts = _guide(np.asarray(half, np.float32), radius // 2, edge)

    def __call__(self, luma: Plane, top: int) -> Plane:
        """The filtered rows `luma` of the picture, which begin at `top`, an even one."""
        if self._wide:
            slope, offset = (doubled_rows(part, luma.shape, top) for part in self._parts)
        else:
            slope, offset = _guide(luma, self._radius, self._edge)
        made = np.multiply(slope, luma)
        return np.add(made, offset, out=made)


def _reach(sigma: float) -> int:
    """Rows on either side that OpenCV's Gaussian of floats takes, or one more, so that they are even."""
    return -(-(round(sigma * 8 + 1) // 2) // 2) * 2


def _guide(luma: Plane, radius: int, edge: float) -> tuple[Plane, Plane]:
    window = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(luma, window)
    spread = cv2.blur(luma * luma, window) - mean * mean
    keep = spread / (spread + np.float32(edge * edge))
    blurred = [np.asarray(cv2.blur(plane, window), np.float32) for plane in (keep, (1 - keep) * mean)]
    return blurred[0], blurred[1]


def sums_of(base: Plane, styled: NDArray[np.uint8]) -> Sums:
    """The normal equations of one key, from its graded picture (codes) and its restyled one."""
    picture, (height, width) = Marker(base), base.shape[:2]
    step = max(1, height * width // _SAMPLES)
    parts = []
    for rows in bands(height):
        bank = empty_bank(rows.stop - rows.start, width)
        picture.at(rows).fill(bank, slice(None))
        chosen = bank.reshape(len(bank), -1)[:, (step // 2 - rows.start * width) % step :: step]
        parts.append(chosen.astype(np.float64))
    planes = np.concatenate(parts, 1)
    columns = np.concatenate([planes[:-1], planes[-_LIT:] * planes[-1]])
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
