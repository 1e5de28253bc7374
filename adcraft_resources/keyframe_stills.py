"""Shots and keyframes of a file in one decode pass, and keyframes as JPEG stills.

Belongs here: walking a clip for `algorithms.shots`, writing stills. Does not: deciding what a cut is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.shots import CutDetector, choose_keyframes
from adcraft_resources.algorithms.values import Keyframe, Shot
from adcraft_resources.errors import VideoUnreadable, VideoUnwritable
from adcraft_resources.video_codecs import VideoReader, frames_at, small_rgb_of

JPEG_QUALITY = 92
_THUMB_SIDE = 96  # pixels, long side
_SHARPNESS_SIDE = 360  # pixels, short side; finer detail than this is noise


@dataclass(frozen=True, slots=True)
class ShotScan:
    """What one pass over a clip found; `pts` holds each frame's time in seconds."""

    shots: list[Shot]
    keyframes: list[Keyframe]
    frame_count: int
    pts: list[float]


def scan_shots(path: Path, on_frame: Callable[[int], None] | None = None) -> ShotScan:
    """Find the shots of a clip and choose its keyframes, decoding it once.

    Args:
        path: The video.
        on_frame: Called with the count of frames done.

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
    return ShotScan(shots, choose_keyframes(shots, fps, sharpness=sharpness, pts_s=pts), len(pts), pts)


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
    return float(cv2.Laplacian(small, cv2.CV_16S).var())
