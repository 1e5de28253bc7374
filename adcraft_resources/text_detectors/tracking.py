"""One pass over a clip: decode, look for text now and then, follow it, and draw each text's masks as it ends.

Belongs here: when to look, and the order of the steps. Does not: the steps themselves (algorithms, ocr).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adcraft_resources.algorithms.mask_spans import spans_of_life, thicken_spans
from adcraft_resources.algorithms.text_boxes import FoundQuad, fit_size, shift_by
from adcraft_resources.algorithms.text_kinds import (
    TextNature,
    nature_of,
    shows_the_scene,
    sudden_ends,
    surely_stands,
)
from adcraft_resources.algorithms.text_lives import TextLife
from adcraft_resources.algorithms.text_tracks import TextTracker
from adcraft_resources.algorithms.values import MaskSpan, Quad, Shot, TextTrack, TextTracks, Yuv420
from adcraft_resources.text_detectors.findings import Region, TextSearch
from adcraft_resources.text_detectors.kinship import join_labels
from adcraft_resources.text_detectors.marks import MarkSearch
from adcraft_resources.text_detectors.reading import read_life, rgb_crop
from adcraft_resources.text_detectors.user_regions import apply_regions
from adcraft_resources.video_codecs import VideoReader, small_rgb_of

SOFT_EDGE = 0.0015  # of the short side: 1 pixel at 720
MEMORY_S = 2.0
MAX_GAP_LOOKS = 8  # per look; each costs a fraction of one
UNSEEN = 2  # remembered frames more than lie between two looks
MEMORY_BYTES = 120_000_000
STICKER_ID = 1_000_000  # sorts after the texts of its first frame; tracks are numbered anew at the end


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how finely a clip is searched: long side in pixels, seconds between two looks."""

    coarse_side: int
    coarse_every_s: float
    fine_side: int
    fine_every_s: float


class ClipSearch:
    """The state of one pass."""

    def __init__(
        self, networks: TextSearch, pace: Pace, shots: Sequence[Shot], protected: Sequence[str]
    ) -> None:
        self._networks, self._pace, self._protected = networks, pace, tuple(protected)
        self._cuts = [shot.first_frame for shot in shots[1:]]
        self._last = shots[-1].last_frame if shots else -1
        self._next_look = self._next_fine = 0.0
        self._every_s = pace.coarse_every_s
        self._tracker: TextTracker | None = None
        self._marks: MarkSearch | None = None
        self._sure: set[int] = set()  # tracks proven by the camera's move
        self.tracks: list[TextTrack] = []

    def push(self, index: int, pts_s: float, picture: Yuv420, fps: float) -> None:
        """Take the next frame."""
        if self._tracker is None or self._marks is None:
            self._marks = MarkSearch(fps)
            room = MEMORY_BYTES // max(1, picture.size[0] * picture.size[1] * 3 // 2)
            memory = max(8, min(round(MEMORY_S * fps), room))
            self._tracker = TextTracker(picture.size, self._cuts, memory=memory)
            # A text that came since the last look must still be remembered: of large pictures few are.
            self._every_s = min(self._pace.coarse_every_s, (memory - UNSEEN) / fps)
        self._tracker.push(index, picture)
        self._marks.push(index, picture)
        if pts_s >= self._next_look or index == self._last:
            self._look(pts_s, picture)

    def finish(self) -> list[TextTrack]:
        """Close what still stands and return all tracks in the order of their first frames."""
        if self._tracker is not None:
            for life in self._tracker.finish():
                self._draw(life)
            self._stick(self._tracker, everything=True)
        joined = join_labels(self.tracks, self._cuts, self._sure)
        found = joined if self._marks is None else self._marks.join(joined)
        ordered = sorted(found, key=lambda t: (t.first_frame, t.id))
        return [renumber(track, number) for number, track in enumerate(ordered)]

    def _look(self, pts_s: float, picture: Yuv420) -> None:
        fine = pts_s >= self._next_fine
        side = self._pace.fine_side if fine else self._pace.coarse_side
        small = small_rgb_of(picture, fit_size(picture.size, side, enlarge=1.0))
        assert self._tracker is not None  # noqa: S101 - push made it
        self._tracker.see(self._networks.detect(small, side, size=picture.size))
        self._look_into_gaps(self._tracker)
        for life in self._tracker.take_closed():
            self._draw(life)
        self._stick(self._tracker)
        self._next_look = pts_s + self._every_s - 1e-6
        if fine:
            self._next_fine = pts_s + self._pace.fine_every_s - 1e-6

    def _look_into_gaps(self, tracker: TextTracker) -> None:
        """Captions that change faster than the looks: search their place in the frames between."""
        for _ in range(MAX_GAP_LOOKS):
            gaps = tracker.gaps()
            if not gaps:
                break
            frame, area = gaps[0]
            picture = tracker.memory.picture(frame)
            if picture is None:
                break
            crop = rgb_crop(picture, area)
            scale = self._pace.coarse_side / max(picture.size)
            found = self._networks.detect(crop, round(max(crop.shape[:2]) * min(scale * 1.2, 1.0)))
            tracker.look_back(
                frame, [FoundQuad(shift_by(item.quad, area[0], area[1]), item.score) for item in found]
            )
        tracker.looked()

    def _draw(self, life: TextLife) -> None:
        text, confidence = ("", 1.0) if life.picture else read_life(self._networks, life)
        assert self._tracker is not None  # noqa: S101 - lives come from it
        nature = nature_of(
            life, text, confidence, self._protected, self._tracker.cuts_in(life), self._tracker.size
        )
        if nature is not None:
            if surely_stands(life):
                self._sure.add(life.id)
            self.tracks.append(track_of(life, text, confidence, nature, self._tracker.size))
        life.surroundings.release()

    def _stick(self, tracker: TextTracker, *, everything: bool = False) -> None:
        for first, last, spans in tracker.stickers.take(everything=everything):
            self.tracks.append(sticker_track(first, last, spans))


def sticker_track(first: int, last: int, spans: tuple[MaskSpan, ...]) -> TextTrack:
    """Turn a sticker into a track."""
    x, y, (height, width) = spans[0].x, spans[0].y, spans[0].bitmap.shape
    quad: Quad = ((x, y), (x + width - 1, y), (x + width - 1, y + height - 1), (x, y + height - 1))
    return TextTrack(
        id=STICKER_ID,
        kind="overlay",
        reason="a picture that comes up and does not move with the scene around it",
        text="",
        confidence=1.0,
        first_frame=first,
        last_frame=last,
        quads=((first, quad),),
        spans=spans,
        sudden=(True, True),
    )


def track_of(
    life: TextLife, text: str, confidence: float, nature: TextNature, size: tuple[int, int]
) -> TextTrack:
    """Turn a life into a track; labels get no masks."""
    return TextTrack(
        id=life.id,
        kind=nature.kind,
        reason=nature.reason,
        text=text,
        confidence=confidence,
        first_frame=life.first_frame,
        last_frame=life.last_frame,
        motion=nature.motion,
        quads=tuple(life.quads),
        spans=spans_of_life(life, size) if nature.kind == "overlay" else (),
        sudden=sudden_ends(life, size),
        see_through=nature.kind == "overlay" and shows_the_scene(life),
    )


def renumber(track: TextTrack, number: int) -> TextTrack:
    """Return the track with another id."""
    return replace(track, id=number)


def search_clip(
    networks: TextSearch,
    pace: Pace,
    source: Path,
    shots: Sequence[Shot],
    *,
    protected: Sequence[str],
    include: Sequence[Region],
    exclude: Sequence[Region],
    on_frame: Callable[[int], None] | None,
) -> TextTracks:
    """Search a clip and return its tracks."""
    search = ClipSearch(networks, pace, shots, protected)
    size, count, times = (0, 0), 0, []
    with VideoReader(source) as reader:
        fps = float(reader.facts.fps)
        for item in reader.pictures():
            search.push(item.index, item.pts_s, item.picture, fps)
            size, count = item.picture.size, item.index + 1
            times.append(item.pts_s)
            if on_frame is not None:
                on_frame(item.index)
    radius = round(SOFT_EDGE * min(size))
    found = tuple(replace(track, spans=thicken_spans(track.spans, size, radius)) for track in search.finish())
    return apply_regions(TextTracks(size, count, found), times, include, exclude)
