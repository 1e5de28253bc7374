"""Shapes a hook is made of: a block of lines, plates, pen strokes, shadows, laid over one another.

Belongs here: coverage masks and stacking of lines. Does not: which design uses what, or colours (treatments).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from adcraft_resources.algorithms.contrast import Colour
from adcraft_resources.typography.lines import Face, Line, line_extent, line_pitch

Coverage = NDArray[np.float32]
"""(h, w), 0–1."""

Box = tuple[float, float, float, float]
"""x, y, width, height in px."""

_STEP_SLOPE: Final = (2 * np.pi) ** 0.5  # a step blurred by σ rises by 1 / (σ √2π) a pixel
_LEAST_BLUR: Final = 0.5  # px; less changes nothing
_SUBPIXEL_BITS: Final = 4


class Canvas:
    """A transparent picture on which shapes are laid one over the other."""

    def __init__(self, height: int, width: int) -> None:
        self.colour = np.zeros((height, width, 3), np.float32)
        self.alpha = np.zeros((height, width), np.float32)

    def lay(self, coverage: Coverage, colour: Colour, opacity: float = 1.0) -> None:
        """Lay `colour` over what is there."""
        top = coverage * opacity
        self.colour *= (1 - top)[..., None]
        self.colour += top[..., None] * np.array(colour, np.float32)
        self.alpha += top * (1 - self.alpha)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines with the place of each: left edge of the ink and baseline."""

    lines: list[Line]
    places: list[tuple[float, float]]
    size: tuple[int, int]

    def letters(self, index: int, stroke: float = 0.0) -> Coverage:
        """Coverage of one line's letters, grown by `stroke` px."""
        page = Image.new("L", (self.size[1], self.size[0]))
        x, baseline = self.places[index]
        self.lines[index].draw(ImageDraw.Draw(page), x, baseline, stroke)
        return _as_coverage(np.asarray(page)) / np.float32(255)

    def all_letters(self, stroke: float = 0.0) -> Coverage:
        """Coverage of every line's letters."""
        return np.maximum.reduce([self.letters(i, stroke) for i in range(len(self.lines))])


def stack_lines(lines: Sequence[Line], *, margin: int, align: str, lead: float = 0.0) -> Block:
    """Place lines under one another on a page with `margin` px around their ink."""
    widths = [line.ink[2] - line.ink[0] for line in lines]
    widest = max(widths)
    share = {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
    alike = len({line.face.size for line in lines}) == 1
    over, under = line_extent(lines)
    places, baseline = [], float(margin)
    for index, line in enumerate(lines):
        top = over if alike else -line.ink[1]
        if index == 0:
            baseline += top
        elif alike:
            baseline += line_pitch(lines) + lead * line.face.size
        else:
            baseline += max(lines[index - 1].ink[3], 0) + lead * min(x.face.size for x in lines) + top
        x = margin + (widest - widths[index]) * share - line.ink[0]
        places.append((round(x), round(baseline)))
    bottom = baseline + (under if alike else max(lines[-1].ink[3], 0))
    return Block(list(lines), places, (int(np.ceil(bottom)) + margin, int(np.ceil(widest)) + 2 * margin))


def justified(lines: list[Line]) -> list[Line]:
    """The lines enlarged to the widest one's width, by half at most."""
    widest = max(line.advance for line in lines)
    return [
        Line(
            line.text,
            Face(
                round(line.face.size * min(1.5, widest / line.advance), 1), line.face.weight, line.face.width
            ),
            line.rtl,
        )
        for line in lines
    ]


def line_boxes(block: Block, pad_x: float, pad_y: float) -> list[Box]:
    """x, y, width, height around each line, equally high where the lines are of one size."""
    alike = len({line.face.size for line in block.lines}) == 1
    over, under = line_extent(block.lines)
    boxes = []
    for line, (x, baseline) in zip(block.lines, block.places, strict=True):
        top, bottom = (over, under) if alike else (-line.ink[1], max(line.ink[3], 0.0))
        left, right = x + line.ink[0] - pad_x, x + line.ink[2] + pad_x
        boxes.append((left, baseline - top - pad_y, right - left, top + bottom + 2 * pad_y))
    return boxes


def even_edges(boxes: list[Box], step: float) -> list[Box]:
    """Boxes made to meet, and of one width where a step between them would be smaller than `step`."""
    if len(boxes) > 1 and abs(boxes[0][2] - boxes[1][2]) < 2 * step:
        x, _, w, _ = hull_of(boxes)
        boxes = [(x, y, w, h) for _, y, _, h in boxes]
    return [
        (x, y, w, (boxes[i + 1][1] - y + 1) if i + 1 < len(boxes) else h)
        for i, (x, y, w, h) in enumerate(boxes)
    ]


def hull_of(boxes: Sequence[Box]) -> Box:
    """The box around all boxes."""
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    return left, top, max(b[0] + b[2] for b in boxes) - left, max(b[1] + b[3] for b in boxes) - top


def boxes_mask(boxes: Sequence[Box], size: tuple[int, int]) -> Coverage:
    """Coverage of upright boxes, edges on whole pixels."""
    page = np.zeros(size, np.float32)
    for x, y, w, h in boxes:
        page[max(0, round(y)) : round(y + h), max(0, round(x)) : round(x + w)] = 1
    return page


def rounded(shape: Coverage, radius: float) -> Coverage:
    """`shape` with corners rounded inwards and outwards, its edge one pixel soft."""
    sigma = 0.55 * radius
    return shape if sigma < _LEAST_BLUR else _cut(_blurred(shape, sigma), sigma)


def _cut(soft: Coverage, sigma: float) -> Coverage:
    """A blurred shape cut at one half; the slope makes a straight edge one pixel wide."""
    return np.clip((soft - np.float32(0.5)) * np.float32(_STEP_SLOPE * sigma) + np.float32(0.5), 0, 1)


def pen_stroke(box: Box, size: tuple[int, int], em: float, index: int) -> Coverage:
    """One stroke of a marker over `box`: a leaning quadrilateral with rough ends."""
    x, y, w, h = box
    lean, tilt = 0.16 * em, 0.035 * em * (1 if index % 2 else -1)
    ends = (0.1, -0.04, 0.07, 0.0, 0.09)  # of an em: how far the bristles reach, top to bottom
    steps = np.linspace(0, 1, len(ends))
    left = [(x - e * em + lean * (0.5 - s), y + h * s + tilt) for e, s in zip(ends, steps, strict=True)]
    right = [
        (x + w + e * em + lean * (0.5 - s), y + h * s - tilt) for e, s in zip(ends[::-1], steps, strict=True)
    ]
    page = np.zeros(size, np.uint8)
    corners = np.round(np.array([*left, *right[::-1]]) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(page, [corners], 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    sigma = max(0.05 * em, _LEAST_BLUR)
    return _cut(_blurred(_as_coverage(page) / np.float32(255), sigma), sigma)


def shadow_of(shape: Coverage, blur: float, drop: float) -> Coverage:
    """`shape` blurred and moved down, px."""
    moved = np.roll(shape, round(drop), axis=0)
    return _blurred(moved, max(blur, _LEAST_BLUR))


def _blurred(shape: Coverage, sigma: float) -> Coverage:
    return _as_coverage(cv2.GaussianBlur(shape, (0, 0), sigma))


def _as_coverage(page: NDArray[Any]) -> Coverage:
    return np.asarray(page, np.float32)
