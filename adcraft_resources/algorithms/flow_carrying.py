"""Moving things from a keyframe to another frame of its shot: by the camera's motion, or pixel by pixel along flow.

Belongs here: camera similarity between two frames, and texture carried along dense flow where that can be trusted.
Does not: what is carried (look_propagation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.values import Frame

Plane = NDArray[np.float32]

_CAMERA_SIDE = 160  # px of the short side at which camera motion is found
_FLOW_SIDE = 288  # the same for dense flow
_RETURN_PX = 1.0  # forward and back again: a pixel that ends this far from its start is half trusted
_LEVELS = 12.0  # luma levels by which a carried pixel may differ to be half trusted
_FADE = 0.02  # trust at which half of the texture is shown


def _flow(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Plane:
    """Dense flow from `a` to `b` (dense inverse search, Kroeger et al. 2016)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(a, b, cast(Any, None)), np.float32)


def _small(frame: Frame, side: int) -> tuple[NDArray[np.uint8], float]:
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


def carry_texture(frame: Frame, textures: Sequence[tuple[Frame, Plane, float]]) -> Plane:
    """Texture for `frame` from keys given as (source, texture (h, w, 3), share): blended by share and trust."""
    luma, scale = _small(frame, _FLOW_SIDE)
    size = frame.shape[1::-1]
    total = np.zeros((*frame.shape[:2], 3), np.float32)
    weight = np.zeros(frame.shape[:2], np.float32)
    for key, texture, share in textures:
        other, _ = _small(key, _FLOW_SIDE)
        flow = _flow(luma, other)
        trust = cv2.resize(_trust(luma, other, flow), size) * np.float32(share)
        where = cv2.resize(flow, size) / np.float32(scale) + _grid(frame.shape[:2])
        moved = cv2.remap(
            texture, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        total += moved * trust[..., None]
        weight += trust
    return np.asarray(total / (weight + _FADE)[..., None], np.float32)


def _trust(a: NDArray[np.uint8], b: NDArray[np.uint8], flow: Plane) -> Plane:
    """How far each pixel's flow can be believed, 0..1: it comes back, it looks the same, it is inside."""
    grid = _grid(a.shape)
    where = grid + flow
    back = cv2.remap(_flow(b, a), where[..., 0], where[..., 1], cv2.INTER_LINEAR)
    returned = np.square(flow + back).sum(-1) / _RETURN_PX**2
    seen = cv2.remap(b, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = cv2.GaussianBlur(cv2.absdiff(a, seen).astype(np.float32), (0, 0), 1.5) / _LEVELS
    inside = ((where >= 0) & (where <= np.array(a.shape[::-1], np.float32) - 1)).all(-1)
    trust = np.exp(-0.7 * (returned + change**2)) * inside
    return np.asarray(cv2.GaussianBlur(trust.astype(np.float32), (0, 0), 1.0), np.float32)


def _grid(shape: tuple[int, ...]) -> Plane:
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return np.stack([x, y], -1)
