"""What the see-through marks of a clip do to its pixels, from frames spread over their lives.

Belongs here: which frames and which part of them. Does not: the estimate (veils), finding marks (text detectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.mask_windows import Window, plan_windows, window_mask
from adcraft_resources.algorithms.values import MaskSpan, TextTracks
from adcraft_resources.algorithms.veil_lifting import PlacedVeil
from adcraft_resources.algorithms.veils import LEAST_SAMPLES, estimate_veil
from adcraft_resources.video_codecs import VideoReader

MOST_SAMPLES = 40
MOST_PIXELS = (
    8_000_000  # of all samples of a clip's marks together: 24 MB; a mark too large for that is inpainted
)
UNSETTLED = 3  # frames at the ends of a life that may show a fade


def find_veils(source: Path, tracks: TextTracks) -> list[PlacedVeil]:
    """Return the veils of `source` that can be told; none where no track is see-through."""
    spans = [span for track in tracks.overlays if track.see_through for span in track.spans]
    if not spans:
        return []
    groups = [_Group(window, spans) for window in plan_windows(spans, tracks.size)]
    for group in groups:
        group.choose(len(groups))
    last = max((group.wanted[-1] for group in groups if group.wanted), default=-1)
    with VideoReader(source) as reader:
        for item in reader.pictures():
            if item.index > last:
                break
            for group in groups:
                if item.index in group.wanted:
                    group.samples.append(crop_yuv(item.picture, group.box))
    return [veil for veil in (group.veil() for group in groups) if veil is not None]


class _Group:
    """The marks of one window, whose spans are pieces of one life or of several."""

    def __init__(self, window: Window, spans: Sequence[MaskSpan]) -> None:
        self._window = window
        self._spans = tuple(span for span in spans if window_mask([span], window).any())
        self.box = (window.x, window.y, window.x + window.width, window.y + window.height)
        self.samples: list[NDArray[np.uint8]] = []
        self.wanted: list[int] = []

    def choose(self, groups: int) -> None:
        """Choose the frames to look at, evenly over the frames in which the mark stands."""
        standing = sorted({frame for span in self._spans for frame in _settled(span)})
        room = MOST_PIXELS // groups // max(1, self._window.area)
        count = min(len(standing), MOST_SAMPLES, room)
        if count >= LEAST_SAMPLES:
            places = np.linspace(0, len(standing) - 1, count).round().astype(int)
            self.wanted = [standing[place] for place in places]

    def veil(self) -> PlacedVeil | None:
        """Return the veil the samples tell."""
        support = window_mask(self._spans, self._window)
        veil = estimate_veil(self.samples, support)
        return None if veil is None else PlacedVeil(veil, self._window.x, self._window.y, self._spans)


def _settled(span: MaskSpan) -> range:
    """Return a span's frames, those of long ones without the ends."""
    away = UNSETTLED if span.last_frame - span.first_frame >= 4 * UNSETTLED else 0
    return range(span.first_frame + away, span.last_frame - away + 1)
