"""Texts beside and after one another: which belong together, which stand in the way of a comparison.

Belongs here: questions about two lives. Does not: keeping lives (text_tracks), following one (text_tracing).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from adcraft_resources.algorithms.text_boxes import Box, box_area, box_overlap, line_height, quad_box
from adcraft_resources.algorithms.text_lives import Arrival, TextLife
from adcraft_resources.algorithms.values import Mask, Quad

PLATE = 0.35  # line heights a plate reaches beyond its text
COVERED = 0.75  # share of a detection, or of a life, under known texts that makes it known
TALL = 0.4  # of the short side: lines of text are lower
WITHIN = 2.5  # times a detection's height of that of a text it can be a part of
LOOSE_HELD, LOOSE_WIDTH, LOOSE_HEIGHT = 0.9, 1.25, 1.7  # of a known box; a wider one holds new words


def clear_of_others(life: TextLife, lives: Iterable[TextLife], frame: int, size: tuple[int, int]) -> bool:
    """Say whether no other added text stood at the life's place in `frame`; labels are part of the scene."""
    box = quad_box(life.template.quad, size)
    others = [
        other
        for other in lives
        if other is not life
        and other.first_frame <= frame <= other.last_frame
        and other.riding_votes <= other.standing_votes
    ]
    return not any(box_overlap(box, quad_box(o.template.quad, size)) for o in others)


def unmixed(life: TextLife, lives: Iterable[TextLife], end: Arrival | None) -> Arrival | None:
    """Return an end unless another text, gone or not yet there when this one stood, is part of the difference."""
    if end is None or end.rest is None:
        return end
    rest = end.rest
    place = (rest.x, rest.y, rest.x + rest.bitmap.shape[1], rest.y + rest.bitmap.shape[0])
    mixed = any(
        other is not life
        and not other.picture
        and other.riding_votes <= other.standing_votes
        and other.first_frame <= end.bare <= other.last_frame
        and not other.first_frame <= end.at_rest <= other.last_frame
        and box_overlap(place, other.box) > 0
        for other in lives
    )
    return None if mixed else end


def is_stage(old: TextLife, life: TextLife, size: tuple[int, int]) -> bool:
    """Say whether `old` stood fully, at the place of `life`, only for a moment of that one's life."""
    if old.picture or life.picture or old is life:
        return False
    moment = old.settled_last - old.settled_first
    inside = life.first_frame <= old.settled_first and old.settled_last <= life.last_frame
    if not inside or moment > life.settled_last - life.settled_first:
        return False
    if line_height(life.template.quad) > WITHIN * line_height(old.template.quad):
        return False  # a large shape of the scene behind it
    if old.standing_votes > old.riding_votes and life.standing_votes <= life.riding_votes:
        return False  # it stands on the screen, which what lies around it does not
    box, old_box = (quad_box(one.template.quad, size) for one in (life, old))
    return box_overlap(box, old_box) >= COVERED * box_area(old_box)


def may_hide_sticker(life: TextLife, size: tuple[int, int]) -> bool:
    """Say whether a life's place is not searched for stickers: not where a large shape of the scene was taken for text.

    Such a shape rides along with the scene, or is too tall for a line in frames of (h, w) `size`.
    """
    if life.picture:
        return True
    return life.riding_votes <= life.standing_votes and line_height(life.template.quad) <= TALL * min(size)


def places_of(lives: Iterable[TextLife], size: tuple[int, int]) -> Mask:
    """Return the pixels (h, w) of `size` that texts stand on, with their plates, and pictures."""
    taken = np.zeros(size, np.bool_)
    for life in lives:
        if life.picture:
            core = life.template.core
            taken[life.box[1] : life.box[1] + core.shape[0], life.box[0] : life.box[0] + core.shape[1]] |= (
                core
            )
            continue
        left, top, right, bottom = quad_box(life.template.quad, size, PLATE * line_height(life.template.quad))
        taken[top:bottom, left:right] = True
        for end in (life.came, life.went):
            if end is not None and end.rest is not None:
                (height, width), x, y = end.rest.bitmap.shape, end.rest.x, end.rest.y
                taken[y : y + height, x : x + width] |= end.rest.bitmap
    return taken


def is_known(quad: Quad, lives: Iterable[TextLife], frame: int, size: tuple[int, int]) -> bool:
    """Say whether a detection lies on known texts, or is a looser box around one of them.

    Small letters in the box of much larger ones are new: a detector takes large shapes of a scene for a line.
    """
    box, tallest = quad_box(quad, size), WITHIN * line_height(quad)
    alive = [life for life in lives if life.first_frame <= frame <= life.last_frame]
    near = [life for life in alive if life.picture or line_height(life.template.quad) <= tallest]
    boxes = [life.box_at(frame, size) for life in near]
    covered = sum(box_overlap(box, other) for other in boxes) >= COVERED * box_area(box)
    return covered or any(loosely_around(box, other) for other in boxes)


def loosely_around(box: Box, inner: Box) -> bool:
    """Say whether `box` holds `inner` and is little wider: the same line found with more air."""
    width, height = (box[k + 2] - box[k] for k in (0, 1))
    inner_width, inner_height = (inner[k + 2] - inner[k] for k in (0, 1))
    holds = box_overlap(box, inner) >= LOOSE_HELD * box_area(inner)
    return holds and width <= LOOSE_WIDTH * inner_width and height <= LOOSE_HEIGHT * inner_height
