"""Stickers and arrows that come up on a gliding scene and turn or bounce there: what its camera's move leaves over.

Belongs here: finding them and masking them frame by frame. Does not: pictures on a still scene (screen_steps), plates
of texts (arrivals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from adcraft_resources.algorithms.camera_motion import Transform
from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import Crop, crop_yuv
from adcraft_resources.algorithms.mask_growth import fill_holes
from adcraft_resources.algorithms.scene_alignment import (
    CAMERA_PX,
    SceneAlignment,
    aligned_crop,
    box_corners,
    moves_at,
    stray_levels,
)
from adcraft_resources.algorithms.sticker_search import CALM_RING, SURE_STRAY, hull_of, stray_boxes
from adcraft_resources.algorithms.text_boxes import Box, disk, grow_by
from adcraft_resources.algorithms.values import Mask, MaskSpan, Yuv420

SOFT_STRAY = 8.0  # levels beyond the scene of what hangs together with surely added pixels
REACH = 24  # frames back to a scene without it
STANDS = 5  # frames it has stood where it is found
ALIKE = 0.55  # shared part of its shapes `STANDS` frames apart
EDGE_REACH = 15  # pixels across its outline
MIN_EDGE, HARDER = 40.0, 1.4  # levels along its outline; times that of the scene without it
INSIDE = 0.85  # of its pixels, while it comes, that lie within its outline at rest
LEAST_FRAMES = 8
FADED = 0.06  # of its pixels at rest: fewer are no sticker any more
MAX_LOST = 5  # frames in which the scene may be lost
SAFETY = 3


@dataclass(slots=True)
class Sticker:
    """A sticker being followed: frame `bare` shows the scene without it, `to_last` brings that to frame `last`."""

    ground: Yuv420 = field(repr=False)
    box: Box
    whole: Mask
    last: int
    to_last: Transform
    masks: dict[int, Mask] = field(default_factory=dict, repr=False)

    @property
    def first(self) -> int:
        """The first frame it was seen in."""
        return min(self.masks)


class StickerWatch:
    """Called at each look: finds new stickers of the frames since, and follows the known ones to the latest frame."""

    def __init__(self, memory: FrameMemory, scene: SceneAlignment) -> None:
        self._memory, self._scene = memory, scene
        self._open: list[Sticker] = []
        self._done: list[Sticker] = []

    def look(self, hidden: Sequence[Box], taken: Mask) -> None:
        """Take in the frames up to the latest; `taken` (h, w) are the pixels of known texts and pictures."""
        for sticker in list(self._open):
            self._follow(sticker, hidden)
        for box, shape, bare, transform in self._candidates(hidden, taken):
            sticker = self._begin(box, shape, bare, transform, hidden)
            if sticker is not None:
                self._open.append(sticker)

    def take(self, *, everything: bool = False) -> list[tuple[int, int, tuple[MaskSpan, ...]]]:
        """Hand over (first frame, last frame, spans) of the stickers that are gone, or of all."""
        if everything:
            self._done += self._open
            self._open = []
        done, self._done = self._done, []
        return [
            (s.first, max(s.masks), _spans(s)) for s in done if max(s.masks) - s.first + 1 >= LEAST_FRAMES
        ]

    def _candidates(self, hidden: Sequence[Box], taken: Mask) -> list[tuple[Box, Mask, int, Transform]]:
        now = self._memory.now
        at = now - STANDS
        bare = max(self._memory.first_in_shot(now), now - REACH)
        pair = self._memory.pair(bare, at)
        if bare >= at - STANDS or pair is None:
            return []
        transform = self._scene.between(bare, at, hidden)
        height, width = self._memory.size
        if (
            transform is None
            or np.abs(moves_at(transform, box_corners((0, 0, width, height)))).max() < CAMERA_PX
        ):
            return []
        found = stray_boxes(pair, transform, taken | self._known())
        return [(box, shape, bare, transform) for box, shape in found]

    def _known(self) -> Mask:
        taken = np.zeros(self._memory.size, np.bool_)
        for sticker in self._open:
            left, top, right, bottom = sticker.box
            taken[top:bottom, left:right] |= grow_by(sticker.whole, SAFETY)
        return taken

    def _begin(
        self, box: Box, shape: Mask, bare: int, transform: Transform, hidden: Sequence[Box]
    ) -> Sticker | None:
        """Return what stands in `box` as a sticker if it came there, stands, and has a hard outline of its own."""
        at = self._memory.now - STANDS
        pair, latest = self._memory.pair(bare, at), self._scene.between(bare, self._memory.now, hidden)
        if pair is None or latest is None:
            return None
        there = self._added(pair[0], transform, at, box, shape)
        here = self._added(pair[0], latest, self._memory.now, box, shape)
        if there is None or here is None or not there.any():
            return None
        if float((there & here).sum()) < ALIKE * float((there | here).sum()):
            return None
        scene, _ = aligned_crop(pair[0], box, transform)
        if not _hard_outline(scene, crop_yuv(pair[1], box), there):
            return None
        sticker = Sticker(pair[0], box, there | here, self._memory.now, latest)
        return sticker if self._came(sticker, bare, at, hidden) else None

    def _came(self, sticker: Sticker, bare: int, at: int, hidden: Sequence[Box]) -> bool:
        """Mask the frames from the first that shows it; false where it came from elsewhere, as things do."""
        outline = grow_by(hull_of(sticker.whole), 0.12 * max(sticker.whole.shape) + SAFETY)
        for frame in range(self._memory.now, bare, -1):
            transform = self._scene.between(bare, frame, hidden)
            added = None
            if transform is not None:
                added = self._added(sticker.ground, transform, frame, sticker.box, sticker.whole)
            if added is None:
                return False
            if float(added.sum()) < FADED * float(sticker.whole.sum()):
                return frame < at
            if float((added & outline).sum()) < INSIDE * float(added.sum()):
                return False
            sticker.masks[frame] = added
        return False

    def _follow(self, sticker: Sticker, hidden: Sequence[Box]) -> None:
        """Mask the frames up to the latest of its shot; where the scene is lost for a moment, all of its place."""
        start, end = sticker.last, self._memory.last_in_shot(sticker.last)
        onward, lost = sticker.to_last, 0
        for frame in range(start + 1, end + 1):
            step = self._scene.between(start, frame, hidden)
            following = self._scene.between(frame - 1, frame, hidden) if step is None else None
            added = None
            if step is not None or following is not None:
                onward = step @ sticker.to_last if step is not None else following @ onward  # type: ignore[operator]
                added = self._added(sticker.ground, onward, frame, sticker.box, sticker.whole)
            lost = lost + 1 if added is None else 0
            if added is None and lost <= MAX_LOST:
                added = sticker.whole
            if added is None or float(added.sum()) < FADED * float(sticker.whole.sum()):
                self._close(sticker)
                return
            sticker.masks[frame] = added
        sticker.last, sticker.to_last = end, onward
        if end < self._memory.now:  # a cut
            self._close(sticker)

    def _close(self, sticker: Sticker) -> None:
        self._open.remove(sticker)
        self._done.append(sticker)

    def _added(self, ground: Yuv420, transform: Transform, frame: int, box: Box, near: Mask) -> Mask | None:
        """Return what `frame` shows in `box` beyond the scene, as far as it meets `near`; None if the scene is lost."""
        picture = self._memory.picture(frame)
        if picture is None:
            return None
        scene, known = aligned_crop(ground, box, transform)
        stray = cv2.blur(stray_levels(scene, crop_yuv(picture, box)), (3, 3))
        stray[~known] = 0
        touching = grow_by(near, 2 * SAFETY)
        sure = cv2.morphologyEx((stray > SURE_STRAY / 2).astype(np.uint8), cv2.MORPH_OPEN, disk(1))
        body = (sure > 0) & touching
        ring = grow_by(touching, 4 * SAFETY) & ~touching
        if ring.any() and float(np.percentile(stray[ring], 75)) > CALM_RING:
            return None
        soft = (stray > SOFT_STRAY) & grow_by(body, 4 * SAFETY)
        return fill_holes(soft | body)


def _hard_outline(scene: Crop, shown: Crop, shape: Mask) -> bool:
    hard, soft = (_steepest(crop, shape) for crop in (shown, scene))
    return hard >= MIN_EDGE and hard >= HARDER * soft


def _steepest(crop: Crop, shape: Mask) -> float:
    """Return the mean of the steepest colour steps close to a patch's outline: a shadow blurs where it is."""
    step = largest_channel(cv2.morphologyEx(crop, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    near = cv2.dilate(step, np.ones((EDGE_REACH, EDGE_REACH), np.uint8))
    outline = cv2.morphologyEx(shape.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return float(near[outline].mean()) if outline.any() else 0.0


def _spans(sticker: Sticker) -> tuple[MaskSpan, ...]:
    """Return one span for all frames: what turns and bounces leaves and comes back to the same few pixels."""
    union = grow_by(np.logical_or.reduce(list(sticker.masks.values())), SAFETY)
    rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
    cut = union[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    x, y = sticker.box[0] + int(columns[0]), sticker.box[1] + int(rows[0])
    return (MaskSpan(sticker.first, max(sticker.masks), x, y, cut),)
