"""Marks that stand on the screen while the scene is seen moving through them: logos and words no reader finds.

Belongs here: finding them in frames spread over a clip. Does not: which frames (text_detectors), taking them off
(veils, veil_lifting).

Edges of a moving scene cancel out over its frames, those of a mark stay (Dekel et al., On the Effectiveness of
Visible Watermarks, 2017). What stays is a mark only if what lies behind shows through it by one law in every frame: a
thing of the scene that happens to rest does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_growth import fill_holes
from adcraft_resources.algorithms.text_boxes import disk
from adcraft_resources.algorithms.values import Mask
from adcraft_resources.algorithms.veils import LEAST_SAMPLES, Veil, estimate_veil, guessed_scene

Field = NDArray[np.float32]

MOST_EDGE = 24.0  # levels: stronger edges of single frames count as this
LEAST_EDGE, SURE_EDGE = 1.2, 4.0  # levels of a mean edge; times its standard error
RESTLESS = 9.0  # temporal deviation of a scene that moves
MOVING_SHARE = (
    0.6  # of the picture that moves at least: before a still camera a resting thing is much like a mark
)
DENSEST = 0.7  # share of an overlay's pixels from which on it is as good as opaque
JOIN, REACH = 0.012, 0.006  # of the long side: gaps inside a mark, and between its words
MARGIN = 0.035  # of the long side around a mark
LEAST_AREA, MOST_AREA = 1.5e-4, 0.25  # of the picture
MOST_MARKS = 4
THROUGH, AGAINST_NONE = 0.3, 0.25  # error left of that of an opaque mark, and of none, at most
STEADY = (
    0.16  # deviation of a mark's contrast, of what its law says: things of the scene come to 0.24 and more
)
STANDS = 0.5  # of its usual contrast in a frame
LASTS = 0.85  # of the samples between its first and last
EDGE_ALPHA = 0.15  # of a mark's usual alpha that still belongs to it


@dataclass(frozen=True)
class StandingMark:
    """A mark found: `mask` (h, w) of the frame, whether it stands in each sample, and what it does to the scene."""

    mask: Mask
    stands: tuple[bool, ...]
    alpha: float


def find_standing_marks(frames: Sequence[NDArray[np.uint8]], known: Mask) -> list[StandingMark]:
    """Return the marks over the luma `frames` (h, w), strongest first.

    `known` (h, w) is what needs no search: opaque overlays found otherwise.
    """
    if len(frames) < LEAST_SAMPLES:
        return []
    edges = _lasting_edges(frames) & ~known
    found = (_mark_at(frames, support, box) for support, box in _candidates(edges))
    return [mark for mark in found if mark is not None]


def _lasting_edges(frames: Sequence[NDArray[np.uint8]]) -> Mask:
    """Return where edges last over a scene that moves."""
    height, width = frames[0].shape
    total, squares = np.zeros((2, height, width), np.float32), np.zeros((height, width), np.float32)
    light, power = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for frame in frames:
        here = frame.astype(np.float32)
        cv2.accumulate(here, light)
        cv2.accumulateSquare(here, power)
        for axis, (dx, dy) in enumerate(((1, 0), (0, 1))):
            edge = np.clip(cv2.Sobel(here, cv2.CV_32F, dx, dy, scale=0.25), -MOST_EDGE, MOST_EDGE)
            cv2.accumulate(edge, total[axis])
            cv2.accumulateSquare(edge, squares)
    count = len(frames)
    mean = np.square(total / count).sum(axis=0)
    error = np.maximum(squares / count - mean, 0.25) / (0.5 * count)  # frames nearby are not independent
    unrest = np.sqrt(np.maximum(power / count - np.square(light / count), 0))
    around = cv2.blur(unrest, (2 * round(0.02 * max(height, width)) + 1,) * 2)
    if float((around > RESTLESS).mean()) < MOVING_SHARE:
        return np.zeros((height, width), np.bool_)
    return np.asarray((mean > LEAST_EDGE**2) & (mean > SURE_EDGE**2 * error) & (around > RESTLESS))


def _candidates(edges: Mask) -> Iterator[tuple[Mask, tuple[int, int, int, int]]]:
    """Yield supports of what may be a mark, each in its box (left, top, right, bottom), those of most edges first."""
    height, width = edges.shape
    side = max(height, width)
    clear = cv2.morphologyEx(edges.astype(np.uint8), cv2.MORPH_CLOSE, disk(2))
    clear = cv2.morphologyEx(clear, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = cv2.dilate(clear, disk(round(JOIN * side)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    strength = np.bincount(labels[clear > 0], minlength=count)
    strength[0] = 0
    for label in np.argsort(-strength)[:MOST_MARKS]:
        x, y, w, h, _ = (int(value) for value in stats[label])
        if strength[label] < LEAST_AREA * edges.size or w * h > MOST_AREA * edges.size:
            continue
        pad = round(MARGIN * side)
        left, top = max(0, x - pad) // 2 * 2, max(0, y - pad) // 2 * 2
        right, bottom = (
            min(width // 2 * 2, (x + w + pad + 1) // 2 * 2),
            min(height // 2 * 2, (y + h + pad + 1) // 2 * 2),
        )
        own = ((labels == label) & (clear > 0))[top:bottom, left:right]
        closed = cv2.morphologyEx(own.astype(np.uint8), cv2.MORPH_CLOSE, disk(round(REACH * side)))
        yield cv2.dilate(fill_holes(closed > 0).astype(np.uint8), disk(3)) > 0, (left, top, right, bottom)


def _mark_at(
    frames: Sequence[NDArray[np.uint8]], support: Mask, box: tuple[int, int, int, int]
) -> StandingMark | None:
    left, top, right, bottom = box
    samples = [frame[top:bottom, left:right, None] for frame in frames]
    veil = estimate_veil(samples, support)
    if veil is None:
        return None
    usual = float(np.percentile(veil.alpha[veil.alpha > 0], 80))
    marked = veil.alpha > EDGE_ALPHA * usual
    marked = cv2.morphologyEx(marked.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    core = veil.alpha > 0.5 * usual
    if usual > DENSEST or marked.sum() < LEAST_AREA * frames[0].size or not core.any():
        return None
    stands = _standing(samples, veil, core)
    if stands is None:
        return None
    mask = np.zeros(frames[0].shape, np.bool_)
    mask[top:bottom, left:right] = cv2.dilate(marked.astype(np.uint8), disk(2)) > 0
    return StandingMark(mask, stands, usual)


def _standing(samples: Sequence[NDArray[np.uint8]], veil: Veil, core: Mask) -> tuple[bool, ...] | None:
    """Return whether the mark stands in each sample; None where the samples do not speak for a see-through mark."""
    scenes = guessed_scene(samples, veil.alpha > 0)
    shown = np.stack([sample[..., 0][core] for sample in samples]).astype(np.float32)
    scene = np.stack([guess[..., 0][core] for guess in scenes])
    expected = veil.alpha[core] * (veil.colour[..., 0][core] - scene)
    strength = (expected * (shown - scene)).sum(axis=1) / np.maximum((expected * expected).sum(axis=1), 1.0)
    stands = strength > STANDS
    if stands.sum() < LEAST_SAMPLES:
        return None
    first, last = np.flatnonzero(stands)[[0, -1]]
    here = slice(first, last + 1)
    if float(stands[here].mean()) < LASTS or float(strength[here].std()) > STEADY:
        return None
    left = float(np.square(shown - scene - expected)[here].mean())
    opaque = float(shown[here].var(axis=0).mean())
    none = float(np.square(shown - scene)[here].mean())
    return (
        tuple(bool(one) for one in stands) if left < THROUGH * opaque and left < AGAINST_NONE * none else None
    )
