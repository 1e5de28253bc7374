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

from adcraft_resources.algorithms.cube_reading import corners_of, read_grid, sample_cube
from adcraft_resources.algorithms.dither import noise_field
from adcraft_resources.algorithms.grading import Cube, identity_cube
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
    nodes, shares = corners_of(np.clip(before, 0, 1), side)
    wanted = _splat(np.asarray((after - known) * weights[:, None], np.float32), nodes, shares, side)
    near = _Near(nodes, shares, weights, side)
    stiffness = _STIFFNESS * float(weights.sum()) / side**2

    def normal(cube: Cube) -> Cube:
        return np.asarray(near(cube) + np.float32(stiffness) * _roughness(cube), np.float32)

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


def _splat(values: Colours, nodes: NDArray[np.int32], shares: NDArray[np.float32], side: int) -> Cube:
    """The transpose of trilinear reading: each value shared among the eight nodes around its colour."""
    where = nodes.reshape(-1)
    parts = [np.bincount(where, (shares * values[:, i]).reshape(-1), side**3) for i in range(3)]
    return np.stack(parts, -1).reshape(side, side, side, 3).astype(np.float32)


class _Near:
    """Trilinear reading at all colours and its transpose, together: what each node takes of the 27 around it.

    Added up once, so that the rounds of a fit do not go through the colours again. Nodes are numbered in a cube with
    a rim, where each neighbour is a fixed step away.
    """

    def __init__(
        self, nodes: NDArray[np.int32], shares: NDArray[np.float32], weights: NDArray[np.float32], side: int
    ) -> None:
        self._side, wide = side, side + 2
        self._count, self._reach = wide**3, wide * wide + wide + 1
        red, rest = np.divmod(nodes[0], side * side)
        first = ((red + 1) * wide + rest // side + 1) * wide + rest % side + 1
        steps = [int(np.dot(corner, (wide * wide, wide, 1))) for corner in np.ndindex(2, 2, 2)]
        self._near: dict[int, NDArray[np.float32]] = {}
        for i, here in enumerate(steps):
            weighted = weights * shares[i]
            for j, there in enumerate(steps[i:], i):
                sums = np.bincount(first + here, weighted * shares[j], self._count).astype(np.float32)
                self._near[there - here] = self._near.get(there - here, np.float32(0)) + sums
        for step in [step for step in self._near if step > 0]:
            self._near[-step] = np.roll(self._near[step], step)

    def __call__(self, cube: Cube) -> Cube:
        around = np.zeros((3, self._count + 2 * self._reach), np.float32)
        middle = around[:, self._reach : -self._reach]
        inner = (slice(None), *[slice(1, -1)] * 3)
        middle.reshape(3, *[self._side + 2] * 3)[inner] = cube.transpose(3, 0, 1, 2)
        out, part = np.zeros_like(middle), np.empty_like(middle)
        for step, shares in self._near.items():
            start = self._reach + step
            out += np.multiply(shares, around[:, start : start + self._count], out=part)
        return np.ascontiguousarray(out.reshape(3, *[self._side + 2] * 3)[inner].transpose(1, 2, 3, 0))


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
        self.cube = cube
        self._noise: dict[tuple[int, ...], tuple[NDArray[np.int16], ...]] = {}

    @cached_property
    def _moves(self) -> NDArray[np.int16]:
        """What is added, in eighths of a code, (64 * 64, 256, 3)."""
        middles = (((np.arange(256 // _BIN) + 0.5) * _BIN - 0.5) / 255).astype(np.float32)
        blue = (np.arange(256) / 255).astype(np.float32)
        moves = read_grid(self.cube, middles, middles, blue)
        for axis, values in enumerate((middles, middles, blue)):
            moves[..., axis] -= values.reshape([-1 if i == axis else 1 for i in range(3)])
        moves *= np.float32(255 * _FINE)
        return np.rint(moves).astype(np.int16).reshape(-1, 256, 3)

    def __call__(self, frame: Frame, rows: slice = slice(None)) -> NDArray[np.int16]:
        """New code values of some rows of a frame in eighths, (rows, w, 3) int16, unclipped."""
        part = frame[rows]
        if frame[..., 0].size <= _SMALL and "_moves" not in self.__dict__:
            return np.rint(sample_cube(self.cube, part.astype(np.float32) / 255) * 255 * _FINE).astype(
                np.int16
            )
        red, green, blue = cv2.split(part)
        noise = self._noise_for(frame.shape[:2])
        bins = [
            np.clip((plane.astype(np.int16) + n[rows]) >> 2, 0, 256 // _BIN - 1)
            for plane, n in zip((red, green), noise, strict=True)
        ]
        where = cv2.merge([blue.astype(np.int16), bins[0] * np.int16(256 // _BIN) + bins[1]])
        moves = cv2.remap(self._moves, where, cast(Any, None), cv2.INTER_NEAREST)
        return (part.astype(np.int16) << _FINE_SHIFT) + np.asarray(moves, np.int16)

    def _noise_for(self, size: tuple[int, ...]) -> tuple[NDArray[np.int16], ...]:
        if size not in self._noise:
            fields = (noise_field((size[0], size[1]), shift=shift) for shift in ((23, 41), (47, 11)))
            self._noise[size] = tuple(np.floor(f * _BIN).astype(np.int16) - np.int16(1) for f in fields)
        return self._noise[size]


_FINE, _FINE_SHIFT = 8, 3
