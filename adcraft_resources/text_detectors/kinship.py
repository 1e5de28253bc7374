"""Labels found in pieces: a printed line that following lost and found again is one label all along.

Belongs here: what a text's likeness to a label says about it. Does not: evidence from pixels (text_kinds).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from adcraft_resources.algorithms.text_boxes import quads_overlap
from adcraft_resources.algorithms.values import TextTrack

ALIKE = 0.8  # of the letters, in order
SHARED = 0.4  # of the smaller place
NEAR_FRAMES = 15  # frames between two pieces of one label at most
LEAST_LETTERS = 4


def join_labels(
    tracks: Sequence[TextTrack], cuts: Sequence[int], sure: Collection[int] = ()
) -> list[TextTrack]:
    """Return the tracks with those taken for overlays turned into labels that go on one: same words, place and shot.

    `cuts` are the first frames of the shots after the first, `sure` the ids of tracks whose pixels were seen to stand
    while the camera moved: those are overlays.
    """
    labels = [track for track in tracks if track.kind == "label" and track.motion == "scene"]
    return [track if track.id in sure else _as_label(track, labels, cuts) for track in tracks]


def _as_label(track: TextTrack, labels: Sequence[TextTrack], cuts: Sequence[int]) -> TextTrack:
    if track.kind != "overlay" or len(_letters(track.text)) < LEAST_LETTERS or not track.quads:
        return track
    if not any(_goes_on(track, label, cuts) for label in labels):
        return track
    return replace(
        track, kind="label", motion="scene", reason="it goes on a label that moves with the scene", spans=()
    )


def _goes_on(track: TextTrack, label: TextTrack, cuts: Sequence[int]) -> bool:
    start = max(track.first_frame, label.first_frame)
    end = min(track.last_frame, label.last_frame)
    low, high = min(start, end), max(start, end)
    if start - end > NEAR_FRAMES or any(low < cut <= high for cut in cuts):
        return False
    if SequenceMatcher(None, _letters(track.text), _letters(label.text)).ratio() < ALIKE:
        return False
    own, others = track.quads[0], label.quads
    nearest = min(others, key=lambda item: abs(item[0] - own[0]))
    return quads_overlap(own[1], nearest[1]) >= SHARED


def _letters(text: str) -> str:
    return "".join(ch for ch in text.casefold() if ch.isalnum())
