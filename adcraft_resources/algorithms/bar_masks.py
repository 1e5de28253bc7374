"""Bars: plates that run over the whole width of the screen, as under a ticker or a lower third.

Belongs here: finding a bar's rows in one frame. Does not: plates that end on the screen (plate_masks).
"""

from __future__ import annotations

import numpy as np

from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.text_boxes import Box, fill_quad, line_height, quad_angle, quad_box
from adcraft_resources.algorithms.values import Quad, Yuv420

BAR_RANGE = 16  # levels a bar's pixels may stray from its colour
EMPTY_ROW, LETTER_ROW = (
    0.96,
    0.2,
)  # of a row in the bar's colour: above and below the letters, and across them
MAX_LINES = 3.0  # line heights a bar may be tall
SEARCH_LINES = 1.6  # line heights above and below the text in which its edges are looked for
EDGE_LEVELS = 12.0  # of the step at its upper and lower edge, along most of the width
EDGE_SHARE = 0.6
EDGE_REACH = 2  # pixels across an edge
LEVEL_DEG = 1.5


def find_bar(picture: Yuv420, quad: Quad) -> Box | None:
    """Return the bar under the level line in `quad` as a box over the whole width, or None.

    Both edges must stand clear of the top and bottom of the screen: letterbox bands are no overlay.
    """
    height, width = picture.size
    tall = line_height(quad)
    if quad_angle(quad) > LEVEL_DEG:
        return None
    box = quad_box(quad, picture.size)
    top, bottom = (
        max(0, round(box[1] - SEARCH_LINES * tall)),
        min(height, round(box[3] + SEARCH_LINES * tall)),
    )
    strip = crop_yuv(picture, (0, top, width, bottom)).astype(np.float32)
    ground = strip[fill_quad(quad, (0, top, width, bottom))]
    colour = _commonest(ground)
    rows = (largest_channel(np.abs(strip - colour)) <= BAR_RANGE).mean(axis=1)
    first, last = _bar_rows(rows, (box[1] + box[3]) // 2 - top)
    if first is None or last is None or last - first + 1 > MAX_LINES * tall:
        return None
    if top + first < EDGE_REACH or top + last >= height - EDGE_REACH or not _edges(strip, first, last):
        return None
    return 0, top + first, width, top + last + 1


def _commonest(pixels: np.ndarray) -> np.ndarray:
    """Return the commonest colour (Y, U, V) of some pixels, to a few levels."""
    coarse = (pixels // 8).astype(np.int64)
    keys = coarse[:, 0] * 4096 + coarse[:, 1] * 64 + coarse[:, 2]
    values, counts = np.unique(keys, return_counts=True)
    return np.median(pixels[keys == values[counts.argmax()]], axis=0)


def _bar_rows(rows: np.ndarray, middle: int) -> tuple[int | None, int | None]:
    """Return the first and last row of the run around `middle` whose rims are empty of letters."""
    inside = rows >= LETTER_ROW
    if not inside[middle]:
        return None, None
    first = middle
    while first > 0 and inside[first - 1]:
        first -= 1
    last = middle
    while last + 1 < len(rows) and inside[last + 1]:
        last += 1
    full = np.flatnonzero(rows[first : last + 1] >= EMPTY_ROW) + first
    if not full.size or full[0] >= middle or full[-1] <= middle:
        return None, None
    return int(full[0]), int(full[-1])


def _edges(strip: np.ndarray, first: int, last: int) -> bool:
    """Say whether the colour steps at both edges along most of the width."""
    if first < EDGE_REACH or last + EDGE_REACH >= len(strip):
        return False
    above = np.abs(strip[first] - strip[first - EDGE_REACH]).max(axis=1) >= EDGE_LEVELS
    below = np.abs(strip[last] - strip[last + EDGE_REACH]).max(axis=1) >= EDGE_LEVELS
    return float(above.mean()) >= EDGE_SHARE and float(below.mean()) >= EDGE_SHARE
