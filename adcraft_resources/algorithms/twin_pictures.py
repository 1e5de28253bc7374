"""Whether a picture, or a cut, sets two views of one scene against each other, as before-and-after pairs do.

Belongs here: finding the seam, and how alike the views are in all but their light. Does not: faces, skin, or what
follows from a find (picture_reviews).

A pair is two halves that hold the same things in the same places, with a seam between them near the middle. A wall's
edge has the seam and not the likeness; a tiled wall has the likeness and not the seam. What is not found: pairs of
different framing, halves of unequal size, a wipe over one picture, more than two panels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame

Plane = NDArray[np.float32]

_SIDE: Final = 144  # px of the long side compared at: faces of an eighth of it still have eyes
_SEAMS: Final = np.arange(0.44, 0.5601, 0.01)  # of the side; captioned pairs are seldom exactly halves
_STEP: Final = 9.0  # levels of colour across the seam that an eye sees as a line
_ALONG: Final = 0.72  # of the seam's length that must show the step
_UNBROKEN: Final = 0.5  # of the rows without a step on other lines may be without one on the seam
_WIDE: Final = 4  # px on either side that belong to the seam itself
_ALIKE_HALVES: Final = 0.68  # correlation of the halves' structure; of chance halves it is .3 as a rule
_ALIKE_CUT: Final = 0.72  # of two whole pictures; a jump cut within one set-up reaches .6
_REACH: Final = 0.12  # of the side that one view may be shifted against the other
_DETAIL: Final = 6.0  # px of blur that is taken for light, not for structure
_LEAST_DETAIL: Final = 2.5  # levels; a flatter picture has nothing to compare


@dataclass(frozen=True)
class Split:
    """A seam `at` a share of the width ("beside") or height ("above"), and how alike the halves are, -1..1."""

    kind: Literal["beside", "above"]
    at: float
    likeness: float


def find_split(frame: Frame) -> Split | None:
    """Return the seam between two like halves of a picture, or None."""
    small = _small(frame)
    found = [_split_of(small, "beside"), _split_of(np.ascontiguousarray(small.transpose(1, 0, 2)), "above")]
    splits = [one for one in found if one is not None]
    return max(splits, key=lambda one: one.likeness) if splits else None


def halves(frame: Frame, split: Split) -> tuple[Frame, Frame]:
    """Return the two views of a split picture."""
    side = frame.shape[1 if split.kind == "beside" else 0]
    at, margin = round(split.at * side), max(1, side // 100)
    if split.kind == "beside":
        return frame[:, : at - margin], frame[:, at + margin :]
    return frame[: at - margin], frame[at + margin :]


def framed_alike(before: Frame, after: Frame) -> bool:
    """Whether the pictures on either side of a cut hold the same things in the same places."""
    return likeness_of(_small(before), _small(after)) >= _ALIKE_CUT


def likeness_of(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the correlation of two RGB pictures' structure at the best small shift, their light left out."""
    height, width = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
    size = width, height
    a, b = (
        _structure(np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA), np.uint8))
        for each in (one, other)
    )
    if min(float(a.std()), float(b.std())) == 0.0:
        return 0.0
    dy, dx = max(1, round(_REACH * height)), max(1, round(_REACH * width))
    middle = a[dy : height - dy, dx : width - dx]
    if middle.size == 0 or float(middle.std()) == 0.0:
        return 0.0
    return float(cv2.matchTemplate(b, middle, cv2.TM_CCOEFF_NORMED).max())


def _small(frame: Frame) -> NDArray[np.uint8]:
    scale = min(1.0, _SIDE / max(frame.shape[:2]))
    size = max(8, round(frame.shape[1] * scale)), max(8, round(frame.shape[0] * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _split_of(picture: NDArray[np.uint8], kind: Literal["beside", "above"]) -> Split | None:
    """Look for a vertical seam; a horizontal one is looked for in the transposed picture."""
    width = picture.shape[1]
    share = _seam_shares(picture)
    usual = float(np.median(share))
    best: Split | None = None
    for at in sorted({round(float(one) * width) for one in _SEAMS}):
        if share[at] < _ALONG or 1 - share[at] > _UNBROKEN * (1 - usual) or _lines_like(share, at) > 1:
            continue
        left, right = picture[:, : at - 1], picture[:, at + 1 :]
        alike = likeness_of(np.ascontiguousarray(left), np.ascontiguousarray(right))
        if alike >= _ALIKE_HALVES and (best is None or alike > best.likeness):
            best = Split(kind, at / width, round(alike, 3))
    return best


def _seam_shares(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return for each column the share of rows that change from two px left of it to two px right."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    shares = np.zeros(picture.shape[1] + 1)
    step = np.abs(lab[:, 3:] - lab[:, :-3]).max(axis=2) >= _STEP
    shares[2 : 2 + step.shape[1]] = step.mean(axis=0)
    return shares


def _lines_like(share: NDArray[np.float64], at: int) -> int:
    """Count the other lines that stand out as much as a seam: one may be an edge of both views, more are a pattern."""
    strong = share >= share[at]
    strong[max(0, at - _WIDE) : at + _WIDE + 1] = False
    return int(np.count_nonzero(np.diff(strong.astype(np.int8), prepend=0) == 1))


def _structure(picture: NDArray[np.uint8]) -> Plane:
    """Return the picture's detail over its own local contrast: what stays when the light changes."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = cv2.GaussianBlur(grey, (0, 0), 0.8) - cv2.GaussianBlur(grey, (0, 0), _DETAIL)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2 * _DETAIL))
    return np.asarray(detail / np.maximum(contrast, _LEAST_DETAIL), np.float32)
