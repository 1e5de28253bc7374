"""How alike two creatives look: a perceptual hash and the distance of descriptors.

Belongs here: hashing and comparing. Does not: what follows from being alike (ranking) or describing pictures
(encoders).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame

HASH_BITS: Final = 64
_SIDE: Final = 32  # px on which the cosine transform is taken
_KEPT: Final = 8  # lowest frequencies each way


def hash_picture(frame: Frame) -> int:
    """64-bit perceptual hash of an RGB (h, w, 3) picture, blind to size, colour and mild tone changes.

    DCT of the 32×32 luma, the 8×8 lowest frequencies compared with their median, the mean brightness left out of
    the median (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010).
    """
    if frame.ndim != 3 or min(frame.shape[:2]) < 1:  # noqa: PLR2004 - rows, columns, colours
        raise ValueError(f"a picture has shape (h, w, 3), not {frame.shape}")
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Rounded, so that exact zeros of flat pictures do not turn on the last digit of the transform.
    low = np.round(cv2.dct(small)[:_KEPT, :_KEPT], 2).ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming_distance(a: int, b: int) -> int:
    """Number of bits in which two hashes differ, 0 to 64."""
    return (a ^ b).bit_count()


def mean_hash_distance(a: Sequence[int], b: Sequence[int]) -> float:
    """Mean distance in bits of hashes taken at the same places of two clips.

    Raises:
        ValueError: The clips were not hashed at the same number of places, or at none.
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"clips were hashed at {len(a)} and {len(b)} places")
    return sum(hamming_distance(x, y) for x, y in zip(a, b, strict=True)) / len(a)


def cosine_similarity(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Cosine of the angle between two vectors, in [-1, 1]; 0.0 where one of them is zero."""
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.clip(np.dot(a, b) / norm, -1.0, 1.0)) if norm else 0.0
