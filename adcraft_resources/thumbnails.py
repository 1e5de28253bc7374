"""Small pictures for the UI: a frame as a data URI of at most some 30 kB.

Belongs here: shrinking and encoding a picture to show it. Does not: choosing which.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.errors import StoreDamaged

LONG_SIDE = 240  # every event row keeps its thumbnails, so they stay small
MOST_BYTES = 30_000
JPEG_QUALITIES = (70, 55, 40, 25)
"""Tried in turn until a picture is small enough; the last is taken as it is."""
MASK_TINT = (255, 40, 40)


def thumbnail_uri(frame: Frame, *, long_side: int = LONG_SIDE) -> str:
    """Return a JPEG data URI of an RGB frame shrunk to `long_side` pixels and, by its quality, to MOST_BYTES."""
    scale = min(1.0, long_side / max(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    bgr, data = cv2.cvtColor(small, cv2.COLOR_RGB2BGR), b""
    for quality in JPEG_QUALITIES:
        data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= MOST_BYTES:
            break
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def read_picture(path: Path) -> Frame:
    """Return a picture file as RGB; StoreDamaged when it is none."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise StoreDamaged(f"{path.name} is no picture.", remedy="Materialize the stage that made it again.")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def write_picture(frame: Frame, path: Path, *, quality: int = 92) -> None:
    """Write an RGB frame as JPEG."""
    if not cv2.imwrite(
        str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    ):
        raise StoreDamaged(f"{path.name} could not be written.", remedy="Look for a full disk.")


def show_mask(frame: Frame, mask: Mask | None) -> Frame:
    """Return the frame with masked pixels tinted red."""
    shown = frame.copy()
    if mask is not None:
        shown[mask] = (0.45 * shown[mask] + 0.55 * np.array(MASK_TINT)).astype(np.uint8)
    return shown


def side_by_side(frames: Sequence[Frame], *, height: int = 320) -> Frame:
    """Return frames in a row, each brought to `height` pixels."""
    row = [
        cv2.resize(
            frame,
            (max(1, round(frame.shape[1] * height / frame.shape[0])), height),
            interpolation=cv2.INTER_AREA,
        )
        for frame in frames
    ]
    return np.hstack(row).astype(np.uint8)
