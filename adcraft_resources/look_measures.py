"""What a look did to a cleaned video, measured while it is rendered: structure, steadiness, skin.

Belongs here: which pictures are measured, and pooling what was found. Does not: the measures themselves
(algorithms), or anything after the look: crop, hook, grain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np

from adcraft_resources.algorithms.similarity import structural_similarity
from adcraft_resources.algorithms.skin import skin_delta_l
from adcraft_resources.algorithms.steadiness import Passage, Sight, SteadinessMeter
from adcraft_resources.algorithms.values import Mask, Yuv420
from adcraft_resources.video_codecs import TimedPicture, rgb_of, small_rgb_of, yuv_of

_SSIM_SAMPLES: Final = 24
_SSIM_APART: Final = 30  # pictures, at least
_WINDOWS: Final = 5  # stretches in which steadiness is measured
_WINDOW: Final = 12  # pictures each
_STEADY_SIDE: Final = 240  # px of the short side at which it is measured
_SKIN_MIDDLE: Final = -2.0  # of the allowed change of L*, −6 to +2
_KEPT: Final = 32  # sights, and passages, of a source that lanes at different pictures may ask for

Key = TypeVar("Key")
Found = TypeVar("Found")


class SourceSights:
    """A source's pictures as steadiness sees them, and the motion between them: found once for all its variants."""

    def __init__(self) -> None:
        self._sights: dict[int, Sight] = {}
        self._passages: dict[tuple[Sight, Sight], Passage] = {}
        self._finding = threading.Lock()

    def sight(self, timed: TimedPicture) -> Sight:
        """The picture, looked at."""
        with self._finding:
            return _kept(self._sights, timed.index, lambda: Sight.of(_small(timed.picture)))

    def passage(self, before: Sight, after: Sight) -> Passage:
        """The motion from one picture to the next."""
        with self._finding:
            return _kept(self._passages, (before, after), partial(Passage.between, before, after))


def _kept(store: dict[Key, Found], key: Key, find: Callable[[], Found]) -> Found:
    if key not in store:
        while len(store) >= _KEPT:
            store.pop(next(iter(store)))
        store[key] = find()
    return store[key]


class LookMeasures:
    """Push every picture once, with its restyled one; read `figures` at the end. Cost and memory are flat."""

    def __init__(self, frame_count: int, source: SourceSights) -> None:
        self._source = source
        self._ssim_every = max(_SSIM_APART, frame_count // _SSIM_SAMPLES)
        self._window_every = max(2 * _WINDOW, frame_count // _WINDOWS)
        self._count = 0
        self._ssims: list[float] = []
        self._lifts: list[tuple[float, int]] = []
        self._opening_lift: float | None = None
        self._meters: list[SteadinessMeter] = []

    def push(self, timed: TimedPicture, styled: Yuv420, skin: Mask | None) -> None:
        """Take the next picture, its restyled one (BT.709 limited), and its skin where it is known."""
        count, self._count = self._count, self._count + 1
        if count % self._ssim_every == 0:
            self._ssims.append(structural_similarity(_as_delivered(timed.picture).y, styled.y))
        if skin is not None:
            self._note_skin(timed, styled, skin)
        place = count % self._window_every
        if place == 0:
            self._meters.append(SteadinessMeter(step=2))
        if place < _WINDOW:
            seen = self._source.sight(timed)
            self._meters[-1].see(seen, Sight.of(_small(styled)), self._source.passage)

    def push_opening(self, source: Yuv420, opened: Yuv420, skin: Mask) -> None:
        """Take the first picture as cropped and as enriched, with its skin."""
        self._opening_lift = skin_delta_l(rgb_of(source), rgb_of(opened), skin)

    def figures(self) -> dict[str, Any]:
        """style_ssim (mean), style_ssim_min, skin_delta_l (None: no face), steadiness {warp, flicker, pairs}."""
        return {
            "style_ssim": round(float(np.mean(self._ssims)), 5),
            "style_ssim_min": round(float(np.min(self._ssims)), 5),
            "skin_delta_l": self._worst_lift(),
            "steadiness": self._steadiness(),
        }

    def _note_skin(self, timed: TimedPicture, styled: Yuv420, skin: Mask) -> None:
        lift = skin_delta_l(rgb_of(timed.picture), rgb_of(styled), skin)
        if lift is not None:
            self._lifts.append((lift, int(skin.sum())))

    def _worst_lift(self) -> float | None:
        """Signed mean ΔL* over all skin seen, or on the opened first frame where that strays more."""
        lifts = [lift for lift in (self._opening_lift,) if lift is not None]
        if self._lifts:
            total = sum(pixels for _, pixels in self._lifts)
            lifts.append(sum(lift * pixels for lift, pixels in self._lifts) / total)
        return round(max(lifts, key=lambda lift: abs(lift - _SKIN_MIDDLE)), 3) if lifts else None

    def _steadiness(self) -> dict[str, Any]:
        """Medians over the stretches: one with a cut in it must not decide."""
        found = [meter.result for meter in self._meters]
        warps = [one.warp for one in found if one.warp is not None]
        flickers = [one.flicker for one in found if one.flicker is not None]
        return {
            "warp": round(float(np.median(warps)), 4) if warps else None,
            "flicker": round(float(np.median(flickers)), 4) if flickers else None,
            "pairs": sum(one.pairs for one in found),
        }


def _small(picture: Yuv420) -> np.ndarray:
    height, width = picture.size
    scale = min(1.0, _STEADY_SIDE / min(height, width))
    return small_rgb_of(picture, (round(height * scale), round(width * scale)))


def _as_delivered(picture: Yuv420) -> Yuv420:
    """The picture as BT.709 limited, as looks return theirs."""
    return picture if (picture.matrix, picture.range) == ("bt709", "limited") else yuv_of(rgb_of(picture))
