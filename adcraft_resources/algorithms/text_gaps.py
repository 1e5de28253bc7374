"""Frames between looks where a caption may have come and gone unseen.

Belongs here: guessing where to look again. Does not: looking.
"""

from __future__ import annotations

from collections.abc import Sequence

from adcraft_resources.algorithms.text_boxes import (
    Box,
    box_area,
    box_overlap,
    clip_box,
    line_height,
    quad_box,
)
from adcraft_resources.algorithms.text_lives import TextLife


def find_gaps(
    lives: Sequence[TextLife], span: tuple[int, int], size: tuple[int, int]
) -> list[tuple[int, Box]]:
    """Return (frame, area): the middle of each gap before or after a text at its place within `span` of frames."""
    start, now = span
    found = []
    for life in lives:
        if start <= life.last_frame and life.first_frame <= now and not life.moving and not life.picture:
            found.extend(_gaps_around(life, lives, span, size))
    return found


def _gaps_around(
    life: TextLife, lives: Sequence[TextLife], span: tuple[int, int], size: tuple[int, int]
) -> list[tuple[int, Box]]:
    area = _caption_area(life, size)
    others = [other for other in lives if other is not life and _stands_in(other, area, size)]
    start, now = span
    following = min((o.first_frame for o in others if o.first_frame > life.last_frame), default=now)
    preceding = max((o.last_frame for o in others if o.last_frame < life.first_frame), default=start)
    gaps = [(life.last_frame + 1, following - 1), (preceding + 1, life.first_frame - 1)]
    # The first and the last frame of the span were looked at.
    inside = [(max(low, start + 1), min(high, now - 1)) for low, high in gaps]
    return [((low + high) // 2, area) for low, high in inside if low <= high]


def _caption_area(life: TextLife, size: tuple[int, int]) -> Box:
    """The place where captions before and after a text would stand."""
    tall = line_height(life.template.quad)
    left, top, right, bottom = quad_box(life.template.quad, size, pad=0.8 * tall)
    wide = round(max(0.5 * (right - left), 2 * tall))
    return clip_box((left - wide, top, right + wide, bottom), size)


def _stands_in(life: TextLife, area: Box, size: tuple[int, int]) -> bool:
    box = quad_box(life.template.quad, size)
    return box_overlap(box, area) >= 0.5 * box_area(box)
