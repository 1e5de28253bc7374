"""Filling one masked frame of a window from what other frames show, each source trusted by its error nearby.

Belongs here: predicting hidden blocks from traced sources, trying the same prediction on the ring around the
mask, and mixing predictions by the error found there. Does not: tracing, choosing frames, or file access.

Every prediction (past, future, by camera or flow, or spread in from around) is weighted by the inverse of its
squared error, so a still background comes from other frames while a passing person is filled from around,
within one mask. The signed error on the ring is spread under the mask and added: a revealed patch takes on
the present light (Perez et al., Poisson Image Editing, 2003, in its membrane form).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.source_tracing import Sources
from adcraft_resources.algorithms.surroundings import Surroundings
from adcraft_resources.algorithms.window_clip import Points, WindowClip, read_points

ERROR_FLOOR = 2.0  # squared levels: below this all predictions are equally good
SHARPNESS = 2.0  # exponent on inverse squared error; 1 mixes for least error, more keeps texture sharp
UNTRIED = 400.0  # squared levels assumed where the ring says nothing
NEGLIGIBLE = 0.04  # a prediction with less than this share of a block is not worth sampling
STEADY_SHARE = 0.65  # of the frame before, where it agrees
STEADY_LEVELS = 30.0  # disagreement at which that share is halved

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Fill:
    """New values of the filled blocks of one frame, in the order of `MaskGeometry.blocks`."""

    luma: Field
    """(n, 4): the block's pixels row by row."""
    chroma: Field
    """(n, 2)."""
    revealed: Field
    """(n,) share of the value that comes from other frames, 0..1."""


@dataclass(frozen=True)
class _Prediction:
    sources: Sources
    weight: Field
    offset: Field


def fill_frame(
    clip: WindowClip,
    frame: int,
    geometry: MaskGeometry,
    traces: Sequence[Sources],
    surroundings: Surroundings,
) -> Fill:
    """Return values for all filled blocks of `frame`; `traces` list their sources over `geometry.traced`."""
    predictions = [
        _judge(clip, frame, geometry, sources)
        for sources in traces
        if sources.found[geometry.filled_in_traced].any()
    ]
    around, error = surroundings.of(clip, frame, geometry)
    around_weight = (error + ERROR_FLOOR) ** -SHARPNESS
    total = around_weight + sum((prediction.weight for prediction in predictions), np.float32(0))
    values = around * (around_weight / total)[:, None]
    kept = around_weight / total
    for prediction in predictions:
        share = prediction.weight / total
        chosen = np.flatnonzero(share > NEGLIGIBLE)
        sampled = sample_blocks(clip, geometry, prediction.sources, chosen)
        sampled[:, :4] += prediction.offset[chosen, :1]
        sampled[:, 4:] += prediction.offset[chosen, 1:]
        values[chosen] += share[chosen, None] * sampled
        kept[chosen] += share[chosen]
    values /= kept[:, None]
    return Fill(values[:, :4], values[:, 4:], 1 - around_weight / (total * kept))


def steady_fill(clip: WindowClip, frame: int, geometry: MaskGeometry, fill: Fill, before: Sources) -> Fill:
    """Draw a fill towards the frame before it, moved along, where the two nearly agree: what flickers calms."""
    blocks = np.arange(len(geometry.blocks))
    seen = before.found[geometry.filled_in_traced]
    old = sample_blocks(clip, geometry, before, blocks)
    gap = old - np.hstack([fill.luma, fill.chroma])
    change = np.zeros((2, *clip.blocks), np.float32)
    change[0].reshape(-1)[geometry.blocks] = np.square(gap[:, :4]).mean(axis=1)
    change[1].reshape(-1)[geometry.blocks] = 1
    mean, weight = (cv2.blur(plane, (7, 7)).reshape(-1)[geometry.blocks] for plane in change)
    share = STEADY_SHARE / (1 + mean / np.maximum(weight, 1e-3) / STEADY_LEVELS**2) * seen
    moved = share[:, None].astype(np.float32) * gap
    return Fill(fill.luma + moved[:, :4], fill.chroma + moved[:, 4:], fill.revealed)


def write_fill(clip: WindowClip, frame: int, geometry: MaskGeometry, fill: Fill) -> None:
    """Put the fill into the clip: masked luma pixels and the chroma of touched blocks, nothing else."""
    rows, columns, chosen = geometry.pixels
    luma = np.clip(fill.luma.reshape(-1)[chosen] + 0.5, 0, 255).astype(np.uint8)
    clip.luma(frame)[rows, columns] = luma
    row, column = np.divmod(geometry.blocks, clip.blocks[1])
    clip.chroma(frame)[row, column] = np.clip(fill.chroma + 0.5, 0, 255).astype(np.uint8)
    clip.refresh_half(frame)


def sample_blocks(
    clip: WindowClip, geometry: MaskGeometry, sources: Sources, chosen: NDArray[np.intp]
) -> Field:
    """Return (m, 6) values of the chosen filled blocks at their sources: four luma pixels, two of chroma."""
    traced = geometry.filled_in_traced[chosen]
    row, column = np.divmod(geometry.blocks[chosen], clip.blocks[1])
    frame = np.maximum(sources.frame[traced], 0)
    x, y = column + sources.dx[traced] / 2, row + sources.dy[traced] / 2
    out = np.empty((len(chosen), 6), np.float32)
    out[:, 4:] = clip.chroma_at(frame, x, y)
    wide = (2 * x)[:, None] + np.array([0, 1, 0, 1], np.float32)
    tall = (2 * y)[:, None] + np.array([0, 0, 1, 1], np.float32)
    out[:, :4] = clip.luma_at(np.repeat(frame, 4), wide.reshape(-1), tall.reshape(-1)).reshape(-1, 4)
    return out


def _judge(clip: WindowClip, frame: int, geometry: MaskGeometry, sources: Sources) -> _Prediction:
    """Predict the known ring as the hidden blocks beside it are predicted; weigh by the error made."""
    ring, follows = geometry.ring, geometry.ring_follows
    height, width = clip.blocks
    row, column = np.divmod(ring, width)
    there = sources.frame[follows]
    x = column + sources.dx[follows] / 2
    y = row + sources.dy[follows] / 2
    near_x, near_y = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    fair = (there >= 0) & (near_x >= 0) & (near_y >= 0) & (near_x < width) & (near_y < height)
    place = (np.maximum(there, 0) * height + near_y) * width + near_x
    fair &= ~clip.hidden.reshape(-1)[np.where(fair, place, 0)]
    chosen = np.flatnonzero(fair)
    there, x, y, row, column = there[chosen], x[chosen], y[chosen], row[chosen], column[chosen]
    signed = np.empty((len(chosen), 4), np.float32)
    signed[:, 0] = clip.half(frame)[row, column] - clip.half_at(there, x, y)
    signed[:, 1:3] = clip.chroma(frame)[row, column] - clip.chroma_at(there, x, y)
    signed[:, 3] = signed[:, 0] ** 2
    spread = _spread(geometry, geometry.ring_cells[chosen], signed)
    found = sources.found[geometry.filled_in_traced]
    if spread is None:
        error, offset = np.float32(UNTRIED), np.zeros((len(found), 3), np.float32)
    else:
        error, offset = np.maximum(spread[:, 3] - spread[:, 0] ** 2, 0), spread[:, :3]
    weight = np.where(found, (error + ERROR_FLOOR) ** -SHARPNESS, 0).astype(np.float32)
    return _Prediction(sources, weight, offset)


def _spread(geometry: MaskGeometry, cells: Points, values: Field) -> Field | None:
    """Average ring values over cells, continue the averages under the mask, read them at the filled blocks."""
    if len(cells) == 0:
        return None
    height, width = geometry.cells
    grid = np.empty((height, width, values.shape[1] + 1), np.float32)
    for channel in range(values.shape[1]):
        sums = np.bincount(cells, values[:, channel], height * width)
        grid[..., channel] = sums.reshape(height, width)
    grid[..., -1] = np.bincount(cells, minlength=height * width).reshape(height, width)
    grid = cv2.GaussianBlur(grid, (3, 3), 0.7, borderType=cv2.BORDER_CONSTANT)
    weight = grid[..., -1:]
    means = grid[..., :-1] / np.maximum(weight, 1e-6)
    calm = push_pull(means, weight[..., 0] > 0.5)  # noqa: PLR2004 - half a ring block
    return read_points(calm, *geometry.block_cells, cv2.INTER_LINEAR)
