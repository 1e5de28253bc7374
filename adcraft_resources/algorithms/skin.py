"""Skin in pictures: which colours may be skin, which pixels are, and what a look did to them.

Belongs here: the colour model and the two measures a soap ad answers for (lightness and hue). Does not: finding
faces (faces.py), or holding a look back (grading.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.values import Frame, Mask

Floats = NDArray[np.floating[Any]]
Edges = tuple[float, float, float, float]
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

# CIELAB ranges (zero, full, full, zero) that hold skin of all types under ordinary light: measured skin has a hue of
# 45 to 72 degrees and a chroma of 12 to 32 (Xiao et al. 2017); the margins are for coloured light and make-up.
_HUE_DEG = (12.0, 30.0, 78.0, 94.0)
_CHROMA = (3.5, 10.5, 42.0, 62.0)
_LIGHTNESS = (6.0, 18.0, 90.0, 98.0)
# The same as a guard feels its way to them: what is held in place there must not part from what is beside it in a
# step, or walls and wood of nearly skin's colour come out in blotches.
_NEAR_HUE_DEG = (-6.0, 32.0, 74.0, 114.0)
_HUE_TURN_DEG = 240.0  # hues above are counted down from 0
_NEAR_CHROMA = (1.0, 13.0, 42.0, 75.0)
_NEAR_LIGHTNESS = (4.0, 20.0, 86.0, 100.0)
MIN_SKIN_PIXELS = 64  # fewer say nothing about a face
_POSSIBLE = 0.6  # likeness above which a pixel may be skin at all
_FACE_SHARE = 0.5  # of a face's middle that must be possible skin; less is no face, or one in coloured light
_NEAR_MEDIAN = 12.0  # a*, b* from a face's median; what is farther is eyes, lips, hair
_DISTANCE = 6.0  # squared Mahalanobis distance: holds 95 % of a face


def skin_likeness(lab: Floats) -> Floats:
    """Weight 0..1 of CIELAB colours (..., 3) being skin by colour alone."""
    hue, chroma = colour.hue_and_chroma(lab[..., 1], lab[..., 2])
    return _window(hue, _HUE_DEG) * _window(chroma, _CHROMA) * _window(lab[..., 0], _LIGHTNESS)


def skin_nearness(lab: Floats) -> Floats:
    """Weight 0..1 of CIELAB colours (..., 3): 1 for skin, falling slowly around it, so that a guard leaves no edge."""
    hue, chroma = colour.hue_and_chroma(lab[..., 1], lab[..., 2])
    hue = np.where(hue > _HUE_TURN_DEG, hue - 360, hue)
    return _window(hue, _NEAR_HUE_DEG) * _window(chroma, _NEAR_CHROMA) * _window(lab[..., 0], _NEAR_LIGHTNESS)


def _window(x: Floats, edges: Edges) -> Floats:
    a, b, c, d = edges
    rise, fall = np.clip((x - a) / (b - a), 0, 1), np.clip((d - x) / (d - c), 0, 1)
    t = np.minimum(rise, fall)
    return t * t * (3 - 2 * t)


def cielab_of(frame: Frame) -> NDArray[np.float32]:
    """CIELAB (h, w, 3) float32 of a frame, L* 0..100."""
    return np.asarray(cv2.cvtColor(frame.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32)


def skin_mask(frame: Frame, face_boxes: Sequence[Box]) -> Mask:
    """Pixels (h, w) that show skin: those that look like the skin inside the faces.

    Each face's middle seeds a Gaussian of its a*, b* (its lightness left out: a face has light and shade); a pixel
    within three deviations of a face's colour, possible as skin at all and within reach of the face, is skin.
    Empty where there are no faces.
    """
    mask = np.zeros(frame.shape[:2], np.bool_)
    if not face_boxes:
        return mask
    lab = cielab_of(frame)
    possible = skin_likeness(lab) > _POSSIBLE
    for box in face_boxes:
        middle = _middle_of(box, frame.shape[:2])
        seeds = lab[middle][possible[middle]]
        if len(seeds) >= max(MIN_SKIN_PIXELS, _FACE_SHARE * possible[middle].size):
            body = _body_of(box, frame.shape[:2])
            mask[body] |= possible[body] & (_distance(lab[body][..., 1:], seeds[:, 1:]) < _DISTANCE)
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return opened.astype(np.bool_)


def _middle_of(box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    """The inner 60 % of a box, which hair and background seldom reach."""
    x, y, w, h = box
    top, left = max(0, round(y + 0.2 * h)), max(0, round(x + 0.2 * w))
    return slice(top, min(size[0], round(y + 0.85 * h))), slice(left, min(size[1], round(x + 0.8 * w)))


def _body_of(box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    """Where the skin of a face's owner can be: a face and a half to either side and four down."""
    x, y, w, h = box
    top, left = max(0, y - h // 2), max(0, x - 3 * w // 2)
    return slice(top, min(size[0], y + 5 * h)), slice(left, min(size[1], x + 5 * w // 2))


def _distance(ab: Floats, seeds: Floats) -> Floats:
    """Squared Mahalanobis distance of colours (h, w, 2) to the seeds' distribution about their median."""
    centre = np.median(seeds, 0)
    near = seeds[(np.abs(seeds - centre) < _NEAR_MEDIAN).all(1)]
    spread = np.cov((near if len(near) >= MIN_SKIN_PIXELS else seeds).T) + 4 * np.eye(2)
    offset = ab - centre.astype(np.float32)
    return np.einsum("hwi,ij,hwj->hw", offset, np.linalg.inv(spread).astype(np.float32), offset)


def skin_delta_l(before: Frame, after: Frame, mask: Mask) -> float | None:
    """Signed mean change of L* over the skin, above 0 is lighter; None where too little skin is seen."""
    if int(mask.sum()) < MIN_SKIN_PIXELS:
        return None
    change = _cielab_in(after, mask)[:, 0] - _cielab_in(before, mask)[:, 0]
    return float(change.mean(dtype=np.float64))


def skin_hue_shift(before: Frame, after: Frame, mask: Mask) -> float | None:
    """Signed turn in degrees of the skin's mean CIELAB hue; None where too little skin is seen."""
    if int(mask.sum()) < MIN_SKIN_PIXELS:
        return None
    old, new = (_cielab_in(f, mask)[:, 1:].mean(0, dtype=np.float64) for f in (before, after))
    hues = [np.degrees(np.arctan2(v[1], v[0])) for v in (old, new)]
    return float(colour.hue_difference(hues[1], hues[0]))


def _cielab_in(frame: Frame, mask: Mask) -> NDArray[np.float32]:
    """CIELAB (n, 3) of the mask's pixels; those of a whole large picture would take 50 MB."""
    return cielab_of(frame[mask][None])[0]
