"""One variant on its way through a video: dressed, then hook, grain, encoder, and what is measured on the way.

Belongs here: everything done to each picture of one variant, in order. Does not: look and opening (variant_dressing),
decoding or running several lanes (variant_renderer).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.saliency import score_opening
from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.crews import Crew
from adcraft_resources.errors import VideoUnwritable
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.look_measures import LookMeasures, SourceSights
from adcraft_resources.opening_surveys import OpeningSurvey
from adcraft_resources.programmes import Programme
from adcraft_resources.typography.lives import HookLife
from adcraft_resources.typography.overlay import HookOverlay
from adcraft_resources.typography.typesetter import PlacedHook, Typesetter, count_drawn_words
from adcraft_resources.variant_dressing import Dressing
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import CodedSound, DeliveryWriter, Effort, TimedPicture, rgb_of

VIDEO, POSTER, BEFORE = "video.mp4", "poster.jpg", "before.jpg"
POSTER_QUALITY: Final = 92
LUMA_STEP_FACTOR: Final = 1.5  # of the shot's median step of mean luma
LUMA_STEP_LEVELS: Final = 2.0


@dataclass(frozen=True)
class Job:
    """What every lane of a video shares."""

    survey: OpeningSurvey
    programme: Programme
    first_shot_end: int
    cuts_s: tuple[float, ...]
    frame_count: int
    size: tuple[int, int]
    fps: Fraction
    duration_s: float
    sound: CodedSound | None
    settings: FirstFrameSettings
    crew: Crew
    effort: Effort = "balanced"
    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(os.cpu_count() or 1))
    """Lanes at work on a picture at the same time: more than there are cores would only hold more memory."""
    sights: SourceSights = field(default_factory=SourceSights)


@dataclass
class Lane:
    """A variant being rendered into a folder."""

    plan: VariantPlan
    look: Look
    job: Job
    folder: Path
    dressing: Dressing = field(init=False)
    placed: PlacedHook = field(init=False)
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        job = self.job
        survey = job.survey
        self.dressing = Dressing(self.plan, self.look, survey, job.first_shot_end, job.settings)
        self._typesetter = Typesetter(job.size)
        text = self.plan.hook.on_screen
        self._life = HookLife.of(count_drawn_words(text), job.duration_s, job.cuts_s)
        self.placed = self._place_hook(text)
        self._overlay: HookOverlay | None = None
        self._measures = LookMeasures(job.frame_count, job.sights)
        self._lumas: list[tuple[float, float]] = []

    def _place_hook(self, text: str) -> PlacedHook:
        """Set the hook clear of faces and labels of all it will stand on."""
        survey, end_s = self.job.survey, self._life.end_s
        last = self.job.first_shot_end
        seen = {at: survey.frames[at] for at in survey.opening}
        seen |= {timed.index: rgb_of(timed.picture) for timed in survey.pictures_after_cuts(end_s)}
        frames = [self.dressing.crop_at(at).cut(frame) for at, frame in seen.items()]
        avoid = survey.avoid_boxes(self.dressing.crop, last, end_s)
        return self._typesetter.place(text, self.plan.treatment, frames, avoid)

    def run(self, pictures: Iterable[TimedPicture]) -> None:
        """Render every picture to the end, then fill in `figures`.

        Args:
            pictures: One for each tick of the delivered rate; a repeated one is the same object.

        Raises:
            VideoUnwritable: The encoder, or the disk, refused.
        """
        began, began_cpu = time.perf_counter(), time.thread_time()
        job = self.job
        with DeliveryWriter(
            self.folder / VIDEO,
            width=job.size[1],
            height=job.size[0],
            fps=job.fps,
            audio_source=job.sound,
            effort=job.effort,
        ) as writer:
            last: TimedPicture | None = None
            framed = None
            for tick, (timed, styled) in enumerate(self._styled(pictures)):
                with job.turns:
                    if timed is not last or framed is None:
                        framed, last = self._framed(timed, styled, tick), timed
                    finished = self._finished(framed, timed, tick)
                writer.write(finished)
        self.figures["timing"] = {
            "render_s": round(time.perf_counter() - began, 3),
            "compute_s": round(time.thread_time() - began_cpu, 3),
        }
        self._note_figures()

    def _styled(self, pictures: Iterable[TimedPicture]) -> Iterator[tuple[TimedPicture, Yuv420]]:
        """Pictures with themselves in the look; a costly look is worked out by all threads there are."""
        if self.look.costly:
            yield from self.job.crew.ahead(pictures, self.dressing.styled)
            return
        last: tuple[TimedPicture, Yuv420] | None = None
        for timed in pictures:
            if last is None or last[0] is not timed:
                with self.job.turns:
                    last = timed, self.dressing.styled(timed)
            yield last

    def _framed(self, timed: TimedPicture, styled: Yuv420, tick: int) -> Yuv420:
        """The styled picture, measured, and cropped while the first shot lasts."""
        self._measures.push(timed, styled, self.job.survey.skins.get(timed.index))
        framed = self.dressing.framed(styled, timed.index)
        if tick == 0:
            self._open(timed, styled, framed)
        if timed.index == self.job.survey.poster:
            self._pose(timed, framed)
        return framed

    def _open(self, timed: TimedPicture, styled: Yuv420, framed: Yuv420) -> None:
        """On the first picture: fit the opening's edits and draw the hook; score, write before.jpg."""
        dressing, skin = self.dressing, self.dressing.skin_at(timed.index)
        dressing.fit(framed, timed.index)
        ground = [framed, *(later for _, later in dressing.after_cuts(self._life.end_s))]
        self._overlay = self._typesetter.render_hook(
            self.placed, [rgb_of(one) for one in ground], float(self.job.fps), self._life
        )
        opened = dressing.shown(framed, timed.index, 0)
        if skin is not None:
            self._measures.push_opening(dressing.framed(timed.picture, timed.index), opened, skin)
        before, after = rgb_of(styled), rgb_of(opened)
        boxes = self.job.survey.keep_boxes()
        self.figures["first_frame"] = {
            "opening": self.plan.opening,
            "programme": self.job.programme.to_dict(),
            "crop": dressing.crop.to_list(),
            "edit": dressing.edit.figures,
            "source": score_opening(self.job.survey.first, boxes),
            "before": score_opening(before, boxes),
            "after": score_opening(after, [dressing.crop_at(timed.index).map_box(box) for box in boxes]),
        }
        _write_jpeg(self.folder / BEFORE, before)

    def _pose(self, timed: TimedPicture, framed: Yuv420) -> None:
        """Write the poster: the opening at its strongest with the hook at rest."""
        opened = self.dressing.shown(framed, timed.index, 0)
        rested = opened if self._overlay is None else self._overlay.rest(opened)
        _write_jpeg(self.folder / POSTER, rgb_of(self.look.finish_yuv(rested, 0)))
        self.figures["first_frame"]["poster_s"] = round(timed.pts_s, 3)

    def _finished(self, framed: Yuv420, timed: TimedPicture, tick: int) -> Yuv420:
        """The framed picture with the opening's edits, the hook and the look's grain."""
        shown = self.dressing.shown(framed, timed.index, tick)
        if timed.index <= self.job.first_shot_end:
            plain = _mean_luma(framed)
            self._lumas.append((plain, plain if shown is framed else _mean_luma(shown)))
        if self._overlay is None:
            return self.look.finish_yuv(shown, tick)
        finished = self.look.finish_yuv(self._overlay.lay(shown, tick), tick)
        self._overlay.measure(finished, tick)
        return finished

    def _note_figures(self) -> None:
        if self._overlay is None:
            raise VideoUnwritable(
                f"{self.folder}: there was no picture to write.", remedy="Clean the ad again."
            )
        hook = self._overlay.figures(self.job.size)
        words = self.placed.words
        self.figures |= {
            **self._measures.figures(),
            "hook": {
                "text": self.plan.hook.on_screen,
                **hook,
                "words": words,
                "covers": round(self.placed.covered, 4),
                "dropped": list(self.placed.dropped),
            },
            "text_area_share": hook["area_share"],
        }
        self.figures["first_frame"] |= luma_steps(self._lumas, self.dressing.edit.fade_frames)


def luma_steps(lumas: list[tuple[float, float]], fade_frames: int) -> dict[str, float]:
    """Return how much mean luma steps while the opening's edits fade, and what is allowed.

    Args:
        lumas: Mean luma, 0–255, of each picture of the first shot without and with the edits.
        fade_frames: How long they fade.
    """
    plain, edited = (np.abs(np.diff([pair[i] for pair in lumas])) for i in (0, 1))
    median = float(np.median(plain)) if len(plain) else 0.0
    over = slice(0, fade_frames)
    return {
        "luma_step_max": round(float(edited[over].max(initial=0.0)), 3),
        "luma_step_own_max": round(float(plain[over].max(initial=0.0)), 3),
        "luma_step_bound": round(max(LUMA_STEP_FACTOR * median, LUMA_STEP_LEVELS), 3),
    }


def _mean_luma(picture: Yuv420) -> float:
    return (cv2.mean(picture.y[::4])[0] - 16) * 255 / 219


def _write_jpeg(path: Path, frame: np.ndarray) -> None:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, POSTER_QUALITY]
    )
    if not done:
        raise VideoUnwritable(f"{path} could not be encoded.", remedy="Report the frame's size.")
    path.write_bytes(data.tobytes())
