"""Filling all masked frames of one window through a chunk: reveal, fill what nothing reveals once, carry it on.

Belongs here: the order of the steps. Does not: the steps themselves, or where pictures come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_motion import Transform, is_still
from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.source_tracing import Sources, StepField, trace_sources
from adcraft_resources.algorithms.temporal_fill import Fill, FramePainter, steady_fill, write_fill
from adcraft_resources.algorithms.window_clip import Indices, Points, WindowClip
from adcraft_resources.algorithms.window_motion import camera_steps, flow_pays, flow_steps

FillStill = Callable[[WindowClip, int, NDArray[np.bool_]], None]
"""Fill the given pixels of a clip's frame in place: the seam for a still inpainter; (clip, frame, mask)."""

MAX_STILLS = 3  # still fills a window may ask for in one chunk
MIN_HOLE_SHARE = 0.02  # holes below this share of the mask are left to their surroundings


@dataclass
class WindowFigures:
    """How the filled blocks of a window came about; a list entry per filled frame."""

    motion: str = "still"
    ring_error: float = 0.0
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
) -> WindowFigures:
    """Fill every frame of `clip` that has a geometry, in place.

    Args:
        clip: The window's pictures, `hidden` set to each geometry's unsafe blocks.
        geometries: The mask of each frame; None where nothing is masked (or is filled already).
        steps: Camera transform of each frame into its predecessor, display pixels.
        fill_still: Fills the holes of one frame.
        camera_trusted: Whether the transforms hold for most of the picture.
    """
    figures = WindowFigures("still" if is_still(list(steps)) else "camera")
    fields = _choose_motion(clip, steps, figures, camera_trusted)
    traces = _trace(clip, fields)
    synthetic = np.zeros(clip.count, np.bool_)
    for _ in range(MAX_STILLS):
        key = _frame_to_fill(geometries, traces, synthetic)
        if key is None:
            break
        _fill_key(clip, key, _geometry(geometries, key), traces, fill_still)
        synthetic[key] = True
        figures.stills.append(key)
        traces = _trace(clip, fields, traces)
    painter = FramePainter()
    for frame, geometry in enumerate(geometries):
        if geometry is None:
            continue
        sources = [trace[frame] for trace in traces]
        if synthetic[frame]:
            found = _found(geometry, sources).mean()
            figures.shares[frame] = (float(found), 0.0, float(1 - found))
        else:
            fill = painter.fill(clip, frame, geometry, sources)
            if frame > 0:
                fill = steady_fill(clip, frame, geometry, fill, _one_back(clip, frame, geometry, fields[-1]))
            write_fill(clip, frame, geometry, fill)
            figures.shares[frame] = _shares(geometry, sources, fill, synthetic)
    return figures


def _one_back(clip: WindowClip, frame: int, geometry: MaskGeometry, step: StepField) -> Sources:
    """Every block's place in the frame before, which is shown throughout by now."""
    height, width = clip.blocks
    dx, dy = step(frame, frame - 1, geometry.traced)
    row, column = np.divmod(geometry.traced, width)
    x, y = column + dx / 2, row + dy / 2
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return Sources(geometry.traced, np.where(inside, frame - 1, -1).astype(np.int32), dx, dy)


def _geometry(geometries: Sequence[MaskGeometry | None], frame: int) -> MaskGeometry:
    geometry = geometries[frame]
    if geometry is None:
        raise ValueError(f"frame {frame} has no mask")
    return geometry


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
    answers: dict[tuple[int, int], tuple[Points, Points]] = {}

    def remembered(frame: int, neighbour: int, where: Indices) -> tuple[Points, Points]:
        if (frame, neighbour) not in answers:
            answers[frame, neighbour] = step(frame, neighbour, where)
        return answers[frame, neighbour]

    return remembered


def _trace(
    clip: WindowClip, fields: Sequence[StepField], before: Sequence[list[Sources]] = ()
) -> list[list[Sources]]:
    ways = [(field, past) for field in fields for past in (True, False)]
    if not before:
        return [trace_sources(clip, field, past=past) for field, past in ways]
    after = [
        trace_sources(clip, field, past=past, before=sources)
        for (field, past), sources in zip(ways, before, strict=True)
    ]
    return _adopt(clip, before, after)


def _found(geometry: MaskGeometry, sources: Sequence[Sources]) -> NDArray[np.bool_]:
    """Filled blocks that any trace finds a source for."""
    found = np.zeros(len(geometry.blocks), np.bool_)
    for source in sources:
        found |= source.found[geometry.filled_in_traced]
    return found


def _frame_to_fill(
    geometries: Sequence[MaskGeometry | None], traces: Sequence[Sequence[Sources]], done: NDArray[np.bool_]
) -> int | None:
    """Return the frame with most blocks no frame reveals, the middle one of equals; None when few are left."""
    holes = np.zeros(len(geometries), np.int64)
    for frame, geometry in enumerate(geometries):
        if geometry is not None and not done[frame]:
            missing = int((~_found(geometry, [trace[frame] for trace in traces])).sum())
            holes[frame] = missing if missing > MIN_HOLE_SHARE * len(geometry.blocks) else 0
    if not holes.any():
        return None
    most = np.flatnonzero(holes == holes.max())
    return int(most[len(most) // 2])


def _fill_key(
    clip: WindowClip,
    key: int,
    geometry: MaskGeometry,
    traces: Sequence[Sequence[Sources]],
    fill_still: FillStill,
) -> None:
    """Reveal what can be revealed in frame `key`, fill its holes, and declare the whole frame shown."""
    sources = [trace[key] for trace in traces]
    write_fill(clip, key, geometry, FramePainter().fill(clip, key, geometry, sources))
    holes = np.zeros(geometry.filled.size, np.bool_)
    holes[geometry.blocks[~_found(geometry, sources)]] = True
    blocks = holes.reshape(clip.blocks)
    fill_still(clip, key, np.repeat(np.repeat(blocks, 2, 0), 2, 1) & geometry.mask)
    clip.refresh_half(key)
    clip.hidden[key] = False


def _adopt(
    clip: WindowClip, before: Sequence[list[Sources]], after: Sequence[list[Sources]]
) -> list[list[Sources]]:
    """Take new sources only for blocks no trace had one for: a still fill must not replace real pixels."""
    merged: list[list[Sources]] = [[] for _ in before]
    for frame in range(clip.count):
        old = [trace[frame] for trace in before]
        none = ~np.logical_or.reduce([sources.found for sources in old])
        for trace, kept, new in zip(merged, old, (trace[frame] for trace in after), strict=True):
            trace.append(
                Sources(
                    kept.where,
                    np.where(none, new.frame, kept.frame),
                    np.where(none, new.dx, kept.dx),
                    np.where(none, new.dy, kept.dy),
                )
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
