"""What a finished variant's pictures say and show: text read back, and before-and-after pairs.

Belongs here: which pictures are looked at, keeping what was seen by content, telling a label's words from others.
Does not: the rules (claims, policies), the search for seams (algorithms.twin_pictures).

The reader knows Latin letters and digits, not Devanagari, Tamil or Arabic: text in those is judged as it was written,
in the hook, and not as it is seen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from adcraft_resources.algorithms.skin import MIN_SKIN_PIXELS, cielab_of, skin_mask
from adcraft_resources.algorithms.twin_pictures import find_split, framed_alike, halves
from adcraft_resources.algorithms.values import Frame, TextTracks
from adcraft_resources.faces import find_faces
from adcraft_resources.policies import READING_VERSION, PicturePair, PictureText
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.text_detectors import TextDetector, TextFinding
from adcraft_resources.video_codecs import probe_video, read_frames

KIND: Final = f"picture-reviews-{READING_VERSION}"
"""Kind of kept looks."""
HOOK_S: Final = 0.8  # when the hook is at rest, and what was cleaned away under it would be read
MOST_LOOKS: Final = 4
LEAST_CONFIDENCE: Final = 0.6  # below, a reader makes letters of foliage
_PART_OF: Final = 0.8  # of a line's letters that stand in another text in order: the same words
_NEAR: Final = 0.08  # of the picture around a label within which a line belongs to it
_RED: Final = (255, 60, 50)
_SAME_BLOCK: Final = 0.9  # of a line's height that another line is away at most, where they are one text

Span = tuple[float, float]
"""Seconds from and to."""
Line = Mapping[str, Any]
"""`text`, `confidence`, `frame`, `time_s`, and `box`: x, y, width, height as shares of the picture."""


def look_at_pictures(
    cache: ResultCache, detector: TextDetector, video: Path, shots: Sequence[Span], *, sha256: str
) -> dict[str, Any]:
    """Return the `lines` read in a few pictures of a video and the `pairs` seen; known files are not looked at again.

    Args:
        cache: Where looks are kept by content.
        detector: Reads.
        video: A finished variant.
        shots: When its shots are shown, in order.
        sha256: The file's.
    """
    identity = {
        "sha256": sha256,
        "detector": f"{type(detector).__name__} {detector.version}",
        "shots": [list(shot) for shot in shots],
        "most": MOST_LOOKS,
    }
    value, _ = cache.value(KIND, identity, lambda: _look(detector, video, shots))
    return value


def texts_of(
    lines: Sequence[Line], hook: str, labels: TextTracks, fps: float, offset_s: float = 0.0
) -> tuple[PictureText, ...]:
    """Return what the pictures say beside the hook, lines that stand together as one text, the product's labels first.

    Args:
        lines: As read.
        hook: The hook burnt in; it is judged as it was written.
        labels: The ad's text tracks in the source; those that stay tell a label's words from others.
        fps: Frames a second of the source.
        offset_s: Seconds the source is ahead of the variant, which may begin later or show a moment first.
    """
    kept = [track for track in labels.tracks if track.kind == "label" and track.text.strip()]
    told = [
        PictureText(track.text, True, track.first_frame, round(track.first_frame / fps, 3)) for track in kept
    ]
    known = [_letters(one.text) for one in told]
    others = [
        line
        for line in lines
        if line["confidence"] >= LEAST_CONFIDENCE and not _is_part(line["text"], [_letters(hook)])
    ]
    for block in _blocks(others):
        text = " ".join(line["text"] for line in block)
        on_label = any(
            _is_part(line["text"], known) or _is_near(line, labels, round((line["time_s"] + offset_s) * fps))
            for line in block
        )
        told.append(PictureText(text, on_label, block[0]["frame"], block[0]["time_s"], _hull(block)))
    return (*told, *_apart(others))


def pairs_of(pairs: Sequence[Mapping[str, Any]]) -> tuple[PicturePair, ...]:
    """Return the kept pairs as records."""
    return tuple(PicturePair(**one) for one in pairs)


def show_findings(video: Path, review: Mapping[str, Any]) -> Frame | None:
    """Return the first picture that a review objects to, its claims framed in red, or None."""
    marks = [one for told in review["fields"] for one in told["findings"] if one.get("frame") is not None]
    frames = [one["frame"] for one in marks if one["box"]] + [one["frames"][0] for one in review["pairs"]]
    if not frames:
        return None
    picture = np.ascontiguousarray(read_frames(video, [frames[0]])[frames[0]])
    height, width = picture.shape[:2]
    for one in marks:
        if one["box"] and one["frame"] == frames[0]:
            x, y, w, h = one["box"]
            at, to = (round(x * width), round(y * height)), (round((x + w) * width), round((y + h) * height))
            cv2.rectangle(picture, at, to, _RED, max(2, width // 270))
    return picture


def _look(detector: TextDetector, video: Path, shots: Sequence[Span]) -> dict[str, Any]:
    facts = probe_video(video)
    fps, count = float(facts.fps), facts.frame_count or 1
    at = {"read": _reading_places(shots, fps, count), "cuts": _cuts(shots, fps, count)}
    wanted = {*at["read"], *(index for cut in at["cuts"] for index in cut)}
    pictures = read_frames(video, sorted(wanted))
    with detector.series(), ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="read") as pool:
        found = dict(
            zip(
                at["read"],
                pool.map(lambda index: detector.find_text(pictures[index]), at["read"]),
                strict=True,
            )
        )
    lines = [
        {**_line(one, pictures[index]), "frame": index, "time_s": round(index / fps, 3)}
        for index in at["read"]
        for one in found[index]
    ]
    pairs = [_split_pair(pictures[index], index, fps) for index in at["read"]]
    pairs += [_cut_pair(pictures[a], pictures[b], (a, b), fps) for a, b in at["cuts"]]
    return {"lines": [one for one in lines if one["text"].strip()], "pairs": [one for one in pairs if one]}


def _reading_places(shots: Sequence[Span], fps: float, count: int) -> list[int]:
    """Return where pictures are read: the hook at rest, and the middles of shots spread over the ad."""
    middles = [(start + end) / 2 for start, end in shots]
    if len(middles) >= MOST_LOOKS:
        middles = [middles[round(k * (len(middles) - 1) / (MOST_LOOKS - 2))] for k in range(MOST_LOOKS - 1)]
    elif len(middles) == 1:
        middles.append(middles[0] + 0.4 * (shots[0][1] - shots[0][0]))
    return sorted({min(count - 1, max(0, round(time * fps))) for time in [HOOK_S, *middles]})


def _cuts(shots: Sequence[Span], fps: float, count: int) -> list[tuple[int, int]]:
    """Return the pictures on either side of each cut, one away from it: a dissolve's halves are no pictures."""
    told = []
    for one, other in pairwise(shots):
        cut = round(other[0] * fps)
        before, after = max(round(one[0] * fps), cut - 2), min(round(other[1] * fps) - 1, cut + 1)
        if 0 <= before < after < count:
            told.append((before, after))
    return told


def _line(found: TextFinding, picture: Frame) -> dict[str, Any]:
    corners = np.array(found.quad, np.float64) / (picture.shape[1], picture.shape[0])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    box = [round(float(side), 4) for side in (left, top, right - left, bottom - top)]
    return {"text": found.text, "confidence": round(found.confidence, 3), "box": box}


def _split_pair(picture: Frame, index: int, fps: float) -> dict[str, Any] | None:
    split = find_split(picture)
    if split is None:
        return None
    change = _skin_change(*halves(picture, split))
    return {
        "kind": split.kind,
        "frames": [index],
        "time_s": round(index / fps, 3),
        "at": round(split.at, 3),
        "skin_delta_l": change,
    }


def _cut_pair(before: Frame, after: Frame, at: tuple[int, int], fps: float) -> dict[str, Any] | None:
    if not framed_alike(before, after):
        return None
    return {
        "kind": "cut",
        "frames": list(at),
        "time_s": round(at[1] / fps, 3),
        "at": None,
        "skin_delta_l": _skin_change(before, after),
    }


def _skin_change(before: Frame, after: Frame) -> float | None:
    """Return how much lighter the skin of the second view is, in L*; None where not both show a face."""
    lightness = []
    for view in (before, after):
        skin = skin_mask(view, find_faces(view))
        if int(skin.sum()) < MIN_SKIN_PIXELS:
            return None
        lightness.append(float(np.median(cielab_of(view)[..., 0][skin])))
    return round(lightness[1] - lightness[0], 2)


def _blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Return lines that stand together in one picture, in reading order: a claim may run over several."""
    blocks: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: (one["frame"], round(one["box"][1], 2), one["box"][0])):
        home = next((block for block in blocks if any(_stand_together(line, other) for other in block)), None)
        if home is None:
            blocks.append([line])
        else:
            home.append(line)
    return blocks


def _stand_together(one: Line, other: Line) -> bool:
    """Whether two lines of a picture are neighbours of about one size, under or beside each other."""
    if one["frame"] != other["frame"]:
        return False
    (ax, ay, aw, ah), (bx, by, bw, bh) = one["box"], other["box"]
    most = _SAME_BLOCK * max(ah, bh)
    under = max(ay, by) - min(ay + ah, by + bh) <= most and min(ax + aw, bx + bw) > max(ax, bx)
    level = abs((ay + ah / 2) - (by + bh / 2)) < min(ah, bh) / 2
    return max(ah, bh) <= 2.5 * min(ah, bh) and (under or level)


def _hull(block: Sequence[Line]) -> tuple[float, float, float, float]:
    left, top = (min(line["box"][k] for line in block) for k in (0, 1))
    right, bottom = (max(line["box"][k] + line["box"][k + 2] for line in block) for k in (0, 1))
    return left, top, round(right - left, 4), round(bottom - top, 4)


def _apart(lines: Sequence[Line]) -> tuple[PictureText, ...]:
    """Return "before – after" where each stands alone in a picture of its own, as over the two shots of a pair."""
    words = [(line, _letters(line["text"])) for line in lines]
    before = next((line for line, word in words if word == "before"), None)
    after = next((line for line, word in words if word == "after"), None)
    if before is None or after is None or before["frame"] == after["frame"]:
        return ()
    box = tuple(float(side) for side in before["box"])
    text = f"{before['text']} – {after['text']}"
    return (PictureText(text, False, before["frame"], before["time_s"], (box[0], box[1], box[2], box[3])),)


def _is_near(line: Line, labels: TextTracks, frame: int) -> bool:
    """Whether a line stands where a label is at that frame; a cropped opening moves it a little."""
    height, width = labels.size
    x, y = line["box"][0] + line["box"][2] / 2, line["box"][1] + line["box"][3] / 2
    for track in labels.tracks:
        if track.kind != "label" or not track.quads or not track.first_frame <= frame <= track.last_frame:
            continue
        _, quad = min(track.quads, key=lambda item: abs(item[0] - frame))
        corners = np.array(quad) / (width, height)
        (left, top), (right, bottom) = corners.min(axis=0) - _NEAR, corners.max(axis=0) + _NEAR
        if left <= x <= right and top <= y <= bottom:
            return True
    return False


def _is_part(text: str, known: Sequence[str]) -> bool:
    letters = _letters(text)
    return any(_share_in(letters, one) >= _PART_OF for one in known if one)


def _share_in(part: str, whole: str) -> float:
    """Return the share of a text's letters that stand in another in the same order."""
    blocks = SequenceMatcher(None, part, whole, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1) / max(1, len(part))


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
