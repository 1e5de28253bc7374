"""Appraising a finished video: how well it suits the product, and what it looks like to compare it with others.

Belongs here: which frames are looked at, and keeping the result by content. Does not: formulas or ranks.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.likeness import cosine_similarity, hash_picture, mean_hash_distance
from adcraft_resources.encoders import ImageEncoder
from adcraft_resources.rankings import RankingSettings
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.video_codecs import probe_video, read_frames

PLACES = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Where a video is looked at, as shares of its length; the first frame counts for much, so it is one."""
VERSION = "1"
_ENCODING = threading.Lock()  # videos may be read side by side; the model has one caller at a time


@dataclass(frozen=True)
class Appraisal:
    """What one look at a video gave: `fit` 0..1, perceptual hashes at PLACES, a unit vector of its looks."""

    fit: float
    hashes: tuple[int, ...]
    descriptor: NDArray[np.float32]

    def resembles(self, other: Appraisal, settings: RankingSettings) -> bool:
        """Whether two videos are near-duplicates by both descriptor and hash."""
        alike = cosine_similarity(self.descriptor, other.descriptor) >= settings.duplicate_cosine
        return alike and mean_hash_distance(self.hashes, other.hashes) <= settings.duplicate_bits


def appraise(
    cache: ResultCache, encoder: ImageEncoder, video: Path, *, sha256: str, product_type: str
) -> tuple[Appraisal, bool]:
    """Return the appraisal of a video and whether it was known already.

    Args:
        cache: Where appraisals are kept by content, model and parameters.
        encoder: Scores and describes pictures.
        video: The file.
        sha256: Its content's hash.
        product_type: Which prompt set it is held against.
    """
    identity = {
        "sha256": sha256,
        "encoder": f"{type(encoder).__name__} {encoder.version}",
        "product_type": product_type,
        "places": list(PLACES),
        "version": VERSION,
    }
    value, hit = cache.value("appraisals", identity, lambda: _look_at(encoder, video, product_type))
    descriptor = np.array(value["descriptor"], np.float32)
    return Appraisal(value["fit"], tuple(int(one, 16) for one in value["hashes"]), descriptor), hit


def _look_at(encoder: ImageEncoder, video: Path, product_type: str) -> dict[str, Any]:
    count = probe_video(video).frame_count or 1
    frames = list(read_frames(video, [int(place * count) for place in PLACES]).values())
    with _ENCODING:
        embedded, scores = encoder.embed(frames), encoder.score(frames, product_type)
    descriptor = embedded.mean(axis=0)
    descriptor = descriptor / max(float(np.linalg.norm(descriptor)), 1e-9)
    hashes = [hash_picture(frame) for frame in frames]
    hashes += hashes[-1:] * (len(PLACES) - len(hashes))  # a clip of a few frames shows the same one twice
    return {
        "fit": float(np.mean(scores)),
        "hashes": [f"{one:016x}" for one in hashes],
        "descriptor": [round(float(one), 6) for one in descriptor],
    }
