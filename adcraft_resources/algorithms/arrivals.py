"""How an overlay comes and goes, frame by frame: what a scene shows beyond what its camera's move explains.

Belongs here: one life's ends against a frame without it, and the masks that follow. Does not: aligning frames
(scene_alignment), masks at rest (mask_growth), which texts go (text_kinds).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.mask_growth import fill_holes
from adcraft_resources.algorithms.scene_alignment import (
    CAMERA_PX,
    SceneAlignment,
    aligned_crop,
    box_corners,
    moves_at,
    stray_levels,
)
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
OTHER_STRAY = (
    8.0  # levels of stray at the zone's rim, at its 3rd quartile, from which the scene is not explained
)
RIM_SHARE = 0.12  # of the zone's sides
TOUCH = 0.3  # line heights around a text's box that its plate or burst meets
LEAST_PX = 30
EMPTY_SHARE = 0.02  # of the mask at rest; a smaller one is noise
SAFETY = 3  # pixels around everything
MAX_ZONE_SHARE = 0.85  # of the zone that may change: more is the scene
MAX_RIM_SHARE = 0.15  # of the zone's outline that an overlay may cross: more is a thing of the scene
RESTLESS_REACH = 0.5  # line heights around what moves by itself
TOLD_SHARE = 0.5  # of a text's box that must have come for its absence before to be sure


def zone_of(life: TextLife, size: tuple[int, int]) -> Box:
    """Return the box in which a life's plate or burst, and its way of coming, are looked for."""
    quad = life.template.quad
    wide, tall = quad_sides(quad)
    pad = float(
        np.clip(max(2.6 * line_height(quad), 0.5 * max(wide, tall)), 0.06 * min(size), 0.3 * min(size))
    )
    left, top, right, bottom = quad_box(quad, size, pad)
    return clip_box((left // 2 * 2, top // 2 * 2, right, bottom), size)


def trace_arrival(
    life: TextLife, memory: FrameMemory, scene: SceneAlignment, hidden: Sequence[Box], ends: tuple[int, int]
) -> Arrival | None:
    """Compare the frames between `ends` (see `bare_and_rest`) with the scene without the text; None if that is lost."""
    bare, rest = ends
    box = zone_of(life, memory.size)
    transform = scene.between(bare, rest, hidden)
    if transform is None or np.abs(moves_at(transform, box_corners(box))).max() < CAMERA_PX:
        return None  # on a still camera frames can be compared as they are (life_evidence)
    ground = _Ground(memory, scene, hidden, bare, box, line_height(life.template.quad))
    restless = ground.restless(2 * bare - rest)
    at_rest = ground.added(rest, life, restless)
    if at_rest is None:
        return None
    share = float(at_rest[fill_quad(life.template.quad, box)].mean())
    spans, known = [], False
    step = 1 if bare > rest else -1
    for frame in range(rest + step, bare, step):
        added = ground.added(frame, life, restless)
        if added is None:
            break
        if float(added.sum()) < max(LEAST_PX, EMPTY_SHARE * float(at_rest.sum())):
            known = share >= TOLD_SHARE
            break
        spans.append(_span(frame, added, box))
    return Arrival(
        bare, rest, tuple(spans), _span(rest, at_rest, box) if at_rest.any() else None, share, known
    )


def bare_and_rest(life: TextLife, memory: FrameMemory, *, end: bool) -> tuple[int, int] | None:
    """Return a frame without the text, as far as is known, and the nearest in which it stands fully."""
    reach = max(3, memory.length // LOOK_BACK)
    if end:
        bare = min(memory.last_in_shot(life.settled_last), life.last_frame + reach)
        return (bare, life.settled_last) if bare > life.settled_last + 1 else None
    bare = max(memory.first_in_shot(life.settled_first), life.first_frame - reach)
    return (bare, life.settled_first) if bare < life.settled_first - 1 else None


def _span(frame: int, mask: Mask, box: Box) -> MaskSpan:
    grown = grow_by(mask, SAFETY)
    rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
    cut = grown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return MaskSpan(frame, frame, box[0] + int(columns[0]), box[1] + int(rows[0]), cut)


class _Ground:
    """The scene in `box` as frame `bare` shows it, held against other frames."""

    def __init__(
        self,
        memory: FrameMemory,
        scene: SceneAlignment,
        hidden: Sequence[Box],
        bare: int,
        box: Box,
        height: float,
    ) -> None:
        self._memory, self._scene, self._hidden = memory, scene, hidden
        self._bare, self._box, self._height = bare, box, height

    def stray(self, frame: int) -> NDArray[np.float32] | None:
        """Return by how much `frame` strays from the scene in levels, 0 where that is not known."""
        frames = self._memory.pair(self._bare, frame)
        transform = self._scene.between(self._bare, frame, self._hidden)
        if frames is None or transform is None:
            return None
        ground, known = aligned_crop(frames[0], self._box, transform)
        stray = cv2.blur(stray_levels(ground, crop_yuv(frames[1], self._box)), (3, 3))
        stray[~known] = 0
        return np.asarray(stray, np.float32)

    def restless(self, beyond: int) -> Mask:
        """Return where the scene moves by itself: where frame `beyond`, without the text, too, strays."""
        known = self._memory.picture(beyond) is not None
        stray = self.stray(beyond) if known else None
        if stray is None:
            return np.zeros((self._box[3] - self._box[1], self._box[2] - self._box[0]), np.bool_)
        return grow_by(stray > LEAST_STRAY, RESTLESS_REACH * self._height)

    def added(self, frame: int, life: TextLife, restless: Mask) -> Mask | None:
        """Return what `frame` shows beyond the scene as far as it meets the text, or None where the scene is lost."""
        stray = self.stray(frame)
        if stray is None:
            return None
        floor = 1.5 * float(np.percentile(_rim(stray), 75))
        if floor > OTHER_STRAY:
            return None
        quad = shift_quad(life.template.quad, life.poses.get(frame, HOME))
        core = fill_quad(quad, self._box, grow=TOUCH * self._height)
        stray[restless & ~core] = 0
        sure = (stray > max(LEAST_STRAY, floor + SOFT_STRAY)).astype(np.uint8)
        sure = cv2.morphologyEx(sure, cv2.MORPH_OPEN, disk(1))
        closing = disk(int(np.clip(round(0.1 * self._height), 2, 6)))
        body = fill_holes(_touching(cv2.morphologyEx(sure, cv2.MORPH_CLOSE, closing), core))
        if float(body.mean()) > MAX_ZONE_SHARE or float(_rim(body, 2).mean()) > MAX_RIM_SHARE:
            return None
        soft = (stray > floor + SOFT_STRAY) & grow_by(body, SOFT_REACH * self._height)
        return fill_holes(_touching((soft | body).astype(np.uint8), body))


def _rim(values: np.ndarray, width: int | None = None) -> np.ndarray:
    """Return the pixels along the four sides."""
    rows, columns = (width or max(2, round(RIM_SHARE * side)) for side in values.shape)
    inner = np.ones(values.shape, np.bool_)
    inner[rows:-rows, columns:-columns] = False
    return values[inner]


def _touching(mask: np.ndarray, core: Mask) -> Mask:
    _, labels = cv2.connectedComponents(mask)
    touched = np.unique(labels[core])
    return np.isin(labels, touched[touched > 0])
