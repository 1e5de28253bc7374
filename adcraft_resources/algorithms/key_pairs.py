"""Pairs of a keyframe and its restyled picture, made to agree before a look is learned from them.

Belongs here: registering a restyled key to its source and evening out keys that disagree. Does not: learning the
look (look_propagation.py), making restyled keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.cube_fitting import Colours, fit_cube
from adcraft_resources.algorithms.cube_reading import sample_cube
from adcraft_resources.algorithms.grading import Cube
from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.values import Frame

_WORK_SIDE = 480  # px of the short side registration runs at
_LEAST_SHIFT, _MOST_SHIFT = (
    0.2,
    0.02,
)  # px below which a shift is noise; share of the diagonal above which it is wrong
_LEAST_GAIN = 0.8  # share of the lack of correlation that may be left by a registration that is believed
_AGREED = (
    0.75  # px by which registrations of two halves of the picture may differ: drawn edges pull each elsewhere
)
_TILE = 48  # px of the chequered tiles that make the halves
_LOCAL = 6.0  # px of the window detail is normalised in, so that light and grade do not count
_FLAT = 3.0  # levels of detail below which there is nothing to hold on to
_SAMPLES = 40_000  # pixels a cube is fitted on
_CLIPPED = 250  # codes above which a restyled pixel says nothing about gain
_TOP, _BOTTOM = 254, 1  # codes at which a restyled pixel may have wanted to go further


@dataclass(frozen=True)
class KeyPair:
    """Frame `index` of the clip as it was (`source`) and restyled (`styled`), RGB of one size."""

    index: int
    source: Frame
    styled: Frame


def register_pair(pair: KeyPair) -> KeyPair:
    """The pair with its restyled picture brought onto the source, where that clearly helps.

    A generator shifts and scales by a pixel or two. The affine map is found by the enhanced correlation coefficient
    (Evangelidis & Psarakis 2008) on detail alone: a light that the look lays over the picture would pull at it.
    """
    height, width = pair.source.shape[:2]
    scale = min(1.0, _WORK_SIDE / min(height, width))
    fixed, moving = (_detail(_small_luma(picture, scale)) for picture in (pair.source, pair.styled))
    try:
        before = cv2.computeECC(fixed, moving)
        after, found = _registered(fixed, moving, np.eye(2, 3, dtype=np.float32))
        apart = _apart(fixed, moving, found) if 1 - after <= _LEAST_GAIN * (1 - before) else np.inf
    except cv2.error:  # no texture to hold on to
        return pair
    shift = float(np.abs(_corners_moved(found - np.eye(2, 3), fixed.shape)).max()) / scale
    if not _LEAST_SHIFT < shift < _MOST_SHIFT * np.hypot(height, width) or apart > _AGREED:
        return pair
    affine = found.astype(np.float64) * [[1, 1, 1 / scale]]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    styled = cv2.warpAffine(
        pair.styled, affine, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return replace(pair, styled=np.asarray(styled, np.uint8))


def _registered(
    fixed: NDArray[np.float32],
    moving: NDArray[np.float32],
    start: NDArray[np.float32],
    seen: NDArray[np.bool_] | None = None,
) -> tuple[float, NDArray[np.float32]]:
    """Correlation and affine map (2, 3) that bring `moving` onto `fixed` where it is `seen`."""
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
    mask = np.full(fixed.shape, 255, np.uint8) if seen is None else seen.astype(np.uint8) * np.uint8(255)
    found, affine = cv2.findTransformECC(fixed, moving, start.copy(), cv2.MOTION_AFFINE, criteria, mask, 5)
    return found, np.asarray(affine, np.float32)


def _apart(fixed: NDArray[np.float32], moving: NDArray[np.float32], start: NDArray[np.float32]) -> float:
    """Pixels by which the registrations of two chequered halves of the picture differ at most.

    Where a look has drawn edges that the source has not, correlation has no true peak, and each half finds its own.
    """
    rows, columns = np.indices(fixed.shape) // _TILE
    half = (rows + columns) % 2 == 0
    one, other = (_registered(fixed, moving, start, seen)[1] for seen in (half, ~half))
    return float(np.abs(_corners_moved(one - other, fixed.shape)).max())


def _corners_moved(affine: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.floating]:
    height, width = shape
    return np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64) @ affine.T


def _small_luma(frame: Frame, scale: float) -> NDArray[np.uint8]:
    luma = luma_of(frame)
    if scale < 1:
        luma = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(luma, np.uint8)


def _detail(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luma less its surroundings, in deviations of it there."""
    codes = luma.astype(np.float32)
    high = codes - cv2.GaussianBlur(codes, (0, 0), _LOCAL)
    spread = np.sqrt(cv2.GaussianBlur(high * high, (0, 0), _LOCAL))
    return np.asarray(high / (spread + np.float32(_FLAT)), np.float32)


def pooled_cube(
    pairs: Sequence[KeyPair],
    gains: Sequence[NDArray[np.float32] | None] | None = None,
    samples: int = _SAMPLES,
    prior: Cube | None = None,
    expected: Sequence[NDArray[np.float32]] | None = None,
) -> Cube:
    """One cube for all pairs; `gains` (h, w, 3) are divided out of the restyled pictures first.

    `prior` tells how colours move that no pair shows; `expected` (h, w, 3) are the codes a former fit foretells,
    which stand for restyled ones that are clipped.
    """
    befores: list[Colours] = []
    afters: list[Colours] = []
    weights: list[NDArray[np.float32]] = []
    for i, pair in enumerate(pairs):
        step = max(1, pair.source[..., 0].size * len(pairs) // samples)
        before, after = (p.reshape(-1, 3)[step // 2 :: step] for p in (pair.source, pair.styled))
        if expected is None:
            weights.append(np.where((after > _CLIPPED).any(1), 0.2, 1).astype(np.float32))
            wanted = after.astype(np.float32)
        else:
            weights.append(np.ones(len(after), np.float32))
            wanted = unclipped(after, expected[i].reshape(-1, 3)[step // 2 :: step])
        gain = None if gains is None else gains[i]
        if gain is not None:
            wanted = wanted / np.maximum(gain.reshape(-1, 3)[step // 2 :: step], 0.1)
        befores.append((before / 255).astype(np.float32))
        afters.append(np.clip(wanted / 255, -0.2, 1.5).astype(np.float32))
    return fit_cube(np.concatenate(befores), np.concatenate(afters), np.concatenate(weights), prior)


def unclipped(styled: NDArray[np.uint8], expected: NDArray[np.float32]) -> NDArray[np.float32]:
    """Restyled codes as they would be without an end to the scale, as far as `expected` ones can tell."""
    codes = styled.astype(np.float32)
    over = (codes >= _TOP) & (expected > codes)
    under = (codes <= _BOTTOM) & (expected < codes)
    return np.where(over | under, expected, codes)


def even_out(pairs: Sequence[KeyPair]) -> list[KeyPair]:
    """Keys without the channel gains each has of its own, measured against the cube of them all."""
    if len(pairs) < 2:  # noqa: PLR2004 - one key agrees with itself
        return list(pairs)
    cube = pooled_cube(pairs)
    own = np.array([_gain_over(cube, pair) for pair in pairs])
    own /= np.median(own, 0)
    return [replace(pair, styled=_divided(pair.styled, gain)) for pair, gain in zip(pairs, own, strict=True)]


def _divided(frame: Frame, gain: NDArray[np.float64]) -> Frame:
    table = np.clip(np.rint(np.arange(256)[:, None] / gain), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, table[None]), np.uint8)


def _gain_over(cube: Cube, pair: KeyPair) -> NDArray[np.float64]:
    """Channel gains of a restyled key over what the cube foretells, by least squares on what is not clipped."""
    step = max(1, pair.source[..., 0].size // _SAMPLES)
    before, styled = (p.reshape(-1, 3)[step // 2 :: step] for p in (pair.source, pair.styled))
    expected = np.clip(sample_cube(cube, before.astype(np.float32) / 255) * 255, 0, 255)
    fair = (styled < _CLIPPED).all(-1) & (expected > 8).all(-1)  # noqa: PLR2004 - too dark to have a gain
    if not fair.any():
        return np.ones(3)
    x, y = expected[fair].astype(np.float64), styled[fair].astype(np.float64)
    return np.asarray((x * y).sum(0) / (x * x).sum(0), np.float64)
