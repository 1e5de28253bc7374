"""The detector of the gpu profile: PP-OCR finds and follows text, Qwen2-VL judges and reads it.

Belongs here: what is asked about which frames, and what follows. Does not: the grammar of answers (vlm_answers), the
model (models.qwen2_vl), finding text (embedded).

PP-OCR's boxes are to the pixel and cheap on every frame; a vision model knows a caption from a package. So the first
proposes and the second judges, unless the model is asked to do all by itself (vlm_alone). It never overrules a user:
protected text and named regions stay what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from adcraft_resources.algorithms.values import Frame, Quad, Shot, TextTrack, TextTracks
from adcraft_resources.text_detectors.embedded import EmbeddedTextDetector
from adcraft_resources.text_detectors.findings import Region
from adcraft_resources.text_detectors.tracking import search_clip
from adcraft_resources.text_detectors.user_regions import apply_regions
from adcraft_resources.text_detectors.vlm_alone import PACE, SpokenTexts, judgements_of
from adcraft_resources.text_detectors.vlm_answers import Judgement, parse_judgements, parse_sentence
from adcraft_resources.video_codecs import probe_video, read_frames
from adcraft_resources.weights import checkpoint_named, find_local

if TYPE_CHECKING:
    from adcraft_resources.models.qwen2_vl import QwenEngine

METHOD = "1"
MOST_FRAMES = 16
_QWEN_BYTES = 24 << 30  # weights of the 7B and eight pictures
_JUDGE_TOKENS, _DESCRIBE_TOKENS = 512, 64
_MARGIN = 0.012  # of the picture, around a text the detector took for a label
_THOUSAND = 1000


class Qwen2VLTextDetector(EmbeddedTextDetector):
    """Qwen2-VL's judgement of what PP-OCR found."""

    checkpoint: str = Field(description="NAME or NAME@REVISION.")
    weights: str = Field(description="Folder of pulled weights.")
    device: str = "auto"
    alone: bool = Field(default=False, description="Qwen2-VL finds and reads text itself, without PP-OCR.")

    @property
    def version(self) -> str:
        """Of both models and of the questions."""
        told = f"{METHOD} {super().version} {self.checkpoint} {_questions()['version']}"
        return f"{told} alone" if self.alone else told

    def track_text(
        self,
        source: Path,
        shots: Sequence[Shot],
        *,
        protected: Sequence[str] = (),
        include: Sequence[Region] = (),
        exclude: Sequence[Region] = (),
        on_frame: Callable[[int], None] | None = None,
    ) -> TextTracks:
        """Follow every text of a clip; what is overlay and what label is judged by Qwen2-VL."""
        if self.alone:
            found, said = self._find_alone(source, shots, protected, exclude, on_frame)
        else:
            found = super().track_text(source, shots, protected=protected, exclude=exclude, on_frame=on_frame)
            said = self._ask_about(source, found)
        judged, missed = _judged(found, said, protected)
        if not missed and not include:
            return judged
        facts = probe_video(source)
        times = [index / float(facts.fps) for index in range(found.frame_count)]
        regions = [_region_of(track, found.size, times) for track in missed]
        return apply_regions(judged, times, [*regions, *include], exclude)

    def describe(self, frames: Sequence[Frame]) -> list[str]:
        """A sentence about each picture."""
        asked = [(frame, _questions()["describe"]) for frame in frames]
        return [parse_sentence(answer) for answer in self._ask(asked, _DESCRIBE_TOKENS)]

    def _find_alone(
        self,
        source: Path,
        shots: Sequence[Shot],
        protected: Sequence[str],
        exclude: Sequence[Region],
        on_frame: Callable[[int], None] | None,
    ) -> tuple[TextTracks, dict[int, Judgement]]:
        """Tracks of texts the model found, and what it said they are."""
        texts = SpokenTexts(self._ask, _questions()["find"], _questions()["read"])
        spoken = texts.look_ahead(source)
        found = search_clip(
            texts, PACE, source, shots, protected=protected, include=(), exclude=exclude, on_frame=on_frame
        )
        return found, judgements_of(found.tracks, spoken, found.size)

    def _ask_about(self, source: Path, found: TextTracks) -> dict[int, Judgement]:
        by_frame = frames_to_ask(found.tracks)
        if not by_frame:
            return {}
        pictures = read_frames(source, list(by_frame))
        shown = [(index, tracks) for index, tracks in by_frame.items() if index in pictures]
        asked = [(pictures[index], question_of(index, tracks, found.size)) for index, tracks in shown]
        answers = self._ask(asked, _JUDGE_TOKENS)
        said: dict[int, Judgement] = {}
        for (_, tracks), answer in zip(shown, answers, strict=True):
            said.update(parse_judgements(answer, {track.id for track in tracks}))
        return said

    def _ask(self, asked: Sequence[tuple[Frame, str]], most_tokens: int) -> list[str]:
        from adcraft_resources.models.qwen2_vl import Question
        from adcraft_resources.models.turns import TURN

        with TURN:
            return self._engine().ask([Question(*one) for one in asked], most_tokens)

    def _engine(self) -> QwenEngine:
        from adcraft_resources.models.devices import pick_device
        from adcraft_resources.models.engine_values import EngineSettings
        from adcraft_resources.models.qwen2_vl import QwenEngine
        from adcraft_resources.models.shelf import SHELF

        folder = find_local(Path(self.weights), checkpoint_named(self.checkpoint)).folder
        settings = EngineSettings(device=self.device)
        key = ("qwen2_vl", str(folder), settings)
        return SHELF.take(
            key, lambda: QwenEngine.load(folder, settings), needs=_QWEN_BYTES, device=pick_device(self.device)
        )


def _judged(
    found: TextTracks, said: Mapping[int, Judgement], protected: Sequence[str]
) -> tuple[TextTracks, list[TextTrack]]:
    """The tracks with what the model said of them, and the labels it takes for overlays."""
    tracks, missed = [], []
    for track in found.tracks:
        judgement = said.get(track.id)
        kept = any(re.search(pattern, track.text) for pattern in protected)
        if judgement is None or kept:
            tracks.append(track)
            continue
        if track.kind == "label" and judgement.kind == "overlay" and track.quads:
            missed.append(track)  # its place is removed instead of it
            continue
        tracks.append(_retold(track, judgement))
    return TextTracks(found.size, found.frame_count, tuple(tracks)), missed


def frames_to_ask(tracks: Sequence[TextTrack]) -> Mapping[int, list[TextTrack]]:
    """Return frame → the tracks asked about there: few frames, each with as many tracks alive as can be."""
    waiting = {track.id: track for track in tracks if track.quads}
    asked: dict[int, list[TextTrack]] = {}
    while waiting and len(asked) < MOST_FRAMES:
        middles = {(track.first_frame + track.last_frame) // 2 for track in waiting.values()}
        best = max(sorted(middles), key=lambda frame: sum(_lives(track, frame) for track in waiting.values()))
        alive = [track for track in waiting.values() if _lives(track, best)]
        asked[best] = alive
        for track in alive:
            del waiting[track.id]
    return dict(sorted(asked.items()))


def question_of(frame: int, tracks: Sequence[TextTrack], size: tuple[int, int]) -> str:
    """The question about the tracks alive at a frame."""
    boxes = "\n".join(
        f"{track.id}: {', '.join(str(side) for side in _box_at(track, frame, size))}" for track in tracks
    )
    return _questions()["judge"].replace("{boxes}", boxes)


def _lives(track: TextTrack, frame: int) -> bool:
    return track.first_frame <= frame <= track.last_frame


def _box_at(track: TextTrack, frame: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    _, quad = min(track.quads, key=lambda item: abs(item[0] - frame))
    left, top, right, bottom = _bounds([quad])
    height, width = size
    shares = left / width, top / height, right / width, bottom / height
    return tuple(min(_THOUSAND, max(0, round(share * _THOUSAND))) for share in shares)  # type: ignore[return-value]


def _bounds(quads: Sequence[Quad]) -> tuple[float, float, float, float]:
    columns = [x for quad in quads for x, _ in quad]
    rows = [y for quad in quads for _, y in quad]
    return min(columns), min(rows), max(columns), max(rows)


def _retold(track: TextTrack, judgement: Judgement) -> TextTrack:
    text = judgement.text or track.text
    if judgement.kind == track.kind:
        return replace(track, text=text)
    return replace(track, kind="label", reason="Qwen2-VL takes it for part of the scene", text=text, spans=())


def _region_of(track: TextTrack, size: tuple[int, int], times: Sequence[float]) -> Region:
    left, top, right, bottom = _bounds([quad for _, quad in track.quads])
    height, width = size
    x, y = max(0.0, left / width - _MARGIN), max(0.0, top / height - _MARGIN)
    w, h = min(1.0 - x, right / width + _MARGIN - x), min(1.0 - y, bottom / height + _MARGIN - y)
    return Region(x=x, y=y, w=w, h=h, from_s=times[track.first_frame], to_s=times[track.last_frame] + 1e-3)


@lru_cache(maxsize=1)
def _questions() -> dict[str, Any]:
    folder = resources.files("adcraft_resources")
    return json.loads(folder.joinpath("prompts/qwen_questions.json").read_text(encoding="utf-8"))
