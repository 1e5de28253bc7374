"""What of a cleaned ad a variant shows, and in which order: a better start, or a striking moment ahead of it.

Belongs here: choosing where an ad opens, and the pictures and sound in the order shown. Does not: what is done to a
picture (variant_dressing), codecs.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import cv2
import numpy as np

from adcraft_resources.algorithms.saliency import score_opening
from adcraft_resources.algorithms.values import Frame, Shot
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.video_codecs import (
    SplicedSound,
    TimedPicture,
    VideoReader,
    frames_at,
    probe_video,
    shown_packets,
    small_rgb_of,
)

Prefer = Callable[[Sequence[Frame]], Sequence[float]]
"""Scores RGB pictures 0..1, higher is better."""

CLEARLY_BETTER: Final = 0.08  # of the opening score another picture must win to take the first one's place
_LOOKED_AT_S: Final = 0.2  # between pictures that may open
_TEASER_AFTER_S: Final = 2.0  # earlier moments are seen soon anyway
_TEASERS: Final = 12  # moments looked at
_LOOKED_SIDE: Final = 320  # px of the short side
_HALF_A_PICTURE_S: Final = 0.008


@dataclass(frozen=True)
class Stretch:
    """Pictures from `first_frame` to `last_frame`, shown from `start_s` to `end_s` after the video's first picture."""

    first_frame: int
    last_frame: int
    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Seconds it is shown."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Programme:
    """The video from picture `start_frame` (at `start_s`) to its end, after `teaser` if there is one."""

    start_frame: int = 0
    start_s: float = 0.0
    teaser: Stretch | None = None

    @property
    def lead_s(self) -> float:
        """Seconds of the teaser."""
        return 0.0 if self.teaser is None else self.teaser.length_s

    def length_s(self, duration_s: float) -> float:
        """Seconds shown of a video of `duration_s`."""
        return self.lead_s + duration_s - self.start_s

    def shown_s(self, time_s: float) -> float:
        """When the moment `time_s` of the video is shown after the teaser; what was left out would be before it."""
        return self.lead_s + time_s - self.start_s

    def moments_shown(self, time_s: float) -> list[float]:
        """When a moment of the video is shown: in the teaser, in the rest, in both, or never."""
        ahead = self.teaser is not None and self.teaser.start_s <= time_s < self.teaser.end_s
        moments = [time_s - self.teaser.start_s] if ahead and self.teaser is not None else []
        return [*moments, self.shown_s(time_s)] if time_s >= self.start_s else moments

    def video_s(self, shown_s: float) -> float:
        """The moment of the video that is shown at `shown_s`."""
        if self.teaser is not None and shown_s < self.lead_s:
            return self.teaser.start_s + shown_s
        return shown_s - self.lead_s + self.start_s

    def pictures(self, reader: VideoReader) -> Iterator[tuple[float, TimedPicture]]:
        """Yield (second shown, picture) in the order shown; pictures keep their number and time in the video.

        A teaser takes a decoding of its own, up to its end.
        """
        if self.teaser is not None:
            with closing(reader.pictures()) as pictures:
                for timed in pictures:
                    if timed.index > self.teaser.last_frame:
                        break
                    if timed.index >= self.teaser.first_frame:
                        yield timed.pts_s - self.teaser.start_s, timed
        for timed in reader.pictures():
            if timed.index >= self.start_frame:
                yield self.shown_s(timed.pts_s), timed

    def sound_of(self, source: Path) -> SplicedSound | None:
        """The video's sound in the order shown; None where it has none."""
        facts = probe_video(source)
        if not facts.has_audio:
            return None
        ahead = [] if self.teaser is None else [(self.teaser.start_s, self.teaser.end_s)]
        return SplicedSound(source, facts.start_s, [*ahead, (self.start_s, None)])

    def shown_spans(self, spans: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """When spans of the video's time are shown, those in the teaser first; what is left out is cut off."""
        ahead, held = [], list(spans)
        if self.teaser is not None:
            begin, end = self.teaser.start_s, self.teaser.end_s
            cut = ((max(a, begin), min(b, end)) for a, b in held)
            ahead = [(a - begin, b - begin) for a, b in cut if a < b]
        cut = ((max(a, self.start_s), b) for a, b in held)
        return (*ahead, *((self.shown_s(a), self.shown_s(b)) for a, b in cut if a < b))

    def shown_shots(self, shots: Sequence[Shot]) -> list[Shot]:
        """Return what is shown from cut to cut, the teaser first: frames of the video, seconds as shown."""
        shown = []
        if self.teaser is not None:
            shown.append(Shot(self.teaser.first_frame, self.teaser.last_frame, 0.0, self.lead_s))
        for shot in shots:
            if shot.last_frame >= self.start_frame:
                start_s = max(shot.start_s, self.start_s)
                first = max(shot.first_frame, self.start_frame)
                shown.append(Shot(first, shot.last_frame, self.shown_s(start_s), self.shown_s(shot.end_s)))
        return shown

    def cuts_s(self, shots: Sequence[Shot]) -> tuple[float, ...]:
        """When the picture cuts, as shown."""
        return tuple(shot.start_s for shot in self.shown_shots(shots)[1:])

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, as it stands in a variant's figures."""
        return asdict(self)

    @classmethod
    def of_variant(cls, figures: Mapping[str, Any]) -> Self:
        """Read it from a variant's figures; all of the video where none stands there."""
        value = figures["first_frame"].get("programme")
        if value is None:
            return cls()
        teaser = value["teaser"]
        return cls(int(value["start_frame"]), float(value["start_s"]), Stretch(**teaser) if teaser else None)


def choose_programme(
    video: Path, shots: Sequence[Shot], settings: FirstFrameSettings, prefer: Prefer | None = None
) -> Programme:
    """Choose where a cleaned ad opens.

    Args:
        video: The cleaned ad.
        shots: Its shots in order, at least one.
        settings: How far in it may open, and how long a teaser is.
        prefer: Scores pictures, beside the opening score.
    """
    if not settings.enabled:
        return Programme()
    start = _best_start(video, shots[0], settings, prefer)
    return Programme(*start, _best_teaser(video, shots, settings, prefer) if settings.teaser_s else None)


def _best_start(
    video: Path, shot: Shot, settings: FirstFrameSettings, prefer: Prefer | None
) -> tuple[int, float]:
    """Number and second of the picture to open with: the first, unless another of the first shot is clearly better."""
    with VideoReader(video) as reader, closing(reader.pictures()) as pictures:
        every = max(1, round(_LOOKED_AT_S * float(reader.facts.fps)))
        shown: list[tuple[TimedPicture, Frame]] = []
        for timed in pictures:
            if timed.pts_s > settings.start_within_s or timed.index > shot.last_frame:
                break
            if timed.index % every == 0:
                shown.append((timed, _small(timed)))
    if not shown:
        return 0, 0.0
    opener = shown[clearly_best([frame for _, frame in shown], prefer)][0]
    return opener.index, opener.pts_s


def clearly_best(frames: Sequence[Frame], prefer: Prefer | None) -> int:
    """Return the place of the picture that opens strongest; the first's where no other is clearly better."""
    scores = _scored(frames, prefer)
    best = int(np.argmax(scores))
    return best if scores[best] > scores[0] + CLEARLY_BETTER else 0


def _best_teaser(
    video: Path, shots: Sequence[Shot], settings: FirstFrameSettings, prefer: Prefer | None
) -> Stretch | None:
    """The stretch of a later moment that opens strongest; None where none fits a shot and beats the first picture."""
    with VideoReader(video) as reader:
        table = shown_packets(reader.facts)
        times = [float((pts - table.pts[0]) * reader.facts.time_base) for pts in table.pts]
        times.append(reader.facts.duration_s)
    stretches = list(_stretches(shots, times, settings.teaser_s))
    if len(stretches) > _TEASERS:
        stretches = [stretches[round(at)] for at in np.linspace(0, len(stretches) - 1, _TEASERS)]
    wanted = [0, *(stretch.first_frame for stretch in stretches)]
    scores = _scored([_shrunk(frame) for _, frame in frames_at(video, wanted)], prefer)
    best = int(np.argmax(scores))
    return stretches[best - 1] if best else None


def _stretches(shots: Sequence[Shot], times: Sequence[float], length_s: float) -> Iterator[Stretch]:
    """Stretches of a length, one a second in every shot, that begin late enough; `times` has one more than pictures."""
    for shot in shots:
        first, free_s = shot.first_frame, _TEASER_AFTER_S
        while first <= shot.last_frame:
            after = bisect.bisect_left(times, times[first] + length_s - _HALF_A_PICTURE_S)
            if after > shot.last_frame + 1:
                break
            if times[first] >= free_s:
                yield Stretch(first, after - 1, times[first], times[after])
                free_s = times[first] + 1
            first += 1


def _scored(frames: Sequence[Frame], prefer: Prefer | None) -> list[float]:
    scores = [score_opening(frame)["total"] for frame in frames]
    if prefer is None:
        return scores
    return [(own + seen) / 2 for own, seen in zip(scores, prefer(frames), strict=True)]


def _small(timed: TimedPicture) -> Frame:
    return small_rgb_of(timed.picture, _small_size(*timed.picture.size))


def _shrunk(frame: Frame) -> Frame:
    height, width = _small_size(*frame.shape[:2])
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _small_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, _LOOKED_SIDE / min(height, width))
    return max(2, round(height * scale)), max(2, round(width * scale))
