"""Picture sizes models work at: few, so that few shapes are compiled.

Belongs here: choosing a size and going there and back. Does not: models.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from adcraft_resources.algorithms.values import Frame

ASPECTS = (9 / 16, 4 / 5, 1.0, 5 / 4, 16 / 9)
"""Width over height of the sizes there are; ads come in these."""
LARGE = 512 * 512
MULTIPLE = 16


def bucket_of(height: int, width: int, area: int = 1 << 20) -> tuple[int, int]:
    """Return (height, width) of the size nearest in shape to a picture, of about `area` pixels.

    1080×1920 becomes 768×1344 at the default area.
    """
    aspect = min(ASPECTS, key=lambda known: abs(math.log(known * height / width)))
    step = 64 if area >= LARGE else MULTIPLE
    sides = math.sqrt(area / aspect), math.sqrt(area * aspect)
    tall, wide = (max(step, round(side / step) * step) for side in sides)
    return int(tall), int(wide)


def resize(frame: Frame, size: tuple[int, int]) -> Frame:
    """Return the frame at (height, width): averaged when shrinking, Lanczos when growing."""
    height, width = size
    if frame.shape[:2] == (height, width):
        return np.ascontiguousarray(frame)
    shrinking = height * width < frame.shape[0] * frame.shape[1]
    kind = cv2.INTER_AREA if shrinking else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(frame, (width, height), interpolation=kind), np.uint8)


def restore_detail(restyled: Frame, source: Frame) -> Frame:
    """Bring a restyled picture to the source's size with the source's fine detail, which the model never saw.

    A model that changes nothing gives back the source itself.
    """
    size = (source.shape[0], source.shape[1])
    if restyled.shape == source.shape:
        return restyled
    seen = resize(resize(source, (restyled.shape[0], restyled.shape[1])), size)
    detail = source.astype(np.int16) - seen
    return np.clip(resize(restyled, size) + detail, 0, 255).astype(np.uint8)
