"""The graphics an editor lays over footage, as pictures with transparency, drawn at twice their size.

Belongs here: captions, pills, bursts, legal lines, stickers. Does not: when and how they move (overlays.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from adcraft_resources.sample_ads.lettering import font, line_width

Sprite = NDArray[np.uint8]
"""(h, w, 4) RGBA with colour multiplied by alpha, at SCALE times the size it is shown in."""

SCALE = 2
Ink = tuple[int, int, int]
WHITE: Ink = (255, 255, 255)
BLACK: Ink = (12, 12, 14)
_SMALLEST = 10
_CAP = 0.714  # height of a capital of Noto Sans, as a share of its size


def _canvas(width: float, height: float) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (math.ceil(width), math.ceil(height)), (0, 0, 0, 0))
    return image, ImageDraw.Draw(image)


def _finish(image: Image.Image, *, shadow_px: float = 0, drop_px: int = 0, strength: float = 0.45) -> Sprite:
    """Lay a soft shadow under the drawing and multiply colour by alpha."""
    if shadow_px:
        dark = Image.new("RGBA", image.size, (0, 0, 0, 255))
        cover = (
            image.getchannel("A").filter(ImageFilter.GaussianBlur(shadow_px)).point(lambda a: a * strength)
        )
        under = Image.new("RGBA", image.size, (0, 0, 0, 0))
        under.paste(dark, (0, drop_px), cover)
        image = Image.alpha_composite(under, image)
    pixels = np.asarray(image).astype(np.uint16)
    pixels[:, :, :3] = (pixels[:, :, :3] * pixels[:, :, 3:] + 127) // 255
    return pixels.astype(np.uint8)


def caption(
    lines: Sequence[str],
    size: int,
    *,
    ink: Ink = WHITE,
    hot: int | None = None,
    hot_ink: Ink = (255, 221, 51),
) -> Sprite:
    """Bold letters with a dark outline; word number `hot` (over all lines) is coloured, as in karaoke."""
    big, edge = size * SCALE, max(3, round(size * SCALE * 0.085))
    face = font(big, 900, 92)
    step, margin = big * 1.16, edge * 2 + 6
    width = max(line_width(line, face) for line in lines) + 2 * margin
    image, draw = _canvas(width, step * len(lines) + 2 * margin)
    count = 0
    words: list[tuple[float, float, str, Ink]] = []
    for row, line in enumerate(lines):
        x, y = (width - line_width(line, face)) / 2, margin + step * row + big * (_CAP + 0.18)
        for word in line.split(" "):
            words.append((x, y, word, hot_ink if count == hot else ink))
            x += face.getlength(word + " ")
            count += 1
    for x, y, word, _ in words:
        draw.text(
            (x, y), word, (*BLACK, 255), face, anchor="ls", stroke_width=edge, stroke_fill=(*BLACK, 255)
        )
    for x, y, word, colour in words:
        draw.text((x, y), word, (*colour, 255), face, anchor="ls")
    return _finish(image, shadow_px=edge * 0.8, drop_px=edge // 2)


def boxed_caption(lines: Sequence[str], size: int, *, paper: Ink = WHITE, ink: Ink = BLACK) -> Sprite:
    """Letters on a rounded plate a line, the plates grown together, as in the apps' own editors."""
    big = size * SCALE
    face = font(big, 700, 96)
    pad_x, pad_y, step = big * 0.42, big * 0.22, big * 1.36
    width = max(line_width(line, face) for line in lines) + 2 * pad_x + 8
    image, draw = _canvas(width, step * len(lines) + 2 * pad_y + 8)
    for row, line in enumerate(lines):
        half = line_width(line, face) / 2 + pad_x
        top = 4 + step * row
        box = (width / 2 - half, top, width / 2 + half, top + step + pad_y)
        draw.rounded_rectangle(box, big * 0.3, fill=(*paper, 255))
    for row, line in enumerate(lines):
        y = 4 + step * row + (step + pad_y + big * _CAP) / 2
        draw.text((width / 2, y), line, (*ink, 255), face, anchor="ms")
    return _finish(image)


def pill(text: str, size: int, *, fill: Ink, ink: Ink = WHITE, stars: int = 0) -> Sprite:
    """A capsule with a soft shadow, with stars before the words where asked."""
    big = size * SCALE
    face = font(big, 700, 100)
    star = big * 1.02
    lead = star * stars + (big * 0.3 if stars else 0)
    margin, height = big * 0.7, big * 1.95
    width = line_width(text, face) + lead + big * 1.7
    image, draw = _canvas(width + 2 * margin, height + 2 * margin)
    draw.rounded_rectangle((margin, margin, margin + width, margin + height), height / 2, fill=(*fill, 255))
    x = margin + big * 0.85
    for index in range(stars):
        _polygon_star(draw, x + star * (index + 0.44), margin + height / 2, star * 0.47, (255, 190, 32))
    draw.text((x + lead, margin + (height + big * _CAP) / 2), text, (*ink, 255), face, anchor="ls")
    return _finish(image, shadow_px=big * 0.22, drop_px=round(big * 0.14))


def burst(lines: Sequence[str], radius: int, *, fill: Ink, ink: Ink = WHITE) -> Sprite:
    """A many-pointed price badge: a small line, a large one, and perhaps a third small one."""
    big = radius * SCALE
    middle = big * 1.22
    image, draw = _canvas(2 * middle, 2 * middle)
    points = [
        (middle + r * math.cos(a), middle + r * math.sin(a))
        for n in range(36)
        for a, r in [(n * math.pi / 18, big if n % 2 else big * 0.87)]
    ]
    draw.polygon(points, fill=(*fill, 255))
    ring = big * 0.79
    draw.ellipse(
        (middle - ring, middle - ring, middle + ring, middle + ring),
        outline=(*ink, 255),
        width=round(big * 0.022),
    )
    sizes = (0.21, 0.50, 0.19)
    heights = {1: (0.0,), 2: (-0.30, 0.16), 3: (-0.40, 0.04, 0.46)}[len(lines)]
    for line, share, height in zip(lines, sizes if len(lines) > 1 else (0.5,), heights, strict=False):
        letters = round(big * share)
        face = font(letters, 900, 88)
        room = 1.84 * math.sqrt(ring**2 - (abs(height) * big + letters * _CAP / 2) ** 2)
        while line_width(line, face) > room and letters > _SMALLEST:
            letters -= 2
            face = font(letters, 900, 88)
        y = middle + height * big + letters * _CAP / 2
        draw.text((middle, y), line, (*ink, 255), face, anchor="ms")
    return _finish(image, shadow_px=big * 0.06, drop_px=round(big * 0.04))


def legal(text: str, size: int) -> Sprite:
    """The small print: light letters with a faint shadow."""
    big = size * SCALE
    face = font(big, 500, 100)
    margin = big * 0.6
    image, draw = _canvas(line_width(text, face) + 2 * margin, big * 1.2 + 2 * margin)
    draw.text((margin, margin + big), text, (245, 245, 245, 255), face, anchor="ls")
    return _finish(image, shadow_px=big * 0.12, drop_px=1, strength=0.9)


def sticker(name: str, size: int) -> Sprite:
    """A drawn sticker: "love" (a face with hearts for eyes), "sparkles", "arrow"."""
    big = size * SCALE * 2
    image, draw = _canvas(big, big)
    _STICKERS[name](draw, big)
    smooth = cv2.resize(np.asarray(image), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return _finish(
        Image.fromarray(smooth.astype(np.uint8), "RGBA"), shadow_px=size * 0.05, drop_px=size // 24
    )


def _polygon_star(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, ink: Ink) -> None:
    points = [
        (x + r * math.sin(n * math.pi / 5), y - r * math.cos(n * math.pi / 5))
        for n in range(10)
        for r in [radius if n % 2 == 0 else radius * 0.42]
    ]
    draw.polygon(points, fill=(*ink, 255))


def _heart(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, ink: Ink) -> None:
    angles = np.linspace(0, 2 * math.pi, 60)
    across = 16 * np.sin(angles) ** 3
    up = 13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)
    draw.polygon(
        [(x + a * size / 32, y - u * size / 32) for a, u in zip(across, up, strict=True)], fill=(*ink, 255)
    )


def _love(draw: ImageDraw.ImageDraw, big: float) -> None:
    middle, radius = big / 2, big * 0.43
    for step in range(24):  # light from above, ring by ring
        share = step / 23
        r = radius * (1 - 0.42 * share)
        ink = (255, round(176 + 44 * share), round(28 + 40 * share), 255)
        draw.ellipse(
            (middle - r, middle - r - share * big * 0.05, middle + r, middle + r - share * big * 0.05),
            fill=ink,
        )
    for side in (-1, 1):
        _heart(draw, middle + side * radius * 0.44, middle - radius * 0.22, radius * 0.72, (231, 40, 60))
    mouth = (middle - radius * 0.5, middle - radius * 0.22, middle + radius * 0.5, middle + radius * 0.70)
    draw.chord(mouth, 10, 170, fill=(110, 38, 20, 255))
    draw.chord(
        (middle - radius * 0.3, middle + radius * 0.38, middle + radius * 0.3, middle + radius * 0.9),
        190,
        350,
        fill=(235, 86, 92, 255),
    )


def _sparkles(draw: ImageDraw.ImageDraw, big: float) -> None:
    for x, y, r in ((0.42, 0.54, 0.36), (0.77, 0.26, 0.18), (0.74, 0.78, 0.13)):
        points = [
            ((x + r * k * math.cos(a)) * big, (y + r * k * math.sin(a)) * big)
            for n in range(8)
            for a, k in [(n * math.pi / 4, 1.0 if n % 2 == 0 else 0.24)]
        ]
        draw.polygon(points, fill=(255, 214, 64, 255))


def _arrow(draw: ImageDraw.ImageDraw, big: float) -> None:
    path = [(0.20 + 0.52 * t, 0.16 + 0.60 * t * t + 0.06 * math.sin(6 * t)) for t in np.linspace(0, 1, 30)]
    draw.line(
        [(x * big, y * big) for x, y in path],
        fill=(255, 255, 255, 255),
        width=round(big * 0.085),
        joint="curve",
    )
    tip = (0.76 * big, 0.88 * big)
    draw.polygon([tip, (0.50 * big, 0.74 * big), (0.86 * big, 0.58 * big)], fill=(255, 255, 255, 255))


_STICKERS: dict[str, Callable[[ImageDraw.ImageDraw, float], None]] = {
    "love": _love,
    "sparkles": _sparkles,
    "arrow": _arrow,
}
