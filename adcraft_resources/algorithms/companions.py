"""Emoji and stickers that pop in together with a text: what changed beside it and stands still from then on.

Belongs here: finding the patch. Does not: patches on their own (screen_steps), following them (text_tracing).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.glyph_masks import Crop, crop_yuv
from adcraft_resources.algorithms.screen_steps import edge_strength
from adcraft_resources.algorithms.text_boxes import Box, clip_box, disk, grow_by
from adcraft_resources.algorithms.values import Mask, Yuv420

SETTLED_AFTER = 9  # frames a pop may take
STILL_FRAMES = 7  # and then it stands
CHANGE_LEVELS, STILL_LEVELS = 24, 9
MIN_EDGE = 30.0  # levels along a sticker's outline
MAX_SHARED = 0.5  # of a patch on texts' places with the air around them: more is a text's own plate
HARDER = 1.5  # times the outline's step before the picture came
RESTLESS_SHARE = 0.5  # of the area that stands still at most where the scene moves
REACH = 0.3  # of the frame's height and width around the text


def companion_area(box: Box, size: tuple[int, int]) -> Box:
    """Return where companions of a text in `box` are looked for; even left and top."""
    reach_y, reach_x = round(REACH * size[0]), round(REACH * size[1])
    left, top, right, bottom = clip_box(
        (box[0] - reach_x, box[1] - reach_y, box[2] + reach_x, box[3] + reach_y), size
    )
    return left // 2 * 2, top // 2 * 2, right, bottom


def find_companions(
    before: Yuv420, at_once: Yuv420, settled: Sequence[Yuv420], area: Box, taken: Mask
) -> Mask | None:
    """Return the pixels of pictures that popped in, (h, w) of `area`, or None.

    Args:
        before: The frame before the text.
        at_once: The text's first frame.
        settled: Frames from `SETTLED_AFTER` on, neighbours in time.
        area: Where to look.
        taken: Pixels there that belong to known texts.
    """
    earlier, later = crop_yuv(before, area), crop_yuv(settled[0], area)
    changed = largest_channel(cv2.absdiff(earlier, later)) >= CHANGE_LEVELS
    changed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, disk(2)).astype(np.bool_)
    left, top, right, bottom = area
    first = settled[0].y[top:bottom, left:right]
    still = np.ones(changed.shape, np.bool_)
    for frame in settled[1:]:
        still &= cv2.blur(cv2.absdiff(first, frame.y[top:bottom, left:right]), (3, 3)) <= STILL_LEVELS
    changed &= still
    # Until a pop has settled a gliding scene changes, too, and runs into it; what came at once stands apart.
    sudden = changed & (largest_channel(cv2.absdiff(earlier, crop_yuv(at_once, area))) >= CHANGE_LEVELS)
    # Where the scene moves all around, standing still is proof enough; else a new hard outline is asked for.
    harder = 1.0 if float(still.mean()) <= RESTLESS_SHARE else HARDER
    kept = [
        contour
        for change in (changed, sudden)
        for contour in _outlines(change)
        if _is_picture(contour, earlier, later, min(before.size), taken, harder)
    ]
    if not kept:
        return None
    patch = np.zeros(changed.shape, np.uint8)
    cv2.drawContours(patch, kept, -1, 1, -1)
    return grow_by(patch.astype(np.bool_), 2)


def _outlines(change: Mask) -> Sequence[np.ndarray]:
    opened = cv2.morphologyEx(change.astype(np.uint8), cv2.MORPH_OPEN, disk(3))
    return cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]


def _is_picture(
    contour: np.ndarray, earlier: Crop, later: Crop, short_side: int, taken: Mask, harder: float
) -> bool:
    """A picture is compact, of some size, apart from texts, and has a hard outline that was not there before."""
    area, hull = cv2.contourArea(contour), cv2.contourArea(cv2.convexHull(contour))
    _, _, w, h = cv2.boundingRect(contour)
    if (
        area < (0.03 * short_side) ** 2
        or area < 0.7 * hull
        or max(w, h) > 4 * min(w, h)
        or max(w, h) > 0.6 * short_side
    ):
        return False
    patch = np.zeros(taken.shape, np.uint8)
    cv2.drawContours(patch, [contour], -1, 1, -1)
    filled = patch.astype(np.bool_)
    if float(taken[filled].mean()) > MAX_SHARED:
        return False
    hard, soft = edge_strength(later, filled), edge_strength(earlier, filled)
    return hard >= MIN_EDGE and hard > harder * soft
