"""A life's mask laid over its frames: one span while the text stands at home, others where it moves or grows.

Belongs here: placing a bitmap in time. Does not: its shape (mask_growth).
"""

from __future__ import annotations

import cv2
import numpy as np

from adcraft_resources.algorithms.glyph_masks import letters_of
from adcraft_resources.algorithms.mask_growth import grow_mask, grow_picture
from adcraft_resources.algorithms.text_boxes import Box, fill_quad, grow_by, join_boxes, line_height
from adcraft_resources.algorithms.text_lives import TextLife
from adcraft_resources.algorithms.text_presence import Pose
from adcraft_resources.algorithms.values import Mask, MaskSpan

BESIDE, OVERSHOOT = 0.5, 0.1  # line heights beyond a text's box; by which a pop goes beyond its size
TOLD_SHARE = 0.3  # of a text's box that came with it, so that letters not found otherwise are among it
BAR_RIM = 3  # pixels beyond a bar's edges: the blur of chroma and deblocking


def spans_of_life(life: TextLife, size: tuple[int, int]) -> tuple[MaskSpan, ...]:
    """Return spans that cover every frame of `life`."""
    portrait = life.surroundings.portrait()
    box = life.surroundings.box
    if portrait is None:
        portrait, box = life.template.crop, life.template.box
    if life.picture:
        mask = grow_picture(life.surroundings, portrait, box, life.template)
        spans = place_mask(mask, (box[0], box[1]), life, size)
        return _loose_spans(mask, box, life, size) + spans if life.loose_until >= life.first_frame else spans
    mask = grow_mask(life.surroundings, portrait, box, [life.template.quad])
    told = max((end.letters_share for end in (life.came, life.went) if end is not None), default=0.0)
    if told >= TOLD_SHARE and not letters_of(portrait, life.template.quad, box).sure:
        mask &= False  # the whole box was taken for letters, where what came tells more
    mask, box = _with_arrivals(mask, box, life)
    return _bar_spans(life, size) + place_mask(mask, (box[0], box[1]), life, size) + _transits(life)


def _with_arrivals(mask: Mask, box: Box, life: TextLife) -> tuple[Mask, Box]:
    """Add what came or went with a text; where both ends tell, what did both."""
    rests = [end.rest for end in (life.came, life.went) if end is not None and end.rest is not None]
    if not rests:
        return mask, box
    places = [box, *((r.x, r.y, r.x + r.bitmap.shape[1], r.y + r.bitmap.shape[0]) for r in rests)]
    whole = join_boxes(places)
    layers = [_laid_in(whole, rest.bitmap, rest.x, rest.y) for rest in rests]
    added = layers[0] if len(layers) == 1 else layers[0] & layers[1]
    return _laid_in(whole, mask, box[0], box[1]) | added, whole


def _laid_in(box: Box, bitmap: Mask, x: int, y: int) -> Mask:
    out = np.zeros((box[3] - box[1], box[2] - box[0]), np.bool_)
    out[y - box[1] : y - box[1] + bitmap.shape[0], x - box[0] : x - box[0] + bitmap.shape[1]] = bitmap
    return out


def _transits(life: TextLife) -> tuple[MaskSpan, ...]:
    return tuple(span for end in (life.came, life.went) if end is not None for span in end.spans)


def _bar_spans(life: TextLife, size: tuple[int, int]) -> tuple[MaskSpan, ...]:
    """A bar stands still under its text, whether that runs along it or not."""
    if life.bar is None:
        return ()
    left, top, right, bottom = life.bar
    bitmap = np.ones((bottom - top + 2 * BAR_RIM, right - left), np.bool_)
    return tuple(_clipped_span(life.first_frame, life.last_frame, bitmap, left, top - BAR_RIM, size))


def _loose_spans(mask: Mask, box: Box, life: TextLife, size: tuple[int, int]) -> tuple[MaskSpan, ...]:
    """While pictures pop in they grow about a common centre: anywhere inside their hull, with the overshoot."""
    points = cv2.findNonZero(mask.astype(np.uint8))
    if points is None:
        return ()
    hull = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    grown = grow_by(hull.astype(np.bool_), 0.06 * float(np.ptp(points[:, 0], axis=0).max()))
    return tuple(_clipped_span(life.first_frame, life.loose_until, grown, box[0], box[1], size))


def place_mask(
    mask: Mask, corner: tuple[int, int], life: TextLife, size: tuple[int, int]
) -> tuple[MaskSpan, ...]:
    """Lay `mask`, whose top left stands at `corner` (x, y), over the life's poses."""
    spans: list[MaskSpan] = []
    start = life.first_frame
    beside = _beside_text(mask, corner, life)
    for frame in range(life.first_frame, life.last_frame + 1):
        pose = life.poses.get(frame, Pose())
        if frame == life.last_frame or life.poses.get(frame + 1, Pose()) != pose:
            spans.extend(_clipped_span(start, frame, *pose_mask(mask, corner, pose), size))
            if pose.scale != 1.0 and beside is not None:
                spans.extend(
                    _clipped_span(start, frame, beside, corner[0] + pose.dx, corner[1] + pose.dy, size)
                )
            start = frame + 1
    return tuple(spans)


def _beside_text(mask: Mask, corner: tuple[int, int], life: TextLife) -> Mask | None:
    """Return what a mask holds beside its line of text: an emoji there grows about a centre of its own."""
    box = (corner[0], corner[1], corner[0] + mask.shape[1], corner[1] + mask.shape[0])
    height = line_height(life.template.quad)
    rest = mask & ~fill_quad(life.template.quad, box, grow=BESIDE * height)
    return grow_by(rest, OVERSHOOT * height) if int(rest.sum()) >= height * height / 4 else None


def _clipped_span(
    first: int, last: int, bitmap: Mask, x: int, y: int, size: tuple[int, int]
) -> list[MaskSpan]:
    """Cut a bitmap to its pixels and to the screen; nothing where none is left."""
    top, left = max(0, -y), max(0, -x)
    bitmap = bitmap[top : max(top, size[0] - y), left : max(left, size[1] - x)]
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if not rows.size:
        return []
    cut = bitmap[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return [MaskSpan(first, last, x + left + int(columns[0]), y + top + int(rows[0]), cut)]


def pose_mask(mask: Mask, corner: tuple[int, int], pose: Pose) -> tuple[Mask, int, int]:
    """Return the bitmap at a pose and its corner; scaled bitmaps grow by the error of the estimate."""
    if pose.scale == 1.0:
        return mask, corner[0] + pose.dx, corner[1] + pose.dy
    height, width = mask.shape
    wide, tall = max(1, round(width * pose.scale)), max(1, round(height * pose.scale))
    scaled = cv2.resize(mask.astype(np.uint8), (wide, tall), interpolation=cv2.INTER_LINEAR)
    pad = 4 + round(0.03 * max(wide, tall))
    scaled = cv2.dilate(np.pad(scaled, pad), np.ones((2 * pad + 1, 2 * pad + 1), np.uint8))
    x = corner[0] + pose.dx + (width - wide) // 2 - pad
    y = corner[1] + pose.dy + (height - tall) // 2 - pad
    return scaled.astype(np.bool_), x, y


def thicken_spans(spans: tuple[MaskSpan, ...], size: tuple[int, int], radius: int) -> tuple[MaskSpan, ...]:
    """Return the spans grown by a disc of `radius` pixels, kept inside a picture of `size` (h, w).

    Edges of text are soft and codecs smear them; a mask that ends on the edge leaves a ghost of the outline.
    """
    if radius < 1:
        return spans
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    thick = []
    for span in spans:
        height, width = span.bitmap.shape
        top, left = min(radius, span.y), min(radius, span.x)
        bottom = min(radius, size[0] - span.y - height)
        right = min(radius, size[1] - span.x - width)
        padded = np.pad(span.bitmap.astype(np.uint8), ((top, bottom), (left, right)))
        grown = cv2.dilate(padded, disc).astype(np.bool_)
        thick.append(MaskSpan(span.first_frame, span.last_frame, span.x - left, span.y - top, grown))
    return tuple(thick)
