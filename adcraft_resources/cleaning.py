"""Cleaning one ad and proving it: fill, then read the result again.

Belongs here: the order of the two roles and their joint report. Does not: either role.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.inpainters import Inpainter
from adcraft_resources.text_detectors import TextDetector, residual_text

MEZZANINE = "cleaned.mp4"


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
        "most_masked_frame": _most_masked(tracks),
        "residual_text": residual.share,
        "residual_worst_frame": residual.worst_frame,
        "cleaning_s": round(time.monotonic() - began, 2),
    }
    return CleaningReport(figures, report.to_dict()["tracks"])


def _most_masked(tracks: TextTracks) -> int | None:
    """Return the middle frame of the overlay that replaces most, or None without overlays."""
    if not tracks.overlays:
        return None
    widest = max(
        tracks.overlays, key=lambda track: max((span.bitmap.sum() for span in track.spans), default=0)
    )
    return (widest.first_frame + widest.last_frame) // 2
