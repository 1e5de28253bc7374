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
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.source_tracing import Sources
from adcraft_resources.algorithms.surroundings import Surroundings
from adcraft_resources.algorithms.veil_lifting import Lifted
from adcraft_resources.algorithms.window_clip import Indices, WindowClip, read_points

ERROR_FLOOR = 2.0  # squared levels: below this all predictions are equally good
UNTRIED = 400.0  # squared levels assumed where the ring says nothing
VERDICT_PAINTINGS = (
    2  # a verdict of the ring stays good so often: under a calm motion only some frames are painted
)
GOOD = 8.0  # squared levels: a source erring less is taken as it is
DRIFT_LEVELS = 3.0  # further from the median a change is no change of light
NEGLIGIBLE = 0.06  # a prediction with less than this share of a block is not worth sampling
STEADY_LEVELS = 30.0  # disagreement at which the share of the frame before is halved

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Fill:
    """New values of the filled blocks of one frame, in the order of `MaskGeometry.blocks`."""

    values: Field
    """(n, 6): the block's four luma pixels row by row, then its two chroma samples."""
    revealed: Field
    """(n,) share of the value that is seen: in other frames, or through the mark; 0..1."""
    lifted: Field
    """(n,) share of the value that is seen through the mark."""


@dataclass(frozen=True)
class _Verdict:
    """What the ring says about one trace: squared error and offset at the filled blocks."""

    error: Field
    offset: Field


class FramePainter:
    """Fills the frames of one window in order; verdicts are reused under the same mask."""

    def __init__(self) -> None:
        self._surroundings = Surroundings()
        self._verdicts: list[_Verdict] = []
        self._of: MaskGeometry | None = None
        self._uses = 0

    def fill(
        self,
        clip: WindowClip,
        frame: int,
        geometry: MaskGeometry,
        traces: Sequence[Sources],
        lifted: Lifted | None = None,
    ) -> Fill:
        """Return values for all filled blocks of `frame`; `traces` list their sources over `geometry.traced`.

        `lifted` is what stands under a see-through mark.
        """
        if self._of is not geometry or self._uses >= VERDICT_PAINTINGS:
            self._verdicts = [_judge(clip, frame, geometry, sources) for sources in traces]
            self._of, self._uses = geometry, 0
        self._uses += 1
        around_error = self._surroundings.error_of(clip, frame, geometry)
        errors = np.stack(
            [
                np.where(sources.found[geometry.filled_in_traced], verdict.error, np.inf)
                for sources, verdict in zip(traces, self._verdicts, strict=True)
            ]
            + [np.full_like(around_error, np.inf) if lifted is None else lifted.error, around_error]
        ).astype(np.float32)
        shares = _shares(errors)
        values = np.zeros((len(geometry.blocks), 6), np.float32)
        if lifted is not None:
            values += shares[-2][:, None] * lifted.values
        for sources, verdict, share in zip(traces, self._verdicts, shares[:-2], strict=True):
            chosen = np.flatnonzero(share)
            sampled = sample_blocks(clip, geometry, sources, chosen)
            sampled[:, :4] += verdict.offset[chosen, :1]
            sampled[:, 4:] += verdict.offset[chosen, 1:]
            sampled *= share[chosen, None]
            values[chosen] += sampled
        chosen = np.flatnonzero(shares[-1])
        if len(chosen):
            around = self._surroundings.values_of(clip, frame, geometry, chosen)
            values[chosen] += shares[-1][chosen, None] * around
        return Fill(values, 1 - shares[-1], shares[-2])


def _shares(errors: Field) -> Field:
    """Turn squared errors, (predictions, n), into shares that sum to 1; the last row is the surroundings.

    Where a real source errs no more than noise, the best one alone is taken: mixing would only cost.
    """
    weights = 1 / np.square(errors + ERROR_FLOOR)  # squared once more: a sharp choice rather than a soft mix
    best = errors[:-1].min(axis=0, initial=np.inf)
    good = best < GOOD
    weights[:, good] = (errors <= best)[:, good]
    weights[-1, good] = 0
    weights /= weights.sum(axis=0)
    weights[weights < NEGLIGIBLE] = 0
    return weights / weights.sum(axis=0)


def carry_fill(clip: WindowClip, frame: int, geometry: MaskGeometry, before: Sources) -> Fill:
    """Take everything over from the frame before, moved along, in the present light.

    What comes from beyond the window repeats its edge.
    """
    chosen = np.arange(len(geometry.blocks))
    before = replace(before, frame=np.full_like(before.frame, frame - 1))
    values = sample_blocks(clip, geometry, before, chosen) + _drift(clip, frame, geometry, before)
    return Fill(values, np.ones(len(chosen), np.float32), np.zeros(len(chosen), np.float32))


def steady_fill(
    clip: WindowClip, frame: int, geometry: MaskGeometry, fill: Fill, before: Sources, share: float
) -> Fill:
    """Draw a fill towards the frame before it, moved along, where the two nearly agree: what flickers calms."""
    chosen = np.flatnonzero(before.found[geometry.filled_in_traced])
    if len(chosen) == 0:
        return fill
    gap = sample_blocks(clip, geometry, before, chosen) - fill.values[chosen]
    gap += _drift(clip, frame, geometry, before)
    rows, columns = geometry.area
    change = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 2), np.float32)
    place = geometry.block_rows[chosen] - rows.start, geometry.block_columns[chosen] - columns.start
    change[(*place, 0)] = np.square(gap[:, :4]).mean(axis=1)
    change[(*place, 1)] = 1
    mean, weight = cv2.split(cv2.blur(change, (7, 7)))
    drawn = share * (1 - fill.lifted[chosen])  # what is seen in this very frame is as steady as the scene
    gap *= (drawn / (1 + mean[place] / weight[place] / STEADY_LEVELS**2))[:, None]
    fill.values[chosen] += gap
    return fill


def _drift(clip: WindowClip, frame: int, geometry: MaskGeometry, before: Sources) -> Field:
    """Return how the light around the mask changed since the frame before: (6,) as `Fill.values`."""
    ring, follows = geometry.ring[::4], geometry.ring_follows[::4]
    row, column = geometry.ring_places[0][::4], geometry.ring_places[1][::4]
    there = before.frame[follows]
    x, y = column + before.dx[follows] / 2, row + before.dy[follows] / 2
    near_x, near_y = (np.rint(axis).astype(np.int32) for axis in (x, y))
    height, width = clip.blocks
    seen = (there >= 0) & (near_x >= 0) & (near_y >= 0) & (near_x < width) & (near_y < height)
    seen[seen] = ~clip.hidden[there[seen], near_y[seen], near_x[seen]]
    if not seen.any():
        return np.zeros(6, np.float32)
    there, x, y = there[seen], x[seen], y[seen]
    rows, columns = np.divmod(ring[seen], width)
    change = np.empty((len(x), 3), np.float32)
    change[:, 0] = clip.half(frame)[rows, columns] - clip.half_at(there, x, y)
    change[:, 1:] = clip.chroma(frame)[rows, columns] - clip.chroma_at(there, x, y)
    middle = np.median(change, axis=0)
    # The mean near the median: the median of whole levels jumps by one where the light glides.
    luma, u, v = np.clip(change, middle - DRIFT_LEVELS, middle + DRIFT_LEVELS).mean(axis=0)
    return np.array([luma, luma, luma, luma, u, v], np.float32)


def write_fill(clip: WindowClip, frame: int, geometry: MaskGeometry, fill: Fill) -> None:
    """Put the fill into the clip: masked luma pixels and the chroma of touched blocks, nothing else."""
    rows, columns, chosen = geometry.pixels
    luma = np.clip(fill.values[:, :4].reshape(-1)[chosen] + 0.5, 0, 255).astype(np.uint8)
    clip.luma(frame)[rows, columns] = luma
    clip.chroma(frame)[geometry.block_rows, geometry.block_columns] = np.clip(
        fill.values[:, 4:] + 0.5, 0, 255
    ).astype(np.uint8)
    clip.refresh_half(frame)


def sample_blocks(
    clip: WindowClip, geometry: MaskGeometry, sources: Sources, chosen: NDArray[np.intp]
) -> Field:
    """Return (m, 6) values of the chosen filled blocks at their sources: four luma pixels, two of chroma."""
    traced = geometry.filled_in_traced[chosen]
    row, column = geometry.block_places[0][chosen], geometry.block_places[1][chosen]
    frame = np.maximum(sources.frame[traced], 0)
    half = np.float32(0.5)
    x, y = column + sources.dx[traced] * half, row + sources.dy[traced] * half
    out = np.empty((len(chosen), 6), np.float32)
    out[:, :4] = clip.luma_at(frame, 2 * x, 2 * y)
    out[:, 4:] = clip.chroma_at(frame, x, y)
    return out


def _judge(clip: WindowClip, frame: int, geometry: MaskGeometry, sources: Sources) -> _Verdict:
    """Predict the known ring as the hidden blocks beside it are predicted; weigh by the error made."""
    ring, follows = geometry.ring, geometry.ring_follows
    height, width = clip.blocks
    row, column = geometry.ring_places
    there = sources.frame[follows]
    x = column + sources.dx[follows] * np.float32(0.5)
    y = row + sources.dy[follows] * np.float32(0.5)
    near_x, near_y = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    fair = (there >= 0) & (near_x >= 0) & (near_y >= 0) & (near_x < width) & (near_y < height)
    place = (np.maximum(there, 0) * height + near_y) * width + near_x
    fair &= ~clip.hidden.reshape(-1)[np.where(fair, place, 0)]
    chosen = np.flatnonzero(fair)
    there, x, y, ring = there[chosen], x[chosen], y[chosen], ring[chosen]
    row, column = np.divmod(ring, width)
    signed = np.empty((len(chosen), 4), np.float32)
    signed[:, 0] = clip.half(frame)[row, column] - clip.half_at(there, x, y)
    signed[:, 1:3] = clip.chroma(frame)[row, column] - clip.chroma_at(there, x, y)
    signed[:, 3] = signed[:, 0] ** 2
    spread = _spread(geometry, geometry.ring_cells[chosen], signed)
    if spread is None:
        count = len(geometry.blocks)
        return _Verdict(np.full(count, UNTRIED, np.float32), np.zeros((count, 3), np.float32))
    return _Verdict(np.maximum(spread[:, 3] - spread[:, 0] ** 2, 0), spread[:, :3])


def _spread(geometry: MaskGeometry, cells: Indices, values: Field) -> Field | None:
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
