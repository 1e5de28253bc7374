"""Shots and keyframes of a file in one decode pass, and keyframes as JPEG stills.

Belongs here: walking a clip for `algorithms.shots`, writing stills. Does not: deciding what a cut is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.shots import CutDetector, choose_keyframes, propose_keyframes
from adcraft_resources.algorithms.values import Frame, Keyframe, Shot
from adcraft_resources.errors import VideoUnreadable, VideoUnwritable
from adcraft_resources.video_codecs import VideoReader, frames_at, small_rgb_of

Prefer = Callable[[Sequence[Frame]], Sequence[float]]
"""Scores RGB pictures, higher is better."""

JPEG_QUALITY = 92
_THUMB_SIDE = 96  # pixels, long side
_SCORED_SIDE = 384  # pixels, short side, of pictures kept to be scored: what vision models look at
_SHARPNESS_SIDE = 360  # pixels, short side; finer detail than this is noise


@dataclass(frozen=True, slots=True)
class ShotScan:
    """What one pass over a clip found; `pts` holds each frame's time in seconds."""

    shots: list[Shot]
    keyframes: list[Keyframe]
    frame_count: int
    pts: list[float]


def scan_shots(
    path: Path, on_frame: Callable[[int], None] | None = None, prefer: Prefer | None = None
) -> ShotScan:
    """Find the shots of a clip and choose its keyframes, decoding it once.

    Args:
        path: The video.
        on_frame: Called with the count of frames done.
        prefer: Scores pictures; keyframes are then those of the sharp frames near their places that score best. It is
            asked once, about small pictures, read in a second pass.

    Raises:
        VideoUnreadable: As `VideoReader`.
    """
    cuts, pts, sharpness = CutDetector(), [], []
    with VideoReader(path) as reader:
        size = _thumb_size(reader.facts.height, reader.facts.width)
        for item in reader.pictures():
            cuts.push(item.index, item.pts_s, small_rgb_of(item.picture, size))
            sharpness.append(_sharpness(item.picture.y))
            pts.append(item.pts_s)
            if on_frame is not None:
                on_frame(item.index + 1)
        fps = reader.facts.fps
    if not pts:
        raise VideoUnreadable(f"{path} holds no picture that decodes.", remedy="Export the file again.")
    shots = cuts.finish(duration_s=max(reader.facts.duration_s, pts[-1] + 1e-3))
    if prefer is None:
        keyframes = choose_keyframes(shots, fps, sharpness=sharpness, pts_s=pts)
    else:
        keyframes = _preferred(path, propose_keyframes(shots, fps, sharpness=sharpness, pts_s=pts), prefer)
    return ShotScan(shots, keyframes, len(pts), pts)


def _preferred(path: Path, proposed: Sequence[Sequence[Keyframe]], prefer: Prefer) -> list[Keyframe]:
    """Of each place's proposals the one that scores best; the earlier one where they score alike."""
    asked = sorted({key.frame for keys in proposed if len(keys) > 1 for key in keys})
    seen = {index: _for_scoring(frame) for index, frame in frames_at(path, asked)} if asked else {}
    scores = dict(zip(seen, prefer(list(seen.values())), strict=True))
    return [max(keys, key=lambda key: scores.get(key.frame, 0.0)) for keys in proposed]


def _for_scoring(frame: Frame) -> Frame:
    scale = _SCORED_SIDE / min(frame.shape[:2])
    if scale >= 1:
        return frame
    return np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def write_stills(path: Path, keyframes: Sequence[Keyframe], folder: Path) -> list[Path]:
    """Write each keyframe as `key_<frame>.jpg`, full size, and return the files in the keyframes' order.

    Raises:
        VideoUnreadable: A keyframe does not decode.
        VideoUnwritable: A still could not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"key_{keyframe.frame:06d}.jpg" for keyframe in keyframes]
    by_frame = {keyframe.frame: file for keyframe, file in zip(keyframes, files, strict=True)}
    for index, frame in frames_at(path, list(by_frame)):
        made, jpeg = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not made:
            raise VideoUnwritable(
                f"{by_frame[index]} could not be encoded.", remedy="Check the frame's size."
            )
        by_frame[index].write_bytes(jpeg.tobytes())
    return files


def _thumb_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, _THUMB_SIDE / max(height, width))
    return max(2, round(height * scale)), max(2, round(width * scale))


def _sharpness(luma: np.ndarray) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., 2000), of the luma at a quarter to a half of full size."""
    factor = max(1, min(luma.shape) // _SHARPNESS_SIDE)
    small = cv2.resize(luma, (luma.shape[1] // factor, luma.shape[0] // factor), interpolation=cv2.INTER_AREA)
    return float(cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_16S))[1].item() ** 2)
