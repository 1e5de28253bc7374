"""A colour cube applied to frames fast: compiled to tables over Y'CbCr code values, looked up once a pixel.

Belongs here: compiling a cube for a matrix and range, and the lookups. Does not: making cubes (grading.py, look
propagation), or arithmetic on positions (light.py).

Luma is looked up at full size by 9-bit luma and 7-bit chroma, chroma at half size; blue noise added to luma before
it is quantised makes the table's steps average out, which is what hides banding too. A 720x1280 picture costs about
3 ms on one core, and nothing is resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.dither import noise_field
from adcraft_resources.algorithms.grading import Cube
from adcraft_resources.algorithms.values import Matrix, Range

Floats = NDArray[np.floating[Any]]
Codes = NDArray[np.uint8]
Steps = NDArray[np.int16]
"""Code values in finer steps: halves for luma, sixteenths for chroma."""

LUMA_STEPS = 2  # luma table entries a code value
_CHUNK = 8192  # colours read at once, so that they stay in the cache
_ANY_MOVE = -32768, 32767
FRACTION = 16  # chroma is worked out in sixteenths of a code
_CHROMA_BIN, _LUMA_BIN = 2, 4  # code values a chroma bin, and a luma bin of the chroma tables
_CHROMA_BINS, _CHROMA_BIN_SHIFT = 256 // _CHROMA_BIN, 5
_LUMA_BIN_STEPS, _LUMA_BIN_SHIFT = _LUMA_BIN * LUMA_STEPS, 3
_LUMA_NODES = np.arange(-1.5, 258, 2)  # luma codes the cube is read at; between them the tables are straight
_CHROMA_NODES = np.arange(-4.5, 260, 8)
_NEAR_GREY = slice(48, 80)  # bins around grey, where skin lies and guards turn sharply
_NEAR_NODES = np.arange(93.5, 164, 4)


@dataclass(frozen=True)
class ColourTable:
    """A cube over the code values of one matrix and range.

    `luma` (128 * 128, 512) uint8 is the new luma by chroma bin (u, v) and luma in half codes. `chroma`
    (128 * 128, 64, 2) int16 is added to the chroma codes, in sixteenths, by chroma bin and luma bin.
    """

    luma: NDArray[np.uint8]
    chroma: NDArray[np.int16]


def compile_cube(
    cube: Cube, matrix: Matrix, value_range: Range, *, out: tuple[Matrix, Range] = ("bt709", "limited")
) -> ColourTable:
    """Compile `cube` for pictures of `matrix` and `value_range`; the result's code values are those of `out`."""
    source = (matrix, value_range)
    tables = _tables(cube, _CHROMA_NODES, source, out)
    for table, near in zip(tables, _tables(cube, _NEAR_NODES, source, out), strict=True):
        table[_NEAR_GREY, _NEAR_GREY] = near
    luma, cb, cr = (table.reshape(_CHROMA_BINS * _CHROMA_BINS, -1) for table in tables)
    return ColourTable(luma.astype(np.uint8), np.stack([cb, cr], -1))


def _tables(
    cube: Cube, nodes: Floats, source: tuple[Matrix, Range], out: tuple[Matrix, Range]
) -> tuple[Steps, Steps, Steps]:
    """New luma and moves of chroma by (u bin, v bin, luma), for the bins that chroma `nodes` enclose."""
    black, luma_span, chroma_span = colour.code_scale(source[1])
    c, y = (nodes - 128) / chroma_span, (_LUMA_NODES - black) / luma_span
    codes = np.stack(np.meshgrid(c, c, y, indexing="ij"), -1)[..., [2, 0, 1]]
    wanted = colour.ycc_to_rgb(codes, source[0])
    rgb = np.clip(wanted, 0, 1)
    # Codes that are no colour keep their distance to the nearest one, so that the identity changes nothing.
    moved = colour.rgb_to_ycc(sample_cube(cube, rgb) + wanted - rgb, out[0])
    black, luma_span, chroma_span = colour.code_scale(out[1])
    luma = moved[..., 0] * luma_span + black
    cb = (moved[..., 1] * chroma_span + 128 - nodes[:, None, None]) * FRACTION
    cr = (moved[..., 2] * chroma_span + 128 - nodes[:, None]) * FRACTION
    limits = (16, 235) if out[1] == "limited" else (0, 255)
    bins = 256 // _LUMA_BIN
    return _spread(luma, 256 * LUMA_STEPS, limits), _spread(cb, bins, _ANY_MOVE), _spread(cr, bins, _ANY_MOVE)


def _spread(nodes: Floats, columns: int, limits: tuple[int, int]) -> Steps:
    """Values at the nodes (u, v, y) read at the middles of the chroma bins they enclose and of `columns` lumas.

    The nodes lie where OpenCV's resizing expects pixels, with one more at either end.
    """
    count = len(nodes)
    finer = 4 if count == len(_CHROMA_NODES) else 2
    wide = columns * len(_LUMA_NODES) // (len(_LUMA_NODES) - 2)
    end = (wide - columns) // 2
    rows = cv2.resize(nodes.reshape(count, -1).astype(np.float32), None, fx=1, fy=finer)[finer:-finer]
    out = np.empty((len(rows), len(rows), columns), np.int16)
    for i, row in enumerate(rows):  # row by row, so that the floats in between stay in the cache
        fine = cv2.resize(row.reshape(count, -1), (wide, count * finer))[finer:-finer, end : end + columns]
        out[i] = np.clip(np.rint(fine), *limits)
    return out


def sample_cube(cube: Cube, rgb: Floats) -> NDArray[np.float32]:
    """Trilinear reading of `cube` at code values (..., 3) 0..1."""
    colours = np.asarray(rgb, np.float32).reshape(-1, 3)
    out = np.empty_like(colours)
    for start in range(0, len(colours), _CHUNK):
        out[start : start + _CHUNK] = _sample(cube, colours[start : start + _CHUNK])
    return out.reshape(np.shape(rgb))


def _sample(cube: Cube, colours: NDArray[np.float32]) -> NDArray[np.float32]:
    nodes, shares = corners_of(colours, cube.shape[0])
    return read_at(cube, nodes, shares)


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
    """Trilinear reading (n, 3) of `cube` where `corners_of` found the colours to lie."""
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


class Lookup:
    """A `ColourTable` with its dither for one picture size (h, w)."""

    def __init__(self, table: ColourTable, size: tuple[int, int]) -> None:
        half = (-(-size[0] // 2), -(-size[1] // 2))
        self._table = table
        # Both moves of a pixel lie side by side: read as one number, they are found at once.
        self._moves = np.ascontiguousarray(table.chroma).view(np.int32)[..., 0]
        # Rounding down `x + noise` picks the bin above as often as x is near it: the bins' middles average to x.
        self._luma_noise = np.floor(noise_field(size) * LUMA_STEPS).astype(np.int16)
        self._bin_noise = np.floor(noise_field(half, shift=(5, 53)) * _LUMA_BIN_STEPS).astype(np.int16)
        self._bin_noise -= np.int16(_LUMA_BIN_STEPS // 2 - 1)
        self._rounding = np.floor(noise_field(half, shift=(11, 29)) * FRACTION).astype(np.int16)

    def __call__(self, luma: Steps, u: Steps, v: Steps) -> tuple[Codes, Codes, Codes]:
        """New planes for luma (h, w) in half codes and chroma (half size) in sixteenths of a code."""
        height, width = luma.shape
        column = np.add(luma, self._luma_noise)
        np.clip(column, 0, 256 * LUMA_STEPS - 1, out=column)
        row = self._rows(u, v)
        y = _look_up(self._table.luma, column, _doubled(row)[:height, :width])
        # uint16 has a fast path for halving, int16 none; the columns are never negative.
        small = cv2.resize(column.view(np.uint16), u.shape[::-1], interpolation=cv2.INTER_AREA).view(np.int16)
        small += self._bin_noise
        small >>= _LUMA_BIN_SHIFT
        np.clip(small, 0, 256 // _LUMA_BIN - 1, out=small)
        moves = _look_up(self._moves, small, row).view(np.int16).reshape(*u.shape, 2)
        return y, self._moved(u, moves[..., 0]), self._moved(v, moves[..., 1])

    @staticmethod
    def _rows(u: Steps, v: Steps) -> Steps:
        """Table row of each chroma pair. Not dithered: at this width the steps are under a code."""
        rows = np.clip(u >> _CHROMA_BIN_SHIFT, 0, _CHROMA_BINS - 1)
        rows *= np.int16(_CHROMA_BINS)
        rows += np.clip(v >> _CHROMA_BIN_SHIFT, 0, _CHROMA_BINS - 1)
        return rows

    def _moved(self, plane: Steps, move: Steps) -> Codes:
        moved = move + plane
        moved += self._rounding
        moved >>= 4
        return np.clip(moved, 0, 255, out=moved).astype(np.uint8)


def _doubled(plane: Steps) -> Steps:
    """Each value of `plane`, none below 0, twice along both sides, as one number of two halves: resizing is slower."""
    pairs = plane.view(np.uint16).astype(np.uint32)
    pairs *= np.uint32(0x10001)
    return np.repeat(pairs, 2, axis=0).view(np.int16)


def _look_up(table: NDArray[Any], column: Steps, row: Steps) -> NDArray[Any]:
    """table[row, column] at every pixel: OpenCV's nearest remap, several times faster than an index array."""
    return cv2.remap(table, cv2.merge([column, row]), cast(Any, None), cv2.INTER_NEAREST)
