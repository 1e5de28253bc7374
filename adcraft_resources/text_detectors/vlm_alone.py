"""A vision model in the place of PP-OCR: it finds, reads and judges every text by itself.

Belongs here: asking about frames, and answering in the way of `TextNetworks`. Does not: the grammar of answers
(vlm_answers), following text (tracking), the model (models.qwen2_vl).

A model is slow and sees frames whole, so it is asked about a frame every now and then, several at a time, and never
about parts of frames between: a caption that lives shorter than that is missed. The proof of removal stays PP-OCR's.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from adcraft_resources.algorithms.text_boxes import FoundQuad, fit_size
from adcraft_resources.algorithms.values import Frame, Quad, TextTrack
from adcraft_resources.text_detectors.tracking import Pace
from adcraft_resources.text_detectors.vlm_answers import (
    Judgement,
    Kind,
    SpokenText,
    parse_sentence,
    parse_texts,
)
from adcraft_resources.video_codecs import VideoReader, small_rgb_of

Ask = Callable[[Sequence[tuple[Frame, str]], int], list[str]]
"""(picture, question) pairs and the most tokens of an answer → answers."""

SIDE: Final = 1344  # long side of the frames asked about: captions must be legible
PACE: Final = Pace(SIDE, 0.5, SIDE, 0.5)
FIND_TOKENS, READ_TOKENS = 640, 48
_TOGETHER: Final = 8
_CONFIDENCE: Final = 0.9  # the model gives none
_SAME: Final = 0.3  # of the union that a track's box and a spoken one share
_THOUSAND: Final = 1000


@dataclass
class SpokenTexts:
    """What a model said of frames, found again by the frames' own pixels; asks about those it has not seen.

    Args:
        ask: Asks the model.
        find: The question that has all texts of a frame listed.
        read_one: The question that has one text read.
        said: Texts by the mark of the frame's pixels.
    """

    ask: Ask
    find: str
    read_one: str
    said: dict[bytes, list[SpokenText]] = field(default_factory=dict)

    def look_ahead(self, source: Path) -> dict[int, list[SpokenText]]:
        """Ask about all frames the search will look at, several at a time; return what stands in which frame."""
        found: dict[int, list[SpokenText]] = {}
        for group in _groups(_looked_at(source)):
            pictures = [picture for _, picture in group]
            for (index, picture), texts in zip(group, self._asked(pictures), strict=True):
                found[index] = self.said[_mark(picture)] = texts
        return found

    def detect(self, frame: Frame, long_side: int, *, size: tuple[int, int] | None = None) -> list[FoundQuad]:
        """Return the boxes of a whole frame in pixels of a picture of `size`; nothing for parts of frames."""
        del long_side
        if size is None:
            return []
        mark = _mark(frame)
        if mark not in self.said:
            self.said[mark] = self._asked([frame])[0]
        return [FoundQuad(quad_of(text, size), _CONFIDENCE) for text in self.said[mark]]

    def read(self, frame: Frame, quads: Sequence[Quad]) -> list[tuple[str, float]]:
        """Return what the model reads in a picture cut out around a text."""
        words = parse_sentence(self.ask([(frame, self.read_one)], READ_TOKENS)[0])
        return [(words, _CONFIDENCE if words else 0.0)] * len(quads)

    def _asked(self, pictures: Sequence[Frame]) -> list[list[SpokenText]]:
        answers = self.ask([(picture, self.find) for picture in pictures], FIND_TOKENS)
        return [parse_texts(answer) for answer in answers]


def judgements_of(
    tracks: Sequence[TextTrack], spoken: Mapping[int, Sequence[SpokenText]], size: tuple[int, int]
) -> dict[int, Judgement]:
    """Return what the model said of each track, by the most votes of the frames it lives in."""
    judged = {}
    for track in tracks:
        votes: Counter[Kind] = Counter(
            text.kind
            for frame, texts in spoken.items()
            if track.first_frame <= frame <= track.last_frame and track.quads
            for text in texts
            if _overlap(_box_at(track, frame), _box(quad_of(text, size))) >= _SAME
        )
        if votes:
            judged[track.id] = Judgement(track.id, votes.most_common(1)[0][0], "")
    return judged


def quad_of(text: SpokenText, size: tuple[int, int]) -> Quad:
    """Return a spoken box as corners in pixels of a picture of (h, w) `size`."""
    height, width = size
    left, top, right, bottom = (
        side * whole / _THOUSAND for side, whole in zip(text.box, (width, height, width, height), strict=True)
    )
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _looked_at(source: Path) -> Iterator[tuple[int, Frame]]:
    """The frames a search at PACE looks at, as it sees them; it asks about its last one itself."""
    following = 0.0
    with VideoReader(source) as reader:
        for item in reader.pictures():
            if item.pts_s >= following:
                yield item.index, small_rgb_of(item.picture, fit_size(item.picture.size, SIDE, enlarge=1.0))
                following = item.pts_s + PACE.coarse_every_s - 1e-6


def _groups(frames: Iterator[tuple[int, Frame]]) -> Iterator[list[tuple[int, Frame]]]:
    while group := list(islice(frames, _TOGETHER)):
        yield group


def _mark(picture: Frame) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest()


def _box_at(track: TextTrack, frame: int) -> tuple[float, float, float, float]:
    return _box(min(track.quads, key=lambda item: abs(item[0] - frame))[1])


def _box(quad: Quad) -> tuple[float, float, float, float]:
    columns, rows = [x for x, _ in quad], [y for _, y in quad]
    return min(columns), min(rows), max(columns), max(rows)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)]
    return wide * tall / (sum(areas) - wide * tall)
