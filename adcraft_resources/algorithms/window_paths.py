"""Where a window that follows something stands at each moment: one smooth path, its acceleration bounded.

Belongs here: fitting and reading such paths, along one axis. Does not: knowing what is followed (window_choice).

A path is a uniform cubic B-spline. Between knots its second derivative runs straight from one second difference of
the control points to the next (de Boor 1978), so a bound on those differences is a bound on the acceleration at
every moment, not only where it was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

STEP_S: Final = 0.25  # between knots: nobody follows anything by hand faster
_ROUNDS: Final = 8  # corrections of samples that fall out of their bounds
_INSISTENCE: Final = 40.0  # weight of such a sample, against one that is where it should be
_STIFFEST: Final = 1e12
_STIFFER: Final = 4.0


@dataclass(frozen=True)
class WindowPath:
    """Positions over time from `start_s` on, in the unit they were fitted in; one knot stands still."""

    start_s: float
    knots: tuple[float, ...]

    @property
    def is_still(self) -> bool:
        """Whether the window never moves."""
        return len(self.knots) == 1

    @property
    def most_acceleration(self) -> float:
        """Greatest acceleration at any moment, per s²."""
        return float(np.abs(np.diff(self.knots, 2)).max(initial=0.0)) / STEP_S**2

    def at(self, time_s: float) -> float:
        """The position at a time; before and after the path its ends hold."""
        if self.is_still:
            return self.knots[0]
        return float((_basis(np.array([time_s - self.start_s]), len(self.knots)) @ np.array(self.knots))[0])


def fit_path(
    times_s: Values,
    wanted: Values,
    low: Values,
    high: Values,
    *,
    room: float,
    most_acceleration: float,
) -> WindowPath:
    """Return the path nearest to `wanted` that moves no more abruptly than allowed and stays within 0 and `room`.

    Args:
        times_s: Ascending times of the samples.
        wanted: Where the window should stand at each.
        low: Least position at each that is not wrong; the fit leans on it hard, but smoothness comes first.
        high: Greatest such position.
        room: Greatest position there is.
        most_acceleration: Bound, in the unit of positions per s².
    """
    start, length = float(times_s[0]), float(times_s[-1] - times_s[0])
    count = int(np.ceil(length / STEP_S)) + 3
    basis = _basis(times_s - start, count)
    slow, smooth = _penalty(count, 1), _penalty(count, 2)
    aim, weight = np.clip(wanted, low, high), np.ones(len(wanted))
    knots = np.full(count, float(aim.mean()))
    for _ in range(_ROUNDS):
        knots = _smoothest(basis, aim, weight, slow, smooth, most_acceleration)
        found = basis @ knots
        out = (found < low - 1e-9) | (found > high + 1e-9)
        if not out.any():
            break
        aim = np.where(out, np.clip(found, low, high), aim)
        weight = np.where(out, _INSISTENCE, weight)
    return WindowPath(start, tuple(_held_within(knots, room).tolist()))


def _smoothest(
    basis: Values, aim: Values, weight: Values, slow: Values, smooth: Values, bound: float
) -> Values:
    """Least-squares knots, stiffened until no second difference is over the bound.

    With all stiffness there is, the knots lie on a line, so some stiffness is enough.
    """
    normal = basis.T @ (weight[:, None] * basis)
    right = basis.T @ (weight * aim)
    stiffness = 0.02
    while True:
        system = normal + stiffness * smooth + 0.02 * slow + 1e-9 * np.eye(len(smooth))
        knots = np.asarray(np.linalg.solve(system, right), np.float64)
        steepest = np.abs(np.diff(knots, 2)).max(initial=0.0) / STEP_S**2
        if steepest <= bound:
            return knots
        if stiffness >= _STIFFEST:
            return np.full(len(knots), float(knots.mean()))
        stiffness *= _STIFFER


def _held_within(knots: Values, room: float) -> Values:
    """Knots drawn towards the middle of their range until all fit; that only lessens any difference of theirs."""
    low, high = float(knots.min()), float(knots.max())
    if low >= 0 and high <= room:
        return knots
    shrink = min(1.0, room / (high - low)) if high > low else 1.0
    middle = (low + high) / 2
    half = shrink * (high - low) / 2
    return np.clip(float(np.clip(middle, half, room - half)) + shrink * (knots - middle), 0.0, room)


def _basis(times: Values, count: int) -> Values:
    """(times, knots) weights of the uniform cubic B-spline; times outside hold the ends."""
    spans = count - 3
    at = np.clip(times / STEP_S, 0, spans)
    first = np.minimum(at.astype(int), max(0, spans - 1))
    u = at - first
    weights = np.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=1
    )
    rows = np.zeros((len(times), count))
    for k in range(4):
        rows[np.arange(len(times)), np.minimum(first + k, count - 1)] += weights[:, k] / 6
    return rows


def _penalty(count: int, order: int) -> Values:
    rows = np.diff(np.eye(count), order, axis=0)
    return rows.T @ rows
