"""The contact sheet: all variants in all shapes on one page, as a picture.

Belongs here: drawing it. Does not: choosing what is on it.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.handoff.model import Handoff, HandoffVariant
from adcraft_resources.thumbnails import read_picture
from adcraft_resources.typography.fonts import drawable
from adcraft_resources.typography.lines import Face, Line, reads_right_to_left

FILE: Final = "contact-sheet.jpg"
_WIDTH: Final = 1654  # A4 at 200 dots an inch
_MARGIN: Final = 48
_GAP: Final = 16
_POSTER_HEIGHT: Final = 300
_TEXT_HEIGHT: Final = 92
_INK: Final = (30, 30, 34)
_QUIET: Final = (110, 110, 118)
_PAPER: Final = (255, 255, 255)


def contact_sheet(handoff: Handoff) -> Frame:
    """Return the page, RGB; as tall as it needs to be."""
    cells = [_cell(handoff, ad.video, one) for ad in handoff.ads for one in ad.variants]
    rows = _in_rows(cells)
    title = f"{handoff.product_name} – {handoff.experiment or 'variants'}"
    height = _MARGIN * 2 + 70 + sum(max(cell.shape[0] for cell in row) + _GAP * 2 for row in rows)
    page = np.full((height, _WIDTH, 3), _PAPER, np.uint8)
    page[_MARGIN : _MARGIN + 60] = _written([(title, 34, 700, _INK)], (60, _WIDTH), left=_MARGIN)
    y = _MARGIN + 70
    for row in rows:
        x = _MARGIN
        for cell in row:
            page[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
            x += cell.shape[1] + 2 * _GAP
        y += max(cell.shape[0] for cell in row) + 2 * _GAP
    return page


def _cell(handoff: Handoff, video: str, one: HandoffVariant) -> Frame:
    """One variant: its posters side by side, name and words under them."""
    posters = []
    for shape in handoff.placements:
        picture = read_picture(one.files[shape.name][1])
        wide = round(shape.width * _POSTER_HEIGHT / shape.height)
        shown = cv2.resize(picture, (wide, _POSTER_HEIGHT), interpolation=cv2.INTER_AREA)
        posters.append(np.pad(shown, ((0, 0), (0, _GAP), (0, 0)), constant_values=255))
    row = np.hstack(posters)
    if row.shape[1] > _WIDTH - 2 * _MARGIN:
        scale = (_WIDTH - 2 * _MARGIN) / row.shape[1]
        row = cv2.resize(row, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    words = _written(
        [
            (f"{one.name}   {video}   score {one.score:.2f}", 19, 700, _INK),
            (f"“{one.copy['on_screen']}”", 19, 500, _INK),
            (one.copy["headline"], 17, 400, _QUIET),
        ],
        (_TEXT_HEIGHT, row.shape[1]),
    )
    return np.asarray(np.vstack([row, words]), np.uint8)


def _in_rows(cells: list[Frame]) -> list[list[Frame]]:
    rows: list[list[Frame]] = []
    used = _WIDTH
    for cell in cells:
        if used + cell.shape[1] > _WIDTH - 2 * _MARGIN:
            rows.append([])
            used = 0
        rows[-1].append(cell)
        used += cell.shape[1] + 2 * _GAP
    return rows


def _written(
    lines: list[tuple[str, int, int, tuple[int, int, int]]], size: tuple[int, int], *, left: int = 0
) -> Frame:
    """Lines of (text, px, weight, colour) in any script on white, cut at the edge."""
    height, width = size
    picture = Image.new("RGB", (width, height), _PAPER)
    y = 6.0
    for text, px, weight, colour in lines:
        clean, _ = drawable(text)
        line = Line(clean, Face(px, weight), reads_right_to_left(clean))
        mask = Image.new("L", (width, height), 0)
        line.draw(ImageDraw.Draw(mask), left, y + px)
        picture.paste(colour, (0, 0), mask)
        y += 1.45 * px
    return np.asarray(picture, np.uint8)
