"""Marks the scene shows through, logos and words no reader finds: from frames spread over the clip to tracks.

Belongs here: which frames are kept, and what becomes of pieces found as text. Does not: finding (standing_marks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.standing_marks import StandingMark, find_standing_marks
from adcraft_resources.algorithms.text_boxes import Box, box_area, box_overlap, clip_box, disk, fit_size
from adcraft_resources.algorithms.values import Mask, MaskSpan, Quad, TextTrack, Yuv420

SIDE = 960  # long side of the kept frames
MOST_FRAMES = 40  # kept at a time; with twice as many, every other is let go
EVERY_S = 0.08  # between two kept frames at first
LEAST_S = 2.0  # a mark lives at least so long, or most of a short clip
MOST_OF_A_CLIP = 0.6
PIECE_SHARE = 0.6  # of a text's box inside a mark of which it then is a piece
MARK_ID = 2_000_000  # sorts after texts and stickers of its first frame


class MarkSearch:
    """Keeps small frames evenly spread over the clip so far; memory does not grow with its length."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._step = max(1, round(EVERY_S * fps))
        self._kept: list[tuple[int, NDArray[np.uint8]]] = []
        self._count, self._size = 0, (0, 0)

    def push(self, index: int, picture: Yuv420) -> None:
        """Take the next frame."""
        self._count, self._size = index + 1, picture.size
        if index % self._step:
            return
        height, width = fit_size(picture.size, SIDE, enlarge=1.0)
        small = cv2.resize(picture.y, (width, height), interpolation=cv2.INTER_AREA)
        self._kept.append((index, np.asarray(small, np.uint8)))
        if len(self._kept) >= 2 * MOST_FRAMES:
            self._kept = self._kept[::2]
            self._step *= 2

    def join(self, tracks: Sequence[TextTrack]) -> list[TextTrack]:
        """Return the tracks with the marks found; texts that are pieces of a mark are taken up by it."""
        if not self._kept:
            return list(tracks)
        shown = self._kept[:: 1 + (len(self._kept) > MOST_FRAMES)]
        frames = [frame for _, frame in shown]
        marks = find_standing_marks(frames, self._known(tracks, frames[0].shape))
        for mark in marks:
            track = self._track(mark, [index for index, _ in shown])
            if track is not None:
                tracks = _taken_up(track, tracks)
        self._kept = []
        return list(tracks)

    def _known(self, tracks: Sequence[TextTrack], shape: tuple[int, ...]) -> Mask:
        """Return what opaque overlays cover for long, and labels: no mark is looked for there."""
        known = np.zeros(shape, np.bool_)
        scale = shape[0] / self._size[0]
        for track in tracks:
            if track.see_through or track.last_frame - track.first_frame < LEAST_S * self._fps / 2:
                continue
            for left, top, right, bottom in {_box_of(quad) for _, quad in track.quads}:
                x, y, w, h = (round(value * scale) for value in (left, top, right, bottom))
                known[max(0, y - 4) : h + 4, max(0, x - 4) : w + 4] = True
        return known

    def _track(self, mark: StandingMark, frames: Sequence[int]) -> TextTrack | None:
        """Return a mark as a track over the frames between the samples that do not show it."""
        standing = np.flatnonzero(mark.stands)
        first = 0 if standing[0] == 0 else frames[standing[0] - 1] + 1
        last = self._count - 1 if standing[-1] == len(frames) - 1 else frames[standing[-1] + 1] - 1
        if last - first + 1 < min(LEAST_S * self._fps, MOST_OF_A_CLIP * self._count):
            return None
        height, width = self._size
        large = cv2.resize(mark.mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_LINEAR)
        scale = width / mark.mask.shape[1]
        whole = cv2.dilate((large > 0).astype(np.uint8), disk(max(1, round(scale))))
        left, top, wide, tall = cv2.boundingRect(whole)
        box = clip_box((left, top, left + wide, top + tall), self._size)
        bitmap = whole[box[1] : box[3], box[0] : box[2]].astype(np.bool_)
        quad: Quad = ((box[0], box[1]), (box[2] - 1, box[1]), (box[2] - 1, box[3] - 1), (box[0], box[3] - 1))
        return TextTrack(
            id=MARK_ID,
            kind="overlay",
            reason="the moving scene is seen through it, as through a mark",
            text="",
            confidence=1.0,
            first_frame=first,
            last_frame=last,
            quads=((frames[standing[0]], quad),),
            spans=(MaskSpan(first, last, box[0], box[1], bitmap),),
            see_through=True,
        )


def _taken_up(mark: TextTrack, tracks: Sequence[TextTrack]) -> list[TextTrack]:
    """Return the tracks with `mark` in place of its pieces; it has the words of the surest of them.

    A label is never a piece: where one stands, the mark is dropped.
    """
    place = _box_of(mark.quads[0][1])
    pieces = [track for track in tracks if _is_piece(track, mark, place)]
    if any(track.kind == "label" for track in pieces):
        return list(tracks)
    said = max(pieces, key=lambda track: (track.confidence, len(track.text)), default=mark)
    rest = [track for track in tracks if track not in pieces]
    spans = (*mark.spans, *_outlines(pieces, mark))
    return [*rest, replace(mark, text=said.text, confidence=said.confidence, spans=spans)]


def _outlines(pieces: Sequence[TextTrack], mark: TextTrack) -> list[MaskSpan]:
    """Return what the masks of a mark's pieces cover, over the mark's whole life: its faintest edges may be theirs."""
    found = {(span.x, span.y, span.bitmap.tobytes()): span for piece in pieces for span in piece.spans}
    return [
        replace(span, first_frame=mark.first_frame, last_frame=mark.last_frame) for span in found.values()
    ]


def _is_piece(track: TextTrack, mark: TextTrack, place: Box) -> bool:
    if track.motion == "moving" or not track.quads:
        return False
    alive = track.first_frame <= mark.last_frame and track.last_frame >= mark.first_frame
    box = _box_of(track.quads[0][1])
    return alive and box_overlap(box, place) >= PIECE_SHARE * box_area(box)


def _box_of(quad: Quad) -> Box:
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    return int(min(xs)), int(min(ys)), int(max(xs)) + 1, int(max(ys)) + 1
