"""Holes that no frame reveals: the frames that need a still fill, one after the other, and what tracing makes of it.

Belongs here: choosing the frame, filling its holes once, taking it up as a source. Does not: painting (window_fill).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.source_tracing import Sources, StepField, trace_sources
from adcraft_resources.algorithms.temporal_fill import FramePainter, write_fill
from adcraft_resources.algorithms.veil_lifting import Lifted, WindowVeils
from adcraft_resources.algorithms.window_clip import WindowClip

FillStill = Callable[[WindowClip, int, NDArray[np.bool_]], None]
"""Fill the given pixels of a clip's frame in place: the seam for a still inpainter; (clip, frame, mask)."""

Trace = dict[int, Sources]

MAX_STILLS = 3  # still fills a window may ask for in one chunk
MIN_HOLE_SHARE = 0.02  # holes below this share of the mask are left to their surroundings
SEEN = 100.0  # squared levels of error up to which what shows through a mark needs no other source


class StillFills:
    """Fills holes of a window's painted frames until few are left; `traces` then know of them."""

    def __init__(
        self,
        clip: WindowClip,
        painted: Mapping[int, MaskGeometry],
        fields: Sequence[StepField],
        visited: Sequence[int],
        veils: WindowVeils | None,
    ) -> None:
        self._clip, self._painted, self._veils = clip, painted, veils
        self._fields, self._visited = fields, visited
        self.traces = _trace(clip, fields, visited)
        self.synthetic = np.zeros(clip.count, np.bool_)
        self.frames: list[int] = []

    def make(self, fill_still: FillStill) -> None:
        """Fill the frames with the largest holes through `fill_still`."""
        for _ in range(MAX_STILLS):
            key = self._frame_to_fill()
            if key is None:
                break
            self._fill_key(key, fill_still)
            self.synthetic[key] = True
            self.frames.append(key)
            self.traces = _trace(self._clip, self._fields, self._visited, self.traces)

    def paints(self, frame: int) -> bool:
        """Say whether a frame is painted from its sources."""
        return frame in self._painted

    def lifted(self, frame: int, geometry: MaskGeometry) -> Lifted | None:
        """Return what shows through marks of a frame."""
        return None if self._veils is None else self._veils.lift(self._clip, frame, geometry)

    def sources(self, frame: int, geometry: MaskGeometry) -> list[Sources]:
        """Return each trace's sources of a frame over `geometry.traced`; more is hidden where another text fades."""
        return _sources_of(self.traces, frame, geometry)

    def _frame_to_fill(self) -> int | None:
        """Return the frame with most blocks no frame reveals, the middle one of equals; None when few are left."""
        holes: dict[int, int] = {}
        for frame, geometry in self._painted.items():
            if not self.synthetic[frame]:
                missing = int((~found_blocks(geometry, self.sources(frame, geometry))).sum())
                if missing > MIN_HOLE_SHARE * len(geometry.blocks):
                    missing = int((~self._seen(frame, geometry)).sum())
                holes[frame] = missing if missing > MIN_HOLE_SHARE * len(geometry.blocks) else 0
        most = max(holes.values(), default=0)
        if most == 0:
            return None
        equals = [frame for frame, missing in holes.items() if missing == most]
        return equals[len(equals) // 2]

    def _seen(self, frame: int, geometry: MaskGeometry) -> NDArray[np.bool_]:
        """Filled blocks of a frame with a source, or seen well enough through a mark."""
        found = found_blocks(geometry, self.sources(frame, geometry))
        lifted = self.lifted(frame, geometry)
        return found if lifted is None else found | (lifted.error <= SEEN)

    def _fill_key(self, key: int, fill_still: FillStill) -> None:
        """Reveal what can be revealed in frame `key`, fill its holes, and declare what was masked there shown."""
        clip, geometry = self._clip, self._painted[key]
        sources, lifted = self.sources(key, geometry), self.lifted(key, geometry)
        seen = self._seen(key, geometry)
        write_fill(clip, key, geometry, FramePainter().fill(clip, key, geometry, sources, lifted))
        holes = np.zeros(geometry.filled.size, np.bool_)
        holes[geometry.blocks[~seen]] = True
        blocks = holes.reshape(clip.blocks)
        fill_still(clip, key, np.repeat(np.repeat(blocks, 2, 0), 2, 1) & geometry.mask)
        clip.refresh_half(key)
        clip.hidden[key] &= ~geometry.unsafe
        geometry.forget_lists()


def _trace(
    clip: WindowClip, fields: Sequence[StepField], visited: Sequence[int], before: Sequence[Trace] = ()
) -> list[Trace]:
    ways = [(field, past) for field in fields for past in (True, False)]
    if not before:
        return [trace_sources(clip, field, past=past, frames=visited) for field, past in ways]
    after = [
        trace_sources(clip, field, past=past, frames=visited, before=sources)
        for (field, past), sources in zip(ways, before, strict=True)
    ]
    return _adopt(before, after)


def _sources_of(traces: Sequence[Trace], frame: int, geometry: MaskGeometry) -> list[Sources]:
    """Return each trace's sources of a frame over `geometry.traced`; more is hidden where another text fades."""
    all_hidden = [trace[frame] for trace in traces]
    if all(len(sources.where) == len(geometry.traced) for sources in all_hidden):
        return all_hidden
    places = np.searchsorted(all_hidden[0].where, geometry.traced)
    return [Sources(geometry.traced, one.frame[places], one.dx[places], one.dy[places]) for one in all_hidden]


def found_blocks(geometry: MaskGeometry, sources: Sequence[Sources]) -> NDArray[np.bool_]:
    """Filled blocks that any trace finds a source for."""
    found = np.zeros(len(geometry.blocks), np.bool_)
    for source in sources:
        found |= source.found[geometry.filled_in_traced]
    return found


def _adopt(before: Sequence[Trace], after: Sequence[Trace]) -> list[Trace]:
    """Take new sources only for blocks no trace had one for: a still fill must not replace real pixels."""
    merged: list[Trace] = [{} for _ in before]
    for frame in before[0]:
        old = [trace[frame] for trace in before]
        none = ~np.logical_or.reduce([sources.found for sources in old])
        for trace, kept, new in zip(merged, old, (trace[frame] for trace in after), strict=True):
            trace[frame] = Sources(
                kept.where,
                np.where(none, new.frame, kept.frame),
                np.where(none, new.dx, kept.dx),
                np.where(none, new.dy, kept.dy),
            )
    return merged
