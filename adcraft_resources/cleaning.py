"""Cleaning one ad and proving it: fill, then read the result again.

Belongs here: the order of the two roles and their joint report. Does not: either role.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.similarity import masked_similarity
from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.inpainters import Inpainter
from adcraft_resources.text_detectors import TextDetector, residual_text
from adcraft_resources.video_codecs import VideoReader

MEZZANINE = "cleaned.mp4"
SAMPLES_PER_S = 6.0


@dataclass(frozen=True)
class CleaningReport:
    """Figures of one cleaned ad, and what was done about each track."""

    figures: dict[str, Any]
    tracks: list[dict[str, Any]]


def clean_ad(
    source: Path,
    tracks: TextTracks,
    shots: Sequence[Shot],
    out: Path,
    *,
    inpainter: Inpainter,
    detector: TextDetector,
    on_frame: Callable[[int], None] | None = None,
) -> CleaningReport:
    """Write `source` without its overlay text to `out` and measure the result.

    Args:
        source: The ad.
        tracks: What to remove.
        shots: The ad's shots, in order.
        out: The mezzanine to write; whole or not at all.
        inpainter: Fills the masks.
        detector: Reads the result again.
        on_frame: Told the count of frames done.
    """
    began = time.monotonic()
    report = inpainter.clean(source, tracks, shots, out, on_frame=on_frame)
    residual = residual_text(detector, out, tracks)
    figures = {
        **report.figures,
        **(measure_scene(source, out, tracks) if tracks.overlays else {}),
        "most_masked_frame": _most_masked(tracks),
        "residual_text": residual.share,
        "residual_worst_frame": residual.worst_frame,
        "cleaning_s": round(time.monotonic() - began, 2),
    }
    return CleaningReport(figures, report.to_dict()["tracks"])


def measure_scene(source: Path, cleaned: Path, tracks: TextTracks) -> dict[str, Any]:
    """Return how well the cleaned video, as it decodes, keeps the source outside the masks.

    Luma SSIM at half size over some frames a second: `scene_ssim_p5` (5th percentile), `scene_ssim_min` and
    `scene_worst_frame`.
    """
    values: dict[int, float] = {}
    with VideoReader(source) as before, VideoReader(cleaned) as after:
        every = max(1, round(float(before.facts.fps) / SAMPLES_PER_S))
        for one, other in zip(before.pictures(), after.pictures(), strict=False):
            if one.index % every == 0:
                mask = tracks.mask_at(one.index)
                small = np.zeros(one.picture.size, np.uint8) if mask is None else mask.astype(np.uint8)
                values[one.index] = masked_similarity(
                    half_size(one.picture.y), half_size(other.picture.y), half_size(small * 255) > 0
                )
    if not values:
        raise VideoUnreadable(f"{cleaned.name} holds no picture.", remedy="Clean the ad again.")
    worst = min(values, key=lambda frame: values[frame])
    return {
        "scene_ssim_p5": round(float(np.percentile(list(values.values()), 5)), 5),
        "scene_ssim_min": round(values[worst], 5),
        "scene_worst_frame": worst,
    }


def half_size(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a plane shrunk to half its height and width by area."""
    return cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _most_masked(tracks: TextTracks) -> int | None:
    """Return the middle frame of the overlay that replaces most, or None without overlays."""
    if not tracks.overlays:
        return None
    widest = max(
        tracks.overlays, key=lambda track: max((span.bitmap.sum() for span in track.spans), default=0)
    )
    return (widest.first_frame + widest.last_frame) // 2
