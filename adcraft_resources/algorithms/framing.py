"""Where things stand in a picture: golden points, crops towards them, safe boxes, room for a block of text.

Belongs here: geometry in shares of the picture or in px. Does not: finding what is salient, or resampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame

Box = tuple[float, float, float, float]
"""x, y, width, height; shares of the picture (0–1) or px, as each function says."""

GOLDEN: Final = (3 - 5**0.5) / 2  # 0.382: the smaller part of the golden section
_FARTHEST: Final = GOLDEN  # from a golden point to the nearest side; the middle scores 0.56
_REELS: Final = (65 / 1080, 269 / 1920, 950 / 1080, 979 / 1920)  # clear of the Reels interface
_TALL: Final = 0.65  # width : height under which a picture is shown as a Reel or Story
_MARGIN: Final = 0.06  # of the sides elsewhere
_STEP: Final = 0.01
_CUT_COST: Final = 0.5  # a crop must win as much golden score as this times the share it cuts off
_COVER_COST: Final = 50.0  # a face or label is spared before anything else counts
_LOSS_COST: Final = 0.6  # saliency cropped away


@dataclass(frozen=True, slots=True)
class Crop:
    """Shares of the picture cut off each side; left + right = top + bottom, so the shape stays."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is cut off."""
        return max(self.left, self.top, self.right, self.bottom) <= 0

    def to_list(self) -> list[float]:
        """Left, top, right, bottom."""
        return [round(v, 4) for v in (self.left, self.top, self.right, self.bottom)]

    def window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return x, y, width, height of the kept part in whole px."""
        x, y = round(self.left * width), round(self.top * height)
        return x, y, round((1 - self.left - self.right) * width), round((1 - self.top - self.bottom) * height)

    def cut(self, frame: Frame) -> Frame:
        """Return the kept part of a picture, smaller than it."""
        x, y, w, h = self.window(*frame.shape[:2])
        return frame[y : y + h, x : x + w]

    def map_box(self, box: Box) -> Box:
        """Where a box (shares) comes to stand after the crop, cut at the picture's edges."""
        x, y, w, h = box
        wide, high = 1 - self.left - self.right, 1 - self.top - self.bottom
        x0, x1 = (np.clip((v - self.left) / wide, 0, 1) for v in (x, x + w))
        y0, y1 = (np.clip((v - self.top) / high, 0, 1) for v in (y, y + h))
        return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def centroid_of(weights: NDArray[np.float32]) -> tuple[float, float]:
    """Return the weighted centre x, y of a map, in shares of its width and height; the middle if it is empty."""
    total = float(weights.sum())
    if total <= 0:
        return 0.5, 0.5
    height, width = weights.shape
    x = float((weights.sum(0) * (np.arange(width) + 0.5)).sum()) / total / width
    y = float((weights.sum(1) * (np.arange(height) + 0.5)).sum()) / total / height
    return x, y


def golden_score(x: float, y: float) -> float:
    """Return 1 where (x, y), shares, is one of the four golden points, falling evenly to 0 at a side."""
    distance = min(
        float(np.hypot(x - gx, y - gy)) for gx in (GOLDEN, 1 - GOLDEN) for gy in (GOLDEN, 1 - GOLDEN)
    )
    return max(0.0, 1 - distance / _FARTHEST)


def propose_crops(
    saliency: NDArray[np.float32],
    limit: float,
    *,
    keep: Sequence[Box] = (),
    pull: float = 0.0,
    least: float = 0.0,
    count: int = 6,
) -> list[tuple[Crop, float]]:
    """Return the crops that bring the saliency centroid nearest to a golden point for the least cut off.

    Args:
        saliency: (h, w) non-negative weights.
        limit: Most that may be cut off one side, a share.
        keep: Boxes (shares) that no edge may cut: faces, labels.
        pull: Reward for each share cut off the width; 0 asks a crop to pay for itself, more frames tighter.
        least: Least to be cut off the width, a share, where `keep` allows it.
        count: How many, at most; they differ in how much they cut off.

    Returns:
        (crop, its cost in golden score: what it cuts off and what it is paid for that), the best of each width
        first. No crop at all is among them, at no cost, unless `least` could be kept.
    """
    sums, broad = _MomentSums(saliency), _MomentSums(saliency**0.5)
    steps = round(limit / _STEP)
    tightest: list[tuple[float, Crop, float]] = []
    for total in range(max(1, round(least / _STEP)), 2 * steps + 1):
        found: tuple[float, Crop, float] | None = None
        for left in range(max(0, total - steps), min(steps, total) + 1):
            for top in range(max(0, total - steps), min(steps, total) + 1):
                crop = Crop(*(v * _STEP for v in (left, top, total - left, total - top)))
                if any(_cuts(crop, box) for box in keep):
                    continue
                x, y, _ = sums.inside(crop)
                cost = _LOSS_COST * (1 - broad.inside(crop)[2]) + (_CUT_COST - pull) * total * _STEP
                worth = golden_score(x, y) - cost
                if found is None or worth > found[0] + 1e-9:
                    found = worth, crop, cost
        if found is not None:
            tightest.append(found)
    tightest.sort(key=lambda entry: -entry[0])
    proposals = [(crop, cost) for _, crop, cost in tightest[: count - 1]]
    return proposals if proposals and least > 0 else [(Crop(), 0.0), *proposals]


class _MomentSums:
    """Summed tables of a map and its first moments: centroid of any window in constant time."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        height, width = weights.shape
        w = weights.astype(np.float64) / max(float(weights.sum()), 1e-12)
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        self._shape = height, width
        self._tables = [
            np.pad(part.cumsum(0).cumsum(1), ((1, 0), (1, 0))) for part in (w, w * x, w * y[:, None])
        ]

    def inside(self, crop: Crop) -> tuple[float, float, float]:
        """Centroid x, y in shares of the window, and the share of the weight inside it."""
        height, width = self._shape
        x0, x1 = round(crop.left * width), round((1 - crop.right) * width)
        y0, y1 = round(crop.top * height), round((1 - crop.bottom) * height)
        mass, mx, my = (t[y1, x1] - t[y0, x1] - t[y1, x0] + t[y0, x0] for t in self._tables)
        if mass <= 0:
            return 0.5, 0.5, 0.0
        wide, high = 1 - crop.left - crop.right, 1 - crop.top - crop.bottom
        return float((mx / mass - crop.left) / wide), float((my / mass - crop.top) / high), float(mass)


def _cuts(crop: Crop, box: Box) -> bool:
    """Whether an edge of the crop takes something off a box that the picture showed."""
    x, y, w, h = box
    outside = x < crop.left or y < crop.top or x + w > 1 - crop.right or y + h > 1 - crop.bottom
    return outside and not (x <= 0 and y <= 0 and x + w >= 1 and y + h >= 1)


def safe_box(height: int, width: int) -> tuple[int, int, int, int]:
    """Return x, y, width, height in px of the part of the picture no interface covers.

    Tall pictures take the Reels box (x 65–1015, y 269–1248 of 1080x1920), scaled; others an even margin.
    """
    x, y, w, h = _REELS if width / height <= _TALL else (_MARGIN, _MARGIN, 1 - 2 * _MARGIN, 1 - 2 * _MARGIN)
    x0, y0 = int(np.ceil(x * width)), int(np.ceil(y * height))
    return x0, y0, int((x + w) * width) - x0, int((y + h) * height) - y0


def place_block(
    size: tuple[int, int],
    safe: tuple[int, int, int, int],
    avoid: Sequence[tuple[Box, float]],
    saliency: NDArray[np.float32],
    frame_size: tuple[int, int],
) -> tuple[int, int, float]:
    """Return x, y in px for a block of (height, width) `size` inside `safe`, and how much it covers.

    The last figure is the weighted share of the block that lies over `avoid` boxes (px, with their weights). Of
    the places that cover least of them the one over the least saliency wins, the upper one when equal.
    """
    height, width = size
    x0, y0, w, h = safe
    xs = sorted({x0 + max(0, round((w - width) * share)) for share in (0.5, 0.0, 1.0)})
    middle = x0 + max(0, (w - width) // 2)
    ys = range(y0, y0 + max(1, h - height + 1), max(1, h // 48))
    best: tuple[float, int, int, float] | None = None
    for y in ys:
        for x in xs:
            block = (float(x), float(y), float(width), float(height))
            covered = sum(weight * _overlap(block, box) for box, weight in avoid)
            seen = _saliency_under(block, saliency, frame_size)
            off_centre = abs(x - middle) / max(w, 1)
            low = (y - y0) / max(h, 1)
            cost = _COVER_COST * covered + seen + 0.3 * off_centre + 0.12 * low
            if best is None or cost < best[0] - 1e-9:
                best = cost, x, y, covered
    assert best is not None  # noqa: S101  # both ranges have at least one place
    return best[1], best[2], best[3]


def _overlap(block: Box, box: Box) -> float:
    """The share of `block` under `box`, or of `box` under `block`, whichever is more."""
    wide = min(block[0] + block[2], box[0] + box[2]) - max(block[0], box[0])
    high = min(block[1] + block[3], box[1] + box[3]) - max(block[1], box[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / max(min(block[2] * block[3], box[2] * box[3]), 1.0)


def _saliency_under(block: Box, saliency: NDArray[np.float32], frame_size: tuple[int, int]) -> float:
    """The share of all saliency that lies under `block`."""
    rows, columns = saliency.shape
    height, width = frame_size
    top, bottom = int(block[1] / height * rows), int(np.ceil((block[1] + block[3]) / height * rows))
    left, right = int(block[0] / width * columns), int(np.ceil((block[0] + block[2]) / width * columns))
    return float(saliency[top:bottom, left:right].sum())
