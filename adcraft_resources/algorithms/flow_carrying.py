"""Moving things from a keyframe to another frame of its shot: by the camera's motion, or pixel by pixel along flow.

Belongs here: camera similarity between two frames, and texture carried along dense flow where that can be trusted.
Does not: what is carried (shot_looks.py), the camera's path through a clip (camera_path.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.camera_path import Motion
from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.values import Frame, Yuv420

Plane = NDArray[np.float32]
Luma = NDArray[np.uint8]

_CAMERA_SIDE = 160  # px of the short side at which camera motion is found
FLOW_SIDE = 288  # the same for dense flow
_RETURN_PX = 1.0  # forward and back again: a pixel that ends this far from its start is half trusted
_LEVELS = 12.0  # luma levels by which a carried pixel may differ to be half trusted
FADE = 0.02  # trust at which half of the texture is shown
ZERO = 128  # of a texture's codes


def _flow(a: Luma, b: Luma, preset: int = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM) -> Plane:
    """Dense flow from `a` to `b` (dense inverse search, Kroeger et al. 2016)."""
    search = cv2.DISOpticalFlow.create(preset)
    return np.asarray(search.calc(a, b, cast(Any, None)), np.float32)


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
    flow = _flow(a, b)
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


def blend(size: tuple[int, int], near: Sequence[Near]) -> Plane:
    """Texture (h, w, 3) for a frame of `size` from the keys beside it, by share and trust."""
    total = np.zeros((*size, 3), np.float32)
    weight = np.zeros(size, np.float32)
    for texture, match, share in near:
        moved, trust = carry(texture, match, size)
        trust = trust[..., 0] * np.float32(share)
        total += moved * trust[..., None]
        weight += trust
    return np.asarray(total / (weight + FADE)[..., None], np.float32)


def carry(texture: KeyTexture, match: Match, size: tuple[int, int]) -> tuple[Plane, Plane]:
    """A key's texture as it lies in a frame (h, w, 3), and how far each pixel can be trusted (h, w, 1)."""
    motion, full = match.motion.astype(np.float32), size[::-1]
    x, y = (np.arange(length, dtype=np.float32) for length in full)
    where = cv2.resize(match.moves(), full)
    where += (motion[:2, 0] * x[:, None] + motion[:2, 2])[None]
    where += (motion[:2, 1] * y[:, None])[:, None]
    moved = cv2.remap(
        texture.codes, where, cast(Any, None), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    trust = cv2.resize(match.trust.astype(np.float32) / 255, full)
    return moved.astype(np.float32) - ZERO, np.asarray(trust, np.float32)[..., None]


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
    flow = _flow(luma, np.asarray(moved, np.uint8))
    trust = _trust(luma, np.asarray(moved, np.uint8), flow)
    where = cv2.transform(_grid(luma.shape) + flow, small_motion[:2])
    inside = ((where >= 0) & (where <= np.array(luma.shape[::-1]) - 1)).all(-1)
    trust = cv2.GaussianBlur(trust * inside, (0, 0), 1.0)
    codes = np.asarray(np.rint(trust * 255), np.uint8)
    return Match((flow / np.array([columns, rows], np.float32)).astype(np.float16), codes, motion)


def small_luma(frame: Frame) -> Luma:
    """A frame's luma at the size flow is found at."""
    return _small(luma_of(frame), FLOW_SIDE)


def small_luma_of_planes(picture: Yuv420) -> Luma:
    """The same of codec planes: luma as RGB frames have it, bt601 full range."""
    black, luma_span, chroma_span = colour.code_scale(picture.range)
    size = small_size(picture.size)[::-1]
    y, u, v = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for plane in (picture.y, picture.u, picture.v)
    )
    # What each of Y', Cb, Cr adds to it: all of this is linear.
    shares = colour.ycc_to_rgb(np.eye(3), picture.matrix) @ np.array(colour.luma_weights("bt601"))
    luma = (y - black) / luma_span * shares[0] + ((u - 128) * shares[1] + (v - 128) * shares[2]) / chroma_span
    return np.clip(np.rint(luma * 255), 0, 255).astype(np.uint8)


def _trust(a: Luma, b: Luma, flow: Plane) -> Plane:
    """How far each pixel's flow can be believed, 0..1: it comes back, and it looks the same."""
    where = _grid(a.shape) + flow
    back = cv2.remap(_flow(b, a), where[..., 0], where[..., 1], cv2.INTER_LINEAR)
    returned = np.square(flow + back).sum(-1) / _RETURN_PX**2
    seen = cv2.remap(b, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = cv2.GaussianBlur(cv2.absdiff(a, seen).astype(np.float32), (0, 0), 1.5) / _LEVELS
    return np.asarray(np.exp(-0.7 * (returned + change**2)), np.float32)


def _grid(shape: tuple[int, ...]) -> Plane:
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return np.stack([x, y], -1)
