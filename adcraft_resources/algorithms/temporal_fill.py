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
from adcraft_resources.algorithms.push_pull import double, halve, push_pull
from adcraft_resources.algorithms.source_tracing import Sources
from adcraft_resources.algorithms.window_clip import Indices, Points, WindowClip

ERROR_FLOOR = 2.0  # squared levels: below this all predictions are equally good
SHARPNESS = 2.0  # exponent on inverse squared error; 1 mixes for least error, more keeps texture sharp
UNTRIED = 400.0  # squared levels assumed where the ring says nothing
TRIED_SHARE = 0.02  # local share of tried samples below which a mean says nothing
SAFE_SHARE = 0.15  # local share of safe samples below which an energy says nothing


@dataclass(frozen=True)
class Fill:
    """New values of the filled blocks of one frame, in the order of `MaskGeometry.blocks`."""

    luma: NDArray[np.float32]
    """(n, 4): the block's pixels row by row."""
    chroma: NDArray[np.float32]
    """(n, 2)."""
    revealed: NDArray[np.float32]
    """(n,) share of the value that comes from other frames, 0..1."""


def fill_frame(clip: WindowClip, frame: int, geometry: MaskGeometry, traces: Sequence[Sources]) -> Fill:
    """Return values for all filled blocks of `frame`; `traces` list their sources over `geometry.traced`."""
    count = len(geometry.blocks)
    luma = np.zeros((count, 4), np.float32)
    chroma = np.zeros((count, 2), np.float32)
    total = np.zeros(count, np.float32)
    for sources in traces:
        found = sources.found[geometry.filled_in_traced]
        if not found.any():
            continue
        offset, error = _try_on_ring(clip, frame, geometry, sources)
        weight = np.where(found, (error + ERROR_FLOOR) ** -SHARPNESS, 0).astype(np.float32)
        values, colours = _sample(clip, geometry, sources)
        luma += weight[:, None] * (values + offset[:, :1])
        chroma += weight[:, None] * (colours + offset[:, 1:])
        total += weight
    return _with_surroundings(clip, frame, geometry, luma, chroma, total)


def write_fill(clip: WindowClip, frame: int, geometry: MaskGeometry, fill: Fill) -> None:
    """Put the fill into the clip: masked luma pixels and the chroma of touched blocks, nothing else."""
    height, width = clip.blocks
    row, column = np.divmod(geometry.blocks, width)
    luma, chroma = clip.luma(frame), clip.chroma(frame)
    pixels = np.clip(fill.luma + 0.5, 0, 255).astype(np.uint8)
    blocks = luma.reshape(height, 2, width, 2)
    chosen = geometry.mask.reshape(height, 2, width, 2)
    for corner in range(4):
        dy, dx = divmod(corner, 2)
        here = chosen[row, dy, column, dx]
        blocks[row[here], dy, column[here], dx] = pixels[here, corner]
    chroma[row, column] = np.clip(fill.chroma + 0.5, 0, 255).astype(np.uint8)
    clip.refresh_half(frame)


def _sample(clip: WindowClip, geometry: MaskGeometry, sources: Sources) -> tuple[Points, Points]:
    chosen = geometry.filled_in_traced
    row, column = np.divmod(geometry.blocks, clip.blocks[1])
    frame = np.maximum(sources.frame[chosen], 0)
    dx, dy = sources.dx[chosen], sources.dy[chosen]
    x = (2 * column + dx)[:, None] + np.array([0, 1, 0, 1], np.float32)
    y = (2 * row + dy)[:, None] + np.array([0, 0, 1, 1], np.float32)
    frames = np.repeat(frame, 4)
    luma = clip.luma_at(frames, x.reshape(-1).astype(np.float32), y.reshape(-1).astype(np.float32))
    colours = clip.chroma_at(frame, (column + dx / 2).astype(np.float32), (row + dy / 2).astype(np.float32))
    return luma.reshape(-1, 4), colours


def _try_on_ring(
    clip: WindowClip, frame: int, geometry: MaskGeometry, sources: Sources
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Predict the known ring as the hidden blocks beside it are predicted.

    Returns:
        (n, 3) signed error to add to luma and chroma, and (n,) squared luma error, at the filled blocks.
    """
    ring, follows = geometry.ring, geometry.ring_follows
    height, width = clip.blocks
    row, column = np.divmod(ring, width)
    there = sources.frame[follows]
    x = (column + sources.dx[follows] / 2).astype(np.float32)
    y = (row + sources.dy[follows] / 2).astype(np.float32)
    near_x, near_y = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    inside = (near_x >= 0) & (near_y >= 0) & (near_x < width) & (near_y < height)
    fair = (there >= 0) & inside
    there = np.maximum(there, 0)
    fair &= ~clip.hidden[there, near_y.clip(0, height - 1), near_x.clip(0, width - 1)]
    signed = np.empty((len(ring), 4), np.float32)
    signed[:, 0] = clip.half(frame).reshape(-1)[ring] - clip.half_at(there, x, y)
    signed[:, 1:3] = clip.chroma(frame)[row, column].astype(np.float32) - clip.chroma_at(there, x, y)
    signed[:, 3] = signed[:, 0] ** 2
    spread = _spread(geometry, ring[fair], signed[fair], clip.blocks)
    if spread is None:
        count = len(geometry.blocks)
        return np.zeros((count, 3), np.float32), np.full(count, UNTRIED, np.float32)
    return spread[:, :3], np.maximum(spread[:, 3] - spread[:, 0] ** 2, 0)


def _spread(
    geometry: MaskGeometry, where: Indices, values: NDArray[np.float32], blocks: tuple[int, int]
) -> NDArray[np.float32] | None:
    """Average ring values locally and continue the averages under the mask, at quarter size."""
    if len(where) == 0:
        return None
    rows, columns = geometry.area
    height, width = min(rows.stop, blocks[0]) - rows.start, min(columns.stop, blocks[1]) - columns.start
    field = np.zeros((height, width, values.shape[1] + 1), np.float32)
    row, column = np.divmod(where, blocks[1])
    field[row - rows.start, column - columns.start, :-1] = values
    field[row - rows.start, column - columns.start, -1] = 1
    small = cv2.GaussianBlur(halve(field) / 4, (0, 0), 1.5)
    weight = small[..., -1]
    means = small[..., :-1] / np.maximum(weight, 1e-6)[..., None]
    calm = push_pull(means, np.minimum(weight * 4, 1) * (weight > TRIED_SHARE))
    back = double(calm, height, width)
    row, column = np.divmod(geometry.blocks, blocks[1])
    return back[row - rows.start, column - columns.start]


def _with_surroundings(
    clip: WindowClip,
    frame: int,
    geometry: MaskGeometry,
    luma: NDArray[np.float32],
    chroma: NDArray[np.float32],
    total: NDArray[np.float32],
) -> Fill:
    """Mix in the smooth continuation of the surroundings where other frames predict badly or not at all."""
    around_luma, around_chroma, error = fill_from_around(clip, frame, geometry)
    weight = (error + ERROR_FLOOR) ** -SHARPNESS
    everything = total + weight
    return Fill(
        (luma + weight[:, None] * around_luma) / everything[:, None],
        (chroma + weight[:, None] * around_chroma) / everything[:, None],
        total / everything,
    )


def fill_from_around(
    clip: WindowClip, frame: int, geometry: MaskGeometry
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Continue the surroundings of one frame smoothly under the mask.

    Returns:
        Luma (n, 4), chroma (n, 2) and the expected squared luma error (n,): the detail energy of the
        surroundings, which a smooth fill lacks, growing with the depth under the mask.
    """
    rows, columns = geometry.area
    height, width = clip.blocks
    tall, wide = slice(rows.start * 2, min(rows.stop, height) * 2), slice(columns.start * 2, columns.stop * 2)
    mask, luma = geometry.mask[tall, wide], clip.luma(frame)[tall, wide]
    smooth = push_pull(luma, ~mask)
    known = ~geometry.filled[rows, columns]
    colours = push_pull(clip.chroma(frame)[rows, columns], known)
    half = clip.half(frame)[rows, columns].astype(np.float32)
    safe = ~geometry.unsafe[rows, columns]
    energy = _detail_energy(half, safe, float(geometry.depth.max(initial=1.0)))
    row, column = np.divmod(geometry.blocks, width)
    row, column = row - rows.start, column - columns.start
    quads = smooth.reshape(smooth.shape[0] // 2, 2, smooth.shape[1] // 2, 2)
    values = quads[row, :, column, :].reshape(-1, 4)
    deep = geometry.depth / (geometry.depth + 2)
    return values, colours[row, column], energy[row, column] * deep


def _detail_energy(half: NDArray[np.float32], safe: NDArray[np.bool_], radius: float) -> NDArray[np.float32]:
    size = int(min(max(2 * round(radius) + 1, 5), 41))
    weight = cv2.boxFilter(safe.astype(np.float32), -1, (size, size), borderType=cv2.BORDER_REFLECT_101)
    mean = cv2.boxFilter(half * safe, -1, (size, size)) / np.maximum(weight, 1e-3)
    detail = np.square(half - mean) * safe
    local = cv2.boxFilter(detail, -1, (size, size)) / np.maximum(weight, 1e-3)
    return push_pull(local, (weight > SAFE_SHARE) & safe)
