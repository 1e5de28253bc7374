"""Letters: the fonts of the sample ads and pictures of text.

Belongs here: setting lines of text into alpha planes, with their exact boxes. Does not: where they go (overlays.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fontpkg_noto_sans
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Alpha = NDArray[np.uint8]
"""Coverage, (h, w) uint8."""

_FILE = Path(str(fontpkg_noto_sans.ROOT)) / "files" / "NotoSans[wdth,wght].ttf"


@cache
def font(size: int, weight: int = 700, width: int = 100) -> ImageFont.FreeTypeFont:
    """Noto Sans in `size` pixels, `weight` 100 to 900, `width` 62 to 100 percent."""
    face = ImageFont.truetype(str(_FILE), size, layout_engine=ImageFont.Layout.BASIC)
    wanted = {b"Weight": weight, b"Width": width}
    face.set_variation_by_axes([wanted[axis.get("name", b"")] for axis in face.get_variation_axes()])
    return face


@dataclass(frozen=True)
class Line:
    """One set line: its baseline origin is at (x, y) of the block's picture."""

    text: str
    x: float
    y: float
    face: ImageFont.FreeTypeFont
    spacing: float = 0.0

    @property
    def width(self) -> float:
        """Advance width in pixels."""
        return line_width(self.text, self.face, self.spacing)


def line_width(text: str, face: ImageFont.FreeTypeFont, spacing: float = 0.0) -> float:
    """Advance width of a line with `spacing` pixels between letters."""
    return face.getlength(text) + spacing * max(0, len(text) - 1)


def draw_line(draw: ImageDraw.ImageDraw, line: Line, fill: int, stroke: float = 0) -> None:
    """Draw a line with its baseline on `line.y`, letters spaced one by one where asked."""
    if not line.spacing:
        draw.text((line.x, line.y), line.text, fill, line.face, anchor="ls", stroke_width=stroke)
        return
    for index, letter in enumerate(line.text):
        x = line.x + line.face.getlength(line.text[:index]) + index * line.spacing
        draw.text((x, line.y), letter, fill, line.face, anchor="ls", stroke_width=stroke)


def paint(size: tuple[int, int], lines: list[Line], stroke: float = 0) -> Alpha:
    """Coverage of lines on a plane of (height, width) `size`."""
    image = Image.new("L", (size[1], size[0]), 0)
    draw = ImageDraw.Draw(image)
    for line in lines:
        draw_line(draw, line, 255, stroke)
    return np.asarray(image)
