"""How an overlay comes and goes, frame by frame: what a scene shows beyond what its camera's move explains.

Belongs here: one life's ends against a frame without it, and the masks that follow. Does not: aligning frames
(scene_alignment), masks at rest (mask_growth), which texts go (text_kinds).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.mask_growth import fill_holes
from adcraft_resources.algorithms.scene_alignment import SceneAlignment, aligned_crop, stray_levels
from adcraft_resources.algorithms.text_boxes import (
    Box,
    clip_box,
    disk,
    fill_quad,
    grow_by,
    line_height,
    quad_box,
    quad_sides,
)
from adcraft_resources.algorithms.text_lives import HOME, Arrival, TextLife, shift_quad
from adcraft_resources.algorithms.values import Mask, MaskSpan

LOOK_BACK = 5  # of the memory: how far from a life's end a frame without it is looked for
LEAST_STRAY, SOFT_STRAY = 10.0, 5.0  # levels beyond the scene: surely added; and hanging together with that
SOFT_REACH = 0.35  # line heights around sure pixels in which soft ones count
OTHER_STRAY = 8.0  # levels of stray at the zone's rim, at its 3rd quartile, from which the scene is not explained
RIM_SHARE = 0.12  # of the zone's sides
TOUCH = 0.3  # line heights around a text's box that its plate or burst meets
LEAST_PX = 30
EMPTY_SHARE = 0.02  # of the mask at rest; a smaller one is noise
SAFETY = 3  # pixels around everything
MAX_ZONE_SHARE = 0.85  # of the zone that may change: more is the scene


def zone_of(life: TextLife, size: tuple[int, int]) -> Box:
    """Return the box in which a life's plate or burst, and its way of coming, are looked for."""
    quad = life.template.quad
    wide, tall = quad_sides(quad)
    pad = float(np.clip(max(2.6 * line_height(quad), 0.5 * max(wide, tall)), 0.06 * min(size), 0.3 * min(size)))
    left, top, right, bottom = quad_box(quad, size, pad)
    return clip_box((left // 2 * 2, top // 2 * 2, right, bottom), size)


def trace_arrival(
    life: TextLife, memory: FrameMemory, scene: SceneAlignment, hidden: Sequence[Box], *, end: bool
) -> Arrival | None:
    """Compare the frames at one end of a life with the scene as it was without it; None where that is not known."""
    reach = max(3, memory.length // LOOK_BACK)
    if end:
        rest, bare = life.settled_last, min(memory.last_in_shot(life.last_frame), life.last_frame + reach)
        frames = range(rest + 1, bare)
    else:
        rest, bare = life.settled_first, max(memory.first_in_shot(life.first_frame), life.first_frame - reach)
        frames = range(rest - 1, bare, -1)
    if (bare <= life.last_frame) if end else (bare >= life.first_frame):
        return None
    size = memory.size
    box = zone_of(life, size)
    at_rest = _added(life, memory, scene, hidden, (bare, rest), box)
    if at_rest is None:
        return None
    whole = float(at_rest.sum())
    letters = fill_quad(life.template.quad, box)
    spans = []
    for frame in frames:
        added = _added(life, memory, scene, hidden, (bare, frame), box)
        if added is None or float(added.sum()) < max(LEAST_PX, EMPTY_SHARE * whole):
            break
        spans.append(_span(frame, added, box))
    return Arrival(tuple(spans), _span(rest, at_rest, box) if whole else None, float(at_rest[letters].mean()))


def _span(frame: int, mask: Mask, box: Box) -> MaskSpan:
    grown = grow_by(mask, SAFETY)
    rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
    cut = grown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return MaskSpan(frame, frame, box[0] + int(columns[0]), box[1] + int(rows[0]), cut)


def _added(
    life: TextLife,
    memory: FrameMemory,
    scene: SceneAlignment,
    hidden: Sequence[Box],
    pair: tuple[int, int],
    box: Box,
) -> Mask | None:
    """Return what frame `pair[1]` shows in `box` beyond the scene of `pair[0]`, as far as it meets the text."""
    frames, transform = memory.pair(*pair), scene.between(*pair, hidden)
    if frames is None or transform is None:
        return None
    ground, known = aligned_crop(frames[0], box, transform)
    stray = cv2.blur(stray_levels(ground, crop_yuv(frames[1], box)), (3, 3))
    stray[~known] = 0
    height = line_height(life.template.quad)
    floor = 1.5 * float(np.percentile(_rim(stray), 75))
    if floor > OTHER_STRAY:
        return None
    sure = (stray > max(LEAST_STRAY, floor + SOFT_STRAY)).astype(np.uint8)
    sure = cv2.morphologyEx(sure, cv2.MORPH_OPEN, disk(1))
    closed = cv2.morphologyEx(sure, cv2.MORPH_CLOSE, disk(int(np.clip(round(0.1 * height), 2, 6))))
    quad = shift_quad(life.template.quad, life.poses.get(pair[1], HOME))
    core = fill_quad(quad, box, grow=TOUCH * height)
    body = fill_holes(_touching(closed, core))
    if float(body.mean()) > MAX_ZONE_SHARE:
        return None
    soft = (stray > floor + SOFT_STRAY) & grow_by(body, SOFT_REACH * height)
    return fill_holes(_touching((soft | body).astype(np.uint8), body))


def _rim(values: np.ndarray) -> np.ndarray:
    rows, columns = (max(2, round(RIM_SHARE * side)) for side in values.shape)
    inner = np.ones(values.shape, np.bool_)
    inner[rows:-rows, columns:-columns] = False
    return values[inner]


def _touching(mask: np.ndarray, core: Mask) -> Mask:
    _, labels = cv2.connectedComponents(mask)
    touched = np.unique(labels[core])
    return np.isin(labels, touched[touched > 0])
