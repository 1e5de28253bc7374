"""What is seen while a hook stands: faces, product text, and a picture of every shot it may lie over.

Belongs here: looking at a video's pictures at the times a hook can be there. Does not: how long one stays
(typography.lives), or where it goes (typography.typesetter).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from adcraft_resources.algorithms.framing import Box
from adcraft_resources.algorithms.values import Frame, Shot, TextTracks, Yuv420
from adcraft_resources.faces import find_faces
from adcraft_resources.hook_sets import MAX_HOOK_WORDS
from adcraft_resources.programmes import Programme
from adcraft_resources.typography.lives import HookLife
from adcraft_resources.video_codecs import TimedPicture, pictures_at, small_rgb_of

_FACE_SIDE: Final = 320  # px of the short side on which faces are sought: one of 8 % of it is found
_FACE_MARGIN: Final = 0.12  # of a face's size kept around it: hair, chin
_EVERY_S: Final = (
    0.3  # a face is missed in some pictures, and one that walks is half its width away by the next
)
_AFTER_CUT: Final = 2  # pictures after a cut a shot is looked at: the first may be half the other
_LATER_SIDE: Final = 240  # px on which they are sought after the opening: one of 10 % matters to a hook


@dataclass(frozen=True)
class View:
    """One picture shown while a hook may stand; boxes are shares of it.

    `picture` is there where it is kept: the first of each shot.
    """

    shown_s: float
    index: int
    faces: tuple[Box, ...]
    labels: tuple[Box, ...]
    picture: TimedPicture | None = None


def look_around(
    video: Path,
    shots: Sequence[Shot],
    tracks: TextTracks | None,
    programme: Programme,
    seen_s: float = 0.0,
) -> list[View]:
    """Return views of what is shown as long as a hook may stand: one after each cut, others 0.3 s apart.

    Args:
        video: The cleaned video; only the pictures looked at are decoded.
        shots: All shots of the video.
        tracks: The ad's text.
        programme: What is shown.
        seen_s: What is shown of its first shot before that was looked at already.

    Raises:
        VideoUnreadable: The video cannot be decoded.
    """
    shown = programme.shown_shots(shots)
    moments = list(_moments(shown, seen_s, _longest_s(shown)))
    found: dict[int, tuple[tuple[Box, ...], Yuv420 | None]] = {}
    kept = {moment.index for moment in moments if moment.opens}
    for index, picture in pictures_at(video, [moment.index for moment in moments]) if moments else ():
        found[index] = _faces_of(picture), picture if index in kept else None
    views = []
    for moment in moments:
        faces, picture = found[moment.index]
        timed = None
        if moment.opens and picture is not None:
            timed = TimedPicture(moment.index, programme.video_s(moment.picture_s), picture)
        labels = tuple(label_boxes(tracks, [moment.index])[moment.index])
        views.append(View(moment.shown_s, moment.index, faces, labels, timed))
    return views


@dataclass(frozen=True, slots=True)
class _Moment:
    """A picture to be looked at: for what is shown from `shown_s` on; itself shown at `picture_s`."""

    shown_s: float
    index: int
    picture_s: float
    opens: bool


def _longest_s(shown: Sequence[Shot]) -> float:
    """When the last hook is gone, however many words it has."""
    cuts_s = [shot.start_s for shot in shown[1:]]
    lives = (HookLife.of(words, shown[-1].end_s, cuts_s) for words in range(1, MAX_HOOK_WORDS + 1))
    return max(life.end_s for life in lives)


def _moments(shown: Sequence[Shot], seen_s: float, until_s: float) -> Iterator[_Moment]:
    for place, shot in enumerate(shown):
        if shot.start_s >= until_s:
            return
        each_s = (shot.end_s - shot.start_s) / shot.frame_count
        if place or not seen_s:
            into = min(_AFTER_CUT, shot.frame_count - 1)
            yield _Moment(shot.start_s, shot.first_frame + into, shot.start_s + into * each_s, opens=True)
        at_s = max(shot.start_s, seen_s) + _EVERY_S
        while at_s < min(shot.end_s, until_s):
            into = min(int((at_s - shot.start_s) / each_s), shot.frame_count - 1)
            yield _Moment(at_s, shot.first_frame + into, at_s, opens=False)
            at_s += _EVERY_S


def _faces_of(picture: Yuv420) -> tuple[Box, ...]:
    height, width = picture.size
    scale = min(1.0, _LATER_SIDE / min(height, width))
    small = small_rgb_of(picture, (max(2, round(height * scale)), max(2, round(width * scale))))
    return tuple(face_shares(find_faces(small, coarse=True), small))


def faces_in(frame: Frame) -> list[tuple[int, int, int, int]]:
    """Return faces (px), sought on a small copy: the search takes longer than drawing a hook."""
    scale = min(1.0, _FACE_SIDE / min(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return [
        (round(x / scale), round(y / scale), round(w / scale), round(h / scale))
        for x, y, w, h in find_faces(np.asarray(small, np.uint8))
    ]


def face_shares(faces: Sequence[tuple[int, int, int, int]], frame: Frame) -> list[Box]:
    """Return faces (px) of a picture as shares of it, hair and chin included."""
    height, width = frame.shape[:2]
    margin, grown = _FACE_MARGIN, 1 + 2 * _FACE_MARGIN
    return [
        _within((x - margin * w, y - margin * h, w * grown, h * grown), height, width) for x, y, w, h in faces
    ]


def label_boxes(tracks: TextTracks | None, frames: Sequence[int]) -> dict[int, list[Box]]:
    """Return boxes (shares) of the product's own text at the wanted frames, from the quads nearest in time."""
    found: dict[int, list[Box]] = {at: [] for at in frames}
    for track in tracks.tracks if tracks else ():
        if track.kind != "label" or not track.quads or tracks is None:
            continue
        for at in frames:
            if track.first_frame <= at <= track.last_frame:
                _, quad = min(track.quads, key=lambda pair, at=at: abs(pair[0] - at))
                x, y, w, h = cv2.boundingRect(np.array(quad, np.float32))
                found[at].append(_within((x, y, w, h), *tracks.size))
    return found


def _within(box: Box, height: int, width: int) -> Box:
    """A box in px as shares of the picture, cut at its edges."""
    x0, y0 = max(0.0, box[0] / width), max(0.0, box[1] / height)
    x1, y1 = min(1.0, (box[0] + box[2]) / width), min(1.0, (box[1] + box[3]) / height)
    return x0, y0, max(0.0, x1 - x0), max(0.0, y1 - y0)
