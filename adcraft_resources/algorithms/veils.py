"""A see-through mark over a changing scene: how much of each pixel it takes and in which colour, and taking it off.

Belongs here: the estimate from samples of its frames, its own doubt, and the inverse. Does not: finding marks,
choosing frames, filling what cannot be taken off.

A pixel under a mark shows (1 - a) * scene + a * colour. What the scene shows there is guessed from around the mark
in each sample; over many samples the guess errs both ways while a and the colour stay (the idea of Dekel et al., On
the Effectiveness of Visible Watermarks, 2017, with one clip's time in place of a collection). How far such guesses
err is tried on a copy of the mark's shape laid beside it, where the scene is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.text_boxes import disk
from adcraft_resources.algorithms.values import Mask
from adcraft_resources.algorithms.veil_colours import (
    CONTRAST,
    MOST_COLOURS,
    MarkSums,
    colours_of,
    laid_out,
    plane_colour,
)

Field = NDArray[np.float32]

LEAST_SAMPLES = 8
LEAST_ALPHA, MOST_ALPHA = 0.04, 0.85  # fainter is nothing; denser leaves too little of the scene
CORE = 0.75  # of a colour's usual alpha: its inside
PLAIN_LEVELS, MIXED_LEVELS = (
    2.0,
    40.0,
)  # by which a pixel's light may stray from its colour's, and beside another
NARROW, CARRIES, NEAR = 0.8, 0.2, 4  # a support is worth narrowing; share of usual alpha; pixels around it
MOST_DOUBT = 0.02  # of pixels that were seen to carry nothing
CODEC_LEVELS = 2.5  # of noise an upload's coding leaves
LEAST_VARIANCE = 4.0
DEPTHS = 96  # pixels from which on deeper ones are held alike


@dataclass(frozen=True)
class Veil:
    """What a mark does to the pixels of a crop with even sides.

    `alpha` (h, w) is its share of each pixel, `colour` (h, w, 3) its Y, U, V there, `doubt` (h, w) the standard error
    of alpha.
    """

    alpha: Field
    colour: Field
    doubt: Field

    def part(self, top: int, bottom: int, left: int, right: int) -> Veil:
        """Return a part of it."""
        rows, columns = slice(top, bottom), slice(left, right)
        return Veil(self.alpha[rows, columns], self.colour[rows, columns], self.doubt[rows, columns])

    def lift_luma(self, luma: Field) -> tuple[Field, Field]:
        """Return luma (h, w) without the mark, and by how many squared levels each pixel may err."""
        through = np.maximum(1 - self.alpha, 1 - MOST_ALPHA)
        scene = (luma - self.alpha * self.colour[..., 0]) / through
        away = np.abs(self.colour[..., 0] - scene)
        error = ((self.doubt * away) ** 2 + CODEC_LEVELS**2) / through**2
        error[self.alpha > MOST_ALPHA] = np.inf
        return np.clip(scene, 0, 255).astype(np.float32), error.astype(np.float32)

    def lift_chroma(self, chroma: Field) -> Field:
        """Return chroma (h / 2, w / 2, 2) without the mark."""
        through = np.maximum(1 - _halved(self.alpha), 1 - MOST_ALPHA)
        light = [_halved(self.alpha * self.colour[..., plane]) for plane in (1, 2)]
        return np.clip((chroma - np.dstack(light)) / through[..., None], 0, 255).astype(np.float32)


def _halved(plane: Field) -> Field:
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def estimate_veil(samples: Sequence[NDArray[np.uint8]], support: Mask) -> Veil | None:
    """Return the veil over `support`, or None where the samples do not tell.

    Args:
        samples: Crops (h, w, 3) Y, U, V of frames that show the mark, chroma at full size; or (h, w, 1) of luma.
        support: (h, w) everything the mark may touch.
    """
    if len(samples) < LEAST_SAMPLES or not support.any() or support.all():
        return None
    wide = _estimate(samples, support)
    near = _narrowed(wide.alpha, support)
    veil = _estimate(samples, near) if near.sum() < NARROW * support.sum() else wide
    alphas = veil.alpha[veil.alpha > 0]
    if not alphas.size or float(np.percentile(alphas, 80)) > MOST_ALPHA:
        return None
    return Veil(veil.alpha, veil.colour, np.where(near, veil.doubt, np.minimum(wide.doubt, MOST_DOUBT)))


def guessed_scene(samples: Sequence[NDArray[np.uint8]], support: Mask) -> Iterator[Field]:
    """Yield what stands under `support` in each sample, continued from around it."""
    return (push_pull(sample, ~support) for sample in samples)


def _narrowed(alpha: Field, support: Mask) -> Mask:
    """Return the part of a support that carries a mark: the nearer the known scene, the better the guesses."""
    usual = float(np.percentile(alpha[alpha > 0], 80)) if (alpha > 0).any() else 1.0
    marked = cv2.morphologyEx(
        (alpha > CARRIES * usual).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)
    )
    near = cv2.dilate(marked, disk(NEAR)).astype(np.bool_) & support
    return near if near.any() else support


def _estimate(samples: Sequence[NDArray[np.uint8]], support: Mask) -> Veil:
    depth = np.minimum(_depth(support)[support], DEPTHS).astype(np.intp)
    guesses = [guess[support] for guess in guessed_scene(samples, support)]
    sums = [_sums(samples, guesses, support, plane) for plane in range(samples[0].shape[2])]
    variance, lasting = _trial(samples, support, depth)
    weight = (1 / np.maximum(variance, LEAST_VARIANCE)).astype(np.float32)
    labels, levels = colours_of(sums[0], weight, support)
    colour = np.stack([plane_colour(one, sums[0], labels, levels, weight) for one in sums], axis=1)
    colour[:, 0] = levels[labels]
    between = _between(labels, support)
    alpha, colour[:, 0] = _mixed(sums[0], colour[:, 0], variance, between)
    doubt = _doubt(
        sums[0], np.where(between, sums[0].guess / sums[0].count, levels[labels]), variance, lasting
    )
    alpha, doubt = _settled(alpha, doubt, labels, support)
    return Veil(laid_out(alpha, support), laid_out(colour, support), laid_out(doubt, support))


def _depth(support: Mask) -> Field:
    distance = cv2.distanceTransform(np.pad(support, 1).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(distance[1:-1, 1:-1], np.float32)


def _sums(
    samples: Sequence[NDArray[np.uint8]], guesses: Sequence[Field], support: Mask, plane: int
) -> MarkSums:
    sums = np.zeros((5, int(support.sum())), np.float64)
    for sample, whole in zip(samples, guesses, strict=True):
        guess = whole[:, plane].astype(np.float64)
        off = sample[..., plane][support] - guess
        sums += np.stack([off, off * guess, guess, guess * guess, off * off])
    return MarkSums(len(samples), *sums.astype(np.float32))


def _trial(
    samples: Sequence[NDArray[np.uint8]], support: Mask, depth: NDArray[np.intp]
) -> tuple[Field, Field]:
    """Guess the known scene beside the mark; return the guess's squared error and that of its mean, per pixel."""
    shape = _beside(support)
    known = shape & ~support
    if not known.any():
        return np.full(len(depth), np.inf, np.float32), np.full(len(depth), np.inf, np.float32)
    errors = np.stack(
        [sample[..., 0][known] - push_pull(sample[..., 0], ~(shape | support))[known] for sample in samples]
    )
    there = np.minimum(_depth(shape | support)[known], DEPTHS).astype(np.intp)
    whole = _by_depth(np.square(errors).mean(axis=0), there)
    lasting = _by_depth(np.square(errors.mean(axis=0)), there)
    return whole[depth], lasting[depth]


def _beside(support: Mask) -> Mask:
    """Return the support moved to where most of it lies beside itself."""
    height, width = support.shape
    best, most = np.zeros_like(support), -1
    reach_y, reach_x = max(2, height // 3), max(2, width // 3)
    for dy in (-reach_y, -reach_y // 2, 0, reach_y // 2, reach_y):
        for dx in (-reach_x, -reach_x // 2, 0, reach_x // 2, reach_x):
            moved = np.zeros_like(support)
            moved[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = support[
                max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)
            ]
            free = int((moved & ~support).sum())
            if free > most:
                best, most = moved, free
    return best


def _by_depth(values: Field, depth: NDArray[np.intp]) -> Field:
    """Return the mean value at each depth, growing inwards, from 0 to DEPTHS."""
    counts = np.bincount(depth, minlength=DEPTHS + 1)
    means = np.bincount(depth, values, DEPTHS + 1) / np.maximum(counts, 1)
    return np.maximum.accumulate(means).astype(np.float32)


def _between(labels: NDArray[np.intp], support: Mask) -> NDArray[np.bool_]:
    """Return the pixels beside another colour: edges there mix the two."""
    whole = laid_out((labels + 1).astype(np.float32), support)
    lowest = cv2.erode(np.where(support, whole, np.float32(MOST_COLOURS + 1)), np.ones((5, 5), np.uint8))
    return np.asarray((cv2.dilate(whole, np.ones((5, 5), np.uint8)) != lowest)[support])


def _mixed(sums: MarkSums, colour: Field, variance: Field, between: NDArray[np.bool_]) -> tuple[Field, Field]:
    """Return each pixel's share and colour: near another colour the samples may speak against the one given."""
    noise = np.maximum(variance, LEAST_VARIANCE)
    freedom = 1 / np.where(between, MIXED_LEVELS, PLAIN_LEVELS).astype(np.float32) ** 2
    # light = share * colour is drawn to what the given colour says: two unknowns, solved for each pixel
    first = sums.count / noise + freedom
    cross = -(sums.guess / noise + colour * freedom)
    second = sums.squared_guess / noise + colour * colour * freedom
    right, left = sums.off / noise, -sums.off_guess / noise
    whole = np.maximum(first * second - cross * cross, 1e-9)
    light, share = (second * right - cross * left) / whole, (first * left - cross * right) / whole
    share = np.clip(share, 0, 1)
    own = np.where(share > LEAST_ALPHA, light / np.maximum(share, LEAST_ALPHA), colour)
    return share.astype(np.float32), np.clip(own, 0, 255).astype(np.float32)


def _doubt(sums: MarkSums, colour: Field, variance: Field, lasting: Field) -> Field:
    """Return the standard error of alpha: what errs from sample to sample averages out, what lasts does not.

    Where a pixel's own colour had to be found, too, only the scene's changes tell: there `colour` is the scene's mean.
    """
    power = colour * colour * sums.count - 2 * colour * sums.guess + sums.squared_guess
    mean = np.maximum(power / sums.count, CONTRAST**2)
    return np.sqrt((variance / sums.count + lasting) / mean)


def _settled(alpha: Field, doubt: Field, labels: NDArray[np.intp], support: Mask) -> tuple[Field, Field]:
    """Draw alphas inside a colour to their usual value as far as their spread is no more than their doubt."""
    alpha, doubt = alpha.copy(), doubt.copy()
    alpha[alpha < LEAST_ALPHA] = 0
    for label in np.unique(labels):
        own = (labels == label) & (alpha > 0)
        if not own.any():
            continue
        usual = float(np.median(alpha[own & (alpha >= CORE * np.percentile(alpha[own], 80))]))
        dense = laid_out((own & (alpha >= CORE * usual)).astype(np.float32), support)
        core = cv2.erode(dense, np.ones((3, 3), np.uint8))[support] > 0
        if not core.any():
            continue
        noise = float(np.square(doubt[core]).mean())
        true = max(float(alpha[core].var()) - noise, (0.02 * usual) ** 2)
        keep = true / (true + np.square(doubt[core]))
        alpha[core] = usual + keep * (alpha[core] - usual)
        doubt[core] *= np.sqrt(keep)
    return alpha, doubt
