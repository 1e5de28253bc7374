"""The proof of removal: the cleaned clip is searched for text once more where text was removed.

Belongs here: comparing findings with tracks. Does not: verdicts (gates) or the search itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from adcraft_resources.algorithms.text_boxes import fill_quad
from adcraft_resources.algorithms.values import Frame, Mask, Quad, TextTracks
from adcraft_resources.text_detectors.findings import ResidualReport, TextFinding
from adcraft_resources.text_detectors.role import TextDetector
from adcraft_resources.video_codecs import read_frames

MAX_FRAMES = 8  # looked at per clip; about 0.5 CPU s each
MARGIN_PX = 24  # around what was found, so that the second look sees whole lines
MIN_CONFIDENCE = 0.5  # readings below are guesses at texture: "1" 0.13, "T" 0.22 on blurred foliage
MIN_CHARACTERS = 2
SURE_CONFIDENCE, SURE_CHARACTERS = 0.8, 3  # text whatever stood there before
ALIKE = 0.5  # of the letters of the text removed there, in order: its ghost


def residual_text(detector: TextDetector, cleaned: Path, tracks: TextTracks) -> ResidualReport:
    """Search `cleaned` for text at frames spread over the overlays' lives.

    Text that belongs to the scene (label tracks) is not counted, nor is a box in which nothing can be read.
    """
    with detector.series():
        return _searched(detector, cleaned, tracks)


def _searched(detector: TextDetector, cleaned: Path, tracks: TextTracks) -> ResidualReport:
    frames = proof_frames(tracks)
    left = total = 0
    worst = (0, -1, ())
    for index, picture in sorted(read_frames(cleaned, frames).items()):
        removed, stays = _removed_text(tracks, index)
        remaining = [f for f in detector.find_text(picture, read=False) if _is_left(f, removed, stays)]
        if remaining:  # a detector alone also fires on stripes and leaves; text is what can be read
            read = _read_around(detector, picture, remaining)
            remaining = [
                found
                for found in read
                if is_left_text(found, _texts_at(tracks, index)) and _is_left(found, removed, stays)
            ]
        under = np.zeros(tracks.size, np.bool_)
        for finding in remaining:
            under |= _filled(finding.quad, tracks.size)
        count = int((under & removed).sum())
        left, total = left + count, total + int(removed.sum())
        if count > worst[0]:
            worst = (count, index, tuple(remaining))
    share = left / total if total else 0.0
    return ResidualReport(share, worst[1] if worst[0] else None, worst[2], tuple(frames))


def is_left_text(finding: TextFinding, removed: Sequence[str]) -> bool:
    """Whether a finding is text that was left: read beyond doubt, or with some confidence and like a removed one.

    A reader makes a letter or two of a smooth fill, another on every processor; of a ghost it makes what stood there.
    """
    letters = _letters(finding.text)
    if len(letters) < MIN_CHARACTERS or finding.confidence < MIN_CONFIDENCE:
        return False
    if len(letters) >= SURE_CHARACTERS and finding.confidence >= SURE_CONFIDENCE:
        return True
    return any(_share_in_order(letters, _letters(text)) >= ALIKE for text in removed)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _share_in_order(found: str, removed: str) -> float:
    """Return the share of the shorter text's letters that stand in both in one order."""
    blocks = SequenceMatcher(None, found, removed, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(1, min(len(found), len(removed)))


def _texts_at(tracks: TextTracks, index: int) -> list[str]:
    return [track.text for track in tracks.overlays if track.first_frame <= index <= track.last_frame]


def _read_around(detector: TextDetector, picture: Frame, found: list[TextFinding]) -> list[TextFinding]:
    """Read only the part of a picture in which something was found."""
    corners = np.array([corner for finding in found for corner in finding.quad])
    left, top = np.maximum(corners.min(axis=0).astype(int) - MARGIN_PX, 0)
    right, bottom = corners.max(axis=0).astype(int) + MARGIN_PX
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    return [replace(one, quad=_moved(one.quad, float(left), float(top))) for one in detector.find_text(part)]


def _moved(quad: Quad, dx: float, dy: float) -> Quad:
    (ax, ay), (bx, by), (cx, cy), (ex, ey) = quad
    return (ax + dx, ay + dy), (bx + dx, by + dy), (cx + dx, cy + dy), (ex + dx, ey + dy)


def proof_frames(tracks: TextTracks, limit: int = MAX_FRAMES) -> list[int]:
    """Return the middle of each overlay's life and frames between, at most `limit`, in order."""
    middles = sorted({(t.first_frame + t.last_frame) // 2 for t in tracks.overlays if t.spans})
    if len(middles) > limit:
        middles = [middles[round(k * (len(middles) - 1) / (limit - 1))] for k in range(limit)]
    spread = np.linspace(0, max(tracks.frame_count - 1, 0), 7)[1:-1].round().astype(int).tolist()
    room = limit - len(middles)
    shown = [f for f in spread if any(t.first_frame <= f <= t.last_frame for t in tracks.overlays)]
    return sorted({*middles, *(shown[:room] if room > 0 else [])})


def _filled(quad: tuple[tuple[float, float], ...], size: tuple[int, int]) -> Mask:
    return fill_quad(quad, (0, 0, size[1], size[0]))  # type: ignore[arg-type]


def _removed_text(tracks: TextTracks, index: int) -> tuple[Mask, Mask]:
    """Return the pixels of overlay text lines at a frame, and those of label lines."""
    removed, stays = (np.zeros(tracks.size, np.bool_) for _ in range(2))
    for track in tracks.tracks:
        if track.quads and track.first_frame <= index <= track.last_frame:
            _, quad = min(track.quads, key=lambda item: abs(item[0] - index))
            target = removed if track.kind == "overlay" else stays
            target |= _filled(quad, tracks.size)
    mask = tracks.mask_at(index)
    return (removed & mask if mask is not None else removed & False), stays


def _is_left(finding: TextFinding, removed: Mask, stays: Mask) -> bool:
    """A found box counts when it lies on removed text more than on text that stays."""
    box = _filled(finding.quad, removed.shape)
    return int((box & removed).sum()) > max(0.1 * int(box.sum()), int((box & stays).sum()))
