"""Filling all masked frames of one window through a chunk: reveal, fill what nothing reveals once, carry it on.

Belongs here: the order of the steps. Does not: the steps themselves, or where pictures come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_motion import Transform, is_still
from adcraft_resources.algorithms.fill_grain import VISIBLE, add_grain, measure_noise, noise_tile
from adcraft_resources.algorithms.mask_geometry import MaskGeometry, forget_after
from adcraft_resources.algorithms.source_tracing import Sources, StepField, no_sources, trace_sources
from adcraft_resources.algorithms.temporal_fill import (
    Fill,
    FramePainter,
    carry_fill,
    steady_fill,
    write_fill,
)
from adcraft_resources.algorithms.window_clip import Indices, Points, WindowClip
from adcraft_resources.algorithms.window_motion import camera_steps, flow_pays, flow_steps

FillStill = Callable[[WindowClip, int, NDArray[np.bool_]], None]
"""Fill the given pixels of a clip's frame in place: the seam for a still inpainter; (clip, frame, mask)."""

Trace = dict[int, Sources]

PAINT_EVERY = 4  # under a calm motion, frames between are carried
CALM_LEVELS = 1.2  # mean error around the mask, hardly over codec noise, below which carrying is safe
STEADY = 0.65  # share of the frame before in a painted one, where the two agree
CALM_STEADY = 0.65
MAX_STILLS = 3  # still fills a window may ask for in one chunk
MIN_HOLE_SHARE = 0.02  # holes below this share of the mask are left to their surroundings


@dataclass
class WindowFigures:
    """How the filled blocks of a window came about; a list entry per filled frame."""

    motion: str = "still"
    ring_error: float = 0.0
    grain: float = 0.0
    """Deviation of the surroundings' noise, levels; carried by the fill where it is visible."""
    stills: list[int] = field(default_factory=list)
    shares: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    """Frame → shares of the filled blocks: revealed by other frames, carried from a still fill, from around."""


def fill_window(
    clip: WindowClip,
    geometries: Sequence[MaskGeometry | None],
    steps: Sequence[Transform],
    fill_still: FillStill,
    *,
    camera_trusted: bool = True,
    needed: range | None = None,
) -> WindowFigures:
    """Fill the needed frames of `clip` that have a geometry, in place.

    Args:
        clip: The window's pictures, `hidden` set to each geometry's unsafe blocks.
        geometries: The mask of each frame; None where nothing is masked (or is filled already).
        steps: Camera transform of each frame into its predecessor, display pixels.
        fill_still: Fills the holes of one frame.
        camera_trusted: Whether the transforms hold for most of the picture.
        needed: Frames to fill; all by default. The others are only looked at.
    """
    figures = WindowFigures("still" if is_still(list(steps)) else "camera")
    fields = _choose_motion(clip, steps, figures, camera_trusted)
    calm = len(fields) == 1 and "flow" not in figures.motion and figures.ring_error < CALM_LEVELS
    bare = [_bare(clip, geometries, frame) for frame in range(clip.count)]
    painted = _frames_to_paint(geometries, bare, PAINT_EVERY if calm else 1)
    needed = range(clip.count) if needed is None else needed
    visited = [frame for frame, one in enumerate(geometries) if one is None or frame in painted]
    painted = {frame: geometry for frame, geometry in painted.items() if frame in needed}
    traces = _trace(clip, fields, visited)
    synthetic = np.zeros(clip.count, np.bool_)
    for _ in range(MAX_STILLS):
        key = _frame_to_fill(painted, traces, synthetic)
        if key is None:
            break
        _fill_key(clip, key, painted[key], traces, fill_still)
        synthetic[key] = True
        figures.stills.append(key)
        traces = _trace(clip, fields, visited, traces)
    painter = FramePainter()
    shares, steady = (0.0, 0.0, 0.0), CALM_STEADY if calm else STEADY
    for frame in needed:
        geometry = geometries[frame]
        if geometry is None:
            continue
        if frame in painted:
            sources = _sources_of(traces, frame, geometry)
            before = _one_back(clip, frame, geometry, fields[-1], bare)
            shares = _paint(clip, frame, geometry, sources, painter, before, synthetic, steady)
        else:
            before = _one_back(clip, frame, geometry, fields[-1], bare)
            write_fill(clip, frame, geometry, carry_fill(clip, frame, geometry, before))
        figures.shares[frame] = shares
        forget_after(geometries, frame)
    figures.grain = measure_noise(clip, painted, fields[-1])
    if figures.grain >= VISIBLE:
        tile = noise_tile()
        for frame in needed:
            geometry = geometries[frame]
            if geometry is not None:
                add_grain(clip, frame, geometry, tile, figures.grain)
                forget_after(geometries, frame)
    return figures


def _bare(
    clip: WindowClip, geometries: Sequence[MaskGeometry | None], frame: int
) -> NDArray[np.bool_] | None:
    """Blocks of a frame that are unsafe to look at and are not filled either: a text fading beside its mask."""
    geometry = geometries[frame]
    blocks = clip.hidden[frame] if geometry is None else clip.hidden[frame] & ~geometry.unsafe
    return blocks if blocks.any() else None


def _frames_to_paint(
    geometries: Sequence[MaskGeometry | None], bare: Sequence[NDArray[np.bool_] | None], every: int
) -> dict[int, MaskGeometry]:
    """Choose the frames filled from their sources; those between take over the frame before, moved along."""
    painted: dict[int, MaskGeometry] = {}
    last = -every
    for frame, geometry in enumerate(geometries):
        changed = frame == 0 or geometries[frame - 1] is not geometry or bare[frame - 1] is not None
        if geometry is not None and (changed or frame - last >= every):
            painted[frame] = geometry
            last = frame
    return painted


def _paint(
    clip: WindowClip,
    frame: int,
    geometry: MaskGeometry,
    sources: Sequence[Sources],
    painter: FramePainter,
    before: Sources,
    synthetic: NDArray[np.bool_],
    steady: float,
) -> tuple[float, float, float]:
    """Fill one frame from its sources, steadied by the frame before; return the shares of `WindowFigures`."""
    if synthetic[frame]:
        found = float(_found(geometry, sources).mean())
        return found, 0.0, 1 - found
    fill = painter.fill(clip, frame, geometry, sources)
    if frame > 0:
        fill = steady_fill(clip, frame, geometry, fill, before, steady)
    write_fill(clip, frame, geometry, fill)
    return _shares(geometry, sources, fill, synthetic)


def _one_back(
    clip: WindowClip,
    frame: int,
    geometry: MaskGeometry,
    step: StepField,
    bare: Sequence[NDArray[np.bool_] | None],
) -> Sources:
    """Every block's place in the frame before, which is shown throughout by now but for its bare blocks."""
    height, width = clip.blocks
    if frame == 0:
        return no_sources(geometry.traced)
    dx, dy = step(frame, frame - 1, geometry.traced)
    row, column = np.divmod(geometry.traced, width)
    x, y = column + dx / 2, row + dy / 2
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    unfilled = bare[frame - 1]
    if unfilled is not None:
        near_x, near_y = (np.rint(axis).astype(np.int32) for axis in (x, y))
        inside &= ~unfilled[near_y.clip(0, height - 1), near_x.clip(0, width - 1)]
    return Sources(geometry.traced, np.where(inside, frame - 1, -1).astype(np.int32), dx, dy)


def _choose_motion(
    clip: WindowClip, steps: Sequence[Transform], figures: WindowFigures, trusted: bool
) -> list[StepField]:
    camera, flow = camera_steps(clip, steps), flow_steps(clip)
    pays, by_camera, by_flow = flow_pays(clip, camera, flow)
    figures.ring_error = by_flow if pays else by_camera
    if not pays:
        return [camera]
    figures.motion = f"{figures.motion}+flow" if trusted else "flow"
    return [camera, _remembered(flow)] if trusted else [_remembered(flow)]


def _remembered(step: StepField) -> StepField:
    """Keep each answer: the field is asked for again after a still fill, and flow is dear."""
    answers: dict[tuple[int, int], tuple[Indices, tuple[Points, Points]]] = {}

    def remembered(frame: int, neighbour: int, where: Indices) -> tuple[Points, Points]:
        kept = answers.get((frame, neighbour))
        if kept is not None and np.array_equal(kept[0], where):
            return kept[1]
        answer = step(frame, neighbour, where)
        answers.setdefault((frame, neighbour), (where, answer))
        return answer

    return remembered


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


def _found(geometry: MaskGeometry, sources: Sequence[Sources]) -> NDArray[np.bool_]:
    """Filled blocks that any trace finds a source for."""
    found = np.zeros(len(geometry.blocks), np.bool_)
    for source in sources:
        found |= source.found[geometry.filled_in_traced]
    return found


def _frame_to_fill(
    painted: Mapping[int, MaskGeometry], traces: Sequence[Trace], done: NDArray[np.bool_]
) -> int | None:
    """Return the frame with most blocks no frame reveals, the middle one of equals; None when few are left."""
    holes: dict[int, int] = {}
    for frame, geometry in painted.items():
        if not done[frame]:
            missing = int((~_found(geometry, _sources_of(traces, frame, geometry))).sum())
            holes[frame] = missing if missing > MIN_HOLE_SHARE * len(geometry.blocks) else 0
    most = max(holes.values(), default=0)
    if most == 0:
        return None
    equals = [frame for frame, missing in holes.items() if missing == most]
    return equals[len(equals) // 2]


def _fill_key(
    clip: WindowClip,
    key: int,
    geometry: MaskGeometry,
    traces: Sequence[Trace],
    fill_still: FillStill,
) -> None:
    """Reveal what can be revealed in frame `key`, fill its holes, and declare what was masked there shown."""
    sources = _sources_of(traces, key, geometry)
    write_fill(clip, key, geometry, FramePainter().fill(clip, key, geometry, sources))
    holes = np.zeros(geometry.filled.size, np.bool_)
    holes[geometry.blocks[~_found(geometry, sources)]] = True
    blocks = holes.reshape(clip.blocks)
    fill_still(clip, key, np.repeat(np.repeat(blocks, 2, 0), 2, 1) & geometry.mask)
    clip.refresh_half(key)
    clip.hidden[key] &= ~geometry.unsafe
    geometry.forget_lists()


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


def _shares(
    geometry: MaskGeometry, sources: Sequence[Sources], fill: Fill, synthetic: NDArray[np.bool_]
) -> tuple[float, float, float]:
    real = np.zeros(len(geometry.blocks), np.bool_)
    for source in sources:
        frames = source.frame[geometry.filled_in_traced]
        real |= (frames >= 0) & ~synthetic[np.maximum(frames, 0)]
    revealed = float((fill.revealed * real).mean())
    carried = float((fill.revealed * ~real).mean())
    return revealed, carried, 1.0 - revealed - carried
