"""Emoji, stickers and logos that pop up: which patches of the screen are pictures an edit added.

Belongs here: judging candidates by the frames around them. Does not: finding steps (screen_steps) or what pops in
with a text (companions); keeping lives (text_tracks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcraft_resources.algorithms.companions import (
    SETTLED_AFTER,
    STILL_FRAMES,
    companion_area,
    find_companions,
)
from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.screen_steps import (
    ScreenStep,
    changed_at_once,
    edge_strength,
    patch_of_step,
)
from adcraft_resources.algorithms.text_boxes import (
    Box,
    box_area,
    box_overlap,
    fill_quad,
    line_height,
    quad_box,
)
from adcraft_resources.algorithms.text_lives import HOME, TextLife
from adcraft_resources.algorithms.text_presence import TextTemplate, picture_template
from adcraft_resources.algorithms.text_tracing import Trace, trace_text
from adcraft_resources.algorithms.values import Mask

SLACK = 3  # frames by which a patch and a text that belong together may differ
MIN_FRAMES = 10  # a shorter patch is a flicker of the scene
MIN_EDGE = 24.0  # levels along a patch's outline; softer patches are light and shadow
HARDER = 1.5  # the picture with the overlay has the harder outline by this factor


@dataclass(frozen=True, slots=True)
class PoppedPicture:
    """A picture that stands still at `at` with `back` and `ahead` traced; loose up to `loose_until`, -1 for never."""

    template: TextTemplate
    at: int
    back: Trace
    ahead: Trace
    loose_until: int = -1


def sudden_picture(step: ScreenStep, memory: FrameMemory, lives: Sequence[TextLife]) -> PoppedPicture | None:
    """Return the picture whose coming or going a step is, or None where it is a text's doing or the scene's."""
    ends = memory.pair(step.before, step.after)
    if ends is None or any(_explains(life, step, memory) for life in lives):
        return None
    before, after = (crop_yuv(picture, step.box) for picture in ends)
    patch = patch_of_step(before, after)
    if patch is None:
        return None
    hard, soft = edge_strength(after, patch), edge_strength(before, patch)
    if max(hard, soft) < MIN_EDGE or max(hard, soft) < HARDER * min(hard, soft):
        return None
    # The harder outline is the overlay's; where it is the earlier picture's, the patch vanished.
    crop, at = (after, step.after) if hard > soft else (before, step.before)
    template = picture_template(crop, patch, step.box)
    back = trace_text(template, memory.before(at), at, HOME)
    ahead = trace_text(template, memory.after(at), at, HOME)
    found = PoppedPicture(template, at, back, ahead)
    return found if _stands_like_a_picture(found, memory) else None


def _explains(life: TextLife, step: ScreenStep, memory: FrameMemory) -> bool:
    """Say whether a step lies on a life's place and is its coming or going.

    A step in the middle of a text's life is something else: the box that marks the word being spoken, say.
    """
    ends = (life.first_frame, life.last_frame + 1)
    within = life.first_frame <= step.after and step.before <= life.last_frame
    if any(frame in life.poses for frame in (step.before, step.after)):  # it passes by
        places = [life.box_at(frame, _size(memory)) for frame in (step.before, step.after)]
        return any(box_overlap(place, step.box) > 0 for place in places)
    if not (within and life.picture) and min(abs(step.after - end) for end in ends) > SLACK:
        return False
    own = life.box
    if not life.picture:
        own = quad_box(life.template.quad, _size(memory), 0.3 * line_height(life.template.quad))
    return box_overlap(own, step.box) > 0.05 * min(box_area(own), box_area(step.box))


def _size(memory: FrameMemory) -> tuple[int, int]:
    picture = memory.picture(memory.now)
    return picture.size if picture is not None else (0, 0)


def _stands_like_a_picture(found: PoppedPicture, memory: FrameMemory) -> bool:
    """An added picture stands still and comes and goes at once or with a cut; things of a scene do not."""
    first, last = found.back.end, found.ahead.end
    if last - first + 1 < MIN_FRAMES or found.back.poses or found.ahead.poses:
        return False
    starts = not found.back.lost or ends_at_once(found.template, memory, first - 1, first)
    return starts and (not found.ahead.lost or ends_at_once(found.template, memory, last, last + 1))


def ends_at_once(template: TextTemplate, memory: FrameMemory, a: int, b: int) -> bool:
    """Say whether a picture is all there in one of two neighbouring frames and gone in the other."""
    first, second = memory.picture(a), memory.picture(b)
    if first is None or second is None:
        return False
    return changed_at_once(crop_yuv(first, template.box), crop_yuv(second, template.box), template.core)


def companion_is_due(life: TextLife, memory: FrameMemory) -> bool:
    """Say whether enough frames after a text's start are known to look for what popped in with it."""
    return life.first_frame + SETTLED_AFTER + STILL_FRAMES <= memory.now


def companion_of(life: TextLife, memory: FrameMemory, lives: Sequence[TextLife]) -> PoppedPicture | None:
    """Return the emoji or stickers that popped in with a text, or None."""
    start = life.first_frame
    before, first = memory.picture(start - 1), memory.picture(start)
    end = start + SETTLED_AFTER + STILL_FRAMES
    frames = [p for k in range(STILL_FRAMES) if (p := memory.picture(start + SETTLED_AFTER + k)) is not None]
    if before is None or first is None or len(frames) < STILL_FRAMES or memory.cut_between(start - 1, end):
        return None
    area = companion_area(life.box, before.size)
    patch = find_companions(before, first, frames, area, _taken(lives, area, (start - SETTLED_AFTER, end)))
    if patch is None:
        return None
    at = start + SETTLED_AFTER
    template = picture_template(crop_yuv(frames[0], area), patch, area)
    ahead = trace_text(template, memory.after(at), at, HOME)
    # Before it has settled it stands somewhere inside its outline.
    return (
        None if ahead.poses else PoppedPicture(template, at, Trace(start, at, {}, lost=False), ahead, at - 1)
    )


def _taken(lives: Sequence[TextLife], area: Box, span: tuple[int, int]) -> Mask:
    """Return the pixels of `area` where texts and pictures stand during `span`, with room for plates."""
    taken = np.zeros((area[3] - area[1], area[2] - area[0]), np.bool_)
    for life in lives:
        if life.first_frame <= span[1] and span[0] <= life.last_frame:
            grow = 0.0 if life.picture else 0.35 * line_height(life.template.quad)
            taken |= fill_quad(life.template.quad, area, grow=grow)
    return taken
