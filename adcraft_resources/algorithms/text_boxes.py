"""Where text stands in one picture: a detector's probability map turned into quads, and the geometry of quads.

Belongs here: single-picture geometry. Does not: time (text_tracks), pixels of letters (glyph_masks), models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Mask, Quad

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels; right and bottom are excluded."""

CORE_PROBABILITY = 0.3  # PP-OCR's own threshold of the shrunken text core
UNCLIP = 1.6  # the core is shrunk in training; Liao et al., DBNet, AAAI 2020, section 3.5
SMALL_DISK = 3  # pixels up to which dilating by a kernel is the cheaper way
MIN_CORE_SIDE = 3.0  # map pixels; less is noise


@dataclass(frozen=True, slots=True)
class FoundQuad:
    """A text box of one picture in display pixels with the detector's mean probability."""

    quad: Quad
    score: float


def fit_size(
    size: tuple[int, int], long_side: int, *, step: int = 32, enlarge: float = 1.5
) -> tuple[int, int]:
    """Return the (height, width), multiples of `step`, that brings the long side of `size` near `long_side`."""
    scale = min(enlarge, long_side / max(size))
    height, width = (max(step, round(side * scale / step) * step) for side in size)
    return height, width


def network_input(frame: Frame, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return `frame` shrunk to (h, w) `size` as PP-OCR's BGR tensor (1, 3, h, w) in [-1, 1]."""
    shrink = size[0] < frame.shape[0]
    small = cv2.resize(
        frame, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    )
    tensor = small[..., ::-1].astype(np.float32) * (2.0 / 255.0) - 1.0
    return np.ascontiguousarray(tensor.transpose(2, 0, 1)[None])


def quads_of_probability(
    probability: NDArray[np.float32], size: tuple[int, int], *, min_score: float = 0.5
) -> list[FoundQuad]:
    """Turn a DBNet probability map into quads in a picture of (h, w) `size`, top to bottom."""
    height, width = probability.shape
    core = cv2.dilate((probability > CORE_PROBABILITY).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(core, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([size[1] / width, size[0] / height])
    found: list[FoundQuad] = []
    for contour in contours:
        center, (a, b), angle = cv2.minAreaRect(contour)
        if min(a, b) < MIN_CORE_SIDE:
            continue
        score = _score_inside(probability, contour)
        if score < min_score:
            continue
        grow = a * b * UNCLIP / (2 * (a + b))
        corners = cv2.boxPoints((center, (a + 2 * grow, b + 2 * grow), angle)) * scale
        found.append(FoundQuad(order_quad(corners), score))
    return sorted(found, key=lambda item: (item.quad[0][1], item.quad[0][0]))


def _score_inside(probability: NDArray[np.float32], contour: NDArray[Any]) -> float:
    x, y, w, h = cv2.boundingRect(contour)
    inside = np.zeros((h, w), np.uint8)
    cv2.fillPoly(inside, [contour - np.array([x, y])], 1)
    return float(probability[y : y + h, x : x + w][inside > 0].mean())


def order_quad(corners: NDArray[np.floating] | Sequence[Sequence[float]]) -> Quad:
    """Return four corners clockwise from the top left."""
    points = sorted(((float(x), float(y)) for x, y in corners), key=lambda p: p[0])
    left, right = sorted(points[:2], key=lambda p: p[1]), sorted(points[2:], key=lambda p: p[1])
    return left[0], right[0], right[1], left[1]


def quad_sides(quad: Quad) -> tuple[float, float]:
    """Return the mean width and height of a quad in pixels."""
    p = np.array(quad)
    width = (np.linalg.norm(p[1] - p[0]) + np.linalg.norm(p[2] - p[3])) / 2
    height = (np.linalg.norm(p[3] - p[0]) + np.linalg.norm(p[2] - p[1])) / 2
    return float(width), float(height)


def line_height(quad: Quad) -> float:
    """Return the height of the line of text: the shorter side."""
    return min(quad_sides(quad))


def quad_angle(quad: Quad) -> float:
    """Return the tilt of the long side against the nearer picture axis in degrees, 0 to 45."""
    p = np.array(quad)
    width, height = quad_sides(quad)
    side = p[1] - p[0] if width >= height else p[3] - p[0]
    angle = abs(float(np.degrees(np.arctan2(side[1], side[0])))) % 90
    return min(angle, 90 - angle)


def quad_box(quad: Quad, size: tuple[int, int], pad: float = 0.0) -> Box:
    """Return the upright box around `quad`, grown by `pad` pixels and clipped to a picture of (h, w) `size`."""
    xs, ys = [p[0] for p in quad], [p[1] for p in quad]
    left, top = int(np.floor(min(xs) - pad)), int(np.floor(min(ys) - pad))
    right, bottom = int(np.ceil(max(xs) + pad)) + 1, int(np.ceil(max(ys) + pad)) + 1
    return clip_box((left, top, right, bottom), size)


def clip_box(box: Box, size: tuple[int, int]) -> Box:
    """Clip a box to a picture of (h, w) `size`; never empty."""
    left, top = min(max(box[0], 0), size[1] - 1), min(max(box[1], 0), size[0] - 1)
    return left, top, max(min(box[2], size[1]), left + 1), max(min(box[3], size[0]), top + 1)


def join_boxes(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that holds all `boxes`."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def box_overlap(a: Box, b: Box) -> int:
    """Return the shared area of two boxes in pixels."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def box_area(box: Box) -> int:
    """Return the area of a box in pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def fill_quad(quad: Quad, box: Box, *, grow: float = 0.0) -> Mask:
    """Return the pixels of `quad` (dilated by `grow` pixels) inside `box`, (h, w) of the box, bool."""
    corners = (np.array(quad) - [box[0], box[1]]) * 8
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1, shift=3)
    return grow_by(mask.astype(np.bool_), grow)


def shrink_quad(quad: Quad, margin: float) -> Quad:
    """Return `quad` with each side moved inwards by `margin` pixels, by at most a third of the box."""
    p = np.array(quad)
    along, down = p[1] - p[0], p[3] - p[0]
    width, height = (max(float(np.linalg.norm(v)), 1e-6) for v in (along, down))
    dx, dy = along / width * min(margin, width / 3), down / height * min(margin, height / 3)
    return order_quad(np.array([p[0] + dx + dy, p[1] - dx + dy, p[2] - dx - dy, p[3] + dx - dy]))


def shift_by(quad: Quad, dx: float, dy: float) -> Quad:
    """Return `quad` moved by (dx, dy) pixels."""
    a, b, c, d = ((x + dx, y + dy) for x, y in quad)
    return a, b, c, d


def disk(radius: int) -> NDArray[np.uint8]:
    """Return a round structuring element."""
    side = 2 * max(radius, 0) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


def grow_by(mask: Mask, radius: float) -> Mask:
    """Return `mask` dilated by a disk; large disks by distance, whose cost does not grow with the radius."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if radius < 1 or not width:
        return mask.copy()
    reach = int(1.05 * radius) + 2  # the distance along an axis is measured 4.5 % short
    left, top, right, bottom = clip_box(
        (x - reach, y - reach, x + width + reach, y + height + reach), mask.shape
    )
    near = mask[top:bottom, left:right]
    grown = np.zeros_like(mask)
    if radius <= SMALL_DISK:
        grown[top:bottom, left:right] = cv2.dilate(near.view(np.uint8), disk(round(radius))).view(np.bool_)
    else:
        away = cv2.distanceTransform((~near).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
        grown[top:bottom, left:right] = away <= radius
    return grown


def quads_overlap(a: Quad, b: Quad) -> float:
    """Return the shared share of the smaller quad, 0 to 1."""
    first, second = (np.array(q, np.float32) for q in (a, b))
    areas = (abs(cv2.contourArea(first)), abs(cv2.contourArea(second)))
    if min(areas) <= 0:
        return 0.0
    shared, _ = cv2.intersectConvexConvex(first, second)
    return float(shared) / min(areas)


def cut_upright(frame: Frame, quad: Quad, height: int = 48, max_width: int = 1600) -> Frame:
    """Return the text of `quad` turned upright, `height` pixels tall, ready for a recogniser.

    Lines taller than 1.5 times their width are turned by a quarter, as PP-OCR does.
    """
    width, tall = quad_sides(quad)
    corners = np.array(quad, np.float32)
    if tall > 1.5 * width:
        corners, width, tall = np.roll(corners, -1, axis=0), tall, width
    out_width = int(np.clip(round(height * width / max(tall, 1.0)), height // 2, max_width))
    target = np.array([[0, 0], [out_width, 0], [out_width, height], [0, height]], np.float32)
    return cv2.warpPerspective(
        frame,
        cv2.getPerspectiveTransform(corners, target),
        (out_width, height),
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)
