"""The pixels of letters: strokes of a line of text told from what lies behind them, in one picture.

Belongs here: colour separation inside a text box. Does not: plates, stickers and time (mask_growth).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.text_boxes import Box, disk, fill_quad, line_height, shrink_quad
from adcraft_resources.algorithms.values import Mask, Quad, Yuv420

Crop = NDArray[np.uint8]
"""Part of a picture as (h, w, 3) uint8 Y, U, V, chroma brought to luma size."""

LETTER_MARGIN = 0.15  # of a detector's box height: the air it leaves around letters
MIN_CONTRAST = 18  # levels between letters and ground; less cannot be told apart
STROKE_RANGE = 0.5  # of the contrast between letters and ground: how far a stroke's colour may stray
MIN_STROKE_SHARE, MAX_STROKE_SHARE = 0.04, 0.62  # of a text box; outside this the split found no letters


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Letters of one line: `core` the pixels of the fill, `plane` 0, 1, 2 where they contrast most (Y, U, V).

    `contrast` is the distance of the two colour classes in levels of that plane; `sure` is false where no
    plausible letters were found and `core` is the whole box.
    """

    core: Mask
    plane: int
    contrast: float
    sure: bool
    threshold: float = 0.0
    bright: bool = True


def crop_yuv(picture: Yuv420, box: Box) -> Crop:
    """Return `box` of a picture as (h, w, 3) Y, U, V with chroma enlarged to luma size."""
    left, top, right, bottom = box
    half = (slice(top // 2, (bottom + 1) // 2), slice(left // 2, (right + 1) // 2))
    planes = [picture.y[top:bottom, left:right]]
    for chroma in (picture.u[half], picture.v[half]):
        full = cv2.resize(chroma, (chroma.shape[1] * 2, chroma.shape[0] * 2), interpolation=cv2.INTER_LINEAR)
        dy, dx = top - top // 2 * 2, left - left // 2 * 2
        planes.append(full[dy : dy + bottom - top, dx : dx + right - left].astype(np.uint8))
    return np.dstack(planes)


def find_glyphs(crop: Crop, inside: Mask) -> Glyphs:
    """Split the letters of a text box from its ground by Otsu's threshold in the plane of the best contrast.

    `inside` marks the text box; letters are the class that meets its rim less (Otsu, IEEE SMC 9, 1979).
    """
    best: Glyphs | None = None
    rim = inside & ~cv2.erode(inside.astype(np.uint8), disk(2), borderValue=0).astype(np.bool_)
    for plane in range(3):
        found = _split_plane(crop[..., plane], inside, rim, plane)
        # Chroma is coarse in 4:2:0: it must beat luma clearly to be used.
        gain = found.contrast * (1.0 if plane == 0 else 0.6) * (1.0 if found.sure else 0.3)
        if best is None or gain > best.contrast * (1.0 if best.plane == 0 else 0.6) * (
            1.0 if best.sure else 0.3
        ):
            best = found
    assert best is not None  # noqa: S101 - three planes were tried
    return best


def letters_of(crop: Crop, quad: Quad, box: Box, unrest: NDArray[np.float32] | None = None) -> Glyphs:
    """Return the letters of the line in `quad` with the ends of strokes that reach to the rim of its box.

    Pixels far from the letters' common colour, or that move (`unrest`, levels) while the letters stand, are ground.
    """
    inside = fill_quad(shrink_quad(quad, LETTER_MARGIN * line_height(quad)), box)
    found = find_glyphs(crop, inside)
    if not found.sure:
        return replace(found, core=fill_quad(quad, box))
    values = crop[..., found.plane].astype(np.float32)
    common = float(np.median(values[found.core]))
    stroke = np.abs(values - common) <= max(STROKE_RANGE * found.contrast, 12.0)
    stroke &= fill_quad(quad, box)
    if unrest is not None:
        stroke &= unrest <= max(8.0, 2.5 * float(np.median(unrest[found.core])))
    _, labels = cv2.connectedComponents(stroke.astype(np.uint8))
    touched = np.unique(labels[found.core & stroke])
    core = np.isin(labels, touched[touched > 0])
    return replace(found, core=core) if core.any() else replace(found, sure=False, core=fill_quad(quad, box))


def _split_plane(values: NDArray[np.uint8], inside: Mask, rim: Mask, plane: int) -> Glyphs:
    sample = values[inside]
    if sample.size == 0:
        return Glyphs(inside.copy(), plane, 0.0, sure=False)
    threshold, _ = cv2.threshold(sample.reshape(1, -1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    bright = (values > threshold) & inside
    dark = inside & ~bright
    if not bright.any() or not dark.any():
        return Glyphs(inside.copy(), plane, 0.0, sure=False)
    contrast = float(np.median(values[bright])) - float(np.median(values[dark]))
    core = bright if (bright & rim).sum() / bright.sum() <= (dark & rim).sum() / dark.sum() else dark
    share = float(core.sum()) / float(inside.sum())
    sure = MIN_STROKE_SHARE <= share <= MAX_STROKE_SHARE and contrast >= MIN_CONTRAST
    return Glyphs(core if sure else inside.copy(), plane, contrast, sure, float(threshold), core is bright)
