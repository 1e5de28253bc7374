"""What is looked at once before any variant is rendered: the opening's pictures, its faces and labels.

Belongs here: picking and reading sample pictures of a cleaned video, finding what a hook and a crop must spare.
Does not: choosing crops (first_frames) or places (typography).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from adcraft_resources.algorithms.framing import Box, Crop
from adcraft_resources.algorithms.skin import skin_mask
from adcraft_resources.algorithms.values import Frame, Mask, Shot, TextTracks
from adcraft_resources.faces import find_faces
from adcraft_resources.typography.overlay import ENTRY_S, EXIT_S, WORDS_PER_S
from adcraft_resources.video_codecs import VideoFacts, read_frames

HOOK_WORDS: Final = 6
_OPENING_S: Final = ENTRY_S + HOOK_WORDS / WORDS_PER_S + EXIT_S  # the longest a hook stays
_OPENING_SAMPLES: Final = 3
_LATER_SHOTS: Final = 4  # whose middle is looked at for skin
_FACE_SIDE: Final = 320  # px of the short side on which faces are sought: one of 8 % of it is found
_FACE_WEIGHT: Final = 1.0
_LABEL_WEIGHT: Final = 0.8
_FACE_MARGIN: Final = 0.12  # of a face's size kept around it: hair, chin


@dataclass(frozen=True)
class OpeningSurvey:
    """Sample pictures by frame number, the first one included, with the faces in each (px) and label boxes."""

    frames: dict[int, Frame]
    opening: tuple[int, ...]
    faces: dict[int, list[tuple[int, int, int, int]]]
    labels: dict[int, list[Box]]

    @property
    def first(self) -> Frame:
        """The first picture."""
        return self.frames[self.opening[0]]

    @cached_property
    def skins(self) -> dict[int, Mask]:
        """Skin, by frame, of the pictures that show a face."""
        masks = {at: skin_mask(self.frames[at], found) for at, found in self.faces.items() if found}
        return {at: mask for at, mask in masks.items() if mask.any()}

    def keep_boxes(self) -> list[Box]:
        """Boxes (shares) in the first picture that a crop must not cut."""
        at = self.opening[0]
        return [*self._face_boxes(at), *self.labels.get(at, [])]

    def avoid_boxes(self, crop: Crop, last_cropped: int) -> list[tuple[Box, float]]:
        """Boxes (shares of the picture as shown) that a hook should not cover, with weights.

        Args:
            crop: Held until `last_cropped`.
            last_cropped: The first shot's last frame.
        """
        boxes = []
        for at in self.opening:
            shown = crop if at <= last_cropped else Crop()
            boxes += [(shown.map_box(box), _FACE_WEIGHT) for box in self._face_boxes(at)]
            boxes += [(shown.map_box(box), _LABEL_WEIGHT) for box in self.labels.get(at, [])]
        return boxes

    def _face_boxes(self, at: int) -> list[Box]:
        height, width = self.frames[at].shape[:2]
        boxes = []
        for x, y, w, h in self.faces.get(at, []):
            grown = (
                x - _FACE_MARGIN * w,
                y - _FACE_MARGIN * h,
                w * (1 + 2 * _FACE_MARGIN),
                h * (1 + 2 * _FACE_MARGIN),
            )
            boxes.append(_within(grown, height, width))
        return boxes


def survey_opening(
    video: Path, facts: VideoFacts, shots: Sequence[Shot], tracks: TextTracks | None
) -> OpeningSurvey:
    """Look at a cleaned video's opening, and at the middle of later shots.

    Raises:
        VideoUnreadable: The video cannot be decoded.
    """
    frame_count = shots[-1].last_frame + 1
    opening_end = min(frame_count, max(1, round(_OPENING_S * float(facts.fps))))
    opening = tuple(sorted({round(v) for v in np.linspace(0, opening_end - 1, _OPENING_SAMPLES)}))
    middles = [(shot.first_frame + shot.last_frame) // 2 for shot in shots]
    step = max(1, -(-len(middles) // _LATER_SHOTS))
    wanted = sorted({*opening, *middles[::step]})
    frames = read_frames(video, wanted)
    return OpeningSurvey(
        frames,
        tuple(at for at in opening if at in frames),
        {at: _faces_in(frame) for at, frame in frames.items()},
        _label_boxes(tracks, opening),
    )


def _faces_in(frame: Frame) -> list[tuple[int, int, int, int]]:
    """Faces (px), sought on a small copy: the search takes longer than drawing a hook."""
    scale = min(1.0, _FACE_SIDE / min(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return [
        (round(x / scale), round(y / scale), round(w / scale), round(h / scale))
        for x, y, w, h in find_faces(np.asarray(small, np.uint8))
    ]


def _label_boxes(tracks: TextTracks | None, frames: Sequence[int]) -> dict[int, list[Box]]:
    """Boxes (shares) of the product's own text at the wanted frames, from the quads nearest in time."""
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
