"""Variants in every shape: one decode and one dressing of each picture, as many encodes as there are shapes.

Belongs here: running one variant through the cleaned video, and measuring the files. Does not: what happens to a
picture (lanes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from adcraft_resources.algorithms.camera_path import trace_camera
from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.algorithms.window_choice import Sighting
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.opening_surveys import OpeningSurvey, survey_programme
from adcraft_resources.placements.lanes import PlacedLane, Stage, file_names
from adcraft_resources.placements.settings import PlacementSettings
from adcraft_resources.programmes import Programme
from adcraft_resources.variant_dressing import Dressing
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import (
    CodedSound,
    DecodedSound,
    Loudness,
    TimedPicture,
    VideoReader,
    delivery_rate,
    inspect_delivery,
    measure_loudness,
    shown_at_constant_rate,
    sound_digest,
)

VERSION: Final = "3"
"""Changes whenever the same plan would give other files."""
LEAST_RATE: Final = 23
"""Frames a second that every placement takes; slower ads show pictures twice."""


@dataclass(frozen=True)
class PlacedAd:
    """A cleaned ad as its placements are made from: its shots, text, what it shows, its mastered sound, its order.

    The sound is that of the programme.
    """

    video: Path
    shots: Sequence[Shot]
    tracks: TextTracks | None
    sightings: Sequence[Sighting]
    sound: Path

    programme: Programme = field(default_factory=Programme)

    @cached_property
    def survey(self) -> OpeningSurvey:
        """What the ad's opening shows, looked at once for all variants; VideoUnreadable where there is no picture."""
        return survey_programme(self.video, self.shots, self.tracks, self.programme)

    @cached_property
    def coded(self) -> CodedSound:
        """The mastered sound as every file carries it: encoded once for all variants and shapes."""
        return CodedSound(DecodedSound(self.sound, 0.0))

    def close(self) -> None:
        """Let go of the sound."""
        self.coded.close()


def place_variant(
    ad: PlacedAd,
    plan: VariantPlan,
    look: Look,
    folder: Path,
    *,
    first_frame: FirstFrameSettings,
    settings: PlacementSettings,
) -> dict[str, dict[str, Any]]:
    """Write a variant in every shape of the settings into `folder`; return figures by shape.

    Raises:
        VideoUnreadable: The cleaned video cannot be decoded.
        VideoUnwritable: An encoder, or the disk, refused.
        CopyRefused: The hook has no room in a shape, or letters without a font.
    """
    if look.wants_path:
        with VideoReader(ad.video) as reader:
            look.follow(trace_camera((timed.picture.y for timed in reader.pictures()), ad.shots))
    with VideoReader(ad.video) as reader, ExitStack() as stack:
        facts = reader.facts
        rate = delivery_rate(facts)
        fps = rate * -(-LEAST_RATE // rate) if rate < LEAST_RATE else rate
        dressing = Dressing(plan, look, ad.survey, ad.shots[0].last_frame, first_frame)
        size = facts.height, facts.width
        shown_s = ad.programme.length_s(facts.duration_s)
        shared = Stage(ad.shots, ad.programme, ad.sightings, size, fps, shown_s, ad.coded, settings)
        lanes = [PlacedLane(one, dressing, shared, folder) for one in settings.formats]
        for lane in lanes:
            stack.enter_context(lane.writer())
        length = shown_s if facts.variable_rate or fps != rate else None
        pictures = ad.programme.pictures(reader)
        ticks = _run(dressing, lanes, shown_at_constant_rate(pictures, fps, duration_s=length))
    heard: dict[str, Loudness | None] = {}
    return {lane.placement.name: _measured(lane, ticks / float(fps), heard) for lane in lanes}


def _run(dressing: Dressing, lanes: Sequence[PlacedLane], pictures: Iterator[TimedPicture]) -> int:
    """Send every picture through all lanes; return how many there were."""
    count, last, framed = 0, None, None
    for tick, timed in enumerate(pictures):
        if timed is not last or framed is None:
            framed, last = dressing.framed(dressing.styled(timed), timed.index), timed
            fresh = True
        else:
            fresh = False
        if tick == 0:
            dressing.fit(framed, timed.index)
        shown = dressing.shown(framed, timed.index, tick)
        for lane in lanes:
            lane.write(shown, timed, tick)
        if fresh and timed.index == dressing.survey.poster:
            opened = dressing.shown(framed, timed.index, 0)
            for lane in lanes:
                lane.pose(opened, timed)
        count = tick + 1
    return count


def _measured(lane: PlacedLane, expected_s: float, heard: dict[str, Loudness | None]) -> dict[str, Any]:
    """Return a shape's figures with those of its finished file; sound already `heard` to the last byte is not again."""
    video = lane.folder / file_names(lane.placement.name)["video"]
    sound = sound_digest(video)
    if sound not in heard:
        heard[sound] = measure_loudness(video)
    loudness = heard[sound]
    return {
        **lane.note_figures(),
        "probe": inspect_delivery(video),
        "expected_s": round(expected_s, 4),
        "loudness_lufs": None if loudness is None else loudness.integrated_lufs,
        "true_peak_dbtp": None if loudness is None else loudness.true_peak_dbtp,
    }
