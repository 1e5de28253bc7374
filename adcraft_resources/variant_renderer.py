"""Rendering variants: the cleaned video is decoded and fans out to a lane for every plan.

Belongs here: decoding, handing pictures to lanes in their own threads, ending well or badly together. Does not:
what happens to a picture (variant_lanes).

numpy, OpenCV and the codecs release the interpreter lock, so lanes run beside one another; a bounded queue for
each keeps memory flat in the length of the video. Large pictures, or many plans, take several passes of as many lanes
as memory is meant for.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.opening_surveys import OpeningSurvey
from adcraft_resources.programmes import Programme
from adcraft_resources.shared_clips import SharedClip
from adcraft_resources.variant_lanes import BEFORE, POSTER, VIDEO, Job, Lane
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import (
    CodedSound,
    TimedPicture,
    VideoFacts,
    VideoReader,
    delivery_rate,
    inspect_delivery,
    probe_video,
    shown_at_constant_rate,
)

VERSION: Final = "7"
"""Changes whenever the same plan would give other pictures."""

FILES: Final = (VIDEO, POSTER, BEFORE)
_QUEUED: Final = 3  # pictures waiting for each lane
_LANE_PIXELS: Final = (
    4 * 720 * 1280
)  # of all lanes of a pass; each holds about 90 bytes for one, most in its encoder
_POLL_S: Final = 0.2


@dataclass(frozen=True)
class RenderedVariant:
    """A finished variant: its plan, its folder (`video.mp4`, `poster.jpg`, `before.jpg`) and what was measured."""

    plan: VariantPlan
    folder: Path
    figures: dict[str, Any] = field(default_factory=dict)


def render_variants(
    mezzanine: Path,
    audio_source: Path | None,
    plans: Sequence[VariantPlan],
    looks: Mapping[str, Look],
    *,
    shots: Sequence[Shot],
    folder_of: Callable[[VariantPlan], Path],
    first_frame: FirstFrameSettings,
    tracks: TextTracks | None = None,
    on_frame: Callable[[int], None] | None = None,
    shared: SharedClip | None = None,
) -> list[RenderedVariant]:
    """Render every plan, those of a pass over the cleaned video at the same time.

    Args:
        mezzanine: The cleaned video.
        audio_source: Where sound comes from; None for silence.
        plans: What to render.
        looks: Plan id → its look; looks may be shared.
        shots: Shots of the video in order, at least one.
        folder_of: An existing folder for each plan.
        first_frame: Bounds of the opening.
        tracks: The ad's text; labels in it are spared by crops and hooks.
        on_frame: Told the count of pictures handed out, as a mean over the plans.
        shared: What other passes over the same video found already.

    Raises:
        VideoUnreadable: The mezzanine cannot be decoded.
        VideoUnwritable: An encoder, or the disk, refused; no lane of that pass leaves a video then.
        CopyRefused: No installed font has the letters of a hook.
    """
    if not shots:
        raise VideoUnreadable(f"{mezzanine} has no shot.", remedy="Scan its shots again.")
    clip = shared or SharedClip(mezzanine, shots, tracks, first_frame=first_frame)
    _show_path(clip, [looks[plan.id] for plan in plans])
    made: list[RenderedVariant] = []
    with closing(clip) if shared is None else nullcontext():
        at_once, counts = lanes_at_once(probe_video(mezzanine)), MeanCount(len(plans), on_frame)
        for start in range(0, len(plans), at_once):
            group = [(plan, looks[plan.id], Path(folder_of(plan))) for plan in plans[start : start + at_once]]
            tell = counts.of_pass(len(group))
            made += _render_pass(mezzanine, audio_source, group, shots, first_frame, clip, tell)
    return made


def lanes_at_once(facts: VideoFacts) -> int:
    """Return how many variants are rendered in one pass: what memory is meant for, but one for each core."""
    return max(os.cpu_count() or 1, _LANE_PIXELS // (facts.height * facts.width))


def _render_pass(
    mezzanine: Path,
    audio_source: Path | None,
    group: Sequence[tuple[VariantPlan, Look, Path]],
    shots: Sequence[Shot],
    first_frame: FirstFrameSettings,
    clip: SharedClip,
    on_frame: Callable[[int], None] | None,
) -> list[RenderedVariant]:
    """Render plans, each with its look and folder, in one decoding."""
    programme, survey = clip.programme(), clip.survey()
    with VideoReader(mezzanine) as reader:
        sound = None if audio_source is None else clip.sound(audio_source)
        job = _job_of(reader.facts, survey, programme, sound, shots, first_frame, clip)
        lanes = [Lane(plan, look, job, folder) for plan, look, folder in group]
        pictures = ((shown_s, survey.see(timed)) for shown_s, timed in programme.pictures(reader))
        length = job.duration_s if reader.facts.variable_rate else None
        ticks = _fan_out(
            shown_at_constant_rate(pictures, job.fps, duration_s=length), lanes, on_frame, clip.stop
        )
    return [_inspected(lane, ticks / float(job.fps)) for lane in lanes]


class MeanCount:
    """Pictures handed out by several passes, one after the other or at once, told as a mean over their plans."""

    def __init__(self, plans: int, on_frame: Callable[[int], None] | None) -> None:
        self._plans, self._on_frame = plans, on_frame
        self._counts: list[int] = []
        self._lock = threading.Lock()

    def of_pass(self, lanes: int) -> Callable[[int], None] | None:
        """What a pass with so many lanes tells its count to."""
        if self._on_frame is None:
            return None
        with self._lock:
            place = len(self._counts)
            self._counts.append(0)

        def tell(count: int) -> None:
            with self._lock:
                self._counts[place] = count * lanes
                if self._on_frame is not None:
                    self._on_frame(sum(self._counts) // self._plans)

        return tell


def _show_path(clip: SharedClip, looks: Sequence[Look]) -> None:
    """Let the looks that ride on the scene know the camera's path: one more decoding, once for all of them."""
    for look in {id(look): look for look in looks if look.wants_path}.values():
        look.follow(clip.camera_path())


def _job_of(
    facts: VideoFacts,
    survey: OpeningSurvey,
    programme: Programme,
    sound: CodedSound | None,
    shots: Sequence[Shot],
    settings: FirstFrameSettings,
    clip: SharedClip,
) -> Job:
    return Job(
        survey,
        programme,
        shots[0].last_frame,
        programme.cuts_s(shots),
        shots[-1].last_frame + 1,
        (facts.height, facts.width),
        delivery_rate(facts),
        programme.length_s(facts.duration_s),
        sound,
        settings,
        clip.crew,
        clip.effort,
    )


def _inspected(lane: Lane, expected_s: float) -> RenderedVariant:
    probe = inspect_delivery(lane.folder / VIDEO)
    return RenderedVariant(
        lane.plan, lane.folder, {**lane.figures, "probe": probe, "expected_s": round(expected_s, 4)}
    )


class Stopped(Exception):  # noqa: N818  # a signal that ends a lane or a pass, not a fault of it
    """Raised where work ends because another lane or pass, or the decoder, failed."""


class _Track:
    """A lane in its own thread, fed through a bounded queue."""

    def __init__(self, lane: Lane, stop: threading.Event) -> None:
        self._queue: queue.Queue[TimedPicture | None] = queue.Queue(_QUEUED)
        self._stop = stop
        self.error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(lane,), name=f"lane {lane.plan.id}", daemon=True
        )
        self._thread.start()

    def put(self, item: TimedPicture | None) -> None:
        """Queue a picture, None to end; gives up when a lane has failed."""
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=_POLL_S)
                return

    def join(self) -> None:
        self._thread.join()

    def _run(self, lane: Lane) -> None:
        try:
            lane.run(self._pictures())
        except Stopped:
            pass
        except BaseException as error:  # carried to the caller's thread and raised there
            self.error = error
            self._stop.set()

    def _pictures(self) -> Iterator[TimedPicture]:
        while True:
            if self._stop.is_set():
                raise Stopped
            with suppress(queue.Empty):
                item = self._queue.get(timeout=_POLL_S)
                if item is None:
                    return
                yield item


def _fan_out(
    pictures: Iterator[TimedPicture],
    lanes: Sequence[Lane],
    on_frame: Callable[[int], None] | None,
    stop: threading.Event,
) -> int:
    """Run all lanes over `pictures`; return how many there were. The first error of any thread is raised.

    Raises:
        Stopped: `stop` was set by somebody else.
    """
    tracks = [_Track(lane, stop) for lane in lanes]
    count = 0
    try:
        for count, picture in enumerate(pictures, 1):
            for track in tracks:
                track.put(picture)
            if stop.is_set():
                break
            if on_frame is not None:
                on_frame(count)
        for track in tracks:
            track.put(None)
    except BaseException:
        stop.set()
        raise
    finally:
        for track in tracks:
            track.join()
    _raise_first(tracks, stop)
    return count


def _raise_first(tracks: Sequence[_Track], stop: threading.Event) -> None:
    for track in tracks:
        if track.error is not None:
            raise track.error
    if stop.is_set():
        raise Stopped
