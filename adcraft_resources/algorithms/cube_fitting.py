"""Fitting a colour cube to pairs of pictures, and applying one to RGB frames at full colour resolution.

Belongs here: least squares for cubes, and the RGB lookup of looks that are fitted rather than designed. Does not:
which pictures to pair (look_propagation.py), the faster lookup on codec planes (lookup.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.dither import noise_field
from adcraft_resources.algorithms.grading import Cube, identity_cube
from adcraft_resources.algorithms.lookup import sample_cube
from adcraft_resources.algorithms.values import Frame

Colours = NDArray[np.float32]
"""Code values (n, 3) float32, 0..1."""

FITTED_SIDE = 17  # nodes a side: finer ones are seldom all seen in a few keyframes
_ROUNDS = 10  # of conjugate gradients; the error falls little after these
_STIFFNESS = 0.02  # weight of smoothness against the mean weight of a node
_SMALL = 80_000  # pixels up to which a frame is read from the cube itself: quicker than making the table
_BIN = 4  # code values a bin of red and green in the RGB lookup


def fit_cube(
    before: Colours, after: Colours, weights: NDArray[np.float32], prior: Cube | None = None
) -> Cube:
    """The smooth cube that takes `before` to `after` with the least weighted squared error.

    Its moves away from `prior` (the identity if there is none) are found by conjugate gradients on the trilinear
    weights, with first differences between neighbours as the price, so that colours nobody saw move as their
    neighbours do.
    """
    side = FITTED_SIDE
    neutral = identity_cube(side) if prior is None else prior
    known = before if prior is None else sample_cube(prior, before)
    wanted = _splat(np.asarray((after - known) * weights[:, None], np.float32), before, side)
    stiffness = _STIFFNESS * float(weights.sum()) / side**2

    def normal(cube: Cube) -> Cube:
        moves = sample_cube(cube, before) * weights[:, None]
        rough = np.float32(stiffness) * _roughness(cube)
        return np.asarray(_splat(np.asarray(moves, np.float32), before, side) + rough, np.float32)

    return (neutral + _conjugate_gradients(normal, wanted)).astype(np.float32)


def _conjugate_gradients(normal: Callable[[Cube], Cube], wanted: Cube) -> Cube:
    found = np.zeros_like(wanted)
    rest: Cube = wanted.copy()
    direction: Cube = rest.copy()
    energy = float((rest * rest).sum())
    for _ in range(_ROUNDS):
        if energy < 1e-12:  # noqa: PLR2004 - solved to rounding
            break
        pushed = normal(direction)
        step = np.float32(energy / float((direction * pushed).sum()))
        found += step * direction
        rest -= step * pushed
        energy, before = float((rest * rest).sum()), energy
        direction = np.asarray(rest + np.float32(energy / before) * direction, np.float32)
    return found


def _splat(values: Colours, at: Colours, side: int) -> Cube:
    """The transpose of trilinear reading: each value shared among the eight nodes around its colour."""
    position = np.clip(at, 0, 1) * np.float32(side - 1)
    base = np.clip(position.astype(np.int32), 0, side - 2)
    share = position - base
    sides = (1 - share, share)
    index = (base[:, 0] * side + base[:, 1]) * side + base[:, 2]
    out = np.zeros((side**3, 3))
    for r, g, b in np.ndindex(2, 2, 2):
        weight = sides[r][:, 0] * sides[g][:, 1] * sides[b][:, 2]
        node = index + (r * side + g) * side + b
        for channel in range(3):
            out[:, channel] += np.bincount(node, weight * values[:, channel], side**3)
    return out.reshape(side, side, side, 3).astype(np.float32)


def _roughness(cube: Cube) -> Cube:
    """Gradient of the squared first differences along the three axes."""
    out = np.zeros_like(cube)
    for axis in range(3):
        step = np.diff(cube, axis=axis)
        low = [slice(None)] * 4
        high = [slice(None)] * 4
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        out[tuple(low)] -= step
        out[tuple(high)] += step
    return out


class CubeLookup:
    """A cube on RGB frames: what it adds is looked up by red and green in bins of four codes and blue exactly.

    Blue noise before binning averages the bins; the moves are smooth, so a step between bins is under a code.
    """

    def __init__(self, cube: Cube) -> None:
        self._cube = cube
        self._noise: dict[tuple[int, ...], tuple[NDArray[np.int16], ...]] = {}

    @cached_property
    def _moves(self) -> NDArray[np.int16]:
        """What is added, in eighths of a code, (64 * 64, 256, 3)."""
        middles = ((np.arange(256 // _BIN) + 0.5) * _BIN - 0.5) / 255
        blue = np.arange(256) / 255
        colours = np.stack(np.meshgrid(middles, middles, blue, indexing="ij"), -1).astype(np.float32)
        moves = (sample_cube(self._cube, colours) - colours) * 255 * _FINE
        return np.rint(moves).astype(np.int16).reshape(-1, 256, 3)

    def __call__(self, frame: Frame) -> NDArray[np.int16]:
        """The frame's new code values in eighths, (h, w, 3) int16, unclipped."""
        if frame[..., 0].size <= _SMALL and "_moves" not in self.__dict__:
            return np.rint(sample_cube(self._cube, frame.astype(np.float32) / 255) * 255 * _FINE).astype(
                np.int16
            )
        red, green, blue = cv2.split(frame)
        noise = self._noise_for(frame.shape[:2])
        bins = [
            np.clip((plane.astype(np.int16) + n) >> 2, 0, 256 // _BIN - 1)
            for plane, n in zip((red, green), noise, strict=True)
        ]
        where = cv2.merge([blue.astype(np.int16), bins[0] * np.int16(256 // _BIN) + bins[1]])
        moves = cv2.remap(self._moves, where, cast(Any, None), cv2.INTER_NEAREST)
        return (frame.astype(np.int16) << _FINE_SHIFT) + np.asarray(moves, np.int16)

    def _noise_for(self, size: tuple[int, ...]) -> tuple[NDArray[np.int16], ...]:
        if size not in self._noise:
            fields = (noise_field((size[0], size[1]), shift=shift) for shift in ((23, 41), (47, 11)))
            self._noise[size] = tuple(np.floor(f * _BIN).astype(np.int16) - np.int16(1) for f in fields)
        return self._noise[size]


_FINE, _FINE_SHIFT = 8, 3


def codes_of(eighths: NDArray[Any]) -> Frame:
    """Frame of code values in eighths, rounded."""
    return np.clip((eighths + _FINE // 2) / _FINE, 0, 255).astype(np.uint8)
