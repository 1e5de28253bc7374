"""The motion of a window's blocks from frame to frame: the camera's, or optical flow continued under masks.

Belongs here: step fields for tracing, and measuring which of them explains the surroundings of the mask.
Does not: following steps through time.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_motion import Transform, is_still
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.source_tracing import StepField
from adcraft_resources.algorithms.window_clip import Indices, Points, WindowClip

RING_BLOCKS = 8  # width of the band around masks on which motions are compared
SPOILT_BLOCKS = 5  # flow this close to a mask was measured on patches that reach into it
LEAST_FLOW_SIDE = 48
SAMPLED_PAIRS = 8
FLOW_GAIN = 0.8  # flow must cut the camera's error to this share, else it is not worth its price
NOISE_LEVELS = 1.5  # a mean error below this is noise that no motion explains


def camera_steps(clip: WindowClip, steps: Sequence[Transform]) -> StepField:
    """Return the step field of camera transforms; `steps[t]` takes frame t's display pixels to frame t - 1's.

    The field answers for any two frames, not neighbours alone.
    """
    shift = np.array([[1, 0, -clip.window.x], [0, 1, -clip.window.y], [0, 0, 1]], np.float64)
    to_first = [np.eye(3)]
    for one in steps[1:]:
        to_first.append(to_first[-1] @ shift @ one @ np.linalg.inv(shift))
    still = is_still(list(steps))
    width = clip.blocks[1]

    def step(frame: int, neighbour: int, where: Indices) -> tuple[Points, Points]:
        if still:
            zeros = np.zeros(len(where), np.float32)
            return zeros, zeros
        return _shifts(np.linalg.inv(to_first[neighbour]) @ to_first[frame], where, width)

    return step


def _shifts(transform: Transform, where: Indices, width: int) -> tuple[Points, Points]:
    """Return by how much `transform` moves the centres of blocks, in luma pixels, (n,) float32 each way."""
    row, column = np.divmod(where, np.int32(width))
    x, y = (2 * axis.astype(np.float32) + np.float32(0.5) for axis in (column, row))
    across, down, over = (transform / transform[2, 2]).astype(np.float32)
    to_x, to_y = across[0] * x + across[1] * y + across[2], down[0] * x + down[1] * y + down[2]
    if over[0] or over[1]:
        depth = over[0] * x + over[1] * y + over[2]
        to_x, to_y = to_x / depth, to_y / depth
    return to_x - x, to_y - y


def flow_steps(clip: WindowClip) -> StepField:
    """Return the step field of dense inverse search flow at half size, continued smoothly under the mask."""
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    plain: dict[int, NDArray[np.uint8]] = {}

    def bare(frame: int) -> NDArray[np.uint8]:
        if frame not in plain:
            for old in [other for other in plain if abs(other - frame) > 1]:
                del plain[old]
            plain[frame] = without_mask(clip, frame)
        return plain[frame]

    def step(frame: int, neighbour: int, where: Indices) -> tuple[Points, Points]:
        flow = dense_flow(engine, bare(frame), bare(neighbour))
        near = cv2.dilate(
            clip.hidden[frame].astype(np.uint8), np.ones((2 * SPOILT_BLOCKS + 1,) * 2, np.uint8)
        )
        calm = push_pull(flow, near == 0).reshape(-1, 2)
        return 2 * calm[where, 0], 2 * calm[where, 1]

    return step


def dense_flow(
    engine: cv2.DISOpticalFlow, here: NDArray[np.uint8], there: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return the flow (h, w, 2) from `here` to `there`; pictures too small for the engine's pyramid are widened.

    OpenCV does not check: a side below 32 pixels ends the process.
    """
    height, width = here.shape
    below, beside = max(0, LEAST_FLOW_SIDE - height), max(0, LEAST_FLOW_SIDE - width)
    if below or beside:
        here, there = (
            np.asarray(cv2.copyMakeBorder(one, 0, below, 0, beside, cv2.BORDER_REPLICATE), np.uint8)
            for one in (here, there)
        )
    flow = engine.calc(here, there, np.zeros((*here.shape, 2), np.float32))
    return np.asarray(flow[:height, :width], np.float32)


def without_mask(clip: WindowClip, frame: int) -> NDArray[np.uint8]:
    """Return the half-size luma with hidden blocks filled from around: text must not attract the flow."""
    hidden = clip.hidden[frame]
    if not hidden.any():
        return np.ascontiguousarray(clip.half(frame))
    return np.clip(push_pull(clip.half(frame), ~hidden) + 0.5, 0, 255).astype(np.uint8)


def flow_pays(clip: WindowClip, camera: StepField, flow: StepField) -> tuple[bool, float, float]:
    """Compare both motions on the band around the mask over some pairs of neighbouring frames.

    Returns:
        Whether flow is worth using, the camera's mean error and the flow's, in levels.
    """
    masked = [frame for frame in range(1, clip.count) if clip.hidden[frame].any()]
    pairs = masked[:: max(1, len(masked) // SAMPLED_PAIRS)]
    if not pairs:
        return False, 0.0, 0.0
    by_camera = float(np.mean([_ring_error(clip, camera, frame) for frame in pairs]))
    if by_camera <= NOISE_LEVELS:
        return False, by_camera, by_camera
    by_flow = float(np.mean([_ring_error(clip, flow, frame) for frame in pairs]))
    return by_flow < FLOW_GAIN * by_camera, by_camera, by_flow


def _ring_error(clip: WindowClip, step: StepField, frame: int) -> float:
    hidden = clip.hidden[frame]
    grown = cv2.dilate(hidden.astype(np.uint8), np.ones((2 * RING_BLOCKS + 1,) * 2, np.uint8)) > 0
    ring = np.flatnonzero(grown & ~hidden).astype(np.int32)
    if len(ring) == 0:
        return 0.0
    dx, dy = step(frame, frame - 1, ring)
    row, column = np.divmod(ring, clip.blocks[1])
    x, y = column + dx / 2, row + dy / 2
    inside = (x >= 0) & (y >= 0) & (x <= clip.blocks[1] - 1) & (y <= clip.blocks[0] - 1)
    nearest = (
        np.rint(y).astype(np.int32).clip(0, clip.blocks[0] - 1),
        np.rint(x).astype(np.int32).clip(0, clip.blocks[1] - 1),
    )
    fair = inside & ~clip.hidden[frame - 1][nearest]
    seen = clip.half_at(np.full(len(ring), frame - 1, np.int32), x.astype(np.float32), y.astype(np.float32))
    difference = np.abs(seen - clip.half(frame).reshape(-1)[ring])[fair]
    return float(difference.mean()) if len(difference) else 0.0
