"""Which part of a shot another shape of picture shows: how large a window, where, and how it moves.

Belongs here: the decision, from what was seen in the shot. Does not: seeing it (placements.subjects) or resampling
pictures (picture_layout).

A still window is tried first, since a moving one is seen; a moving one where the subject leaves it; and where either
would lose too much, a larger window, which leaves a border to be filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.framing import Box, Crop
from adcraft_resources.algorithms.window_paths import Values, WindowPath, fit_path

_PLACES: Final = 81  # still positions tried
_SIZES: Final = 8  # window sizes tried, from the target's shape to the whole picture
_MOVE_GAIN: Final = 0.04  # of the saliency that moving must save over standing still
_TOUCH: Final = 0.004  # of the side that a box may stick out
_SAME_SHAPE: Final = 0.995
_LEAST_BORDER: Final = 1.15  # of the target's shape: a thinner border looks like a mistake


@dataclass(frozen=True)
class Sighting:
    """What is to be seen in one picture.

    `faces` and `labels` are boxes in shares of the picture; `saliency` (h, w) says where it draws the eye, sums to 1.
    """

    index: int
    time_s: float
    faces: tuple[Box, ...]
    labels: tuple[Box, ...]
    saliency: NDArray[np.float32]

    @property
    def keep(self) -> tuple[Box, ...]:
        """Boxes a window may not cut."""
        return self.faces + self.labels

    def framed(self, crop: Crop) -> Sighting:
        """The same, in shares of the cropped picture."""
        if crop.is_empty:
            return self
        rows, columns = self.saliency.shape
        x, y, w, h = crop.window(rows, columns)
        part = cv2.resize(
            self.saliency[y : y + max(1, h), x : x + max(1, w)], (columns, rows), interpolation=cv2.INTER_AREA
        )
        total = float(part.sum())
        return Sighting(
            self.index,
            self.time_s,
            _seen(crop.map_box(box) for box in self.faces),
            _seen(crop.map_box(box) for box in self.labels),
            np.asarray(part / total if total > 0 else self.saliency, np.float32),
        )


def _seen(boxes: Iterable[Box]) -> tuple[Box, ...]:
    return tuple(box for box in boxes if box[2] > 0 and box[3] > 0)


@dataclass(frozen=True)
class ShotWindow:
    """The part of a shot that is shown: `share` of the side along `axis` (0 = x, 1 = y), from `path` on.

    `loss` is the mean share of saliency outside it. `filled` says that it is larger than the target's shape, so that
    a border is left around it.
    """

    axis: int
    share: float
    path: WindowPath
    loss: float
    filled: bool

    def window(self, time_s: float) -> Box:
        """x, y, width, height in shares of the picture."""
        at = self.path.at(time_s)
        return (at, 0.0, self.share, 1.0) if self.axis == 0 else (0.0, at, 1.0, self.share)


def choose_window(
    sightings: Sequence[Sighting],
    shape: float,
    target: float,
    *,
    most_loss: float,
    most_acceleration: float,
    margins: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
) -> ShotWindow:
    """Return the smallest window that keeps every box whole and loses no more saliency than allowed.

    Args:
        sightings: Of one shot in order, at least one.
        shape: Width : height of the picture.
        target: Width : height of the picture to be made.
        most_loss: Mean share of saliency that may fall outside.
        most_acceleration: Bound of a moving window, in sides of the picture per s².
        margins: Shares of the target at left, top, right, bottom where boxes should not stand, if that can be had.
    """
    axis, least = (0, target / shape) if shape > target else (1, shape / target)
    if least > _SAME_SHAPE:
        return ShotWindow(axis, 1.0, WindowPath(0.0, (0.0,)), 0.0, filled=False)
    scene = _Scene(sightings, axis, (margins[axis], margins[axis + 2]))
    for share in (least, *np.linspace(min(1.0, least * _LEAST_BORDER), 1.0, _SIZES)):
        found = _best_at(scene, float(share), most_loss, most_acceleration)
        if found is not None:
            return ShotWindow(axis, float(share), found[0], round(found[1], 4), filled=bool(share > least))
    return ShotWindow(axis, 1.0, WindowPath(0.0, (0.0,)), 0.0, filled=True)


class _Scene:
    """A shot seen along one axis: cumulated saliency and bounds of boxes."""

    def __init__(self, sightings: Sequence[Sighting], axis: int, margins: tuple[float, float]) -> None:
        self.times = np.array([one.time_s for one in sightings])
        self.margins = margins
        profiles = np.stack([one.saliency.sum(axis, dtype=np.float64) for one in sightings])
        profiles /= np.maximum(profiles.sum(1, keepdims=True), 1e-12)
        self._grid = np.linspace(0, 1, profiles.shape[1] + 1)
        self._sums = np.pad(profiles.cumsum(1), ((0, 0), (1, 0)))
        spans = [[(box[axis], box[axis] + box[axis + 2]) for box in one.keep] for one in sightings]
        self._first = np.array([min((a for a, _ in span), default=1.0) for span in spans])
        self._last = np.array([max((b for _, b in span), default=0.0) for span in spans])

    def bounds(self, share: float, margins: tuple[float, float] = (0.0, 0.0)) -> tuple[Values, Values]:
        """Least and greatest position at each time that keep all boxes inside the window less its margins."""
        low = np.clip(self._last - share * (1 - margins[1]), 0, 1 - share)
        return low, np.clip(self._first - share * margins[0], 0, 1 - share)

    def kept(self, share: float, positions: Values) -> Values:
        """Share of the saliency inside windows, (times, positions)."""
        return np.stack(
            [
                np.interp(positions + share, self._grid, sums) - np.interp(positions, self._grid, sums)
                for sums in self._sums
            ]
        )


def _best_at(
    scene: _Scene, share: float, most_loss: float, most_acceleration: float
) -> tuple[WindowPath, float] | None:
    """A path for windows of one size and the saliency it loses, or None where this size will not do."""
    room = 1 - share
    low, high = scene.bounds(share)
    if (low > high + _TOUCH).any():
        return None
    soft_low, soft_high = scene.bounds(share, scene.margins)
    clear = soft_low <= soft_high
    soft_low, soft_high = np.where(clear, soft_low, low), np.where(clear, soft_high, high)
    places = np.linspace(0, room, _PLACES)
    kept = scene.kept(share, places)
    still = _best_still(places, kept.mean(0), [(soft_low, soft_high), (low, high)])
    if still is not None and 1 - still[1] <= most_loss:
        best_moving = float(kept.max(1).mean())
        if still[1] >= best_moving - _MOVE_GAIN:
            return WindowPath(float(scene.times[0]), (still[0],)), 1 - still[1]
    moving = _moving(scene, share, places, kept, (soft_low, soft_high), most_acceleration)
    path, loss = moving
    at = np.array([path.at(time) for time in scene.times])
    holds = not ((at < low - _TOUCH) | (at > high + _TOUCH)).any()
    if holds and loss <= most_loss and (still is None or 1 - loss >= still[1] + _MOVE_GAIN):
        return path, loss
    if still is not None and 1 - still[1] <= most_loss:
        return WindowPath(float(scene.times[0]), (still[0],)), 1 - still[1]
    return None


def _best_still(
    places: Values, kept: Values, bounds: Sequence[tuple[Values, Values]]
) -> tuple[float, float] | None:
    """The position that keeps most saliency, inside the first of `bounds` that leaves any; None where none does."""
    for low, high in bounds:
        least, most = float(low.max()), float(high.min())
        if least <= most + _TOUCH:
            inside = np.clip(places, least, max(least, most))
            best = int(np.argmax(np.interp(inside, places, kept)))
            return float(inside[best]), float(np.interp(inside[best], places, kept))
    return None


def _moving(
    scene: _Scene,
    share: float,
    places: Values,
    kept: Values,
    bounds: tuple[Values, Values],
    most_acceleration: float,
) -> tuple[WindowPath, float]:
    weights = np.maximum(kept - kept.max(1, keepdims=True) + 0.02, 0)  # the middle of what is about as good
    wanted = (weights * places).sum(1) / np.maximum(weights.sum(1), 1e-12)
    low, high = bounds
    path = fit_path(
        scene.times,
        wanted,
        low,
        np.maximum(low, high),
        room=1 - share,
        most_acceleration=most_acceleration,
    )
    at = np.array([path.at(time) for time in scene.times])
    inside = [np.interp(p, places, row) for p, row in zip(at, kept, strict=True)]
    return path, 1 - float(np.mean(inside))
