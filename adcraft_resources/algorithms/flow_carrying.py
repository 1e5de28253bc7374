"""Moving things from a keyframe to another frame of its shot: by the camera's motion, or pixel by pixel along flow.

Belongs here: camera similarity between two frames, and texture carried along dense flow where that can be trusted.
Does not: what is carried (shot_looks.py), the camera's path through a clip (camera_path.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.camera_path import Motion
from adcraft_resources.algorithms.planes import Spread, luma_of, whole
from adcraft_resources.algorithms.values import Frame, Yuv420

Plane = NDArray[np.float32]
Luma = NDArray[np.uint8]

_CAMERA_SIDE = 160  # px of the short side at which camera motion is found
FLOW_SIDE = 288  # the same for dense flow
_RETURN_PX = 1.0  # forward and back again: a pixel that ends this far from its start is half trusted
_LEVELS = 12.0  # luma levels by which a carried pixel may differ to be half trusted
FADE = 0.02  # trust at which half of the texture is shown
ZERO = 128  # of a texture's codes


@dataclass(frozen=True)
class _Search:
    """How hard dense inverse search (Kroeger et al. 2016) tries: px between patches, steps of each, refinements."""

    stride: int
    steps: int
    refinements: int

    def __call__(self, a: Luma, b: Luma) -> Plane:
        """Dense flow from `a` to `b`."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setPatchStride(self.stride)
        search.setGradientDescentIterations(self.steps)
        search.setVariationalRefinementIterations(self.refinements)
        return np.asarray(search.calc(a, b, cast(Any, None)), np.float32)


# The way there carries texture; the way back only tells whether to trust it. More effort (3, 25, 5 for both) takes 2.3
# times the time and brings 0.02 dB.
_THERE, _BACK = _Search(4, 16, 2), _Search(4, 8, 0)
_OF_CAMERA = _Search(3, 25, 5)


def _small(luma: Luma, side: int) -> Luma:
    """Luma at the size things are found at. Each axis has its own ratio: few sizes shrink to whole pixels."""
    return np.asarray(
        cv2.resize(luma, small_size(luma.shape, side)[::-1], interpolation=cv2.INTER_AREA), np.uint8
    )


def small_size(shape: tuple[int, ...], side: int = FLOW_SIDE) -> tuple[int, int]:
    """Rows and columns of a picture whose short side is `side`, or shorter as it was."""
    scale = min(1.0, side / min(shape[:2]))
    return round(shape[0] * scale), round(shape[1] * scale)


def scene_motion(frame: Frame, key: Frame) -> NDArray[np.float64]:
    """2x3 similarity from pixels of `frame` to those of `key`: the camera's part of the motion between them."""
    a, b = (_small(luma_of(one), _CAMERA_SIDE) for one in (frame, key))
    flow = _OF_CAMERA(a, b)
    texture = cv2.magnitude(cv2.Sobel(a, cv2.CV_32F, 1, 0), cv2.Sobel(a, cv2.CV_32F, 0, 1))
    rows, columns = np.nonzero(texture > np.percentile(texture, 70))
    step = max(1, len(rows) // 1500)
    grow = (np.array(frame.shape[1::-1]) / a.shape[::-1]).astype(np.float32)
    points = (np.stack([columns, rows], 1)[::step].astype(np.float32) + np.float32(0.5)) * grow - np.float32(
        0.5
    )
    moved = points + flow[rows, columns][::step] * grow
    similarity = None
    if len(points) >= 3:  # noqa: PLR2004 - what a similarity takes, and one to spare
        similarity, _ = cv2.estimateAffinePartial2D(points, moved, ransacReprojThreshold=float(grow.mean()))
    if similarity is None:
        return np.eye(2, 3)
    return np.asarray(similarity, np.float64)


@dataclass(frozen=True)
class KeyTexture:
    """What a key has that its model misses: codes around 128 (h, w, 3), and the key's small luma to find it by."""

    index: int
    luma: Luma
    codes: Frame


def texture_of(index: int, source: Frame, texture: Plane) -> KeyTexture:
    """Keep `texture` (h, w, 3) of a key in 8 bits."""
    codes = np.clip(np.rint(texture) + ZERO, 0, 255).astype(np.uint8)
    return KeyTexture(index, small_luma(source), codes)


@dataclass(frozen=True)
class Match:
    """Where the pixels of a frame lie in a key: first along flow, then by the camera's motion.

    `flow` (rows, columns, 2) float16 px and `trust` (rows, columns) uint8 of 255 at the small size, as small as they
    can be kept for a whole clip; `motion` and the flow's values are in pixels of the full pictures.
    """

    flow: NDArray[np.float16]
    trust: Luma
    motion: Motion

    def moves(self) -> Plane:
        """The flow turned as the camera turned it: what is added to `motion` at each pixel, at the small size."""
        return np.asarray(cv2.transform(self.flow.astype(np.float32), self.motion[:2, :2]), np.float32)


Near = tuple[KeyTexture, Match, float]
"""A key beside a frame, where the frame lies in it, and the key's share."""


class Carried:
    """Texture for a frame of `size` from the keys beside it, by share and trust, a few rows at a time."""

    def __init__(self, size: tuple[int, ...], near: Sequence[Near]) -> None:
        self._moved = [(Moved(texture, match, size), np.float32(share)) for texture, match, share in near]
        self._shares = np.empty((0, size[1], 3), np.float32)

    def __call__(self, rows: slice, out: Plane) -> None:
        """Add the texture of some rows to them (rows, w, 3)."""
        if len(self._shares) < len(out):
            self._shares = np.empty_like(out)
        trusts = [moved.trust(rows) * share for moved, share in self._moved]
        weight = sum(trusts, np.float32(FADE))
        for (moved, _), trust in zip(self._moved, trusts, strict=True):
            np.divide(trust, weight, out=trust)
            shares = cv2.cvtColor(trust, cv2.COLOR_GRAY2RGB, self._shares[: len(out)])
            cv2.accumulateProduct(moved.texture(rows), shares, out)


def blend(size: tuple[int, int], near: Sequence[Near]) -> Plane:
    """Texture (h, w, 3) for a frame of `size` from the keys beside it, by share and trust."""
    return whole(Carried(size, near), size)


class Moved:
    """A key's texture as it lies in a frame of `size`, and how far it can be trusted, a few rows at a time.

    For one thread: what is returned is overwritten by the next call.
    """

    def __init__(self, texture: KeyTexture, match: Match, size: tuple[int, ...]) -> None:
        self._codes, motion = texture.codes, match.motion.astype(np.float32)
        self.trust = Spread(np.multiply(match.trust, np.float32(1 / 255), dtype=np.float32), size)
        moves = match.moves()
        self._moves = [Spread(moves[..., axis].copy(), size) for axis in (0, 1)]
        # What the camera's motion adds: a row of it by x, and a value for each row.
        x, y = (np.arange(length, dtype=np.float32) for length in size[1::-1])
        self._across = motion[:2, :1] * x + motion[:2, 2:]
        self._down = (motion[:2, 1:2] * y)[..., None]
        self._moved, self._floats = self._codes[:0], np.empty((0, size[1], 3), np.float32)

    def texture(self, rows: slice) -> Plane:
        """The texture (rows, w, 3)."""
        x, y = (self._place(axis, rows) for axis in (0, 1))
        count, width = x.shape
        if len(self._floats) < count:
            self._moved = np.empty((count, width, 3), self._codes.dtype)
            self._floats = np.empty((count, width, 3), np.float32)
        moved, floats = self._moved[:count], self._floats[:count]
        cv2.remap(self._codes, x, y, cv2.INTER_LINEAR, moved, cv2.BORDER_REPLICATE)
        return np.subtract(moved, np.float32(ZERO), out=floats, dtype=np.float32)

    def _place(self, axis: int, rows: slice) -> Plane:
        """Columns or rows of the key at which the pixels of some rows lie."""
        at = self._moves[axis](rows)
        at += self._across[axis]
        at += self._down[axis, rows]
        return at


def carry(texture: KeyTexture, match: Match, size: tuple[int, ...]) -> tuple[Plane, Plane]:
    """A key's texture as it lies in a frame (h, w, 3), and how far each pixel can be trusted (h, w, 1)."""
    moved = Moved(texture, match, size)
    return moved.texture(slice(None)), moved.trust(slice(None))[..., None]


def match_key(luma: Luma, texture: KeyTexture, motion: Motion) -> Match:
    """Match a frame's small luma with a key, given the camera's motion to it in pixels of the full picture.

    The key is first moved by that motion, so that flow has only the rest to find.
    """
    rows, columns = (small / full for small, full in zip(luma.shape, texture.codes.shape, strict=False))
    shrink = np.array([[columns, 0, 0.5 * columns - 0.5], [0, rows, 0.5 * rows - 0.5], [0, 0, 1]])
    small_motion = shrink @ motion @ np.linalg.inv(shrink)
    moved = cv2.warpAffine(
        texture.luma,
        small_motion[:2],
        luma.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    flow = _THERE(luma, np.asarray(moved, np.uint8))
    where = cv2.add(_grid(luma.shape), flow)
    trust = _trust(luma, np.asarray(moved, np.uint8), flow, where)
    height, width = luma.shape
    inside = cv2.inRange(cv2.transform(where, small_motion[:2]), (0, 0), (width - 1, height - 1))
    trust = cv2.GaussianBlur(cv2.bitwise_and(trust, trust, mask=inside), (0, 0), 1.0)
    codes = np.asarray(np.rint(trust * 255), np.uint8)
    full = cv2.transform(flow, np.diag([1 / columns, 1 / rows]))
    return Match(full.astype(np.float16), codes, motion)


def small_luma(frame: Frame) -> Luma:
    """A frame's luma at the size flow is found at."""
    return _small(luma_of(frame), FLOW_SIDE)


def small_luma_of_planes(picture: Yuv420) -> Luma:
    """The same of codec planes: luma as RGB frames have it, bt601 full range."""
    black, luma_span, chroma_span = colour.code_scale(picture.range)
    size = small_size(picture.size)[::-1]
    y, u, v = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (picture.y, picture.u, picture.v)
    )
    # What each of Y', Cb, Cr adds to it: all of this is linear.
    shares = colour.ycc_to_rgb(np.eye(3), picture.matrix) @ np.array(colour.luma_weights("bt601"))
    by_y, by_u, by_v = (255 * shares / (luma_span, chroma_span, chroma_span)).tolist()
    bright = cv2.addWeighted(y, by_y, u, by_u, -black * by_y - 128 * (by_u + by_v), dtype=cv2.CV_32F)
    return np.asarray(cv2.addWeighted(bright, 1, v.astype(np.float32), by_v, 0, dtype=cv2.CV_8U), np.uint8)


def _trust(a: Luma, b: Luma, flow: Plane, where: NDArray[Any]) -> NDArray[Any]:
    """How far each pixel's flow can be believed, 0..1: it comes back from `where` it leads, and it looks the same."""
    back = cv2.remap(_BACK(b, a), where, cast(Any, None), cv2.INTER_LINEAR)
    back += flow
    returned = cv2.transform(np.multiply(back, back, out=back), np.full((1, 2), 1 / _RETURN_PX**2))
    seen = cv2.remap(b, where, cast(Any, None), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = cv2.GaussianBlur(cv2.absdiff(a, seen).astype(np.float32), (0, 0), 1.5)
    doubt = cv2.accumulateSquare(change, returned * np.float32(_LEVELS**2))
    return np.asarray(cv2.exp(doubt * np.float32(-0.7 / _LEVELS**2)), np.float32)


@lru_cache(maxsize=8)
def _grid(shape: tuple[int, ...]) -> Plane:
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    grid = np.stack([x, y], -1)
    grid.setflags(write=False)
    return grid
