"""The values that pass between rooms: pictures, masks, shots, keyframes and text tracks.

Belongs here: array types and small frozen records with no behaviour beyond reading themselves.
Does not: files, codecs, decisions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""RGB picture, (h, w, 3) uint8."""

Mask = NDArray[np.bool_]
"""Pixels, (h, w) bool; True = replaced."""

Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""Four corners (x, y) in display pixels, clockwise from the text's top left."""

Matrix = Literal["bt601", "bt709"]
Range = Literal["limited", "full"]


@dataclass(frozen=True, slots=True)
class Yuv420:
    """One 8-bit 4:2:0 picture as the codec holds it.

    `y` is (h, w), `u` and `v` are (ceil(h / 2), ceil(w / 2)), all uint8.
    """

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    matrix: Matrix = "bt709"
    range: Range = "limited"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.y.shape[0], self.y.shape[1]


@dataclass(frozen=True, slots=True)
class Shot:
    """A camera take: frames `first_frame` to `last_frame`, both included."""

    first_frame: int
    last_frame: int
    start_s: float
    end_s: float

    @property
    def frame_count(self) -> int:
        """Frames of the shot."""
        return self.last_frame - self.first_frame + 1


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that stands for its surroundings: `frame` counts decoded frames from 0, `pts_s` is its time."""

    frame: int
    pts_s: float
    shot: int


class _AsBits:
    """A mask kept as one bit a pixel and handed out as bool: a minute of karaoke has thousands of them."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, instance: object, owner: type | None = None) -> Mask:
        if instance is None:  # what a dataclass asks for a field's default
            raise AttributeError(self._name)
        bits, shape = instance.__dict__[self._name]
        return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).view(np.bool_)

    def __set__(self, instance: object, mask: Mask) -> None:
        instance.__dict__[self._name] = (np.packbits(mask), mask.shape)


@dataclass(frozen=True)
class MaskSpan:
    """The mask of a track over frames `first_frame` to `last_frame` (included), its top left pixel at (x, y).

    `bitmap`, (h, w) bool, is made anew each time it is read: writing into it changes nothing.
    """

    first_frame: int
    last_frame: int
    x: int
    y: int
    bitmap: _AsBits = _AsBits()


@dataclass(frozen=True, slots=True)
class TextTrack:
    """One text (or emoji, sticker, plate) through its life.

    `kind` is `overlay` (added in the edit, to be removed) or `label` (part of the scene, stays); `reason` says
    in plain words why. `quads` holds the outline at some frames; `spans` cover every frame of the life of an
    overlay and are empty for a label. `motion` is "still", "moving" (the overlay moves on the screen) or
    "scene" (moves with the scene). `sudden` says of each end whether the text was seen to come or go from one frame
    to the next; false where it fades or nobody knows. `see_through` says that the scene shows through it.
    """

    id: int
    kind: Literal["overlay", "label"]
    reason: str
    text: str
    confidence: float
    first_frame: int
    last_frame: int
    motion: Literal["still", "moving", "scene"] = "still"
    quads: tuple[tuple[int, Quad], ...] = ()
    spans: tuple[MaskSpan, ...] = field(default=(), repr=False)
    sudden: tuple[bool, bool] = (False, False)
    see_through: bool = False


@dataclass(frozen=True, slots=True)
class TextTracks:
    """All tracks of a clip of `frame_count` frames of (height, width) `size` in display pixels."""

    size: tuple[int, int]
    frame_count: int
    tracks: tuple[TextTrack, ...]

    @property
    def overlays(self) -> tuple[TextTrack, ...]:
        """The tracks to remove."""
        return tuple(track for track in self.tracks if track.kind == "overlay")

    def mask_at(self, frame: int) -> Mask | None:
        """Union of the overlay masks at `frame`, (h, w) bool, or None where nothing is to be removed."""
        mask: Mask | None = None
        for track in self.overlays:
            for span in track.spans:
                if span.first_frame <= frame <= span.last_frame:
                    mask = np.zeros(self.size, np.bool_) if mask is None else mask
                    height, width = span.bitmap.shape
                    mask[span.y : span.y + height, span.x : span.x + width] |= span.bitmap
        return mask
