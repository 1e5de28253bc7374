"""Which part of the picture, and which stretch of time, a removal has to look at.

Belongs here: windows around masks, chunks of frames, masks of a window at a frame. Does not: pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from adcraft_resources.algorithms.values import Mask, MaskSpan, Shot

MIN_MARGIN = 32  # px around a mask: ring test, motion, and where the revealed pixels come from
MAX_MARGIN = 128


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of the picture with even corners; (x, y) its top left pixel."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return self.width * self.height

    def meets(self, other: Window) -> bool:
        """Say whether the two share a pixel."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def joined(self, other: Window) -> Window:
        """Return the smallest window around both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        return Window(x, y, right - x, max(self.y + self.height, other.y + other.height) - y)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames worked on together: `first` to `last` (included) are produced.

    Frames from `before` to `first - 1` and from `last + 1` to `after` are only looked at.
    """

    before: int
    first: int
    last: int
    after: int
    windows: tuple[Window, ...]


def spans_between(spans: Iterable[MaskSpan], first: int, last: int) -> list[MaskSpan]:
    """Return the spans that live somewhere in frames `first` to `last`."""
    return [span for span in spans if span.first_frame <= last and span.last_frame >= first]


def plan_windows(spans: Sequence[MaskSpan], size: tuple[int, int]) -> tuple[Window, ...]:
    """Return disjoint windows that hold every span with a margin around it, top to bottom."""
    windows: list[Window] = []
    for box in {_box_of(span, size) for span in spans if span.bitmap.any()}:
        new = box
        while meeting := [window for window in windows if window.meets(new)]:
            for window in meeting:
                windows.remove(window)
                new = new.joined(window)
        windows.append(new)
    return tuple(sorted(windows, key=lambda window: (window.y, window.x)))


def _box_of(span: MaskSpan, size: tuple[int, int]) -> Window:
    rows, columns = np.flatnonzero(span.bitmap.any(axis=1)), np.flatnonzero(span.bitmap.any(axis=0))
    height, width = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    margin = int(min(max(min(height, width) // 2, MIN_MARGIN), MAX_MARGIN))
    left, top = span.x + int(columns[0]) - margin, span.y + int(rows[0]) - margin
    right, bottom = left + width + 2 * margin, top + height + 2 * margin
    left, top = max(0, left) // 2 * 2, max(0, top) // 2 * 2
    right, bottom = min(size[1], (right + 1) // 2 * 2), min(size[0], (bottom + 1) // 2 * 2)
    return Window(left, top, right - left, bottom - top)


def window_mask(spans: Iterable[MaskSpan], window: Window) -> Mask:
    """Return the union of the spans' bitmaps inside the window, (height, width) bool."""
    mask = np.zeros((window.height, window.width), np.bool_)
    for span in spans:
        height, width = span.bitmap.shape
        left, top = max(span.x, window.x), max(span.y, window.y)
        right = min(span.x + width, window.x + window.width)
        bottom = min(span.y + height, window.y + window.height)
        if right > left and bottom > top:
            part = span.bitmap[top - span.y : bottom - span.y, left - span.x : right - span.x]
            mask[top - window.y : bottom - window.y, left - window.x : right - window.x] |= part
    return mask


def plan_chunks(
    spans: Sequence[MaskSpan],
    shots: Sequence[Shot],
    size: tuple[int, int],
    *,
    context: int,
    capacity_px: int,
) -> list[Chunk]:
    """Split the masked frames of every shot into chunks of bounded size.

    Args:
        spans: All masks to be filled.
        shots: Camera takes in order; a chunk never crosses from one into the next.
        size: Height and width of the picture.
        context: Frames looked at before and after the masked ones.
        capacity_px: Window pixels times frames that a chunk may hold.

    Returns:
        Chunks in order of time, none overlapping in the frames they produce.
    """
    chunks: list[Chunk] = []
    for shot in shots:
        for first, last in _masked_runs(spans, shot, 2 * context):
            chunks.extend(_split_run(spans, shot, (first, last), size, context, capacity_px))
    return chunks


def _masked_runs(spans: Sequence[MaskSpan], shot: Shot, gap: int) -> list[tuple[int, int]]:
    lives = sorted(
        (max(span.first_frame, shot.first_frame), min(span.last_frame, shot.last_frame))
        for span in spans_between(spans, shot.first_frame, shot.last_frame)
        if span.bitmap.any()
    )
    runs: list[tuple[int, int]] = []
    for first, last in lives:
        if runs and first - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], max(runs[-1][1], last))
        else:
            runs.append((first, last))
    return runs


def _split_run(
    spans: Sequence[MaskSpan],
    shot: Shot,
    run: tuple[int, int],
    size: tuple[int, int],
    context: int,
    capacity_px: int,
) -> list[Chunk]:
    first, last = run
    area = sum(window.area for window in plan_windows(spans_between(spans, first, last), size))
    longest = max(4, capacity_px // max(area, 1))
    before, after = min(context, first - shot.first_frame), min(context, shot.last_frame - last)
    fits = before + (last - first + 1) + after <= longest
    around = context if fits else min(context, longest // 4)
    body = last - first + 1 if fits else max(2, longest - 2 * around)
    count = -(-(last - first + 1) // body)
    edges = [first + (last - first + 1) * part // count for part in range(count + 1)]
    chunks: list[Chunk] = []
    for start, end in itertools.pairwise(edges):
        after = min(shot.last_frame, end - 1 + around)
        # Inside a run the frame before is already clean: one is enough, and it hands the fill on.
        before = max(shot.first_frame, start - (around if start == first else 1))
        windows = plan_windows(spans_between(spans, start, after), size)
        chunks.append(Chunk(before, start, end - 1, after, windows))
    return chunks
