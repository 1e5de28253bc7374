"""Overlay text with known truth drawn on frames: captions, plates, bursts, emoji, and what each of them covers.

Belongs here: drawing. Does not: assertions, files (drawn_videos).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adcraft_resources.algorithms.text_boxes import FoundQuad
from adcraft_resources.algorithms.values import Frame, Mask, Quad, Yuv420


@dataclass(frozen=True)
class Sprite:
    """A drawn overlay: `rgba` (h, w, 4) and the box (left, top, right, bottom) of its letters inside it."""

    rgba: NDArray[np.uint8]
    letters: tuple[int, int, int, int]

    def at_size(self, scale: float) -> Sprite:
        """The overlay shrunk or enlarged."""
        height, width = (max(2, round(side * scale)) for side in self.rgba.shape[:2])
        rgba = cv2.resize(self.rgba, (width, height), interpolation=cv2.INTER_AREA)
        left, top, right, bottom = (round(v * scale) for v in self.letters)
        return Sprite(rgba.astype(np.uint8), (left, top, right, bottom))


def caption(
    text: str,
    height: int = 28,
    *,
    fill: tuple[int, int, int] = (255, 255, 255),
    outline: int = 0,
    plate: tuple[int, int, int] | None = None,
    pad: int = 14,
) -> Sprite:
    """Letters `height` pixels tall, with a black outline or on a rounded plate."""
    font = ImageFont.load_default(height)
    x0, y0, x1, y1 = (
        int(v) for v in ImageDraw.Draw(Image.new("L", (8, 8))).textbbox((0, 0), text, font=font)
    )
    width, tall = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    picture = Image.new("RGBA", (width, tall), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    if plate is not None:
        draw.rounded_rectangle((0, 0, width - 1, tall - 1), 9, fill=(*plate, 255))
    draw.text(
        (pad - x0, pad - y0),
        text,
        font=font,
        fill=(*fill, 255),
        stroke_width=outline,
        stroke_fill=(0, 0, 0, 255),
    )
    return Sprite(np.array(picture), (pad, pad, width - pad, tall - pad))


def disc(diameter: int, colour: tuple[int, int, int] = (255, 200, 40)) -> Sprite:
    """A face of two eyes and a mouth: an emoji."""
    big = np.zeros((4 * diameter, 4 * diameter, 4), np.uint8)
    middle = 2 * diameter
    cv2.circle(big, (middle, middle), middle - 4, (*colour, 255), -1)
    for x in (-0.7, 0.7):
        cv2.circle(
            big,
            (round(middle + x * diameter), round(middle - 0.5 * diameter)),
            diameter // 3,
            (60, 30, 0, 255),
            -1,
        )
    cv2.ellipse(big, (middle, middle), (diameter, diameter), 0, 20, 160, (60, 30, 0, 255), diameter // 3)
    small = cv2.resize(big, (diameter, diameter), interpolation=cv2.INTER_AREA)
    return Sprite(small.astype(np.uint8), (0, 0, diameter, diameter))


def put(frame: Frame, sprite: Sprite, x: int, y: int, alpha: float = 1.0) -> tuple[Frame, Mask]:
    """Return `frame` with the sprite's top left at (x, y), and the pixels it covers."""
    out, covered = frame.astype(np.float32), np.zeros(frame.shape[:2], np.bool_)
    top, left = max(0, -y), max(0, -x)
    part = sprite.rgba[top : frame.shape[0] - y, left : frame.shape[1] - x]
    if part.size:
        rows, columns = slice(y + top, y + top + part.shape[0]), slice(x + left, x + left + part.shape[1])
        weight = part[..., 3:].astype(np.float32) / 255 * alpha
        out[rows, columns] = out[rows, columns] * (1 - weight) + part[..., :3] * weight
        covered[rows, columns] = weight[..., 0] > 0.06
    return np.clip(np.round(out), 0, 255).astype(np.uint8), covered


def letters_quad(sprite: Sprite, x: int, y: int, air: float = 0.22) -> Quad:
    """Where a detector would find the letters: their box with the air it leaves around them."""
    left, top, right, bottom = sprite.letters
    grow = air * (bottom - top)
    return (
        (x + left - grow, y + top - grow),
        (x + right + grow, y + top - grow),
        (x + right + grow, y + bottom + grow),
        (x + left - grow, y + bottom + grow),
    )


def found(sprite: Sprite, x: int, y: int, score: float = 0.9) -> FoundQuad:
    """A detector's finding of the letters."""
    return FoundQuad(letters_quad(sprite, x, y), score)


def yuv(frame: Frame) -> Yuv420:
    """The frame as a codec would hold it."""
    height, width = frame.shape[:2]
    planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
    quarter = height * width // 4
    chroma = planes[height:].reshape(-1)
    half = (height // 2, width // 2)
    return Yuv420(
        planes[:height].copy(), chroma[:quarter].reshape(half).copy(), chroma[quarter:].reshape(half).copy()
    )


def noisy(frames: Sequence[Frame], sigma: float = 1.5, seed: int = 0) -> list[Frame]:
    """Frames with a codec's or sensor's noise."""
    rng = np.random.default_rng(seed)
    return [np.clip(f + rng.normal(0, sigma, f.shape), 0, 255).astype(np.uint8) for f in frames]
