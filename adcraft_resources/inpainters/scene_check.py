"""Measuring that a removal left the scene alone: the written mezzanine against the source, outside the masks.

Belongs here: sampling frames of both files and comparing them. Does not: deciding whether the figures pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.similarity import masked_similarity
from adcraft_resources.algorithms.values import TextTracks
from adcraft_resources.video_codecs import pictures_at

SAMPLES = 24  # frames compared: enough for a 5th percentile to mean something, few enough to cost little
SHRINK_ABOVE = 400  # px of the short side: larger pictures are compared at half size


@dataclass(frozen=True, slots=True)
class SceneSimilarity:
    """SSIM outside the masks over the sampled frames."""

    p5: float
    least: float
    worst_frame: int | None
    sampled: int


class SceneCheck:
    """Keeps the luma of sampled source frames on their way to the encoder; `measured` reads the result back."""

    def __init__(self, tracks: TextTracks) -> None:
        count = tracks.frame_count
        self._frames = {int(place) for place in np.linspace(0, max(count - 1, 0), min(SAMPLES, count))}
        self._tracks = tracks
        self._kept: dict[int, NDArray[np.uint8]] = {}

    def see(self, frame: int, luma: NDArray[np.uint8]) -> None:
        """Look at a source picture's luma before it is patched."""
        if frame in self._frames:
            self._kept[frame] = _small(luma)

    def measured(self, written: Path) -> SceneSimilarity:
        """Compare the sampled frames with what `written` decodes to."""
        values: dict[int, float] = {}
        for frame, picture in pictures_at(written, list(self._kept)):
            before, luma = self._kept[frame], _small(picture.y)
            mask = self._tracks.mask_at(frame)
            hidden = np.zeros(before.shape, np.bool_)
            if mask is not None:
                shape = before.shape[::-1]
                hidden = cv2.resize(mask.astype(np.uint8) * 255, shape, interpolation=cv2.INTER_AREA) > 0
            value = masked_similarity(before, luma, hidden)
            if np.isfinite(value):
                values[frame] = float(value)
        if not values:
            return SceneSimilarity(1.0, 1.0, None, 0)
        worst = min(values, key=lambda frame: values[frame])
        return SceneSimilarity(
            float(np.percentile(list(values.values()), 5)), values[worst], worst, len(values)
        )


def _small(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if min(luma.shape) <= SHRINK_ABOVE:
        return luma.copy()
    size = (luma.shape[1] // 2, luma.shape[0] // 2)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
