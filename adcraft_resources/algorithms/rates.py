"""Rates and ranks: intervals of proportions, correlation of orders, and weights refitted to outcomes.

Belongs here: the statistics of how variants did. Does not: reading results or saying what they mean.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_Z95 = 1.959963984540054


def wilson_interval(hits: float, trials: float, z: float = _Z95) -> tuple[float, float]:
    """Return the score interval of a proportion, 95 % by default.

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.
    """
    rate = hits / trials
    centre = rate + z * z / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def average_ranks(values: Array) -> Array:
    """Return ranks from 1; equal values share the mean of theirs."""
    below = (values[:, None] > values[None, :]).sum(axis=1)
    level = (values[:, None] == values[None, :]).sum(axis=1)
    return below + (level + 1) / 2.0


def spearman(one: Array, other: Array) -> float | None:
    """Return the rank correlation of two series of equal length, or None where one of them does not vary."""
    a, b = average_ranks(one), average_ranks(other)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return None if scale == 0 else float((a * b).sum() / scale)


def permutation_p(one: Array, other: Array, *, rounds: int, rng: np.random.Generator) -> float:
    """Return how often chance alone gives a rank correlation at least as far from 0, two-sided."""
    seen = abs(spearman(one, other) or 0.0)
    a, b = average_ranks(one), average_ranks(other)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum())) or 1.0
    shuffled = np.stack([rng.permutation(b) for _ in range(rounds)])
    beyond = int((np.abs(shuffled @ a) / scale >= seen - 1e-12).sum())
    return (beyond + 1) / (rounds + 1)


def refit_weights(
    parts: Array,
    outcomes: Array,
    trials: Array,
    groups: NDArray[np.int64],
    weights: Array,
    *,
    shrinkage: float,
) -> Array:
    """Return weights of score parts that order outcomes better, pulled towards the old ones.

    Ridge regression within groups, on the scale of the old score, with weights held at 0 or above and their sum kept:
    minimise the trial-weighted squared error of the outcomes plus `shrinkage` times the squared change.

    Args:
        parts: (variants, parts) part values.
        outcomes: (variants,) log-odds of the rate.
        trials: (variants,) impressions; more say more.
        groups: (variants,) the ad each variant belongs to: ads differ for reasons no variant has.
        weights: (parts,) old weights, at least one above 0.
        shrinkage: Pull towards the old weights, in units of one variant's worth of evidence; above 0.
    """
    mass = trials / trials.mean()
    x, y = _within(parts, groups, mass), _within(outcomes[:, None], groups, mass)[:, 0]
    old = weights / weights.sum()
    spread = float(np.std(x @ old))
    scale = float(np.std(y)) / spread if spread > 0 else 1.0
    if float(np.std(y)) == 0 or scale == 0:
        return weights.astype(np.float64)
    y = y / scale
    variance = float(np.mean(x * x)) or 1.0
    gram = (x * mass[:, None]).T @ x / variance + shrinkage * np.eye(len(old))
    aim = (x * mass[:, None]).T @ y / variance + shrinkage * old
    new = old.copy()
    for _ in range(500):  # coordinate descent; convex, so it ends at the one minimum
        for k in range(len(new)):
            new[k] = max(0.0, float(new[k] + (aim[k] - gram[k] @ new) / gram[k, k]))
    total = float(new.sum())
    return weights.astype(np.float64) if total == 0 else new / total * float(weights.sum())


def _within(values: Array, groups: NDArray[np.int64], mass: Array) -> Array:
    """Return values less the weighted mean of their group."""
    told = values.astype(np.float64).copy()
    for group in np.unique(groups):
        rows = groups == group
        told[rows] -= np.average(told[rows], axis=0, weights=mass[rows])
    return told
