"""For every hidden block: which earlier (or later) frame shows it, and where.

Belongs here: following hidden blocks along the motion until a frame reveals them. Does not: estimating the
motion, or judging whether what is revealed fits.

Following coordinates instead of pixels keeps a revealed pixel at one interpolation however far it travels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.window_clip import Indices, Points, WindowClip

RESUMES = 4  # times a path may be taken up again behind a hidden landing place

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


def trace_sources(
    clip: WindowClip,
    step: StepField,
    *,
    past: bool,
    frames: Sequence[int] | None = None,
    before: Mapping[int, Sources] | None = None,
) -> dict[int, Sources]:
    """Follow every hidden block into the past (or the future) to the first frame that shows it.

    Args:
        clip: The window's pictures.
        step: The motion between any two neighbours of `frames`.
        past: Look at earlier frames; later ones otherwise.
        frames: The frames to trace and to look at, in order; all by default.
        before: The answer of an earlier call: only blocks that found nothing then are followed.

    Returns:
        Sources of each of `frames`.
    """
    visited = range(clip.count) if frames is None else frames
    order = visited if past else list(reversed(visited))
    tracing = _Tracing(clip)
    neighbour: int | None = None
    for frame in order:
        where = np.flatnonzero(clip.hidden[frame]).astype(np.int32) if before is None else before[frame].where
        known = no_sources(where) if before is None else before[frame]
        if neighbour is None or known.found.all() or not clip.hidden[frame].any():
            tracing.keep(frame, known)
        else:
            sources = tracing.completed(known, frame, neighbour, step)
            tracing.keep(frame, sources)
            bridged = tracing.bridged(sources)
            if bridged is not sources:
                tracing.keep(frame, bridged)
        neighbour = frame
    return tracing.done


def no_sources(where: Indices) -> Sources:
    """Return sources that show none of the blocks `where`."""
    zeros = np.zeros(len(where), np.float32)
    return Sources(where, np.full(len(where), -1, np.int32), zeros, zeros)


class _Tracing:
    """The frames traced so far, the last one spread over the window."""

    def __init__(self, clip: WindowClip) -> None:
        self.done: dict[int, Sources] = {}
        self._clip = clip
        row, column = np.divmod(np.arange(clip.blocks[0] * clip.blocks[1]), clip.blocks[1])
        self._row, self._column = row.astype(np.float32), column.astype(np.float32)
        self._frame = np.full(clip.blocks[0] * clip.blocks[1], -1, np.int32)
        self._dx = np.zeros(len(self._frame), np.float32)
        self._dy = np.zeros(len(self._frame), np.float32)

    def keep(self, frame: int, sources: Sources) -> None:
        self.done[frame] = sources
        self._frame.fill(-1)
        self._frame[sources.where] = sources.frame
        self._dx[sources.where] = sources.dx
        self._dy[sources.where] = sources.dy

    def bridged(self, sources: Sources) -> Sources:
        """Let lost blocks look where their neighbours look: if that place is shown, it is theirs too.

        Paths break where blocks found early border on blocks found late; left alone, the breaks show as scratches.
        """
        missing = np.flatnonzero(sources.frame < 0)
        if len(missing) == 0:
            return sources
        frame, dx, dy = sources.frame.copy(), sources.dx.copy(), sources.dy.copy()
        hidden = self._clip.hidden.reshape(self._clip.count, -1)
        for offset in (1, -1, self._clip.blocks[1], -self._clip.blocks[1]):
            beside = np.clip(sources.where[missing] + offset, 0, len(self._frame) - 1)
            usable = self._frame[beside] >= 0
            there, inside = self._landing(
                sources.where[missing[usable]], self._dx[beside[usable]], self._dy[beside[usable]]
            )
            usable[usable] = inside & ~hidden[self._frame[beside[usable]], there]
            chosen, beside = missing[usable], beside[usable]
            frame[chosen], dx[chosen], dy[chosen] = self._frame[beside], self._dx[beside], self._dy[beside]
            missing = missing[~usable]
        return Sources(sources.where, frame, dx, dy)

    def completed(self, known: Sources, frame: int, neighbour: int, step: StepField) -> Sources:
        """Follow the blocks of `frame` that `known` has no source for."""
        missing = np.flatnonzero(known.frame < 0)
        where = known.where if len(missing) == len(known.where) else known.where[missing]
        new = self.resumed(self.follow(where, *step(frame, neighbour, where), neighbour))
        if where is known.where:
            return new
        there, dx, dy = known.frame.copy(), known.dx.copy(), known.dy.copy()
        there[missing], dx[missing], dy[missing] = new.frame, new.dx, new.dy
        return Sources(known.where, there, dx, dy)

    def follow(self, where: Indices, dx: Points, dy: Points, neighbour: int) -> Sources:
        """Take one step: seen in the neighbour, or wherever the block the step lands on is seen."""
        there, inside = self._landing(where, dx, dy)
        shown = inside & ~self._clip.hidden[neighbour].reshape(-1)[there]
        handed = inside & ~shown
        frame = np.where(handed, self._frame[there], np.int32(-1))
        frame[shown] = neighbour
        return Sources(where, frame, dx + self._dx[there] * handed, dy + self._dy[there] * handed)

    def resumed(self, sources: Sources) -> Sources:
        """Go on where a landing place is hidden after all.

        Steps smaller than a block are handed on from a block that is up to half a block off; over many frames
        the place drifts from the one that was tested.
        """
        frame, dx, dy = sources.frame, sources.dx, sources.dy
        hidden = self._clip.hidden.reshape(self._clip.count, -1)
        suspects = np.flatnonzero(frame >= 0)
        for attempt in range(RESUMES + 1):
            there, inside = self._landing(sources.where[suspects], dx[suspects], dy[suspects])
            frame[suspects[~inside]] = -1
            wrong = inside & hidden[frame[suspects], there]
            suspects, there = suspects[wrong], there[wrong]
            if len(suspects) == 0:
                break
            if attempt == RESUMES:
                frame[suspects] = -1
                break
            for other in np.unique(frame[suspects]):
                chosen = frame[suspects] == other
                self._take_over(int(other), suspects[chosen], there[chosen], frame, dx, dy)
            suspects = suspects[frame[suspects] >= 0]
        return Sources(sources.where, frame, dx, dy)

    def _take_over(
        self, other: int, suspects: NDArray[np.intp], there: Indices, frame: Indices, dx: Points, dy: Points
    ) -> None:
        onward = self.done[other]
        place = np.searchsorted(onward.where, there)
        known = place < len(onward.where)  # hidden, and yet nothing that other frame has to fill
        known[known] = onward.where[place[known]] == there[known]
        frame[suspects[~known]] = -1
        suspects, place = suspects[known], place[known]
        dx[suspects] += onward.dx[place]
        dy[suspects] += onward.dy[place]
        frame[suspects] = onward.frame[place]

    def _landing(self, where: Indices, dx: Points, dy: Points) -> tuple[Indices, NDArray[np.bool_]]:
        height, width = self._clip.blocks
        x = np.rint(self._column[where] + dx * np.float32(0.5)).astype(np.int32)
        y = np.rint(self._row[where] + dy * np.float32(0.5)).astype(np.int32)
        inside = (x.view(np.uint32) < width) & (y.view(np.uint32) < height)  # negative ones are huge unsigned
        there = y * width + x
        there[~inside] = 0
        return there, inside
