"""Pictures between codec, planes and RGB: plane copies, colour matrices, the 8-bit 4:2:0 form all rooms share.

Belongs here: one picture in, one picture out. Does not: files, order, time.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from cv2.typing import MatLike
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Matrix, Range, Yuv420

_WEIGHTS = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """Decoded picture `index` (from 0), shown from `pts_s` seconds after the first picture."""

    index: int
    pts_s: float
    picture: Yuv420


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """Decoded picture `index` (from 0) as RGB, shown from `pts_s` seconds after the first picture."""

    index: int
    pts_s: float
    frame: Frame


def picture_of(frame: av.VideoFrame, matrix: Matrix, range_: Range) -> Yuv420:
    """Copy a yuv420p or yuvj420p frame's planes into arrays of their own; an odd edge is dropped."""
    height, width = frame.height & ~1, frame.width & ~1
    y = _plane(frame.planes[0], height, width)
    u = _plane(frame.planes[1], height // 2, width // 2)
    v = _plane(frame.planes[2], height // 2, width // 2)
    return Yuv420(y, u, v, matrix, range_)


def av_frame_of(picture: Yuv420) -> av.VideoFrame:
    """Copy a picture into a frame an encoder or swscale takes."""
    height, width = picture.size
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, (picture.y, picture.u, picture.v), strict=True):
        _pixels(plane)[: values.shape[0], : values.shape[1]] = values
    return frame


def rgb_of(picture: Yuv420) -> Frame:
    """Convert to RGB by the picture's own matrix and range, each value to its nearest level.

    Chroma is repeated, not smoothed: that is what `yuv_of` averages back, so a picture that goes to RGB and returns
    keeps its colour. (swscale's fast path is three times as fast and a level too dark.)
    """
    height, width = picture.size
    chroma = (
        cv2.resize(plane, (width, height), interpolation=cv2.INTER_NEAREST)
        for plane in (picture.u, picture.v)
    )
    return _rgb(cv2.merge([picture.y, *chroma]), picture)


def yuv_of(frame: Frame, matrix: Matrix = "bt709", range: Range = "limited") -> Yuv420:  # noqa: A002
    """Convert RGB (h, w, 3), both sides even, to 4:2:0; chroma is the mean of each 2x2 block.

    Raises:
        ValueError: A side is odd.
    """
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"4:2:0 needs even sides, not {width}x{height}")
    luma, chroma = _rows(matrix, range)
    y = np.asarray(cv2.transform(frame, luma), np.uint8)
    halved = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    uv = np.asarray(cv2.transform(halved, chroma), np.uint8)
    return Yuv420(y, np.ascontiguousarray(uv[..., 0]), np.ascontiguousarray(uv[..., 1]), matrix, range)


@functools.cache
def _rows(matrix: Matrix, range_: Range) -> tuple[np.ndarray, np.ndarray]:
    """Affine rows RGB → Y and RGB → (U, V) for 8-bit values (ITU-R BT.601 §3, BT.709 §3)."""
    kr, kg, kb = _WEIGHTS[matrix]
    luma_scale, chroma_scale, black = (219 / 255, 224 / 255, 16) if range_ == "limited" else (1.0, 1.0, 0)
    luma = np.array([[kr * luma_scale, kg * luma_scale, kb * luma_scale, black]], np.float32)
    u = np.array([-kr, -kg, 1 - kb]) / (2 * (1 - kb)) * chroma_scale
    v = np.array([1 - kr, -kg, -kb]) / (2 * (1 - kr)) * chroma_scale
    return luma, np.array([[*u, 128], [*v, 128]], np.float32)


def _plane(plane: VideoPlane, height: int, width: int) -> NDArray[np.uint8]:
    """Own copy of a plane's picture area, rows without padding."""
    return _pixels(plane)[:height, :width].copy()


def _pixels(plane: VideoPlane) -> NDArray[np.uint8]:
    """The plane's memory, (rows, line size), not copied."""
    return np.asarray(memoryview(plane), np.uint8).reshape(-1, plane.line_size)  # type: ignore[arg-type]


def small_rgb_of(picture: Yuv420, size: tuple[int, int]) -> Frame:
    """Shrink to (h, w) `size` and convert to RGB; the planes shrink first, so little is converted."""
    height, width = size
    planes = [_shrunk(plane, width, height) for plane in (picture.y, picture.u, picture.v)]
    return _rgb(cv2.merge(planes), picture)


def _rgb(merged: MatLike, picture: Yuv420) -> Frame:
    """Convert (h, w, 3) YUV with the picture's matrix."""
    return np.asarray(cv2.transform(merged, _inverse_rows(picture.matrix, picture.range)), np.uint8)


def _shrunk(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    """Area mean by whole factors first (fast), then bilinear to the exact size."""
    factor = max(1, min(plane.shape[0] // height, plane.shape[1] // width))
    if factor > 1:
        coarse = (plane.shape[1] // factor, plane.shape[0] // factor)
        plane = cv2.resize(
            plane[: coarse[1] * factor, : coarse[0] * factor], coarse, interpolation=cv2.INTER_AREA
        )
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)


@functools.cache
def _inverse_rows(matrix: Matrix, range_: Range) -> np.ndarray:
    """Affine rows (Y, U, V) → RGB for 8-bit values, (3, 4)."""
    luma, chroma = _rows(matrix, range_)
    forward = np.vstack([luma, chroma]).astype(np.float64)
    inverse = np.linalg.inv(forward[:, :3])
    return np.hstack([inverse, -inverse @ forward[:, 3:]]).astype(np.float32)
