"""Lines of text that stand together as a block: they share a plate that no single line's surroundings would hold.

Belongs here: which lines of one picture are a block, and its box. Does not: the plate (plate_masks), time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adcraft_resources.algorithms.text_boxes import Box, clip_box, join_boxes, line_height, quad_box
from adcraft_resources.algorithms.text_evidence import surroundings_box
from adcraft_resources.algorithms.values import Quad

LINE_GAP = 1.0  # line heights between two lines of a block
ALIKE_HEIGHT = 2.2  # times a line's height of that of another in its block
LEAST_LINES = 3  # of fewer, each line's own surroundings hold the plate
MARGIN = 1.5  # line heights around a block
MOST_SHARE = 0.9  # of the picture


def surroundings_in_block(
    quad: Quad, quads: Sequence[Quad], taken: Iterable[Box], size: tuple[int, int]
) -> Box:
    """Return the box around a line that its plate can be expected to fill, in frames of (h, w) `size`.

    That of a line among `quads` that form a block holds the whole block, unless one of the boxes `taken` does.
    """
    own = surroundings_box(quad, size)
    lines = block_of(quad, quads, size)
    if len(lines) < LEAST_LINES:
        return own
    pad = MARGIN * max(line_height(line) for line in lines)
    left, top, right, bottom = join_boxes([own, *(quad_box(line, size, pad) for line in lines)])
    whole = clip_box((left // 2 * 2, top // 2 * 2, right + right % 2, bottom + bottom % 2), size)
    if any(join_boxes([whole, box]) == box for box in taken):
        return own
    share = (whole[2] - whole[0]) * (whole[3] - whole[1]) / (size[0] * size[1])
    return whole if share <= MOST_SHARE else own


def block_of(quad: Quad, quads: Sequence[Quad], size: tuple[int, int]) -> list[Quad]:
    """Return the lines that hang together with `quad`, itself among them: above one another, of like height."""
    block, rest = [quad], [other for other in quads if other != quad]
    for line in block:
        near = [other for other in rest if _stacked(line, other, size)]
        block += near
        rest = [other for other in rest if other not in near]
    return block


def _stacked(a: Quad, b: Quad, size: tuple[int, int]) -> bool:
    heights = line_height(a), line_height(b)
    if max(heights) > ALIKE_HEIGHT * min(heights):
        return False
    first, second = quad_box(a, size), quad_box(b, size)
    beside = min(first[2], second[2]) - max(first[0], second[0])
    gap = max(first[1], second[1]) - min(first[3], second[3])
    return beside > 0 and gap <= LINE_GAP * min(heights)
