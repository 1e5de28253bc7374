"""Dissolves: one take fading into the next, frame by frame.

Belongs here: telling a cross-fade from motion on thumbnails. Does not: hard cuts, which are `shots`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

_SPANS = (8, 16, 24)  # frames from a picture of the old take to one of the new
_EVERY = 2  # frames between looks
_LEAST_CONTRAST = 6.0  # levels; flatter pictures are fades, whose end is no take
_FIT = 0.38  # share of a frame's contrast a mixture may leave unexplained; motion leaves 0.47 and more
_NEW_SHARE = 0.6
_ENDS = 0.12  # the mixture starts below this and ends above its complement ...
_BACKSTEP = 0.06  # ... and never goes back by more than this
_LEAST_MIXED = 3  # frames between, or it is a hard cut

_ALIKE = 0.9  # correlation from which on two pictures are one take

_Thumb = NDArray[np.uint8]
_Vector = NDArray[np.float32]


class DissolveDetector:
    """Finds frames half-way through a dissolve in a stream of thumbnails of one size; holds 25 of them.

    Every frame between a picture of the old take and one of the new must be a mixture of the two, with a share
    that only rises: motion does not mix pictures. Brightness is taken out first, so that changing light makes
    neither mixtures nor new pictures.
    """

    def __init__(self, new_share: Callable[[_Thumb, _Thumb], float]) -> None:
        self._new_share = new_share
        self._held: deque[tuple[_Thumb, _Vector]] = deque(maxlen=max(_SPANS) + 1)
        self._pushed = 0

    def push(self, thumb: _Thumb) -> int | None:
        """Take the next thumbnail; return how many frames ago a dissolve was half-way, if the last frames show one.

        A long dissolve is seen several times, since parts of it are mixtures too; its middle is their median.
        """
        self._held.append((thumb, _vector(thumb)))
        self._pushed += 1
        if self._pushed % _EVERY:
            return None
        for span in _SPANS:
            if len(self._held) > span:
                half_way = self._half_way(span)
                if half_way is not None:
                    return span - half_way
        return None

    def _half_way(self, span: int) -> int | None:
        """Place in the last `span` + 1 frames where the mixture of its ends passes one half, if all is such one."""
        (old, old_vector), (new, new_vector) = self._held[-span - 1], self._held[-1]
        if not _are_takes(old_vector, new_vector):
            return None
        shares = mixture_shares(np.stack([vector for _, vector in list(self._held)[-span - 1 :]]))
        if shares is None or not _rises_slowly(shares):
            return None
        if min(self._new_share(old, new), self._new_share(old, _relit(new, old))) < _NEW_SHARE:
            return None
        return int(np.argmax(shares >= 0.5))  # noqa: PLR2004


def mixture_shares(vectors: _Vector) -> _Vector | None:
    """Share of the last in each of (n, k) centred pictures, if all are mixtures of the first and the last.

    Least squares on the two ends; None where a frame is no such mixture.
    """
    ends = vectors[[0, -1]]
    gram = np.einsum("ik,jk->ij", ends, ends)  # einsum: matrix products this small only wake BLAS's threads
    weights = np.linalg.inv(gram) @ np.einsum("ik,nk->in", ends, vectors)
    left = vectors - np.einsum("in,ik->nk", weights, ends)
    power = np.einsum("nk,nk->n", vectors, vectors)
    if np.sqrt(np.einsum("nk,nk->n", left, left) / np.maximum(power, 1)).max() > _FIT:
        return None
    old, new = np.clip(weights, 0, None) * np.sqrt(power[[0, -1]])[:, None]
    return np.asarray(new / np.maximum(old + new, 1e-6), np.float32)


def _vector(thumb: _Thumb) -> _Vector:
    """Half the size in one row, freed of its mean."""
    small = cv2.resize(thumb, (thumb.shape[1] // 2, thumb.shape[0] // 2), interpolation=cv2.INTER_AREA)
    row = np.asarray(small, np.float32).ravel()
    return row - row.mean()


def _are_takes(old: _Vector, new: _Vector) -> bool:
    """Whether both pictures have contrast and are not alike."""
    old_power, new_power = np.einsum("k,k->", old, old), np.einsum("k,k->", new, new)
    flat = min(old_power, new_power) < _LEAST_CONTRAST**2 * len(old)
    return not flat and np.einsum("k,k->", old, new) < _ALIKE * np.sqrt(old_power * new_power)


def _rises_slowly(shares: _Vector) -> bool:
    """Whether the shares climb from near 0 to near 1 over several frames, without turning back."""
    mixed = int(((shares > _ENDS) & (shares < 1 - _ENDS)).sum())
    ends = shares[1] < _ENDS and shares[-2] > 1 - _ENDS
    return bool(ends and mixed >= _LEAST_MIXED and np.diff(shares).min() > -_BACKSTEP)


def _relit(thumb: _Thumb, like: _Thumb) -> _Thumb:
    """`thumb` with the brightness and contrast of `like`: what is new must be so in any light."""
    relit = (thumb - thumb.mean()) * (like.std() / thumb.std()) + like.mean()
    return np.clip(np.rint(relit), 0, 255).astype(np.uint8)
