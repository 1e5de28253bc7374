"""What several passes over one cleaned video share: threads, what was seen of the video, and the word to stop.

Belongs here: finding each of these once, whoever asks first. Does not: finding them (opening_surveys, algorithms).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from adcraft_resources.algorithms.camera_path import CameraPath, trace_camera
from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.crews import Crew
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.opening_surveys import OpeningSurvey, survey_programme
from adcraft_resources.programmes import Prefer, Programme, choose_programme
from adcraft_resources.video_codecs import CodedSound, Effort, VideoReader


class SharedClip:
    """One cleaned video that is rendered in one or more passes; close it after the last of them.

    Args:
        mezzanine: The cleaned video.
        shots: Its shots in order.
        tracks: The ad's text.
        prefer: Scores pictures, to choose who stands for the video.
        first_frame: Where the ad may open.
        effort: How hard the variants' encoders try.
    """

    def __init__(
        self,
        mezzanine: Path,
        shots: Sequence[Shot],
        tracks: TextTracks | None = None,
        prefer: Prefer | None = None,
        first_frame: FirstFrameSettings | None = None,
        effort: Effort = "balanced",
    ) -> None:
        self._prefer = prefer
        self._first_frame = first_frame or FirstFrameSettings()
        self.crew = Crew()
        self.effort: Effort = effort
        """How hard the variants' encoders try."""
        self.stop = threading.Event()
        """Set when a pass failed: the others end as soon as they can."""
        self._mezzanine, self._shots, self._tracks = mezzanine, shots, tracks
        self._programme: Programme | None = None
        self._survey: OpeningSurvey | None = None
        self._sounds: dict[Path, CodedSound | None] = {}
        self._path: CameraPath | None = None
        self._choosing, self._surveying = threading.Lock(), threading.Lock()
        self._tracing, self._sounding = threading.Lock(), threading.Lock()

    def programme(self) -> Programme:
        """Return where the ad opens; whoever asks first has it chosen."""
        with self._choosing:
            if self._programme is None:
                self._programme = choose_programme(
                    self._mezzanine, self._shots, self._first_frame, self._prefer
                )
            return self._programme

    def survey(self) -> OpeningSurvey:
        """Return what the opening shows; whoever asks first has it looked at.

        Raises:
            VideoUnreadable: There is no picture to open with.
        """
        programme = self.programme()
        with self._surveying:
            if self._survey is None:
                self._survey = survey_programme(
                    self._mezzanine, self._shots, self._tracks, programme, self._prefer
                )
            return self._survey

    def camera_path(self) -> CameraPath:
        """Return the camera's path through the clip, found in a decoding of its own."""
        with self._tracing:
            if self._path is None:
                with VideoReader(self._mezzanine) as reader:
                    self._path = trace_camera((timed.picture.y for timed in reader.pictures()), self._shots)
            return self._path

    def sound(self, source: Path) -> CodedSound | None:
        """Return a file's sound as the programme has it, coded once for all variants; None for a file without any."""
        programme = self.programme()
        with self._sounding:
            if source not in self._sounds:
                line = programme.sound_of(source)
                self._sounds[source] = None if line is None else CodedSound(line)
            return self._sounds[source]

    def close(self) -> None:
        """End the threads, close the sound."""
        self.crew.close()
        for sound in self._sounds.values():
            if sound is not None:
                sound.close()
