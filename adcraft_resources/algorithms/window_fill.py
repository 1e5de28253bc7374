"""Filling all masked frames of one window through a chunk: reveal, fill what nothing reveals once, carry it on.

Belongs here: the order of the steps. Does not: the steps themselves, or where pictures come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_motion import Transform, is_still
from adcraft_resources.algorithms.fill_grain import VISIBLE, add_grain, measure_noise, noise_tile
from adcraft_resources.algorithms.mask_geometry import MaskGeometry, forget_after
from adcraft_resources.algorithms.source_tracing import Sources, StepField, no_sources
from adcraft_resources.algorithms.still_fills import FillStill, StillFills, found_blocks
from adcraft_resources.algorithms.temporal_fill import (
    Fill,
    FramePainter,
    carry_fill,
    steady_fill,
    write_fill,
)
from adcraft_resources.algorithms.veil_lifting import WindowVeils
from adcraft_resources.algorithms.window_clip import Indices, Points, WindowClip
from adcraft_resources.algorithms.window_motion import camera_steps, flow_pays, flow_steps

PAINT_EVERY = 4  # under a calm motion, frames between are carried
CALM_LEVELS = 1.2  # mean error around the mask, hardly over codec noise, below which carrying is safe
STEADY = 0.65  # share of the frame before in a painted one, where the two agree


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
    veils: WindowVeils | None = None,
) -> WindowFigures:
    """Fill the needed frames of `clip` that have a geometry, in place.

    Args:
        clip: The window's pictures, `hidden` set to each geometry's unsafe blocks.
        geometries: The mask of each frame; None where nothing is masked (or is filled already).
        steps: Camera transform of each frame into its predecessor, display pixels.
        fill_still: Fills the holes of one frame.
        camera_trusted: Whether the transforms hold for most of the picture.
        needed: Frames to fill; all by default. The others are only looked at.
        veils: See-through marks of the window.
    """
    figures = WindowFigures("still" if is_still(list(steps)) else "camera")
    fields = _choose_motion(clip, steps, figures, camera_trusted)
    calm = len(fields) == 1 and "flow" not in figures.motion and figures.ring_error < CALM_LEVELS
    bare = [_bare(clip, geometries, frame) for frame in range(clip.count)]
    every = PAINT_EVERY if calm and veils is None else 1
    painted = _frames_to_paint(geometries, bare, every)
    wanted = range(clip.count) if needed is None else needed
    visited = [frame for frame, one in enumerate(geometries) if one is None or frame in painted]
    painted = {frame: geometry for frame, geometry in painted.items() if frame in wanted}
    stills = StillFills(clip, painted, fields, visited, veils)
    stills.make(fill_still)
    figures.stills = stills.frames
    one_back = partial(_one_back, clip, step=fields[-1], bare=bare)
    _paint_frames(clip, geometries, wanted, stills, one_back, figures)
    figures.grain = measure_noise(clip, painted, fields[-1])
    if figures.grain >= VISIBLE:
        _add_grain(clip, geometries, wanted, figures.grain)
    return figures


def _paint_frames(
    clip: WindowClip,
    geometries: Sequence[MaskGeometry | None],
    wanted: range,
    stills: StillFills,
    one_back: Callable[[int, MaskGeometry], Sources],
    figures: WindowFigures,
) -> None:
    """Fill the wanted frames in order, from their sources or from the frame before."""
    painter, shares = FramePainter(), (0.0, 0.0, 0.0)
    for frame in wanted:
        geometry = geometries[frame]
        if geometry is None:
            continue
        before = one_back(frame, geometry)
        if stills.paints(frame):
            shares = _paint(clip, frame, geometry, stills, painter, before)
        else:
            write_fill(clip, frame, geometry, carry_fill(clip, frame, geometry, before))
        figures.shares[frame] = shares
        forget_after(geometries, frame)


def _add_grain(
    clip: WindowClip, geometries: Sequence[MaskGeometry | None], wanted: range, grain: float
) -> None:
    tile = noise_tile()
    for frame in wanted:
        geometry = geometries[frame]
        if geometry is not None:
            add_grain(clip, frame, geometry, tile, grain)
            forget_after(geometries, frame)


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
    stills: StillFills,
    painter: FramePainter,
    before: Sources,
) -> tuple[float, float, float]:
    """Fill one frame from its sources, steadied by the frame before; return the shares of `WindowFigures`."""
    sources = stills.sources(frame, geometry)
    if stills.synthetic[frame]:
        found = float(found_blocks(geometry, sources).mean())
        return found, 0.0, 1 - found
    fill = painter.fill(clip, frame, geometry, sources, stills.lifted(frame, geometry))
    if frame > 0:
        fill = steady_fill(clip, frame, geometry, fill, before, STEADY)
    write_fill(clip, frame, geometry, fill)
    return _shares(geometry, sources, fill, stills.synthetic)


def _one_back(
    clip: WindowClip,
    frame: int,
    geometry: MaskGeometry,
    *,
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
        if kept is not None and len(where) < len(kept[0]):
            place = np.searchsorted(kept[0], where).clip(max=len(kept[0]) - 1)
            if np.array_equal(kept[0][place], where):  # fewer than it knows, as after a still fill
                return kept[1][0][place], kept[1][1][place]
        answer = step(frame, neighbour, where)
        answers.setdefault((frame, neighbour), (where, answer))
        return answer

    return remembered


def _shares(
    geometry: MaskGeometry, sources: Sequence[Sources], fill: Fill, synthetic: NDArray[np.bool_]
) -> tuple[float, float, float]:
    real = fill.lifted.astype(np.bool_)
    for source in sources:
        frames = source.frame[geometry.filled_in_traced]
        real |= (frames >= 0) & ~synthetic[np.maximum(frames, 0)]
    revealed = float((fill.revealed * real).mean())
    carried = float((fill.revealed * ~real).mean())
    return revealed, carried, 1.0 - revealed - carried
