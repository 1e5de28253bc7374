"""Product labels of the sample ads: artwork that belongs to the scene and must stay.

Belongs here: drawing artwork for faces of blocks. Does not: the blocks, or texts added in the edit (overlays.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from adcraft_resources.sample_ads.lettering import Line, draw_line, font, line_width
from adcraft_resources.sample_ads.surfaces import Print

PX_PER_UNIT = 1000
Ink = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """One centred line of a label: `y` is its baseline, `size` the letters' size, both in thousandths of a unit."""

    text: str
    y: int
    size: int
    weight: int = 700
    spacing: float = 0.0
    width: int = 100


def _sheet(size: tuple[float, float], paper: Ink | None) -> Image.Image:
    fill = (0, 0, 0, 0) if paper is None else (*paper, 255)
    return Image.new("RGBA", (round(size[0] * PX_PER_UNIT), round(size[1] * PX_PER_UNIT)), fill)


def _write(sheet: Image.Image, rows: Sequence[Row], ink: Ink) -> tuple[float, float, float, float]:
    """Write centred rows; returns the box around them as shares of the sheet."""
    cover = Image.new("L", sheet.size, 0)
    draw = ImageDraw.Draw(cover)
    boxes = []
    for row in rows:
        face = font(row.size, row.weight, row.width)
        wide = line_width(row.text, face, row.spacing)
        line = Line(row.text, (sheet.width - wide) / 2, row.y, face, row.spacing)
        draw_line(draw, line, 255)
        foot = 0.05 if row.text.isupper() else 0.26  # room for letters that hang below the line
        boxes.append(
            (
                line.x - 0.04 * row.size,
                row.y - row.size * 0.77,
                line.x + wide + 0.04 * row.size,
                row.y + row.size * foot,
            )
        )
    sheet.paste(Image.new("RGBA", sheet.size, (*ink, 255)), mask=cover)
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return left / sheet.width, top / sheet.height, right / sheet.width, bottom / sheet.height


def _print(
    sheet: Image.Image,
    size: tuple[float, float],
    rows: Sequence[Row],
    ink: Ink,
    *,
    face: str = "top",
    pressed: bool = False,
) -> Print:
    box = _write(sheet, rows, ink) if rows else (0.0, 0.0, 0.0, 0.0)
    picture = cv2.GaussianBlur(np.asarray(sheet), (0, 0), 0.7).astype(np.uint8, copy=False)
    where = "front" if face == "front" else "top"
    return Print(picture, size, tuple(row.text for row in rows), box, where, pressed)


def _sprig(draw: ImageDraw.ImageDraw, x: float, y: float, scale: float, ink: Ink) -> None:
    """A small sprig of leaves, centred at (x, y)."""
    draw.line([(x - 62 * scale, y), (x + 62 * scale, y)], fill=(*ink, 255), width=max(2, round(3 * scale)))
    for at in (-48, -24, 0, 24, 48):
        for side in (-1, 1):
            tip = (x + (at + 20) * scale, y + side * 22 * scale)
            foot = (x + at * scale, y)
            middle = (x + (at + 4) * scale, y + side * 15 * scale)
            under = (x + (at + 17) * scale, y + side * 8 * scale)
            draw.polygon([foot, middle, tip, under], fill=(*ink, 255))


def soap_sleeve(depth: float, height: float) -> tuple[Print, Print]:
    """A paper sleeve around a bar of `depth` and `height`: its top and its front."""
    paper, ink, gold = (250, 243, 226), (52, 66, 38), (196, 128, 24)
    size = (0.66, depth)
    sheet = _sheet(size, paper)
    draw = ImageDraw.Draw(sheet)
    for y in (62, sheet.height - 66):
        draw.line([(0, y), (sheet.width, y)], fill=(*gold, 255), width=5)
    _sprig(draw, sheet.width / 2, 128, 1.0, gold)
    rows = [
        Row("TURMERIC", 284, 122, 800, 2, 88),
        Row("KOJIC SOAP", 404, 97, 800, 2, 88),
        Row("BRIGHT & FRESH · 100 g", 500, 40, 600, 1),
    ]
    top = _print(_shaded_edges(sheet), size, rows, ink)
    size = (0.66, height)
    front_sheet = _shaded_edges(_sheet(size, paper))
    draw = ImageDraw.Draw(front_sheet)
    draw.line(
        [(0, front_sheet.height - 40), (front_sheet.width, front_sheet.height - 40)],
        fill=(*gold, 255),
        width=5,
    )
    front = _print(front_sheet, size, [Row("COLD PRESSED BY HAND", 236, 43, 700, 3)], ink, face="front")
    return top, front


def _shaded_edges(sheet: Image.Image) -> Image.Image:
    """Darken the sheet's left and right edge, where paper ends and throws a hair of shadow."""
    pixels = np.asarray(sheet).astype(np.float32)
    from_edge = np.minimum(np.arange(sheet.width), np.arange(sheet.width)[::-1])
    pixels[:, :, :3] *= (1 - 0.35 * np.exp(-from_edge / 4.0))[None, :, None]
    return Image.fromarray(pixels.astype(np.uint8), "RGBA")


def soap_stamp(depth: float) -> Print:
    """Words pressed into a bar's top, in a pressed frame."""
    size = (0.86, depth)
    sheet = _sheet(size, None)
    draw = ImageDraw.Draw(sheet)
    ink = (70, 24, 2)
    draw.rounded_rectangle((34, 74, sheet.width - 34, sheet.height - 74), 46, outline=(*ink, 255), width=9)
    rows = [Row("TURMERIC", 262, 138, 900, 4, 92), Row("KOJIC SOAP", 404, 112, 900, 4, 90)]
    _sprig(draw, sheet.width / 2, 470, 1.0, ink)
    return _print(sheet, size, rows, ink, pressed=True)


def coffee_carton(width: float, height: float, depth: float) -> tuple[Print, Print]:
    """The front and the top of a coffee carton."""
    board, cream, copper = (28, 52, 60), (246, 236, 216), (222, 142, 78)
    size = (width, height)
    sheet = _sheet(size, board)
    draw = ImageDraw.Draw(sheet)
    middle = sheet.width / 2
    draw.rectangle((34, 34, sheet.width - 34, sheet.height - 34), outline=(*copper, 255), width=6)
    _sun_over_waves(draw, middle, 214, (*copper, 255), (*cream, 255))
    rows = [
        Row("HARBOUR", 470, 112, 800, 3, 84),
        Row("COFFEE", 588, 112, 800, 3, 84),
        Row("DARK ROAST", 690, 58, 600, 6),
        Row("WHOLE BEAN · 250 g", sheet.height - 96, 38, 500, 2),
    ]
    front = _print(sheet, size, rows, cream, face="front")
    lid = _sheet((width, depth), (36, 64, 73))
    return front, _print(lid, (width, depth), [], cream)


def _sun_over_waves(
    draw: ImageDraw.ImageDraw, x: float, y: float, copper: tuple[int, ...], cream: tuple[int, ...]
) -> None:
    draw.pieslice((x - 88, y - 88, x + 88, y + 88), 180, 360, fill=copper)
    for row in range(3):
        points = [
            (x + at, y + 24 + row * 26 + 8 * np.sin(at / 14))
            for at in range(-130 + row * 22, 131 - row * 22, 4)
        ]
        draw.line(points, fill=cream, width=7, joint="curve")
