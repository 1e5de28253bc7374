"""One chunk of a removal: collect its pictures, fill its windows, patch pictures on their way to the encoder.

Belongs here: the bridge from pictures and tracks to the window algorithms. Does not: reading and writing files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcraft_resources.algorithms.camera_motion import CameraTracker
from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.mask_windows import Chunk, Window, spans_between, window_mask
from adcraft_resources.algorithms.still_fills import FillStill
from adcraft_resources.algorithms.values import Mask, MaskSpan, Yuv420
from adcraft_resources.algorithms.veil_lifting import PlacedVeil, WindowVeils
from adcraft_resources.algorithms.window_clip import WindowClip
from adcraft_resources.algorithms.window_fill import WindowFigures, fill_window


@dataclass(frozen=True)
class Masks:
    """What a removal replaces: `spans`.

    `guards` are never filled and never taken from: places where a text fades in or out beside its masks. Of some spans
    `veils` tell what shows through.
    """

    spans: Sequence[MaskSpan]
    guards: Sequence[MaskSpan] = ()
    veils: Sequence[PlacedVeil] = ()


class ChunkRemoval:
    """Holds a chunk's window pictures between the first look at them and the encoder."""

    def __init__(self, plan: Chunk, masks: Masks, size: tuple[int, int]) -> None:
        self.plan = plan
        self.figures: list[WindowFigures] = []
        self._spans = spans_between(masks.spans, plan.before, plan.after)
        self._guards = spans_between(masks.guards, plan.before, plan.after)
        self._veils = masks.veils
        self._size = size
        count = plan.after - plan.before + 1
        self._clips = [WindowClip(window, count) for window in plan.windows]
        self._geometries: list[list[MaskGeometry | None]] = [[None] * count for _ in plan.windows]
        self._known: dict[tuple[int, tuple[int, ...]], MaskGeometry | None] = {}
        self._guarded: dict[tuple[int, tuple[int, ...], tuple[int, ...]], Mask] = {}
        self._tracker = CameraTracker(size)
        self._tail: Yuv420 | None = None
        self._alive: tuple[int, ...] = ()
        self._hidden: Mask | None = None

    def see(self, frame: int, picture: Yuv420) -> None:
        """Take the next picture of the chunk, in order."""
        place = frame - self.plan.before
        alive = [number for number, span in enumerate(self._spans) if _lives(span, frame)]
        if tuple(alive) != self._alive:
            everywhere = Window(0, 0, self._size[1], self._size[0])
            self._alive = tuple(alive)
            self._hidden = window_mask([self._spans[number] for number in alive], everywhere)
        self._tracker.push(picture.y, self._hidden if alive else None)
        for number, clip in enumerate(self._clips):
            geometry = self._geometry(number, tuple(alive))
            clip.put(place, picture, self._unsafe(number, frame, tuple(alive)))
            self._geometries[number][place] = geometry
        if frame == self.plan.last:
            self._tail = picture

    def adopt_clean(self, frame: int, picture: Yuv420) -> None:
        """Replace a frame seen before by its cleaned picture (the end of the chunk before this one)."""
        place = frame - self.plan.before
        for number, clip in enumerate(self._clips):
            clip.put(place, picture, self._unsafe(number, frame, ()))
            self._geometries[number][place] = None

    def fill(self, fill_still: FillStill) -> None:
        """Fill every masked frame; all pictures of the chunk must have been seen."""
        steps = self._tracker.steps()
        needed = range(self.plan.first - self.plan.before, self.plan.last - self.plan.before + 1)
        for clip, geometries in zip(self._clips, self._geometries, strict=True):
            self.figures.append(
                fill_window(
                    clip,
                    geometries,
                    steps,
                    fill_still,
                    camera_trusted=self._tracker.trusted,
                    needed=needed,
                    veils=self._veils_over(clip.window),
                )
            )

    def _veils_over(self, window: Window) -> WindowVeils | None:
        """Return the see-through marks of a window by frame, with what else is masked on them."""
        over: dict[int, list[PlacedVeil]] = {}
        spoiled: dict[int, Mask] = {}
        known: dict[tuple[int, ...], Mask] = {}
        for place in range(self.plan.after - self.plan.before + 1):
            frame = self.plan.before + place
            alive = [veil for veil in self._veils if veil.lives(frame) and veil.meets(window)]
            if not alive:
                continue
            own = {id(span) for veil in alive for span in veil.spans}
            others = [k for k, span in enumerate(self._spans) if _lives(span, frame) and id(span) not in own]
            key = tuple(others)
            if key not in known:
                known[key] = window_mask([self._spans[k] for k in others], window)
            over[place], spoiled[place] = alive, known[key]
        return WindowVeils(window, over, spoiled) if over else None

    def clean_tail(self) -> Yuv420:
        """Return the cleaned picture of the chunk's last produced frame."""
        if self._tail is None:
            raise ValueError(f"frame {self.plan.last} was never seen")
        tail = self._tail
        picture = Yuv420(tail.y.copy(), tail.u.copy(), tail.v.copy(), tail.matrix, tail.range)
        self.patch(self.plan.last, picture)
        return picture

    def patch(self, frame: int, picture: Yuv420) -> None:
        """Write the fill into a picture of the chunk, in place; pixels outside the mask stay as they are."""
        for number, clip in enumerate(self._clips):
            if self._geometries[number][frame - self.plan.before] is not None:
                clip.take(frame - self.plan.before, picture)

    def masked_share(self, frame: int) -> float:
        """Masked share of the picture at `frame`."""
        present = (geometries[frame - self.plan.before] for geometries in self._geometries)
        pixels = sum(int(geometry.mask.sum()) for geometry in present if geometry is not None)
        return pixels / (self._size[0] * self._size[1])

    def _unsafe(self, number: int, frame: int, alive: tuple[int, ...]) -> Mask:
        """Blocks of a frame no other frame may take pixels from: its masks, and where a text comes or goes."""
        guards = tuple(place for place, span in enumerate(self._guards) if _lives(span, frame))
        key = (number, alive, guards)
        if key not in self._guarded:
            spans = [self._spans[index] for index in alive] + [self._guards[index] for index in guards]
            mask = window_mask(spans, self.plan.windows[number])
            blocks = self._clips[number].blocks
            self._guarded[key] = MaskGeometry(mask).unsafe if mask.any() else np.zeros(blocks, np.bool_)
        return self._guarded[key]

    def _geometry(self, number: int, alive: tuple[int, ...]) -> MaskGeometry | None:
        key = (number, alive)
        if key not in self._known:
            mask = window_mask([self._spans[index] for index in alive], self.plan.windows[number])
            self._known[key] = MaskGeometry(mask) if mask.any() else None
        return self._known[key]


def _lives(span: MaskSpan, frame: int) -> bool:
    return span.first_frame <= frame <= span.last_frame
