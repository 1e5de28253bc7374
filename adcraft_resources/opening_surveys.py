"""What is looked at once before any variant is rendered: the opening's pictures, its faces and labels.

Belongs here: picking sample pictures of a cleaned video, finding what a hook and a crop must spare.
Does not: choosing crops (first_frames) or places (typography).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from adcraft_resources.algorithms.framing import Box, Crop
from adcraft_resources.algorithms.skin import skin_mask
from adcraft_resources.algorithms.values import Frame, Mask, Shot, TextTracks
from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.hook_views import View, face_shares, faces_in, label_boxes, look_around
from adcraft_resources.programmes import Prefer, Programme, clearly_best
from adcraft_resources.video_codecs import (
    TimedPicture,
    VideoFacts,
    VideoReader,
    rgb_of,
    small_rgb_of,
)

_OPENING_S: Final = 0.8  # looked at for faces, labels and what draws the eye, and held in memory meanwhile
_OPENING_SAMPLES: Final = 3
_LATER_SHOTS: Final = 4  # whose middle is looked at for skin
_POSTER_S: Final = _OPENING_S
_POSTER_EVERY: Final = 5  # pictures
_FACE_WEIGHT: Final = 1.0
_LABEL_WEIGHT: Final = 0.8


@dataclass
class OpeningSurvey:
    """Sample pictures of the opening by frame number, the first one included, with faces (px) and label boxes.

    `poster` is the frame that opens strongest within the opening: the first one, unless another is
    clearly better (a fade from black, a blurred start). `skins` holds the skin of pictures that show a face, by
    frame number; later shots add theirs as they pass.
    """

    frames: dict[int, Frame]
    faces: dict[int, list[tuple[int, int, int, int]]]
    labels: dict[int, list[Box]]
    later: frozenset[int]
    poster: int
    skins: dict[int, Mask] = field(default_factory=dict)
    views: list[View] = field(default_factory=list)
    """What is seen as long as a hook may stand, in the order shown."""
    _watched: set[int] = field(default_factory=set)
    _watching: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for at, found in self.faces.items():
            self._note_skin(at, self.frames[at], found)
        if len(self.skins) == 1 and self.opening[0] not in self.skins and len(self.frames) > 1:
            # Seen once and not at the start: a drawn face that pops in, or a chance likeness. Somebody who really
            # comes in is measured in the middle of the shot.
            self.skins.clear()

    @property
    def opening(self) -> list[int]:
        """Frame numbers of the samples."""
        return sorted(self.frames)

    @property
    def first(self) -> Frame:
        """The first picture."""
        return self.frames[self.opening[0]]

    def see(self, timed: TimedPicture) -> TimedPicture:
        """Pass a picture on, finding skin in the middle of later shots before anyone else sees it.

        Several passes may see it; it is looked at once.
        """
        if timed.index in self.later:
            with self._watching:
                self._look_at(timed)
        return timed

    def _look_at(self, timed: TimedPicture) -> None:
        if timed.index not in self._watched:
            self._watched.add(timed.index)
            frame = rgb_of(timed.picture)
            self._note_skin(timed.index, frame, faces_in(frame))

    def _note_skin(self, at: int, frame: Frame, faces: Sequence[tuple[int, int, int, int]]) -> None:
        mask = skin_mask(frame, faces)
        if mask.any():
            self.skins[at] = mask

    def keep_boxes(self) -> list[Box]:
        """Boxes (shares) in the first picture that a crop must not cut."""
        at = self.opening[0]
        return [*self._face_boxes(at), *self.labels.get(at, [])]

    def views_until(self, end_s: float) -> list[View]:
        """What is seen by whoever stands in the picture until `end_s`."""
        return [view for view in self.views if view.shown_s < end_s]

    def avoid_boxes(self, crop: Crop, last_cropped: int, end_s: float) -> list[tuple[Box, float]]:
        """Boxes (shares of the picture as shown) that a hook should not cover, with weights.

        Args:
            crop: Held until `last_cropped`.
            last_cropped: The first shot's last frame.
            end_s: When the hook is gone.
        """
        boxes: list[tuple[Box, float]] = []
        for view in self.views_until(end_s):
            shown = crop if view.index <= last_cropped else Crop()
            boxes += [(shown.map_box(box), _FACE_WEIGHT) for box in view.faces]
            boxes += [(shown.map_box(box), _LABEL_WEIGHT) for box in view.labels]
        return boxes

    def pictures_after_cuts(self, end_s: float) -> list[TimedPicture]:
        """A picture of each shot but the one it opens with that is seen before `end_s`."""
        return [view.picture for view in self.views_until(end_s) if view.picture is not None]

    def _face_boxes(self, at: int) -> list[Box]:
        return face_shares(self.faces.get(at, []), self.frames[at])


def survey_programme(
    video: Path,
    shots: Sequence[Shot],
    tracks: TextTracks | None,
    programme: Programme,
    prefer: Prefer | None = None,
) -> OpeningSurvey:
    """Look at a cleaned video's pictures from where it opens; as `survey_opening`, and what a hook meets besides.

    Raises:
        VideoUnreadable: The video cannot be decoded, or holds no picture.
    """
    with VideoReader(video) as reader, closing(reader.pictures()) as pictures:
        from_start = (timed for timed in pictures if timed.index >= programme.start_frame)
        head = list(islice(from_start, opening_length(reader.facts)))
    if not head:
        raise VideoUnreadable(f"{video} has no picture.", remedy="Clean the ad again.")
    survey = survey_opening(head, shots, tracks, prefer)
    if programme.teaser is not None:
        survey.views.clear()  # the opening comes later: it is looked at again in its place
    seen_s = survey.views[-1].shown_s if survey.views else 0.0
    survey.views += look_around(video, shots, tracks, programme, seen_s)
    return survey


def opening_length(facts: VideoFacts) -> int:
    """Return how many pictures `survey_opening` wants."""
    return max(1, round(_OPENING_S * float(facts.fps)))


def survey_opening(
    head: Sequence[TimedPicture],
    shots: Sequence[Shot],
    tracks: TextTracks | None,
    prefer: Prefer | None = None,
) -> OpeningSurvey:
    """Look at a cleaned video's first pictures, and plan where to look for skin later.

    Args:
        head: The first pictures, at least one.
        shots: All shots of the video.
        tracks: The ad's text; its labels are spared.
        prefer: Scores pictures; who stands for the video is then chosen by these scores too.
    """
    picks = {round(v) for v in np.linspace(0, len(head) - 1, _OPENING_SAMPLES)}
    frames = {head[at].index: rgb_of(head[at].picture) for at in sorted(picks)}
    middles = [(shot.first_frame + shot.last_frame) // 2 for shot in shots]
    step = max(1, -(-len(middles) // _LATER_SHOTS))
    faces, labels = {at: faces_in(frame) for at, frame in frames.items()}, label_boxes(tracks, list(frames))
    return OpeningSurvey(
        frames,
        faces,
        labels,
        frozenset(middles[::step]) - frozenset(frames),
        _strongest(head, shots[0].last_frame, prefer),
        views=[
            View(
                head[at].pts_s - head[0].pts_s,
                head[at].index,
                tuple(face_shares(faces[head[at].index], frames[head[at].index])),
                tuple(labels[head[at].index]),
            )
            for at in sorted(picks)
        ],
    )


def _strongest(head: Sequence[TimedPicture], last: int, prefer: Prefer | None) -> int:
    """The frame of the first shot's first second with the best opening score; the first where it is close."""
    start = head[0].pts_s
    there = [timed for timed in head if timed.pts_s - start <= _POSTER_S and timed.index <= last]
    picked = [there[0], *there[_POSTER_EVERY::_POSTER_EVERY]]
    return picked[clearly_best([_quarter(timed) for timed in picked], prefer)].index


def _quarter(timed: TimedPicture) -> Frame:
    height, width = timed.picture.size
    return small_rgb_of(timed.picture, (max(2, height // 4), max(2, width // 4)))
