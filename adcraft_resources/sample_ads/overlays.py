"""The texts and stickers of the edit, moment by moment: when they come, how they move, what they cover.

Belongs here: entrances, exits, blending, exact coverage. Does not: drawing a sprite (sprites.py), which ad has which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.sample_ads.sprites import (
    SCALE,
    Sprite,
    boxed_caption,
    burst,
    caption,
    legal,
    pill,
    sticker,
)

Kind = Literal["caption", "boxed", "pill", "burst", "legal", "sticker"]
Entrance = Literal["pop", "slide", "fade", "cut"]
_IN_S = {"pop": 0.34, "slide": 0.36, "fade": 0.25, "cut": 0.0}
_OUT_S = 0.12


@dataclass(frozen=True)
class Overlay:
    """One overlay: its centre `at` (x, y) in frame pixels, shown from `start_s` to `end_s`.

    `lines` are its words (a sticker's drawing has none: `lines` names the sticker). `words_per_s` colours one word
    after another.
    """

    kind: Kind
    lines: tuple[str, ...]
    at: tuple[float, float]
    start_s: float
    end_s: float
    size: int
    entrance: Entrance = "pop"
    fill: tuple[int, int, int] = (24, 24, 28)
    ink: tuple[int, int, int] = (255, 255, 255)
    turn_deg: float = 0.0
    wiggle_deg: float = 0.0
    stars: int = 0
    words_per_s: float = 0.0

    @property
    def text(self) -> str:
        """Its words, lines joined by spaces; empty for a sticker."""
        return "" if self.kind == "sticker" else " ".join(self.lines)

    def sprite(self, seconds: float) -> Sprite:
        """The drawing at a time of the ad."""
        hot = int((seconds - self.start_s) * self.words_per_s) if self.words_per_s else None
        return _draw(self, min(hot, len(self.text.split(" ")) - 1) if hot is not None else None)

    def pose(self, seconds: float) -> Pose | None:
        """Where and how large it is at a time; None when it is not there."""
        if not self.start_s <= seconds < self.end_s:
            return None
        here, left = seconds - self.start_s, self.end_s - seconds
        opacity = min(1.0, left / _OUT_S + 0.15) if left < _OUT_S else 1.0
        turn = self.turn_deg + self.wiggle_deg * math.sin(2 * math.pi * 1.1 * here)
        length = _IN_S[self.entrance]
        share = min(1.0, (here + 1 / 60) / length) if length else 1.0
        x, y = self.at
        if self.entrance == "pop":
            swing = 14 * (1 - share) ** 2 if self.turn_deg else 0.0
            return Pose(x, y, _overshoot(share), turn - swing, opacity * min(1.0, share * 3))
        if self.entrance == "slide":
            return Pose(x - 130 * (1 - share) ** 3, y, 1.0, turn, opacity * min(1.0, share * 2))
        return Pose(x, y, 1.0, turn, opacity * (share if self.entrance == "fade" else 1.0))


@dataclass(frozen=True)
class Pose:
    """A sprite's centre, scale, turn and opacity at a moment."""

    x: float
    y: float
    scale: float
    turn_deg: float
    opacity: float


def _overshoot(share: float) -> float:
    """Grow from 0.45 past 1 and back: the "back" ease after R. Penner."""
    t = share - 1
    return 0.45 + 0.55 * (1 + 2.9 * t**3 + 1.9 * t**2)


@cache
def _draw(overlay: Overlay, hot: int | None) -> Sprite:
    if overlay.kind == "caption":
        return caption(overlay.lines, overlay.size, ink=overlay.ink, hot=hot)
    if overlay.kind == "boxed":
        return boxed_caption(overlay.lines, overlay.size, paper=overlay.fill, ink=overlay.ink)
    if overlay.kind == "pill":
        return pill(overlay.lines[0], overlay.size, fill=overlay.fill, ink=overlay.ink, stars=overlay.stars)
    if overlay.kind == "burst":
        return burst(overlay.lines, overlay.size, fill=overlay.fill, ink=overlay.ink)
    if overlay.kind == "legal":
        return legal(overlay.lines[0], overlay.size)
    return sticker(overlay.lines[0], overlay.size)


@dataclass(frozen=True, eq=False)
class Placed:
    """A sprite in its pose at (x, y): `colour` to add, share `through` of the frame to keep, (h, w, 3) uint8."""

    sprite: Sprite
    pose: Pose
    colour: NDArray[np.uint8]
    through: NDArray[np.uint8]
    x: int
    y: int


@dataclass
class OverlayLayer:
    """Lays overlays over frames of (height, width) `size`; keeps each one's last picture, as most stand still."""

    overlays: Sequence[Overlay]
    size: tuple[int, int]
    _placed: dict[int, Placed] = field(default_factory=dict, repr=False)

    def lay(self, frame: Frame, seconds: float) -> Frame:
        """Blend into `frame`, in place, what is shown at `seconds`."""
        for index in range(len(self.overlays)):
            placed = self.placed(index, seconds)
            if placed:
                height, width = placed.colour.shape[:2]
                seen = frame[placed.y : placed.y + height, placed.x : placed.x + width]
                seen[:] = cv2.add(cv2.multiply(seen, placed.through, scale=1 / 255), placed.colour)
        return frame

    def alpha(self, index: int, seconds: float) -> NDArray[np.uint8]:
        """Coverage of one overlay on the frame, (h, w) uint8."""
        plane = np.zeros(self.size, np.uint8)
        placed = self.placed(index, seconds)
        if placed:
            height, width = placed.colour.shape[:2]
            plane[placed.y : placed.y + height, placed.x : placed.x + width] = 255 - placed.through[:, :, 0]
        return plane

    def placed(self, index: int, seconds: float) -> Placed | None:
        """An overlay at the frame's scale, cut at the frame's edge; None when it is not shown."""
        overlay = self.overlays[index]
        pose = overlay.pose(seconds)
        if pose is None:
            return None
        sprite = overlay.sprite(seconds)
        last = self._placed.get(index)
        if last is None or last.pose != pose or last.sprite is not sprite:
            last = _place(sprite, pose, self.size)
            self._placed[index] = last
        return last


def _place(sprite: Sprite, pose: Pose, size: tuple[int, int]) -> Placed:
    height, width = sprite.shape[:2]
    scale, angle = pose.scale / SCALE, math.radians(pose.turn_deg)
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    reach_x = (abs(c) * width + abs(s) * height) / 2 + 1
    reach_y = (abs(s) * width + abs(c) * height) / 2 + 1
    left, top = max(0, math.floor(pose.x - reach_x)), max(0, math.floor(pose.y - reach_y))
    right, bottom = min(size[1], math.ceil(pose.x + reach_x)), min(size[0], math.ceil(pose.y + reach_y))
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array(
        [
            [c, -s, pose.x - left - c * middle_x + s * middle_y],
            [s, c, pose.y - top - s * middle_x - c * middle_y],
        ]
    )
    extent = (max(1, right - left), max(1, bottom - top))
    picture = cv2.warpAffine(sprite, matrix, extent, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    if pose.opacity < 1:
        picture = cv2.convertScaleAbs(picture, alpha=pose.opacity)
    picture = picture.astype(np.uint8, copy=False)
    through = cv2.merge([255 - picture[:, :, 3]] * 3).astype(np.uint8, copy=False)
    return Placed(sprite, pose, np.ascontiguousarray(picture[:, :, :3]), through, left, top)
