"""How steady a restyled clip is beside its source: does it shimmer, does its colour flicker?

Belongs here: streaming measures over pairs of frames. Does not: thresholds, or making looks steady.
"""

from __future__ import annotations

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


class SteadinessMeter:
    """Push each source frame with its restyled frame, in order; read `result` at the end. Memory does not grow.

    The motion is the source's (dense inverse search at half size), measured on every `step`-th pair of frames; the
    colour of every frame counts.
    """

    def __init__(self, *, step: int = 3) -> None:
        self._step = step
        self._index = 0
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._errors = np.zeros(2)
        self._pairs = 0
        self._colours: list[NDArray[np.float64]] = []
        self._jumps: NDArray[np.float64] = np.zeros(2)
        self._jump_count = 0

    def push(self, source: Frame, restyled: Frame) -> None:
        """Take the next pair of RGB frames of one size (h, w)."""
        self._push_colours(source, restyled)
        phase = self._index % self._step
        if phase == 0:
            self._last = (_half_luma(source), _half_luma(restyled))
        elif phase == 1 and self._last is not None:
            self._push_warp(self._last, (_half_luma(source), _half_luma(restyled)))
        self._index += 1

    def _push_colours(self, source: Frame, restyled: Frame) -> None:
        self._colours.append(np.stack([_mean_lab(source), _mean_lab(restyled)]))
        if len(self._colours) > 2:  # noqa: PLR2004 - a second difference takes three
            a, b, c = self._colours = self._colours[-3:]
            self._jumps += np.abs(c - 2 * b + a).mean(1)
            self._jump_count += 1

    def _push_warp(
        self,
        before: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        after: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    ) -> None:
        flow = self._flow.calc(before[0], after[0], cast(Any, None))
        grid = _grid(before[0].shape) + flow
        residuals = [
            float(np.abs(a.astype(np.float32) - _warp(b, grid)).mean())
            for a, b in zip(before, after, strict=True)
        ]
        if residuals[0] > _CUT_LEVELS:
            return
        contrast = [max(float(a.std()), _LEAST_CONTRAST) for a in before]
        self._errors += np.array(residuals) / contrast
        self._pairs += 1

    @property
    def result(self) -> Steadiness:
        """The ratios so far."""
        warp = float(self._errors[1] / self._errors[0]) if self._pairs and self._errors[0] > 0 else None
        flicker = float(self._jumps[1] / self._jumps[0]) if self._jump_count and self._jumps[0] > 0 else None
        return Steadiness(warp, flicker, self._pairs)


def _half_luma(frame: Frame) -> NDArray[np.uint8]:
    half = cv2.resize(luma_of(frame), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def _mean_lab(frame: Frame) -> NDArray[np.float64]:
    small = cv2.resize(frame, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(0, dtype=np.float64)


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
