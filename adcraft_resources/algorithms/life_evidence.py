"""Gathering a life's evidence from the frames in memory, and comparing its ends with what was there without it.

Belongs here: which frames count. Does not: the sums (text_evidence) and what they mean (mask_growth, text_kinds).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from adcraft_resources.algorithms.camera_motion import Transform
from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.scene_alignment import (
    CAMERA_PX,
    SceneAlignment,
    aligned_crop,
    box_corners,
    moves_at,
    stray_levels,
)
from adcraft_resources.algorithms.scene_motion import scene_shift
from adcraft_resources.algorithms.text_boxes import Box
from adcraft_resources.algorithms.text_evidence import Step, surroundings_box, unrest_between
from adcraft_resources.algorithms.text_lives import HOME, TextLife, shift_quad

EVIDENCE_STEP = 3  # frames between two that count as evidence
DENSE_COUNT = 6  # the first few count without gaps: some lives are short
COLOUR_STEP = 4  # of the counted frames, one in so many counts in colour
MOVE_FRAMES = 4  # apart are the frames whose motion is compared
UNKNOWN_UNREST = 255.0  # of pixels that the other frame does not show
UNREST_PAIRS = 3  # pairs of frames on each side that show how the scene moves by itself


def gather_evidence(life: TextLife, memory: FrameMemory, until: int) -> None:
    """Count the frames up to `until` where the text stands settled at home."""
    for index, picture in memory.after(max(life.counted_to, life.settled_first - 1)):
        due = index - life.counted_to >= EVIDENCE_STEP or life.surroundings.count < DENSE_COUNT
        if due and index <= until and index not in life.poses:
            life.surroundings.add(picture)
            if life.surroundings.count % COLOUR_STEP == 1:
                life.surroundings.add_colour(picture)
            life.counted_to = index


def note_scene_move(life: TextLife, memory: FrameMemory) -> None:
    """Where the text moved of late, note how it moved and how the scene around it did, in pixels."""
    now, then = life.last_frame, max(life.first_frame, life.last_frame - MOVE_FRAMES)
    frames = memory.pair(then, now)
    here, there = life.poses.get(now, HOME), life.poses.get(then, HOME)
    if frames is None or here == there or 1.0 not in (here.scale, there.scale):
        return
    size = frames[0].size
    quad = shift_quad(life.template.quad, there)
    shift = scene_shift(frames[0], frames[1], surroundings_box(quad, size), quad)
    if shift is not None:
        life.scene_moves.append((here.dx - there.dx, here.dy - there.dy, *shift))


def compare_start(
    life: TextLife, memory: FrameMemory, scene: SceneAlignment, hidden: Sequence[Box], *, clean: bool
) -> Step | None:
    """Compare the frame before a life with its first settled one; None across a cut or out of memory."""
    return _step(life, memory, scene, hidden, (life.first_frame - 1, life.settled_first), clean=clean)


def compare_end(
    life: TextLife, memory: FrameMemory, scene: SceneAlignment, hidden: Sequence[Box]
) -> Step | None:
    """Compare the frame after a life with its last settled one; None across a cut or out of memory."""
    return _step(life, memory, scene, hidden, (life.last_frame + 1, life.settled_last), clean=True)


def _step(
    life: TextLife,
    memory: FrameMemory,
    scene: SceneAlignment,
    hidden: Sequence[Box],
    frames: tuple[int, int],
    *,
    clean: bool,
) -> Step | None:
    ends = memory.pair(*frames)
    if ends is None:
        return None
    outside, inside = frames
    away = 1 if outside > inside else -1
    gap = abs(outside - inside)
    box = life.surroundings.box
    transform = scene.between(outside, inside, hidden)
    if transform is not None and np.abs(moves_at(transform, box_corners(box))).max() >= CAMERA_PX:
        earlier = outside + away * gap
        calm = scene.between(earlier, outside, hidden) if memory.pair(earlier, outside) else None
        return _aligned_step(memory, frames, box, transform, (earlier, calm), clean=clean)
    pairs = [(outside + away * k, outside + away * (k + gap)) for k in range(UNREST_PAIRS)]
    pairs += [(inside - away * k, inside - away * (k + gap)) for k in range(UNREST_PAIRS)]
    known = [pair for a, b in pairs if (pair := memory.pair(a, b)) is not None]
    return Step(crop_yuv(ends[0], box), crop_yuv(ends[1], box), unrest_between(known, box), clean)


def _aligned_step(
    memory: FrameMemory,
    frames: tuple[int, int],
    box: Box,
    transform: Transform,
    earlier: tuple[int, Transform | None],
    *,
    clean: bool,
) -> Step | None:
    """Compare two frames between which the camera moved; `earlier` shows what the scene does by itself."""
    ends = memory.pair(*frames)
    if ends is None:
        return None
    without, known = aligned_crop(ends[0], box, transform)
    unrest = np.zeros(known.shape, np.float32)
    before = memory.pair(earlier[0], frames[0])
    if before is not None and earlier[1] is not None:
        was, was_known = aligned_crop(before[0], box, earlier[1])
        moved = cv2.blur(stray_levels(was, crop_yuv(before[1], box)), (3, 3)) * was_known
        unrest = cv2.dilate(moved, np.ones((7, 7), np.uint8)).astype(np.float32)
    unrest[~known] = UNKNOWN_UNREST
    return Step(without, crop_yuv(ends[1], box), unrest, clean, aligned=True)
