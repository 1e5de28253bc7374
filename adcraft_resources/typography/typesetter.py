"""The typesetter: from a hook's words to an overlay standing in its place.

Belongs here: size, place and colours of a hook chosen for the picture it stands on. Does not: drawing (treatments)
or time (overlay).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from adcraft_resources.algorithms.contrast import relative_luminance
from adcraft_resources.algorithms.framing import Box, place_block, safe_box
from adcraft_resources.algorithms.saliency import find_saliency
from adcraft_resources.algorithms.values import Frame
from adcraft_resources.typography.fonts import drawable
from adcraft_resources.typography.lives import HookLife
from adcraft_resources.typography.overlay import SLIDE, HookOverlay
from adcraft_resources.typography.treatments import Backdrop, HookArt, draw_treatment

LARGEST_EM: Final = 0.15  # of the short side
_HEIGHT_SHARE: Final = 0.46  # of the safe box a hook may fill
_SHRINK: Final = (1.0, 0.8, 0.66)  # tried in turn while the hook covers a face or the product
_COVERED: Final = 0.02  # a block that covers less of what is to be avoided stands well
_FONTS = threading.Lock()  # a FreeType face may be used by one thread at a time


@dataclass(frozen=True)
class PlacedHook:
    """Where a hook goes and how large it is set; colours are still open.

    `box` is the design's x, y, width, height inside its drawing, whose origin stands at `x`, `y`; `covered` the
    weighted share of faces and labels it could not avoid; `dropped` the signs without a glyph.
    """

    text: str
    treatment: str
    room: tuple[int, int]
    largest: float
    box: tuple[int, int, int, int]
    x: int
    y: int
    covered: float
    dropped: tuple[str, ...]
    words: int


class Typesetter:
    """Sets hooks for pictures of one size, inside `safe` (x, y, width, height, px; by default by the shape)."""

    def __init__(self, frame_size: tuple[int, int], safe: tuple[int, int, int, int] | None = None) -> None:
        self.frame_size = frame_size
        self.safe = safe or safe_box(*frame_size)

    def place(
        self, text: str, treatment: str, frames: Sequence[Frame], avoid: Sequence[tuple[Box, float]] = ()
    ) -> PlacedHook:
        """Find size and place.

        Args:
            text: The hook as written.
            treatment: A name of `treatments.TREATMENTS`.
            frames: Pictures from the hook's life, any size of this shape, framed as they will be shown.
            avoid: Boxes (shares of the picture) that should stay free, with weights: faces, labels.

        Raises:
            CopyRefused: A letter has no installed font.
        """
        with _FONTS:
            clean, dropped = drawable(text)
            height, width = self.frame_size
            saliency = np.stack([find_saliency(frame) for frame in frames]).mean(0, dtype=np.float32)
            boxes = [
                ((x * width, y * height, w * width, h * height), weight) for (x, y, w, h), weight in avoid
            ]
            best: PlacedHook | None = None
            for shrink in _SHRINK:
                room = int(self.safe[3] * _HEIGHT_SHARE * shrink) - 2, int(self.safe[2] * shrink) - 2
                largest = LARGEST_EM * min(self.frame_size) * shrink
                box, em = _measured(treatment, clean, room, largest)
                above, below = _slide_room(em, treatment)
                size = box[3] + above + below + 2, box[2] + 2  # 2: to come to even pixels
                x, y, covered = place_block(size, self.safe, boxes, saliency, self.frame_size)
                y += above
                found = PlacedHook(
                    clean,
                    treatment,
                    room,
                    largest,
                    box,
                    *_even_origin(box, x, y),
                    covered,
                    tuple(dropped),
                    len(clean.split()),
                )
                if best is None or covered < best.covered - _COVERED:
                    best = found
                if covered <= _COVERED:
                    break
        assert best is not None  # noqa: S101  # at least one size was tried
        return best

    def render_hook(
        self, placed: PlacedHook, frames: Sequence[Frame], fps: float, life: HookLife
    ) -> HookOverlay:
        """Draw a placed hook in the colours that stand out on `frames`, styled as they will be shown.

        One picture of each shot it stands in serves best: all count alike.
        """
        backdrop = self._backdrop(placed, frames)
        with _FONTS:
            art = draw_treatment(placed.treatment, placed.text, placed.room, placed.largest, backdrop)
        above, below = _slide_room(art.face.size, placed.treatment)
        return HookOverlay(
            _padded(art, above, below), placed.x, placed.y - above, life, fps, placed.treatment
        )

    def _backdrop(self, placed: PlacedHook, frames: Sequence[Frame]) -> Backdrop:
        parts = []
        for frame in frames:
            scale = frame.shape[0] / self.frame_size[0]
            x, y, w, h = (
                round(v * scale)
                for v in (placed.box[0] + placed.x, placed.box[1] + placed.y, *placed.box[2:])
            )
            parts.append(frame[y : y + h : 2, x : x + w : 2].reshape(-1, 3))
        pixels = np.concatenate(parts)
        r, g, b = (int(v) for v in pixels.mean(0))
        return Backdrop((r, g, b), float(np.median(relative_luminance(pixels))))


def count_drawn_words(text: str) -> int:
    """Return how many words of a hook there are to read once what no font has is left out; CopyRefused if none."""
    with _FONTS:
        return len(drawable(text)[0].split())


def _even_origin(box: tuple[int, int, int, int], x: int, y: int) -> tuple[int, int]:
    """The drawing's origin that puts the design's box at (x, y) or a pixel further, on even numbers."""
    left, top = x - box[0], y - box[1]
    return left + left % 2, top + top % 2


@lru_cache(maxsize=256)  # one hook is measured for every picture shape and variant that shows it so
def _measured(
    treatment: str, text: str, room: tuple[int, int], largest: float
) -> tuple[tuple[int, int, int, int], float]:
    """The design's box inside its drawing and its px per em, whatever its colours will be."""
    art = draw_treatment(treatment, text, room, largest, Backdrop())
    return art.box, art.face.size


def _slide_room(em: float, treatment: str) -> tuple[int, int]:
    """Even px above and below a drawing of so many px per em that its entry passes through."""
    reach = SLIDE.get(treatment, 0.0) * em
    room = 2 * int(np.ceil(abs(reach) / 2))
    return (room, 0) if reach < 0 else (0, room)


def _padded(art: HookArt, above: int, below: int) -> HookArt:
    """The drawing with empty rows for its entry, and even sides."""
    height, width = art.alpha.shape
    pad = [(above, below + height % 2), (0, width % 2)]
    x, y, w, h = art.box
    masks = {name: np.pad(getattr(art, name), pad) for name in ("ink", "ground", "alpha")}
    return replace(art, colour=np.pad(art.colour, [*pad, (0, 0)]), box=(x, y + above, w, h), **masks)
