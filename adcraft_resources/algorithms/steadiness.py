"""How steady a restyled clip is beside its source: does it shimmer, does its colour flicker?

Belongs here: streaming measures over pairs of frames. Does not: thresholds, or making looks steady.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.values import Frame

_THUMBNAIL = 64  # px, the side of the picture mean colour is read from
_CUT_LEVELS = 18.0  # mean warped difference of the source above which two frames are not one take
_LEAST_CONTRAST = 1.0  # luma levels a picture's deviation is taken as at least

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Steadiness:
    """Ratios of the restyled clip to its source; 1 is as steady as it was. None where nothing could be compared.

    `warp` compares what changes from one frame to the next once motion is taken out, over the picture's contrast:
    above 1 texture shimmers, well below 1 the look blurs. `flicker` compares the second difference of the mean CIELAB
    colour: pops and pumping, not fades.
    """

    warp: float | None
    flicker: float | None
    pairs: int


@dataclass(frozen=True, eq=False)
class Sight:
    """What is measured on a frame: half-size luma and mean CIELAB colour."""

    luma: NDArray[np.uint8]
    colour: NDArray[np.float64]

    @classmethod
    def of(cls, frame: Frame) -> Sight:
        """Look at an RGB frame (h, w, 3)."""
        half = cv2.resize(luma_of(frame), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        small = cv2.resize(frame, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
        colour = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(0, dtype=np.float64)
        return cls(np.asarray(half, np.uint8), colour)


@dataclass(frozen=True)
class Passage:
    """The way from one source frame to the next: where each pixel goes, and what changes on the way, over contrast.

    `change` is None for a cut.
    """

    where: Plane
    change: float | None

    @classmethod
    def between(cls, before: Sight, after: Sight) -> Passage:
        """Find it by dense inverse search."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        flow = search.calc(before.luma, after.luma, cast(Any, None))
        where = np.asarray(_grid(before.luma.shape) + flow, np.float32)
        left = _left(before, after, where)
        return cls(where, None if left > _CUT_LEVELS else left / _contrast(before))


class SteadinessMeter:
    """Push each source frame with its restyled frame, in order; read `result` at the end. Memory does not grow.

    The motion is the source's (dense inverse search at half size), measured on every `step`-th pair of frames; the
    colour of every frame counts.
    """

    def __init__(self, *, step: int = 3) -> None:
        self._step = step
        self._index = 0
        self._last: tuple[Sight, Sight] | None = None
        self._errors = np.zeros(2)
        self._pairs = 0
        self._colours: list[NDArray[np.float64]] = []
        self._jumps: NDArray[np.float64] = np.zeros(2)
        self._jump_count = 0

    def push(self, source: Frame, restyled: Frame) -> None:
        """Take the next pair of RGB frames of one size (h, w)."""
        self.see(Sight.of(source), Sight.of(restyled))

    def see(
        self, source: Sight, restyled: Sight, passage: Callable[[Sight, Sight], Passage] = Passage.between
    ) -> None:
        """`push` for frames looked at already; whoever measures many restyles of a source finds its motion once."""
        self._push_colours(source, restyled)
        phase = self._index % self._step
        if phase == 0:
            self._last = source, restyled
        elif phase == 1 and self._last is not None:
            before, restyled_before = self._last
            self._push_warp(passage(before, source), restyled_before, restyled)
        self._index += 1

    def _push_colours(self, source: Sight, restyled: Sight) -> None:
        self._colours.append(np.stack([source.colour, restyled.colour]))
        if len(self._colours) > 2:  # noqa: PLR2004 - a second difference takes three
            a, b, c = self._colours = self._colours[-3:]
            self._jumps += np.abs(c - 2 * b + a).mean(1)
            self._jump_count += 1

    def _push_warp(self, passage: Passage, before: Sight, after: Sight) -> None:
        if passage.change is None:
            return
        self._errors += passage.change, _left(before, after, passage.where) / _contrast(before)
        self._pairs += 1

    @property
    def result(self) -> Steadiness:
        """The ratios so far."""
        warp = float(self._errors[1] / self._errors[0]) if self._pairs and self._errors[0] > 0 else None
        flicker = float(self._jumps[1] / self._jumps[0]) if self._jump_count and self._jumps[0] > 0 else None
        return Steadiness(warp, flicker, self._pairs)


def _left(before: Sight, after: Sight, where: Plane) -> float:
    """Mean levels by which a frame differs from the next one along its motion."""
    return float(np.abs(before.luma.astype(np.float32) - _warp(after.luma, where)).mean())


def _contrast(sight: Sight) -> float:
    return max(float(sight.luma.std()), _LEAST_CONTRAST)


def _grid(shape: tuple[int, ...]) -> Plane:
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return np.stack([x, y], -1)


def _warp(luma: NDArray[np.uint8], where: Plane) -> Plane:
    moved = cv2.remap(
        luma.astype(np.float32),
        where[..., 0],
        where[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.float32)
