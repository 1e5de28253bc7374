"""Stickers and arrows that come up on a gliding scene and turn or bounce there: what its camera's move leaves over.

Belongs here: finding them and masking them frame by frame. Does not: pictures on a still scene (screen_steps), plates
of texts (arrivals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_motion import Transform
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
from adcraft_resources.algorithms.screen_steps import edge_strength
from adcraft_resources.algorithms.text_boxes import Box, clip_box, disk, grow_by
from adcraft_resources.algorithms.values import Mask, MaskSpan, Yuv420

SEARCH_SIDE = 480  # long side of the picture candidates are looked for in
SURE_STRAY, SOFT_STRAY = 22.0, 8.0  # levels beyond the scene: of a candidate; of what hangs together with it
REACH = 24  # frames back to a scene without it
STANDS = 5  # frames it has stood where it is found
JOIN = 0.025  # of the short side: parts of one sticker lie no further apart
LEAST_SIDE, MOST_SIDE = 0.04, 0.5  # of the short side
LEAST_FULL = 0.12  # of its hull; an arrow is thin
MOST_FOUND, MOST_STRAY = 3, 0.05  # candidates, and share of the frame that strays, from which the scene is not explained
CALM_RING, RING = 9.0, 0.03  # levels at a candidate's ring, 85th percentile; its width in short sides
ALIKE = 0.55  # shared part of its shapes `STANDS` frames apart
MIN_EDGE, HARDER = 24.0, 1.4  # levels along its outline; times that of the scene without it
INSIDE = 0.85  # of its pixels, while it comes, that lie within its outline at rest
LEAST_FRAMES = 8
FADED = 0.06  # of its pixels at rest: fewer are no sticker any more
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
        size = self._memory.size
        return [
            (s.first, max(s.masks), _spans(s, size)) for s in done if max(s.masks) - s.first + 1 >= LEAST_FRAMES
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
        if transform is None or np.abs(moves_at(transform, box_corners((0, 0, width, height)))).max() < CAMERA_PX:
            return []
        found = _stray_boxes(pair, transform, taken | self._known())
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
        outline = grow_by(_hull(sticker.whole), 0.12 * max(sticker.whole.shape) + SAFETY)
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
        start, end = sticker.last, self._memory.last_in_shot(sticker.last)
        onward = sticker.to_last
        for frame in range(start + 1, end + 1):
            step = self._scene.between(start, frame, hidden)
            added = None
            if step is not None:
                onward = step @ sticker.to_last
                added = self._added(sticker.ground, onward, frame, sticker.box, sticker.whole)
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

    def _added(
        self, ground: Yuv420, transform: Transform, frame: int, box: Box, near: Mask
    ) -> Mask | None:
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


def _stray_boxes(
    pair: tuple[Yuv420, Yuv420], transform: Transform, taken: Mask
) -> list[tuple[Box, Mask]]:
    """Return the boxes, with room around, and shapes (h, w of the box) of what strays in the second picture."""
    size = pair[1].size
    scale = min(1.0, SEARCH_SIDE / max(size))
    whole = (0, 0, size[1], size[0])
    scene, known = aligned_crop(pair[0], whole, transform)
    small = (max(1, round(size[1] * scale)), max(1, round(size[0] * scale)))
    first, second = (_shrunk(crop, small) for crop in (scene, crop_yuv(pair[1], whole)))
    stray = stray_levels(first, second)
    free = cv2.resize((known & ~taken).astype(np.uint8), small, interpolation=cv2.INTER_NEAREST) > 0
    stray[~free] = 0
    sure = stray > SURE_STRAY
    if float(sure.mean()) > MOST_STRAY:
        return []
    short = min(small)
    opened = cv2.morphologyEx(sure.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = grow_by(opened > 0, JOIN * short)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined.astype(np.uint8))
    found = []
    for k in range(1, count):
        own = (labels == k) & (opened > 0)
        if _sticker_like(own, stats[k], stray, labels == k, short):
            found.append(_enlarged(own, stats[k], size, scale))
    return found if len(found) <= MOST_FOUND else []


def _sticker_like(
    own: Mask, stats: NDArray[np.int32], stray: NDArray[np.float32], around: Mask, short: int
) -> bool:
    x, y, w, h = (int(v) for v in stats[:4])
    rows, columns = own.shape
    if x <= 0 or y <= 0 or x + w >= columns or y + h >= rows:  # it may come in from beyond the screen
        return False
    pad = 2 * JOIN * short
    if min(w, h) - pad < 0.5 * LEAST_SIDE * short or not LEAST_SIDE * short <= max(w, h) - pad <= MOST_SIDE * short:
        return False
    if float(own.sum()) < LEAST_FULL * float(_hull(own).sum()):
        return False
    ring = grow_by(around, RING * short) & ~around
    return float(np.percentile(stray[ring], 85)) <= CALM_RING


def _enlarged(
    own: Mask, stats: NDArray[np.int32], size: tuple[int, int], scale: float
) -> tuple[Box, Mask]:
    x, y, w, h = (float(v) / scale for v in stats[:4])
    pad = 0.2 * max(w, h)
    left, top, right, bottom = clip_box(
        (round(x - pad), round(y - pad), round(x + w + pad), round(y + h + pad)), size
    )
    box = (left // 2 * 2, top // 2 * 2, right, bottom)
    shape = cv2.resize(own.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return box, shape[box[1] : box[3], box[0] : box[2]]


def _shrunk(crop: Crop, size: tuple[int, int]) -> Crop:
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def _hull(mask: Mask) -> Mask:
    hull = np.zeros(mask.shape, np.uint8)
    points = cv2.findNonZero(mask.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull.astype(np.bool_)


def _hard_outline(scene: Crop, shown: Crop, shape: Mask) -> bool:
    hard, soft = edge_strength(shown, shape), edge_strength(scene, shape)
    return hard >= MIN_EDGE and hard >= HARDER * soft


def _spans(sticker: Sticker, size: tuple[int, int]) -> tuple[MaskSpan, ...]:
    """Return one span for all frames: what turns and bounces leaves and comes back to the same few pixels."""
    union = grow_by(np.logical_or.reduce(list(sticker.masks.values())), SAFETY)
    rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
    cut = union[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    x, y = sticker.box[0] + int(columns[0]), sticker.box[1] + int(rows[0])
    return (MaskSpan(sticker.first, max(sticker.masks), x, y, cut),)
