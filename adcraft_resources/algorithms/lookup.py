"""A colour cube applied to frames fast: compiled to tables over Y'CbCr code values, looked up once a pixel.

Belongs here: compiling a cube for a matrix and range, and the lookups. Does not: making cubes (grading.py, look
propagation), or arithmetic on positions (light.py).

Luma is looked up at full size by 10-bit luma and 6-bit chroma, chroma at half size; blue noise added before each
quantisation makes the table's steps average out, which is what hides banding too. A 720x1280 picture costs about
3 ms on one core, a third of what a trilinear RGB table costs, and nothing is resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.dither import noise_field
from adcraft_resources.algorithms.grading import Cube
from adcraft_resources.algorithms.values import Matrix, Range

Floats = NDArray[np.floating[Any]]

LUMA_STEPS = 4  # luma table entries a code value
_LUMA_BIN, _CHROMA_BIN, _CHROMA_LUMA_BIN = (
    4,
    2,
    4,
)  # code values a chroma bin, by table, and a luma bin of chroma
_CODES = np.arange(0, 257, 8), np.arange(0, 257, 2)  # chroma and luma codes the cube is sampled at
FRACTION = 16  # chroma moves are kept in sixteenths of a code


@dataclass(frozen=True)
class ColourTable:
    """A cube over the code values of one matrix and range.

    `luma` (64 * 64, 1024) uint8 is the new luma by chroma bin (u, v) and luma in quarter codes. `cb`, `cr`
    (128 * 128, 64) int16 are added to the chroma codes, in sixteenths, by chroma bin and luma bin.
    """

    luma: NDArray[np.uint8]
    cb: NDArray[np.int16]
    cr: NDArray[np.int16]
    luma_limits: tuple[int, int]


def compile_cube(
    cube: Cube, matrix: Matrix, value_range: Range, *, out: tuple[Matrix, Range] = ("bt709", "limited")
) -> ColourTable:
    """Compile `cube` for pictures of `matrix` and `value_range`; the result's code values are those of `out`."""
    black, luma_span, chroma_span = colour.code_scale(value_range)
    c, y = (_CODES[0] - 128) / chroma_span, (_CODES[1] - black) / luma_span
    codes = np.stack(np.meshgrid(c, c, y, indexing="ij"), -1)[..., [2, 0, 1]]
    wanted = colour.ycc_to_rgb(codes, matrix)
    rgb = np.clip(wanted, 0, 1)
    # Codes that are no colour keep their distance to the nearest one, so that the identity changes nothing.
    moved = colour.rgb_to_ycc(sample_cube(cube, rgb) + wanted - rgb, out[0])
    black, luma_span, chroma_span = colour.code_scale(out[1])
    limits = (16, 235) if out[1] == "limited" else (0, 255)
    luma = _spread(moved[..., 0] * luma_span + black, _LUMA_BIN, 1 / LUMA_STEPS)
    cb = _spread(moved[..., 1] * chroma_span + 128 - _CODES[0][:, None, None], _CHROMA_BIN, _CHROMA_LUMA_BIN)
    cr = _spread(moved[..., 2] * chroma_span + 128 - _CODES[0][:, None], _CHROMA_BIN, _CHROMA_LUMA_BIN)
    return ColourTable(
        np.clip(np.rint(luma), *limits).astype(np.uint8),
        np.rint(cb * FRACTION).astype(np.int16),
        np.rint(cr * FRACTION).astype(np.int16),
        limits,
    )


def _spread(nodes: Floats, chroma_bin: int, luma_bin: float) -> NDArray[np.float32]:
    """Values at the nodes (u, v, y) read at the middles of finer bins, straight lines between: (u * v, y)."""
    u = _between(_CODES[0], (np.arange(256 // chroma_bin) + 0.5) * chroma_bin - 0.5)
    y = _between(_CODES[1], (np.arange(round(256 / luma_bin)) + 0.5) * luma_bin - 0.5)
    out = np.einsum("au,uvy->avy", u, nodes.astype(np.float32))
    out = np.einsum("bv,avy->aby", u, out, optimize=True).reshape(-1, len(_CODES[1]))
    return out @ y.T


def _between(nodes: NDArray[np.integer[Any]], at: Floats) -> NDArray[np.float32]:
    """Matrix (len(at), len(nodes)) of linear interpolation between evenly spaced `nodes`."""
    step = int(nodes[1] - nodes[0])
    return np.maximum(1 - np.abs(np.maximum(at, 0)[:, None] - nodes) / step, 0).astype(np.float32)


def sample_cube(cube: Cube, rgb: Floats) -> NDArray[np.float32]:
    """Trilinear reading of `cube` at code values (..., 3) 0..1."""
    side = cube.shape[0]
    at = np.asarray(rgb, np.float32).reshape(-1, 3) * np.float32(side - 1)
    base = np.clip(at.astype(np.int32), 0, side - 2)
    share = at - base
    flat = cube.reshape(-1, 3)
    index = (base[:, 0] * side + base[:, 1]) * side + base[:, 2]
    out = np.zeros((len(at), 3), np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod([share[:, i] if high else 1 - share[:, i] for i, high in enumerate(corner)], 0)
        step = (corner[0] * side + corner[1]) * side + corner[2]
        out += weight[:, None] * flat[index + step]
    return out.reshape(np.shape(rgb))


class Lookup:
    """A `ColourTable` with its dither for one picture size (h, w)."""

    def __init__(self, table: ColourTable, size: tuple[int, int]) -> None:
        half = (-(-size[0] // 2), -(-size[1] // 2))
        self._table = table
        # Rounding `x + noise` picks the bin above as often as x is near it: the bins' middles average to x.
        self._luma_noise = noise_field(size) * np.float32(LUMA_STEPS) - np.float32(0.5)
        self._luma_bin_noise = np.floor(noise_field(half, shift=(5, 53)) * 16).astype(np.int16) - np.int16(7)
        self._noise = (noise_field(half, shift=(23, 41)), noise_field(half, shift=(47, 11)))
        self._rounding = np.floor(noise_field(half, shift=(11, 29)) * FRACTION).astype(np.int16)

    def __call__(
        self, luma: NDArray[np.float32], u: NDArray[np.float32], v: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """New planes for luma (h, w) in quarter codes and chroma codes (half size), all float32."""
        height, width = luma.shape
        column = cv2.add(luma, self._luma_noise, dtype=cv2.CV_16S)
        np.clip(column, 0, 256 * LUMA_STEPS - 1, out=column)
        row = cv2.resize(self._bins(u, v, _LUMA_BIN), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        y = cv2.remap(self._table.luma, cv2.merge([column, row[:height, :width]]), None, cv2.INTER_NEAREST)
        small = cv2.resize(column, u.shape[::-1], interpolation=cv2.INTER_AREA) + self._luma_bin_noise
        at = cv2.merge([np.clip(small >> 4, 0, 63), self._bins(u, v, _CHROMA_BIN)])
        return y, self._move(u, self._table.cb, at), self._move(v, self._table.cr, at)

    def _bins(self, u: NDArray[np.float32], v: NDArray[np.float32], width: int) -> NDArray[np.int16]:
        """Row of each chroma pair in a table with bins of `width` codes."""
        top = 256 // width - 1
        bins = [
            np.clip((cv2.scaleAdd(plane, 1 / width, noise) + np.float32(0.5 / width - 0.5)), 0, top)
            for plane, noise in zip((u, v), self._noise, strict=True)
        ]
        return bins[0].astype(np.int16) * np.int16(top + 1) + bins[1].astype(np.int16)

    def _move(
        self, plane: NDArray[np.float32], moves: NDArray[np.int16], at: NDArray[np.int16]
    ) -> NDArray[np.uint8]:
        moved = cv2.remap(moves, at, None, cv2.INTER_NEAREST)
        exact = (plane * np.float32(FRACTION)).astype(np.int16) + moved + self._rounding
        return np.clip(exact >> 4, 0, 255).astype(np.uint8)
