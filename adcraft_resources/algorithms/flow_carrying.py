"""Moving things from a keyframe to another frame of its shot: by the camera's motion, or pixel by pixel along flow.

Belongs here: camera similarity between two frames, and texture carried along dense flow where that can be trusted.
Does not: what is carried (look_propagation.py), the camera's path through a clip (camera_path.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_path import Motion
from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.values import Frame

Plane = NDArray[np.float32]
Luma = NDArray[np.uint8]

_CAMERA_SIDE = 160  # px of the short side at which camera motion is found
_FLOW_SIDE = 288  # the same for dense flow
_RETURN_PX = 1.0  # forward and back again: a pixel that ends this far from its start is half trusted
_LEVELS = 12.0  # luma levels by which a carried pixel may differ to be half trusted
_FADE = 0.02  # trust at which half of the texture is shown
_ZERO = 128  # of a texture's codes


def _flow(a: Luma, b: Luma, preset: int = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM) -> Plane:
    """Dense flow from `a` to `b` (dense inverse search, Kroeger et al. 2016)."""
    search = cv2.DISOpticalFlow.create(preset)
    return np.asarray(search.calc(a, b, cast(Any, None)), np.float32)


def _small(frame: Frame, side: int) -> tuple[Luma, float]:
    scale = min(1.0, side / min(frame.shape[:2]))
    luma = luma_of(frame)
    if scale < 1:
        luma = np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return luma, scale


def scene_motion(frame: Frame, key: Frame) -> NDArray[np.float64]:
    """2x3 similarity from pixels of `frame` to those of `key`: the camera's part of the motion between them."""
    a, scale = _small(frame, _CAMERA_SIDE)
    b, _ = _small(key, _CAMERA_SIDE)
    flow = _flow(a, b)
    texture = cv2.magnitude(cv2.Sobel(a, cv2.CV_32F, 1, 0), cv2.Sobel(a, cv2.CV_32F, 0, 1))
    rows, columns = np.nonzero(texture > np.percentile(texture, 70))
    step = max(1, len(rows) // 1500)
    points = np.stack([columns, rows], 1)[::step].astype(np.float32)
    moved = points + flow[rows, columns][::step]
    similarity = None
    if len(points) >= 3:  # noqa: PLR2004 - what a similarity takes, and one to spare
        similarity, _ = cv2.estimateAffinePartial2D(points, moved, ransacReprojThreshold=1.0)
    if similarity is None:
        return np.eye(2, 3)
    similarity[:, 2] /= scale
    return np.asarray(similarity, np.float64)


@dataclass(frozen=True)
class KeyTexture:
    """What a key has that its model misses: codes around 128 (h, w, 3), and the key's small luma to find it by."""

    index: int
    luma: Luma
    codes: Frame


def texture_of(index: int, source: Frame, texture: Plane) -> KeyTexture:
    """Keep `texture` (h, w, 3) of a key in 8 bits."""
    codes = np.clip(np.rint(texture) + _ZERO, 0, 255).astype(np.uint8)
    return KeyTexture(index, _small(source, _FLOW_SIDE)[0], codes)


class Carrier:
    """Carries texture to frames; remembers what the last frame looked like, nothing that would change a result."""

    def blend(self, frame: Frame, textures: Sequence[tuple[KeyTexture, Motion, float]]) -> Plane:
        """Texture for `frame` from keys with the camera's motion to them and their shares, by share and trust."""
        total = np.zeros(frame.shape, np.float32)
        weight = np.zeros(frame.shape[:2], np.float32)
        for texture, motion, share in textures:
            moved, trust = self.carry(frame, texture, motion)
            trust = trust[..., 0] * np.float32(share)
            total += moved * trust[..., None]
            weight += trust
        return np.asarray(total / (weight + _FADE)[..., None], np.float32)

    def carry(self, frame: Frame, texture: KeyTexture, motion: Motion) -> tuple[Plane, Plane]:
        """A key's texture moved to `frame` (h, w, 3), and how far each pixel can be trusted (h, w, 1).

        The key is first moved by the camera's motion, so that flow has only the rest to find.
        """
        luma, scale = _small(frame, _FLOW_SIDE)
        size = frame.shape[1::-1]
        where, trust = _matched(luma, texture.luma, _at_scale(motion, scale))
        where = (cv2.resize(where, size) + np.float32(0.5)) / np.float32(scale) - np.float32(0.5)
        moved = cv2.remap(
            texture.codes, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return moved.astype(np.float32) - _ZERO, np.asarray(cv2.resize(trust, size), np.float32)[..., None]


def _at_scale(motion: Motion, scale: float) -> Motion:
    shrink = np.array([[scale, 0, 0.5 * scale - 0.5], [0, scale, 0.5 * scale - 0.5], [0, 0, 1]])
    return shrink @ motion @ np.linalg.inv(shrink)


def _matched(luma: Luma, key: Luma, motion: Motion) -> tuple[Plane, Plane]:
    """Where each pixel of `luma` lies in `key`, and how far that can be believed, 0..1."""
    near = cv2.warpAffine(
        key,
        motion[:2],
        luma.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    flow = _flow(luma, np.asarray(near, np.uint8))
    trust = _trust(luma, np.asarray(near, np.uint8), flow)
    where = (_grid(luma.shape) + flow) @ motion[:2, :2].T.astype(np.float32) + motion[:2, 2].astype(
        np.float32
    )
    inside = ((where >= 0) & (where <= np.array(luma.shape[::-1], np.float32) - 1)).all(-1)
    return np.asarray(where, np.float32), np.asarray(
        cv2.GaussianBlur(trust * inside, (0, 0), 1.0), np.float32
    )


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
