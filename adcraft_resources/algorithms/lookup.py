"""A colour cube applied to frames fast: compiled to tables over Y'CbCr code values, looked up once a pixel.

Belongs here: compiling a cube for a matrix and range, and the lookups. Does not: making cubes (grading.py, look
propagation), reading them (cube_reading.py), or arithmetic on positions (light.py).

Luma follows the curve of greys at full size; what a colour adds to that, and to its chroma, is looked up at the
chroma's half size by chroma and mean luma, and spread smoothly. Blue noise before each step of quantisation makes
the steps average out: a gradient stays one, whichever bins of a table it crosses. A 720x1280 picture costs about
4 ms on one core, and nothing is resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.cube_reading import sample_grade
from adcraft_resources.algorithms.dither import noise_field
from adcraft_resources.algorithms.grading import Cube
from adcraft_resources.algorithms.values import Matrix, Range

Floats = NDArray[np.floating[Any]]
Codes = NDArray[np.uint8]
Steps = NDArray[np.int16]
"""Code values in finer steps: halves for luma, sixteenths for chroma."""

LUMA_STEPS = 2  # steps of luma a code value
FRACTION = 16  # chroma, and what is added to luma, are worked out in sixteenths of a code
_LUMA_SHIFT, _FRACTION_SHIFT = 1, 4
_CHROMA_BIN, _LUMA_BIN = 2, 4  # code values a bin of the table
_CHROMA_BINS, _CHROMA_BIN_STEPS, _CHROMA_BIN_SHIFT = 256 // _CHROMA_BIN, _CHROMA_BIN * FRACTION, 5
_LUMA_BINS, _LUMA_BIN_STEPS, _LUMA_BIN_SHIFT = 256 // _LUMA_BIN, _LUMA_BIN * LUMA_STEPS, 3
_STEEPEST, _RISE_UNIT = 1.5, 16384  # most luma a colour may add a code of luma, and what counts as 1 of that
_LUMA_NODES = np.arange(1.5, 256, _LUMA_BIN)  # the bins' middles
_FINER = 4  # bins of chroma between nodes the cube is read at; between these the table is straight
_CHROMA_NODES = np.arange(-4.5, 260, _FINER * _CHROMA_BIN)
_NEAR_GREY = slice(48, 80)  # bins around grey, where skin lies: the cube is read at each
_NEAR_NODES = np.arange(96.5, 160, _CHROMA_BIN)


@dataclass(frozen=True)
class ColourTable:
    """A cube over the code values of one matrix and range.

    `curve` (512,) int16 is the new luma of a grey, in sixteenths of a code, a quarter under and over each code. `moves`
    (128 * 128, 64, 4) int16 is, by chroma bin (u, v) and luma bin, what a colour has more: luma as a straight line
    over the luma it had (at code 0, in sixteenths; rise per code, of 16384), and its moves of chroma, in sixteenths.
    Luma ends within `limits`.
    """

    curve: NDArray[np.int16]
    moves: NDArray[np.int16]
    limits: tuple[int, int]


def compile_cube(
    cube: Cube, matrix: Matrix, value_range: Range, *, out: tuple[Matrix, Range] = ("bt709", "limited")
) -> ColourTable:
    """Compile `cube` for pictures of `matrix` and `value_range`; the result's code values are those of `out`."""
    source = (matrix, value_range)
    halves = (
        np.arange(256 * LUMA_STEPS) - 0.5
    ) / LUMA_STEPS  # dither shows them in turn: on average the code itself
    curve = _moved(cube, np.array([128.0]), halves, source, out)[0, 0, :, 0]
    greys = np.interp(_LUMA_NODES, halves, curve)
    moves = _spread(_added(_moved(cube, _CHROMA_NODES, _LUMA_NODES, source, out), _CHROMA_NODES, greys))
    moves[_NEAR_GREY, _NEAR_GREY, :, :3] = _added(
        _moved(cube, _NEAR_NODES, _LUMA_NODES, source, out), _NEAR_NODES, greys
    )
    _draw_lines(moves)
    return ColourTable(
        np.rint(curve * FRACTION).astype(np.int16),
        np.rint(moves).astype(np.int16).reshape(-1, _LUMA_BINS, 4),
        (16, 235) if out[1] == "limited" else (0, 255),
    )


def _draw_lines(moves: NDArray[np.float32]) -> None:
    """Turn codes into the table's units, and luma at the bins' middles into the line through it, in place."""
    luma = moves[..., 0]
    rise = moves[..., 3]
    rise[..., 1:-1] = (luma[..., 2:] - luma[..., :-2]) / np.float32(2 * _LUMA_BIN)
    rise[..., 0], rise[..., -1] = rise[..., 1], rise[..., -2]
    np.clip(rise, -_STEEPEST, _STEEPEST, out=rise)
    luma -= rise * _LUMA_NODES.astype(np.float32)
    moves[..., :3] *= FRACTION
    rise *= _RISE_UNIT


def _moved(
    cube: Cube, chroma: Floats, luma: Floats, source: tuple[Matrix, Range], out: tuple[Matrix, Range]
) -> Floats:
    """New codes (u, v, y, 3), luma first, of the colours with these chroma and luma codes."""
    black, luma_span, chroma_span = colour.code_scale(source[1])
    c, y = (chroma - 128) / chroma_span, (luma - black) / luma_span
    codes = np.stack(np.meshgrid(c, c, y, indexing="ij"), -1)[..., [2, 0, 1]]
    wanted = colour.ycc_to_rgb(codes, source[0])
    rgb = np.clip(wanted, 0, 1)
    # Codes that are no colour keep their distance to the nearest one, so that the identity changes nothing.
    moved = colour.rgb_to_ycc(sample_grade(cube, rgb) + wanted - rgb, out[0])
    black, luma_span, chroma_span = colour.code_scale(out[1])
    return moved * [luma_span, chroma_span, chroma_span] + [black, 128, 128]


def _added(moved: Floats, chroma: Floats, greys: Floats) -> Floats:
    """What new codes (u, v, y, 3) of colours with these chroma codes have more than the greys' and their own."""
    own = np.zeros((len(chroma), len(chroma), len(greys), 3))
    own[..., 0], own[..., 1], own[..., 2] = greys, chroma[:, None, None], chroma[:, None]
    return moved - own


def _spread(nodes: Floats) -> NDArray[np.float32]:
    """Values at the chroma nodes (34, 34, y, 3) at the middles of the bins they enclose, (128, 128, y, 4).

    The nodes lie where OpenCV's resizing expects pixels, with one more at either end.
    """
    count = len(nodes)
    inner = slice(_FINER, -_FINER)
    rows = cv2.resize(nodes.reshape(count, -1).astype(np.float32), None, fx=1, fy=_FINER)[inner]
    out = np.zeros((_CHROMA_BINS, _CHROMA_BINS, _LUMA_BINS, 4), np.float32)
    for i, row in enumerate(rows):
        fine = cv2.resize(row.reshape(count, -1), None, fx=1, fy=_FINER)[inner]
        out[i, ..., :3] = fine.reshape(_CHROMA_BINS, _LUMA_BINS, 3)
    return out


class Lookup:
    """A `ColourTable` with its dither for one picture size (h, w)."""

    def __init__(self, table: ColourTable, size: tuple[int, int]) -> None:
        half = (-(-size[0] // 2), -(-size[1] // 2))
        self._limits = table.limits
        self._curve = np.ascontiguousarray(table.curve[::LUMA_STEPS])
        self._rise = np.ascontiguousarray(table.curve[1::LUMA_STEPS] - self._curve)
        # All moves of a pixel lie side by side: read as one number, they are found at once.
        self._moves = np.ascontiguousarray(table.moves).view(np.float64)[..., 0]
        # Rounding down `x + noise` picks the bin above as often as x is near it: the bins' middles average to x.
        self._luma_noise = _steps_of_noise(size, LUMA_STEPS, (0, 0))
        # With the step of luma's own noise it makes up a code: what is not changed comes out as it went in.
        self._rounding = _steps_of_noise(size, FRACTION // LUMA_STEPS, (17, 41)) + np.int16(FRACTION // 4)
        self._bin_noise = _middling(half, _LUMA_BIN_STEPS, (5, 53))
        self._u_noise = _middling(half, _CHROMA_BIN_STEPS, (23, 7))
        self._v_noise = _middling(half, _CHROMA_BIN_STEPS, (37, 19))
        self._chroma_rounding = _steps_of_noise(half, FRACTION, (11, 29))

    def __call__(self, luma: Steps, u: Steps, v: Steps) -> tuple[Codes, Codes, Codes]:
        """New planes for luma (h, w) in half codes and chroma (half size) in sixteenths of a code."""
        found = _look_up(self._moves, self._columns(luma, u.shape), self._rows(u, v))
        # Averaged with its neighbours', a move shows neither the dither of the bins nor the steps of its codes.
        moves = cv2.split(found.view(np.int16).reshape(*u.shape, 4))
        added, cb, cr, rise = (np.asarray(cv2.GaussianBlur(move, (3, 3), 0), np.int16) for move in moves)
        y = self._curved(luma)
        y += _doubled(added, luma.shape)
        scale = FRACTION / LUMA_STEPS / _RISE_UNIT
        y += np.asarray(cv2.multiply(luma, _doubled(rise, luma.shape), scale=scale), np.int16)
        return (
            _shifted(y, self._rounding, self._limits),
            _shifted(np.add(cb, u, out=cb), self._chroma_rounding, (0, 255)),
            _shifted(np.add(cr, v, out=cr), self._chroma_rounding, (0, 255)),
        )

    def _curved(self, luma: Steps) -> NDArray[np.int16]:
        """Luma (half codes) on the greys' curve, in sixteenths of a code."""
        steps = luma + self._luma_noise
        np.clip(steps, 0, 256 * LUMA_STEPS - 1, out=steps)
        codes = (steps >> _LUMA_SHIFT).astype(np.uint8)
        y, rise = (np.asarray(cv2.LUT(codes, table), np.int16) for table in (self._curve, self._rise))
        steps &= LUMA_STEPS - 1
        rise *= steps
        y += rise
        return y

    def _columns(self, luma: Steps, half: tuple[int, ...]) -> Steps:
        """The table's column for the mean luma of each chroma pair."""
        small = np.asarray(cv2.resize(luma, half[::-1], interpolation=cv2.INTER_AREA), np.int16)
        return _binned(small, self._bin_noise, _LUMA_BIN_SHIFT, _LUMA_BINS)

    def _rows(self, u: Steps, v: Steps) -> Steps:
        """The table's row of each chroma pair."""
        rows = _binned(u, self._u_noise, _CHROMA_BIN_SHIFT, _CHROMA_BINS)
        rows *= np.int16(_CHROMA_BINS)
        rows += _binned(v, self._v_noise, _CHROMA_BIN_SHIFT, _CHROMA_BINS)
        return rows


def _steps_of_noise(size: tuple[int, int], steps: int, shift: tuple[int, int]) -> Steps:
    """Blue noise of 0 to `steps` - 1."""
    return np.floor(noise_field(size, shift=shift) * steps).astype(np.int16)


def _middling(size: tuple[int, int], steps: int, shift: tuple[int, int]) -> Steps:
    """Blue noise that, added to a bin's middle, stays in the bin of so many steps."""
    return _steps_of_noise(size, steps, shift) - np.int16(steps // 2 - 1)


def _binned(plane: Steps, noise: Steps, shift: int, bins: int) -> Steps:
    """The bin of every value: of 2 ** `shift` steps each."""
    binned = plane + noise
    binned >>= shift
    return np.clip(binned, 0, bins - 1, out=binned)


def _shifted(plane: Steps, noise: Steps, limits: tuple[int, int]) -> Codes:
    """Codes of sixteenths, within `limits`."""
    codes = plane + noise
    codes >>= _FRACTION_SHIFT
    return np.clip(codes, *limits, out=codes).astype(np.uint8)


def _doubled(plane: NDArray[np.int16], size: tuple[int, ...]) -> NDArray[np.int16]:
    """`plane` at twice its size, straight between its values, cut to `size`."""
    height, width = plane.shape
    large = cv2.resize(plane, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[: size[0], : size[1]], np.int16)


def _look_up(table: NDArray[Any], column: Steps, row: Steps) -> NDArray[Any]:
    """table[row, column] at every pixel: OpenCV's nearest remap, several times faster than an index array."""
    return cv2.remap(table, cv2.merge([column, row]), cast(Any, None), cv2.INTER_NEAREST)
