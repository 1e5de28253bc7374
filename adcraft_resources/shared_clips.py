"""What several passes over one cleaned video share: threads, what was seen of the video, and the word to stop.

Belongs here: finding each of these once, whoever asks first. Does not: finding them (opening_surveys, algorithms).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from adcraft_resources.algorithms.camera_path import CameraPath, trace_camera
from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.crews import Crew
from adcraft_resources.opening_surveys import (
    OpeningSurvey,
    Prefer,
    boxes_after_cuts,
    opening_length,
    survey_opening,
)
from adcraft_resources.video_codecs import CodedSound, TimedPicture, VideoReader, probe_video


class SharedClip:
    """One cleaned video that is rendered in one or more passes; close it after the last of them.

    Args:
        mezzanine: The cleaned video.
        shots: Its shots in order.
        tracks: The ad's text.
        prefer: Scores pictures, to choose who stands for the video.
    """

    def __init__(
        self,
        mezzanine: Path,
        shots: Sequence[Shot],
        tracks: TextTracks | None = None,
        prefer: Prefer | None = None,
    ) -> None:
        self._prefer = prefer
        self.crew = Crew()
        self.stop = threading.Event()
        """Set when a pass failed: the others end as soon as they can."""
        self._mezzanine, self._shots, self._tracks = mezzanine, shots, tracks
        self._survey: OpeningSurvey | None = None
        self._sounds: dict[Path, CodedSound | None] = {}
        self._path: CameraPath | None = None
        self._surveying, self._tracing, self._sounding = threading.Lock(), threading.Lock(), threading.Lock()

    def survey(self, head: Sequence[TimedPicture]) -> OpeningSurvey:
        """Return what the first pictures show; whoever comes first with them finds it."""
        with self._surveying:
            if self._survey is None:
                self._survey = survey_opening(head, self._shots, self._tracks, self._prefer)
                self._survey.after_cuts = boxes_after_cuts(self._mezzanine, self._shots, self._tracks)
            return self._survey

    def survey_ahead(self) -> None:
        """Survey the opening now, in the caller's thread."""
        with VideoReader(self._mezzanine) as reader:
            head = list(islice(reader.pictures(), opening_length(reader.facts)))
        if head and self._shots:
            self.survey(head)

    def camera_path(self) -> CameraPath:
        """Return the camera's path through the clip, found in a decoding of its own."""
        with self._tracing:
            if self._path is None:
                with VideoReader(self._mezzanine) as reader:
                    self._path = trace_camera((timed.picture.y for timed in reader.pictures()), self._shots)
            return self._path

    def sound(self, source: Path) -> CodedSound | None:
        """Return a file's sound, coded once for all variants; None for a file without any."""
        with self._sounding:
            if source not in self._sounds:
                facts = probe_video(source)
                self._sounds[source] = CodedSound(source, facts.start_s) if facts.has_audio else None
            return self._sounds[source]

    def close(self) -> None:
        """End the threads, close the sound."""
        self.crew.close()
        for sound in self._sounds.values():
            if sound is not None:
                sound.close()
