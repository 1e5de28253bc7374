"""Does a text ride on the scene or stand on the screen? Its own pixels say so once the camera has moved.

Belongs here: holding both guesses against two frames. Does not: other evidence, the decision (text_kinds).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.scene_alignment import SceneAlignment, aligned_crop, moves_at
from adcraft_resources.algorithms.text_boxes import Box, clip_box, fill_quad, line_height, quad_box
from adcraft_resources.algorithms.text_lives import HOME, TextLife, shift_quad
from adcraft_resources.algorithms.values import Quad, Yuv420

LEAST_MOVE_PX = 1.5  # of the scene at the text, so that the guesses differ
CLEARLY = 0.55  # of the other guess's error
LEAST_ERROR = 4.0  # levels a wrong guess costs; less is a text too faint to tell
LEAST_APART = 4  # frames
EDGE_SHARE = 0.35  # of a text box's pixels that count: its steepest


def cast_vote(life: TextLife, memory: FrameMemory, scene: SceneAlignment, hidden: Sequence[Box]) -> None:
    """Compare the latest settled frame of a life with an early one and note which guess explains the letters."""
    late = life.settled_last
    early = max(life.settled_first, memory.first_in_shot(late), life.voted_to)
    if life.voted_to == late or late - early < LEAST_APART:
        return
    pair = memory.pair(early, late)
    if pair is None:
        return
    quad = shift_quad(life.template.quad, life.poses.get(early, HOME))
    transform = scene.between(early, late, hidden)
    if transform is None or np.abs(moves_at(transform, np.array(quad))).max() < LEAST_MOVE_PX:
        return
    riding, standing = _errors(pair[0], pair[1], quad, transform)
    life.voted_to = late
    if riding < CLEARLY * standing and standing >= LEAST_ERROR:
        life.riding_votes += 1
    elif standing < CLEARLY * riding and riding >= LEAST_ERROR:
        life.standing_votes += 1


def _errors(first: Yuv420, second: Yuv420, quad: Quad, transform: np.ndarray) -> tuple[float, float]:
    """Return the mean luma errors of the letters' edges in `second` if the text rode along, and if it stood."""
    moved = np.array(quad) + moves_at(transform, np.array(quad))
    ridden: Quad = tuple((float(x), float(y)) for x, y in moved)  # type: ignore[assignment]
    pad = 0.1 * line_height(quad)
    there, here = quad_box(ridden, second.size, pad), quad_box(quad, first.size, pad)
    prediction, known = aligned_crop(first, there, transform)
    riding = _edge_error(
        prediction[..., 0], crop_yuv(second, there)[..., 0], fill_quad(ridden, there) & known
    )
    box = clip_box(here, first.size)
    still = crop_yuv(first, box)[..., 0]
    return riding, _edge_error(still, crop_yuv(second, box)[..., 0], fill_quad(quad, box))


def _edge_error(expected: np.ndarray, found: np.ndarray, inside: np.ndarray) -> float:
    """Return the mean difference at the steepest pixels of what was expected: the letters' edges."""
    steep = cv2.morphologyEx(expected, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
    values = steep[inside]
    if values.size == 0:
        return 0.0
    counted = inside & (steep >= np.percentile(values, 100 * (1 - EDGE_SHARE)))
    return float(cv2.absdiff(expected, found)[counted].mean())
