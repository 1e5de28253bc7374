"""Codec planes to RGB frames, and layers of RGB to codec planes, each rounded once.

Belongs here: conversions of a whole picture for looks that are worked out on RGB. Does not: bt601 full-range planes of
frames (planes.py), grading planes as they are (lookup.py).
"""

from __future__ import annotations

import functools
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.dither import noise_field
from adcraft_resources.algorithms.planes import BAND, Layer, bands, doubled_rows, evened
from adcraft_resources.algorithms.values import Frame, Matrix, Range, Yuv420

Plane = NDArray[np.float32]

CHROMA_SHIFT = (11, 29), (5, 53)  # of the noise of both chroma planes


def rgb_of_planes(picture: Yuv420) -> Frame:
    """RGB frame of planes of any matrix and range, chroma spread linearly; each value to its nearest code."""
    height, width = picture.size
    chroma = [plane.astype(np.float32) for plane in (picture.u, picture.v)]
    matrix = _to_rgb(picture.matrix, picture.range)
    out, kept = np.empty((height, width, 3), np.uint8), np.empty((2, BAND, width, 3), np.float32)
    for rows in bands(height):
        ycc, rgb = kept[:, : rows.stop - rows.start]
        y = picture.y[rows].astype(np.float32)
        cv2.merge([y, *(doubled_rows(plane, y.shape, rows.start) for plane in chroma)], ycc)
        cv2.add(cv2.transform(ycc, matrix, rgb), cast(Any, 0.0), dst=out[rows], dtype=cv2.CV_8U)
    return out


def planes_of_layers(layers: list[Layer], size: tuple[int, int]) -> Yuv420:
    """bt709 limited planes of what layers write and add (codes, clipped to 0..255), dithered where they are rounded."""
    height, width = size
    half = (-(-height // 2), -(-width // 2))
    y, u, v = np.empty(size, np.uint8), np.empty(half, np.uint8), np.empty(half, np.uint8)
    matrix, (luma_noise, *chroma_noise) = _from_rgb(), _noise(size)
    kept = np.empty((2, BAND, width, 3), np.float32)
    for rows in bands(height):
        made, ycc = kept[:, : rows.stop - rows.start]
        for layer in layers:
            layer(rows, made)
        np.clip(made, 0, 255, out=made)
        luma, *chroma = cv2.split(cv2.transform(made, matrix, ycc))
        cv2.add(luma, luma_noise[rows], dst=y[rows], dtype=cv2.CV_8U)
        few = slice(rows.start // 2, -(-rows.stop // 2))
        for plane, noise, out in zip(chroma, chroma_noise, (u, v), strict=True):
            small = cv2.resize(evened(plane), out[few].shape[::-1], interpolation=cv2.INTER_AREA)
            cv2.add(small, noise[few], dst=out[few], dtype=cv2.CV_8U)
    return Yuv420(y, u, v, "bt709", "limited")


@functools.cache
def _to_rgb(matrix: Matrix, value_range: Range) -> NDArray[np.float64]:
    """Affine rows from Y'CbCr codes to R'G'B' codes."""
    black, luma_span, chroma_span = colour.code_scale(value_range)
    rows = 255 * colour.ycc_to_rgb(np.diag(1 / np.array([luma_span, chroma_span, chroma_span])), matrix).T
    return np.column_stack([rows, -rows @ (black, 128, 128)]).astype(np.float64)


@functools.cache
def _from_rgb() -> NDArray[np.float64]:
    """Affine rows from R'G'B' codes to bt709 limited codes."""
    black, luma_span, chroma_span = colour.code_scale("limited")
    rows = colour.rgb_to_ycc(np.eye(3) / 255, "bt709") * (luma_span, chroma_span, chroma_span)
    return np.column_stack([rows.T, (black, 128, 128)]).astype(np.float64)


@functools.lru_cache(maxsize=4)
def _noise(size: tuple[int, int]) -> list[Plane]:
    """What is added to luma and both chroma planes before each value goes to its nearest code."""
    half = (-(-size[0] // 2), -(-size[1] // 2))
    fields = [noise_field(size), *(noise_field(half, shift=shift) for shift in CHROMA_SHIFT)]
    return [field - np.float32(0.5) for field in fields]
