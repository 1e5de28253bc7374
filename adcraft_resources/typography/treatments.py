"""The designs of a hook: bold outline, rounded plate, marker stroke, stacked card.

Belongs here: shapes and colours of a hook at rest, drawn once at its final size. Does not: breaking lines
(lines), choosing the place (placement) or animating it (overlay).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.contrast import Colour, farthest_colour
from adcraft_resources.algorithms.values import Mask
from adcraft_resources.typography.lines import Face, fit_lines
from adcraft_resources.typography.shapes import (
    Block,
    Canvas,
    Coverage,
    boxes_mask,
    even_edges,
    hull_of,
    justified,
    line_boxes,
    pen_stroke,
    rounded,
    shadow_of,
    stack_lines,
)

INK: Final[Colour] = (17, 18, 22)
PAPER: Final[Colour] = (255, 255, 255)
ACCENTS: Final[tuple[Colour, ...]] = ((255, 214, 10), (124, 240, 180), (255, 138, 101), (126, 206, 255))
DEEP_ACCENTS: Final[tuple[Colour, ...]] = ((176, 18, 62), (12, 94, 84), (150, 62, 6), (26, 72, 160))
_BRIGHT: Final = 0.5  # relative luminance over which white type needs a dark ground of its own
_DARK: Final = 0.05  # under which a dark card would not stand out
_ATTEMPTS: Final = 6  # what a design adds around its letters depends on their size
_SOLID: Final = 0.99  # coverage of a pixel wholly inside a shape


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What a hook will stand on: mean sRGB colour, median relative luminance 0–1, over its life."""

    mean: Colour = (118, 118, 118)
    luminance: float = 0.18


@dataclass(frozen=True, slots=True)
class HookArt:
    """A hook at rest.

    `colour` is (h, w, 3) float32 0–255, premultiplied by `alpha` (h, w) 0–1. `box` is x, y, width, height of the
    design inside the picture, soft shadows left out. `ink` and `ground` are the pixels between which contrast is
    measured: inside the letters, and the solid ground next to them.
    """

    colour: NDArray[np.float32]
    alpha: Coverage
    box: tuple[int, int, int, int]
    ink: Mask
    ground: Mask
    rtl: bool
    lines: tuple[str, ...]
    face: Face


def draw_treatment(
    treatment: str, text: str, room: tuple[int, int], largest: float, backdrop: Backdrop
) -> HookArt:
    """Draw `text` in the design `treatment`.

    Args:
        treatment: A name of `TREATMENTS`.
        text: As `fonts.drawable` made it.
        room: (height, width) in px that the design may fill.
        largest: Most px per em.
        backdrop: Decides which of the design's colour schemes stands out.
    """
    inner, art = room, TREATMENTS[treatment](text, room, largest, backdrop)
    for _ in range(_ATTEMPTS):
        over = max(0, art.box[3] - room[0]), max(0, art.box[2] - room[1])
        if not any(over):
            break
        inner = inner[0] - over[0] - 2, inner[1] - over[1] - 2
        art = TREATMENTS[treatment](text, inner, largest, backdrop)
    return art


def _outline(text: str, room: tuple[int, int], largest: float, backdrop: Backdrop) -> HookArt:
    """Heavy letters in a rounded outline over a soft shadow; the last line takes an accent."""
    inner = room[0] * 0.94, room[1] - 0.2 * largest
    lines = fit_lines(text, inner, largest, 900)
    em = lines[0].face.size
    stroke = 0.088 * em
    block = stack_lines(lines, margin=round(0.3 * em), align="centre")
    bright = backdrop.luminance > _BRIGHT
    fill, edge = (INK, PAPER) if bright else (PAPER, INK)
    accent = farthest_colour(DEEP_ACCENTS if bright else ACCENTS, backdrop.mean)
    canvas = Canvas(*block.size)
    grown = block.all_letters(stroke)
    canvas.lay(shadow_of(grown, 0.1 * em, 0.05 * em), INK, 0.25 if bright else 0.55)
    canvas.lay(grown, edge)
    for index in range(len(lines)):
        last = index == len(lines) - 1 > 0
        canvas.lay(block.letters(index), accent if last else fill)
    return _art(canvas, block, grown)


def _plate(text: str, room: tuple[int, int], largest: float, backdrop: Backdrop) -> HookArt:
    """Letters on a plate that hugs the lines, its corners rounded inwards and outwards."""
    pad_x, pad_y = 0.34, 0.2
    scale = 0.86 * largest
    inner = room[0] - 2 * pad_y * scale, room[1] - 2 * pad_x * scale
    lines = fit_lines(text, inner, scale, 800)
    em = lines[0].face.size
    block = stack_lines(lines, margin=round(0.62 * em), align="centre", lead=0.12)
    bright = backdrop.luminance > _BRIGHT
    fill, ground = (PAPER, INK) if bright else (INK, PAPER)
    boxes = line_boxes(block, pad_x * em, pad_y * em)
    plate = rounded(boxes_mask(even_edges(boxes, 0.5 * em), block.size), 0.24 * em)
    canvas = Canvas(*block.size)
    canvas.lay(shadow_of(plate, 0.16 * em, 0.07 * em), INK, 0.35)
    canvas.lay(plate, ground)
    canvas.lay(block.all_letters(), fill)
    return _art(canvas, block, plate)


def _marker(text: str, room: tuple[int, int], largest: float, backdrop: Backdrop) -> HookArt:
    """Letters on strokes of a marker pen, one a line, a little askew."""
    pad_x, pad_y = 0.3, 0.1
    scale = 0.92 * largest
    inner = room[0] - 3 * pad_y * scale, room[1] - 2.4 * pad_x * scale
    lines = fit_lines(text, inner, scale, 900)
    em = lines[0].face.size
    block = stack_lines(lines, margin=round(0.6 * em), align="centre", lead=0.16)
    strokes = np.zeros(block.size, np.float32)
    for index, box in enumerate(line_boxes(block, pad_x * em, pad_y * em)):
        strokes = np.maximum(strokes, pen_stroke(box, block.size, em, index))
    canvas = Canvas(*block.size)
    canvas.lay(shadow_of(strokes, 0.1 * em, 0.04 * em), INK, 0.28)
    canvas.lay(strokes, farthest_colour(ACCENTS, backdrop.mean))
    canvas.lay(block.all_letters(), INK)
    return _art(canvas, block, strokes)


def _card(text: str, room: tuple[int, int], largest: float, backdrop: Backdrop) -> HookArt:
    """A stacked headline on a card with an accent bar; lines are set to one width."""
    pad = 0.42
    scale = 0.8 * largest
    inner = (room[0] - 2 * pad * scale) * 0.8, room[1] - (2 * pad + 0.2) * scale
    lines = justified(fit_lines(text, inner, scale, 900))
    em = min(line.face.size for line in lines)
    rtl = lines[0].rtl
    block = stack_lines(lines, margin=round(0.9 * em), align="right" if rtl else "left", lead=0.22)
    dark = backdrop.luminance < _DARK
    ground, fill = (PAPER, INK) if dark else (INK, PAPER)
    accent = farthest_colour(DEEP_ACCENTS if dark else ACCENTS, backdrop.mean)
    x, y, w, h = hull_of(line_boxes(block, 0, 0))
    bar = 0.14 * em
    left, right = (
        (x - pad * em, x + w + (pad + 0.2) * em) if rtl else (x - (pad + 0.2) * em, x + w + pad * em)
    )
    card = rounded(boxes_mask([(left, y - pad * em, right - left, h + 2 * pad * em)], block.size), 0.12 * em)
    canvas = Canvas(*block.size)
    canvas.lay(shadow_of(card, 0.2 * em, 0.08 * em), INK, 0.4)
    canvas.lay(card, ground)
    strip_x = right - 0.16 * em - bar if rtl else left + 0.16 * em
    strip = boxes_mask([(strip_x, y - 0.04 * em, bar, h + 0.08 * em)], block.size)
    canvas.lay(rounded(strip, 0.4 * bar), accent)
    for index in range(len(lines)):
        last = index == len(lines) - 1 > 0
        canvas.lay(block.letters(index), accent if last else fill)
    return _art(canvas, block, card)


TREATMENTS: Final[dict[str, Callable[[str, tuple[int, int], float, Backdrop], HookArt]]] = {
    "outline": _outline,
    "plate": _plate,
    "marker": _marker,
    "card": _card,
}


def _art(canvas: Canvas, block: Block, body: Coverage) -> HookArt:
    """Finish: find the design's box, and where its contrast is to be measured."""
    letters = block.all_letters()
    ink = letters >= _SOLID
    near = cv2.dilate((letters > 0).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    ground = near & (letters <= 0) & (body >= _SOLID)
    x, y, w, h = cv2.boundingRect((body > 1 - _SOLID).astype(np.uint8))
    return HookArt(
        canvas.colour,
        canvas.alpha,
        (x, y, w, h),
        ink,
        ground,
        block.lines[0].rtl,
        tuple(line.text for line in block.lines),
        block.lines[0].face,
    )
