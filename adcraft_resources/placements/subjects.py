"""What a cleaned ad shows through its whole length, looked at once for all its variants and shapes.

Belongs here: looking at pictures at a steady rate for faces, product text, what draws the eye and what moves.
Does not: deciding what to show of it (algorithms.window_choice).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.framing import Box
from adcraft_resources.algorithms.saliency import find_saliency
from adcraft_resources.algorithms.values import Frame, Shot, TextTracks
from adcraft_resources.algorithms.window_choice import Sighting
from adcraft_resources.faces import find_faces
from adcraft_resources.hook_views import label_boxes
from adcraft_resources.video_codecs import VideoReader, small_rgb_of

_LOOKS_PER_S: Final = 6.0
_SIDE: Final = 400  # px of the short side looked at: at 320 a face of an eighth of the height is missed
_FACE_MARGIN: Final = (
    0.12  # of a face's size kept around it: hair, chin, and what it moves until the next look
)
_SAME_PLACE: Final = 1.5  # faces that two looks are apart at most, where they are one ...
_SAME_SIZE: Final = 1.6  # ... and by how much it may have grown
_MOTION_SHARE: Final = 0.3  # of the attention that goes to what moves
_STILL: Final = 4.0  # levels of change that are noise


def survey_subjects(video: Path, shots: Sequence[Shot], tracks: TextTracks | None) -> list[Sighting]:
    """Return what is to be seen in the ad, some six times a second and in each shot's first and last picture.

    A face counts when it is seen twice in a row within a shot: a chance likeness seldom is.

    Raises:
        VideoUnreadable: The video does not decode.
    """
    found: list[Sighting] = []
    with VideoReader(video) as reader:
        height, width = reader.facts.height, reader.facts.width
        scale = min(1.0, _SIDE / min(height, width))
        size = max(2, round(height * scale)), max(2, round(width * scale))
        every = max(1, round(float(reader.facts.fps) / _LOOKS_PER_S))
        ends = {one for shot in shots for one in (shot.first_frame, shot.last_frame)}
        starts = {shot.first_frame for shot in shots}
        before: NDArray[np.float32] | None = None
        for timed in reader.pictures():
            if timed.index % every and timed.index not in ends:
                continue
            frame = small_rgb_of(timed.picture, size)
            grey = _grey(frame)
            moved = None if before is None or timed.index in starts else np.abs(grey - before)
            before = grey
            labels = tuple(label_boxes(tracks, [timed.index])[timed.index])
            faces = tuple(_face_boxes(frame))
            saliency = _attention(find_saliency(frame, [*faces, *labels]), moved)
            found.append(Sighting(timed.index, timed.pts_s, faces, labels, saliency))
    return _confirmed(found, shots)


def product_text(tracks: TextTracks, protected: Sequence[str]) -> TextTracks:
    """Return the tracks less labels that are other writing in the scene, where the product's own is known."""
    patterns = [re.compile(one) for one in protected]
    if not patterns:
        return tracks
    kept = [
        one
        for one in tracks.tracks
        if one.kind != "label" or any(pattern.search(one.text) for pattern in patterns)
    ]
    return replace(tracks, tracks=tuple(kept))


def of_shot(sightings: Sequence[Sighting], shot: Shot) -> list[Sighting]:
    """Return the sightings of a shot; of one that was never looked at, the nearest."""
    inside = [one for one in sightings if shot.first_frame <= one.index <= shot.last_frame]
    return inside or [min(sightings, key=lambda one: abs(one.index - shot.first_frame))]


def _face_boxes(frame: Frame) -> list[Box]:
    height, width = frame.shape[:2]
    boxes = []
    for x, y, w, h in find_faces(frame):
        x0, x1 = max(0.0, x - _FACE_MARGIN * w), min(float(width), x + w * (1 + _FACE_MARGIN))
        y0, y1 = max(0.0, y - _FACE_MARGIN * h), min(float(height), y + h * (1 + _FACE_MARGIN))
        boxes.append((x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height))
    return boxes


def _grey(frame: Frame) -> NDArray[np.float32]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 2.0), np.float32)


def _attention(saliency: NDArray[np.float32], moved: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """What draws the eye, with a share for what moves against the rest of the picture."""
    if moved is None:
        return saliency
    rows, columns = saliency.shape
    change = cv2.resize(moved, (columns, rows), interpolation=cv2.INTER_AREA)
    change = np.maximum(change - max(_STILL, float(np.median(change))), 0)
    total = float(change.sum())
    if total <= 0:
        return saliency
    return np.asarray((1 - _MOTION_SHARE) * saliency + _MOTION_SHARE * change / total, np.float32)


def _confirmed(sightings: Sequence[Sighting], shots: Sequence[Shot]) -> list[Sighting]:
    """Sightings without faces that neither the look before nor the one after shows nearby."""
    told = []
    for shot in shots:
        inside = [one for one in sightings if shot.first_frame <= one.index <= shot.last_frame]
        for at, one in enumerate(inside):
            near = [
                face for other in inside[max(0, at - 1) : at + 2] if other is not one for face in other.faces
            ]
            alone = len(inside) == 1
            faces = tuple(
                face for face in one.faces if alone or any(_same_face(face, other) for other in near)
            )
            told.append(replace(one, faces=faces))
    return told


def _same_face(a: Box, b: Box) -> bool:
    """Whether two boxes of neighbouring looks may be one face, on its way at a walk."""
    wide, high = (a[2] + b[2]) / 2, (a[3] + b[3]) / 2
    off = max(abs(a[0] - b[0] + (a[2] - b[2]) / 2) / wide, abs(a[1] - b[1] + (a[3] - b[3]) / 2) / high)
    return off <= _SAME_PLACE and max(a[3], b[3]) <= _SAME_SIZE * min(a[3], b[3])
