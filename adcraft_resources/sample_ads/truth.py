"""What is true of a sample ad, from the code that draws it: which pixels the edit covers, which words, which labels.

Belongs here: truth for tests and for the quality figures of the README. Does not: anything a stage may look at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from adcraft_resources.algorithms.values import Mask, Quad
from adcraft_resources.sample_ads.camera_moves import move_quad
from adcraft_resources.sample_ads.overlays import Kind, OverlayLayer
from adcraft_resources.sample_ads.rendering import spec_named
from adcraft_resources.sample_ads.specs import FPS, SIZE, SampleSpec
from adcraft_resources.sample_ads.stills import STILL_SIZE, labels_on

VISIBLE = 6  # of 255: less than this of an overlay is lost in the codec's noise


@dataclass(frozen=True)
class OverlayTruth:
    """An overlay and its life, both ends included; `text` is empty for a sticker."""

    kind: Kind
    text: str
    first_frame: int
    last_frame: int


@dataclass(frozen=True)
class LabelTruth:
    """Words on the product: they stay. `quads` holds their outline in every frame of the shot that shows them."""

    texts: tuple[str, ...]
    quads: dict[int, Quad] = field(repr=False)


@dataclass(frozen=True)
class SampleTruth:
    """All truth of one sample; `cuts` are the first frames of all shots but the first."""

    name: str
    size: tuple[int, int]
    fps: Fraction
    frame_count: int
    cuts: tuple[int, ...]
    overlays: tuple[OverlayTruth, ...]
    labels: tuple[LabelTruth, ...]
    _layer: OverlayLayer = field(repr=False, compare=False)

    def mask_at(self, frame: int, overlay: int | None = None) -> Mask:
        """Pixels that overlays change in a frame, (h, w) bool; of one overlay alone if its index is given."""
        mask = np.zeros(self.size, np.bool_)
        for index in range(len(self.overlays)) if overlay is None else (overlay,):
            mask |= self._layer.alpha(index, float(frame / self.fps)) >= VISIBLE
        return mask

    def texts_at(self, frame: int) -> tuple[str, ...]:
        """Words of the overlays in a frame."""
        return tuple(
            one.text for one in self.overlays if one.text and one.first_frame <= frame <= one.last_frame
        )


def truth_of(name: str) -> SampleTruth:
    """Return the truth of a sample ad.

    Raises:
        SourceMissing: There is no such sample.
    """
    return truth_of_spec(spec_named(name))


def truth_of_spec(spec: SampleSpec) -> SampleTruth:
    """Return the truth of any ad described as the samples are."""
    return SampleTruth(
        name=spec.name,
        size=SIZE,
        fps=FPS,
        frame_count=spec.frame_count,
        cuts=spec.cuts,
        overlays=_overlays_of(spec),
        labels=_labels_of(spec),
        _layer=OverlayLayer(spec.overlays, SIZE),
    )


def _overlays_of(spec: SampleSpec) -> tuple[OverlayTruth, ...]:
    found = []
    for overlay in spec.overlays:
        shown = [frame for frame in range(spec.frame_count) if overlay.pose(float(frame / FPS))]
        found.append(OverlayTruth(overlay.kind, overlay.text, shown[0], shown[-1]))
    return tuple(found)


def _labels_of(spec: SampleSpec) -> tuple[LabelTruth, ...]:
    found: list[LabelTruth] = []
    starts = (0, *spec.cuts, spec.frame_count)
    for number, shot in enumerate(spec.shots):
        cameras = {
            frame: spec.camera_at(frame, STILL_SIZE)[1] for frame in range(starts[number], starts[number + 1])
        }
        found += [
            LabelTruth(
                label.texts, {frame: move_quad(label.quad, matrix) for frame, matrix in cameras.items()}
            )
            for label in labels_on(shot.still)
        ]
    return tuple(found)
