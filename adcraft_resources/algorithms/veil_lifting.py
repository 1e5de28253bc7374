"""Taking see-through marks off the frames of one window: one more prediction of what stands under a mask.

Belongs here: veils laid over a window, and what they predict for a frame's blocks. Does not: estimating veils
(veils), weighing predictions (temporal_fill).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.mask_windows import Window
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.values import Mask, MaskSpan
from adcraft_resources.algorithms.veils import Veil
from adcraft_resources.algorithms.window_clip import WindowClip

Field = NDArray[np.float32]

STRENGTH = (
    0.6,
    1.5,
)  # of its usual contrast that a mark shows in a frame; else it fades there, or is not there


@dataclass(frozen=True)
class PlacedVeil:
    """A veil whose top left pixel stands at (x, y), both even, while one of its `spans` lives."""

    veil: Veil
    x: int
    y: int
    spans: tuple[MaskSpan, ...]

    def lives(self, frame: int) -> bool:
        """Say whether the mark stands at a frame."""
        return any(span.first_frame <= frame <= span.last_frame for span in self.spans)

    def meets(self, window: Window) -> bool:
        """Say whether the veil reaches into a window."""
        height, width = self.veil.alpha.shape
        return window.meets(Window(self.x, self.y, width, height))


@dataclass(frozen=True)
class Lifted:
    """Predicted values of a frame's filled blocks, (n, 6) as `Fill.values`, and their squared error, (n,)."""

    values: Field
    error: Field


class WindowVeils:
    """The veils of one window.

    Args:
        window: Where.
        veils: Frame of the chunk → the veils that stand there.
        spoiled: Frame of the chunk → what else is masked there, (h, w) of the window: other overlays on a mark.
    """

    def __init__(
        self, window: Window, veils: Mapping[int, Sequence[PlacedVeil]], spoiled: Mapping[int, Mask]
    ) -> None:
        self._window, self._veils, self._spoiled = window, veils, spoiled
        self._cut: dict[int, tuple[Veil, int, int] | None] = {}

    def lift(self, clip: WindowClip, frame: int, geometry: MaskGeometry) -> Lifted | None:
        """Return what stands under the marks of a frame that still shows them; None where none is sure."""
        count = len(geometry.blocks)
        out = Lifted(np.zeros((count, 6), np.float32), np.full(count, np.inf, np.float32))
        for placed in self._veils.get(frame, ()):
            cut = self._cut_to_window(placed)
            if cut is not None:
                self._lift_one(clip, frame, geometry, cut, out)
        return out if np.isfinite(out.error).any() else None

    def _cut_to_window(self, placed: PlacedVeil) -> tuple[Veil, int, int] | None:
        """Return the part of a veil inside the window and its place there."""
        if id(placed) not in self._cut:
            window = self._window
            height, width = placed.veil.alpha.shape
            top, left = max(0, window.y - placed.y), max(0, window.x - placed.x)
            bottom = min(height, window.y + window.height - placed.y)
            right = min(width, window.x + window.width - placed.x)
            inside = bottom > top and right > left
            part = placed.veil.part(top, bottom, left, right) if inside else None
            place = max(0, placed.x - window.x), max(0, placed.y - window.y)
            self._cut[id(placed)] = None if part is None or not part.alpha.any() else (part, *place)
        return self._cut[id(placed)]

    def _lift_one(
        self,
        clip: WindowClip,
        frame: int,
        geometry: MaskGeometry,
        cut: tuple[Veil, int, int],
        out: Lifted,
    ) -> None:
        veil, x, y = cut
        height, width = veil.alpha.shape
        luma = clip.luma(frame)[y : y + height, x : x + width].astype(np.float32)
        spoiled = self._spoiled.get(frame)
        spoiled = None if spoiled is None else spoiled[y : y + height, x : x + width]
        if not _stands(veil, luma, spoiled):
            return
        half = np.s_[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
        lifted, error = veil.lift_luma(luma)
        chroma = veil.lift_chroma(clip.chroma(frame)[half].astype(np.float32))
        if spoiled is not None:
            error = np.where(spoiled, np.inf, error)
        row, column = geometry.block_rows - y // 2, geometry.block_columns - x // 2
        here = np.flatnonzero((row >= 0) & (column >= 0) & (row < height // 2) & (column < width // 2))
        row, column = row[here], column[here]
        blocks = lifted.reshape(height // 2, 2, width // 2, 2)[row, :, column].reshape(-1, 4)
        out.values[here, :4], out.values[here, 4:] = blocks, chroma[row, column]
        out.error[here] = (
            error.reshape(height // 2, 2, width // 2, 2)[row, :, column].reshape(-1, 4).max(axis=1)
        )


def _stands(veil: Veil, luma: Field, spoiled: Mask | None) -> bool:
    """Say whether a frame shows the mark about as strongly as usual."""
    marked = cv2.dilate((veil.alpha > 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
    hidden = marked if spoiled is None else marked | spoiled
    scene = push_pull(luma, ~hidden)
    expected = veil.alpha * (veil.colour[..., 0] - scene)
    if spoiled is not None:
        expected[spoiled] = 0
    power = float((expected * expected).sum())
    strength = float((expected * (luma - scene)).sum()) / power if power else 0.0
    return STRENGTH[0] <= strength <= STRENGTH[1]
