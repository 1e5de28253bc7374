"""Reading a colour cube between its nodes.

Belongs here: which nodes lie around a colour, with what shares, and reading there. Does not: making cubes (grading.py,
cube_fitting.py), or applying them to pictures fast (lookup.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.grading import Cube

Floats = NDArray[np.floating[Any]]
NodesOf = Callable[[NDArray[np.float32], int], tuple[NDArray[np.int32], NDArray[np.float32]]]
"""Finds nodes of a cube of some side, and their shares, for colours (n, 3)."""

_CHUNK = 8192  # colours read at once, so that they stay in the cache


def sample_cube(cube: Cube, rgb: Floats) -> NDArray[np.float32]:
    """Trilinear reading of `cube` at code values (..., 3) 0..1."""
    return _sample(cube, rgb, corners_of)


def sample_grade(cube: Cube, rgb: Floats) -> NDArray[np.float32]:
    """Tetrahedral reading of `cube` at code values (..., 3) 0..1.

    What hangs on colour alone stays the same from dark to light, where a trilinear reading ripples with the nodes:
    the trade's way to read a designed grade (Kasson, Nin, Plouffe, Hafner 1995).
    """
    return _sample(cube, rgb, tetrahedron_of)


def _sample(cube: Cube, rgb: Floats, nodes_of: NodesOf) -> NDArray[np.float32]:
    colours = np.asarray(rgb, np.float32).reshape(-1, 3)
    out = np.empty_like(colours)
    for start in range(0, len(colours), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        out[chunk] = read_at(cube, *nodes_of(colours[chunk], cube.shape[0]))
    return out.reshape(np.shape(rgb))


def tetrahedron_of(colours: NDArray[np.float32], side: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The four nodes (4, n) of the tetrahedron along the greys' diagonal that holds each colour, and their shares."""
    at = colours * np.float32(side - 1)
    base = np.clip(at.astype(np.int32), 0, side - 2)
    share = at - base
    order = np.argsort(-share, axis=1)
    falling = np.take_along_axis(share, order, 1).T
    steps = np.array([side * side, side, 1], np.int32)[order].T
    first = (base[:, 0] * side + base[:, 1]) * side + base[:, 2]
    nodes = np.cumsum([first, *steps], axis=0, dtype=np.int32)
    bounds = np.concatenate(
        [np.ones((1, len(colours)), np.float32), falling, np.zeros((1, len(colours)), np.float32)]
    )
    return nodes, bounds[:-1] - bounds[1:]


def corners_of(colours: NDArray[np.float32], side: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The nodes (8, n) around each colour in a cube of `side`, and their shares in a trilinear reading there."""
    at = colours * np.float32(side - 1)
    base = np.clip(at.astype(np.int32), 0, side - 2)
    share = (at - base).T
    sides = (1 - share, share)
    first = (base[:, 0] * side + base[:, 1]) * side + base[:, 2]
    corners = list(np.ndindex(2, 2, 2))
    nodes = np.stack([first + ((r * side + g) * side + b) for r, g, b in corners])
    return nodes, np.stack([sides[r][0] * sides[g][1] * sides[b][2] for r, g, b in corners])


def read_at(cube: Cube, nodes: NDArray[np.int32], shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reading (n, 3) of `cube` where `corners_of` or `tetrahedron_of` found the colours to lie."""
    flat = cube.reshape(-1, 3)
    out = np.zeros((nodes.shape[1], 3), np.float32)
    for node, share in zip(nodes, shares, strict=True):
        out += share[:, None] * flat[node]
    return out


def read_grid(
    cube: Cube, red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Trilinear reading at every colour (red, green, blue, 3) of a grid: axis by axis, each far fewer products."""
    out = cube
    for axis, values in enumerate((red, green, blue)):
        at = np.clip(values, 0, 1) * np.float32(cube.shape[axis] - 1)
        nodes = np.arange(cube.shape[axis], dtype=np.float32)
        weights = np.maximum(0, 1 - np.abs(at[:, None] - nodes)).astype(np.float32)
        out = np.moveaxis(np.tensordot(weights, out, (1, axis)), 0, axis)
    return np.ascontiguousarray(out, np.float32)
