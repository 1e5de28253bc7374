"""In which colours a see-through mark is drawn, from what samples show and what the scene is guessed to be.

Belongs here: the sums over samples, and choosing colours by them. Does not: guessing the scene, shares (veils).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Mask

Field = NDArray[np.float32]

DARKEST, LIGHTEST = 16.0, 235.0  # luma of black and white as most edits set marks
LEVELS = np.linspace(DARKEST, LIGHTEST, 12, dtype=np.float32)  # colours tried
MOST_COLOURS = 3
WORTH = 0.75  # of the cost that another colour must leave at most
PURE = 1.03  # of the least cost up to which pure white or black is taken
AGREE, ALIKE = 5, 0.3  # pixels whose neighbours mostly have one colour, and their say in a pixel's
CONTRAST = 6.0  # levels between colour and scene below which a pixel tells nothing


@dataclass(frozen=True)
class MarkSums:
    """Sums over samples of the pixels (n,) of a support: difference to the guessed scene, and the guess."""

    count: int
    off: Field
    off_guess: Field
    guess: Field
    squared_guess: Field
    squared_off: Field

    def alphas(self, colour: Field | float) -> tuple[Field, Field]:
        """Return each pixel's best share under a colour, and the squared error left."""
        power = colour * colour * self.count - 2 * colour * self.guess + self.squared_guess
        product = colour * self.off - self.off_guess
        share = np.clip(product / np.maximum(power, CONTRAST**2 * self.count), 0, 1).astype(np.float32)
        left = np.maximum(self.squared_off - 2 * share * product + share * share * power, 0)
        return share, np.asarray(left, np.float32)


def laid_out(values: Field, support: Mask) -> Field:
    """Return values (n,) or (n, c) of the pixels of `support` laid out as a picture, zeros elsewhere."""
    out = np.zeros((*support.shape, *values.shape[1:]), np.float32)
    out[support] = values
    return out


def colours_of(sums: MarkSums, weight: Field, support: Mask) -> tuple[NDArray[np.intp], Field]:
    """Return which of how many levels of luma each pixel's mark has: as few as explain the samples."""
    single = np.stack([sums.alphas(float(level))[1] * weight for level in LEVELS])
    agreed = np.stack([(1 - ALIKE) * cost + ALIKE * _neighbourly(cost, support) for cost in single])
    best, labels, cost = (int(agreed.sum(axis=1).argmin()),), np.zeros(len(weight), np.intp), np.inf
    cost = float(agreed[list(best)].sum())
    for count in range(2, MOST_COLOURS + 1):
        options = list(combinations(range(len(LEVELS)), count))
        costs = [float(agreed[list(option)].min(axis=0).sum()) for option in options]
        least = int(np.argmin(costs))
        if costs[least] > WORTH * cost:
            break
        best, cost = options[least], costs[least]
    labels = agreed[list(best)].argmin(axis=0)
    refined = [_refined(sums, weight * (labels == k), LEVELS[level]) for k, level in enumerate(best)]
    return labels, np.array(refined, np.float32)


def _neighbourly(cost: Field, support: Mask) -> Field:
    whole = cv2.blur(laid_out(cost.astype(np.float32), support), (AGREE, AGREE))
    share = cv2.blur(support.astype(np.float32), (AGREE, AGREE))
    return np.asarray(whole[support] / share[support], np.float32)


def _refined(sums: MarkSums, weight: Field, level: float) -> float:
    """Return the level between its neighbours on the scale that costs least; pure white and black where they do."""
    step = float(LEVELS[1] - LEVELS[0])
    fine = np.clip(np.linspace(level - step, level + step, 17), 0, 255)
    costs = [float((sums.alphas(float(one))[1] * weight).sum()) for one in fine]
    least, best = min(costs), float(fine[int(np.argmin(costs))])
    for pure in (DARKEST, LIGHTEST):
        if float((sums.alphas(pure)[1] * weight).sum()) <= PURE * least:
            return pure
    return best


def plane_colour(
    own: MarkSums, luma: MarkSums, labels: NDArray[np.intp], levels: Field, weight: Field
) -> Field:
    """Return the colour of a plane, one for each label, from the shares luma tells."""
    share, _ = luma.alphas(levels[labels])
    out = np.zeros(len(labels), np.float32)
    for label in range(len(levels)):
        at = weight * share * (labels == label)
        power = float((at * share).sum()) * own.count
        product = float((at * (own.off + share * own.guess)).sum())
        out[labels == label] = np.clip(product / max(power, 1e-6), 0, 255)
    return out
