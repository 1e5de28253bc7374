"""For every hidden block: which earlier (or later) frame shows it, and where.

Belongs here: following hidden blocks along the motion until a frame reveals them. Does not: estimating the
motion, or judging whether what is revealed fits.

Following coordinates instead of pixels keeps a revealed pixel at one interpolation however far it travels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.window_clip import Indices, Points, WindowClip

StepField = Callable[[int, int, Indices], tuple[Points, Points]]
"""(frame, neighbour, flat block indices) → displacement in luma pixels from frame to neighbour, per block."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the hidden blocks `where` (flat indices) of one frame are seen.

    `frame` is -1 where no frame shows a block; (dx, dy) leads in luma pixels from the block to its place there.
    """

    where: Indices
    frame: Indices
    dx: Points
    dy: Points

    @property
    def found(self) -> NDArray[np.bool_]:
        """Blocks that some frame shows."""
        return self.frame >= 0


def trace_sources(clip: WindowClip, step: StepField, *, past: bool) -> list[Sources]:
    """Follow every hidden block of every frame into the past (or the future) to the first frame that shows it."""
    order = range(clip.count) if past else range(clip.count - 1, -1, -1)
    traced: dict[int, Sources] = {}
    state = _State(clip.blocks)
    neighbour: int | None = None
    for frame in order:
        where = np.flatnonzero(clip.hidden[frame]).astype(np.int32)
        if neighbour is None or len(where) == 0:
            sources = _nothing(where)
        else:
            dx, dy = step(frame, neighbour, where)
            sources = state.follow(where, dx, dy, neighbour, clip.hidden[neighbour])
        state.remember(sources)
        traced[frame] = sources
        neighbour = frame
    return [traced[frame] for frame in range(clip.count)]


def _nothing(where: Indices) -> Sources:
    zeros = np.zeros(len(where), np.float32)
    return Sources(where, np.full(len(where), -1, np.int32), zeros, zeros)


class _State:
    """The sources of the frame visited last, spread over the window."""

    def __init__(self, blocks: tuple[int, int]) -> None:
        self._blocks = blocks
        self._frame = np.full(blocks[0] * blocks[1], -1, np.int32)
        self._dx = np.zeros(blocks[0] * blocks[1], np.float32)
        self._dy = np.zeros_like(self._dx)

    def remember(self, sources: Sources) -> None:
        self._frame.fill(-1)
        self._frame[sources.where] = sources.frame
        self._dx[sources.where] = sources.dx
        self._dy[sources.where] = sources.dy

    def follow(
        self, where: Indices, dx: Points, dy: Points, neighbour: int, hidden: NDArray[np.bool_]
    ) -> Sources:
        height, width = self._blocks
        row, column = np.divmod(where, width)
        x = np.rint(column + dx * np.float32(0.5)).astype(np.int32)
        y = np.rint(row + dy * np.float32(0.5)).astype(np.int32)
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        there = np.where(inside, y * width + x, 0)
        shown = inside & ~hidden.reshape(-1)[there]
        handed = inside & ~shown
        frame = np.where(shown, neighbour, np.where(handed, self._frame[there], -1)).astype(np.int32)
        return Sources(
            where,
            frame,
            dx + np.where(handed, self._dx[there], np.float32(0)),
            dy + np.where(handed, self._dy[there], np.float32(0)),
        )
