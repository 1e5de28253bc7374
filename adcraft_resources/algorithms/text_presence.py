"""Whether a known text stands in a frame, how strongly, and where: a template of its letters held against the frame.

Belongs here: one template against one frame (still, shifted, scaled, faded). Does not: bookkeeping over a clip
(text_tracks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.glyph_masks import LETTER_MARGIN, Crop, crop_yuv, find_glyphs
from adcraft_resources.algorithms.text_boxes import Box, disk, fill_quad, line_height, quad_box, shrink_quad
from adcraft_resources.algorithms.values import Mask, Quad, Yuv420

FULL_MATCH, FULL_CORRELATION = 0.7, 0.5  # together: the letters are there in their colour
SAME_SHAPE, HALF_STRENGTH = 0.88, 0.5  # or: their shape is, brightened or darkened with the picture
FAINT_CORRELATION, FAINT_FROM, FAINT_TO = 0.4, 0.05, 0.97  # a frame of a fade
NUDGES = (-2, -1, 0, 1, 2)  # template pixels
HALF = 128
MOST_PIXELS = 16384
COLOUR_TOLERANCE = 26.0  # levels a letter's pixel may stray by codec noise


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a template stands against its home: shift in pixels and scale about its centre."""

    dx: int = 0
    dy: int = 0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Presence:
    """How well a frame shows a template: share of letter pixels in colour, correlation, and strength (1 = full)."""

    match: float
    correlation: float
    strength: float

    @property
    def full(self) -> bool:
        """The text stands there at full strength, or evenly brightened or darkened with the picture."""
        return (self.match >= FULL_MATCH and self.correlation >= FULL_CORRELATION) or (
            self.correlation >= SAME_SHAPE and self.strength > HALF_STRENGTH
        )

    @property
    def faint(self) -> bool:
        """The same letters are there, but weaker: a frame of a fade."""
        return self.correlation >= FAINT_CORRELATION and FAINT_FROM <= self.strength < FAINT_TO


class Letters:
    """A template's pixels ready to be held against several places: core and band as lists of places.

    Of large letters evenly spread pixels stand for all: `MOST_PIXELS` tell colour and correlation to a hundredth.
    """

    def __init__(self, values: NDArray[np.float32], core: Mask, band: Mask) -> None:
        self._width = values.shape[1]
        self._core, self._band = _spread(core), _spread(band)
        flat = values.ravel()
        self._colours = flat[self._core]
        known = flat[self._band]
        self._known = known - known.mean()
        self._power = float(self._known @ self._known)

    def held_against(self, window: NDArray[np.uint8], places: Sequence[tuple[int, int]]) -> list[Presence]:
        """Compare with the crops of the template's size at `places` (x, y) of a window (h, w)."""
        flat, wider = window.ravel(), window.shape[1] - self._width
        core = self._core + self._core // self._width * wider
        band = self._band + self._band // self._width * wider
        return [self._compare(flat, core, band, y * window.shape[1] + x) for x, y in places]

    def _compare(
        self, flat: NDArray[np.uint8], core: NDArray[np.intp], band: NDArray[np.intp], start: int
    ) -> Presence:
        flat = flat[start:]
        match = float((np.abs(flat.take(core) - self._colours) <= COLOUR_TOLERANCE).mean())
        found = flat.take(band).astype(np.float32)
        found -= found.mean()
        product, other = float(self._known @ found), float(found @ found)
        correlation = product / max(np.sqrt(self._power * other), 1e-6)
        return Presence(match, correlation, product / max(self._power, 1e-6))


def _spread(mask: Mask) -> NDArray[np.intp]:
    """Return flat places of the mask's pixels, at most about `MOST_PIXELS` of them, evenly spread."""
    places = np.flatnonzero(mask)
    return places[:: max(1, len(places) // MOST_PIXELS)]


@dataclass(frozen=True)
class TextTemplate:
    """Letters of one text as they looked in one frame.

    `values` (h, w) float32 is the plane that contrasts most, `core` the letters, `band` letters and their edges,
    `box` the home position in luma pixels, `step` 1 for luma and 2 for a chroma plane.
    """

    quad: Quad
    box: Box
    plane: int
    values: NDArray[np.float32]
    core: Mask
    band: Mask
    crop: Crop
    sure: bool

    @property
    def step(self) -> int:
        """Luma pixels per template pixel."""
        return 1 if self.plane == 0 else 2

    @cached_property
    def letters(self) -> Letters:
        """The letters at their own size."""
        return Letters(self.values, self.core, self.band)


def cut_template(picture: Yuv420, quad: Quad) -> TextTemplate:
    """Cut the template of the text in `quad` from a frame."""
    left, top, right, bottom = quad_box(quad, picture.size)
    box = (left // 2 * 2, top // 2 * 2, right, bottom)
    inside = fill_quad(shrink_quad(quad, LETTER_MARGIN * line_height(quad)), box)
    crop = crop_yuv(picture, box)
    glyphs = find_glyphs(crop, inside)
    values = _plane_crop(picture, glyphs.plane, box, Pose())
    core, inside = (_shrink(mask, values.shape) if glyphs.plane else mask for mask in (glyphs.core, inside))
    reach = max(1, round(0.06 * line_height(quad) / (2 if glyphs.plane else 1)))
    band = cv2.dilate(core.astype(np.uint8), disk(reach)).astype(np.bool_) & inside
    return TextTemplate(quad, box, glyphs.plane, values.astype(np.float32), core, band, crop, glyphs.sure)


def picture_template(crop: Crop, patch: Mask, box: Box) -> TextTemplate:
    """Return the template of an emoji or sticker: `patch` of a crop (h, w, 3) Y, U, V at `box` (even left and top)."""
    left, top, right, bottom = box
    quad: Quad = ((left, top), (right - 1, top), (right - 1, bottom - 1), (left, bottom - 1))
    return TextTemplate(quad, box, 0, crop[..., 0].astype(np.float32), patch, patch, crop, sure=True)


def _shrink(mask: Mask, shape: tuple[int, ...]) -> Mask:
    small = cv2.resize(mask.astype(np.uint8) * 255, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return small >= HALF


def _plane_crop(picture: Yuv420, plane: int, box: Box, pose: Pose) -> NDArray[np.uint8]:
    """Cut `box` shifted by `pose` from a plane; parts off the screen repeat the edge."""
    values = (picture.y, picture.u, picture.v)[plane]
    step = 1 if plane == 0 else 2
    left, top = (box[0] + pose.dx) // step, (box[1] + pose.dy) // step
    width, height = -((box[0] - box[2]) // step), -((box[1] - box[3]) // step)
    if left >= 0 and top >= 0 and left + width <= values.shape[1] and top + height <= values.shape[0]:
        return values[top : top + height, left : left + width]
    rows = np.clip(np.arange(top, top + height), 0, values.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, values.shape[1] - 1)
    return values[rows[:, None], columns[None, :]]


def measure_presence(template: TextTemplate, picture: Yuv420, pose: Pose | None = None) -> Presence:
    """Measure how well `picture` shows `template` at `pose`."""
    pose = pose or Pose()
    if pose.scale == 1.0:
        seen = _plane_crop(picture, template.plane, template.box, pose)
        return template.letters.held_against(seen, [(0, 0)])[0]
    return _measure_scaled(template, picture, pose)


def _correlation(presence: Presence) -> float:
    return presence.correlation


def _measure_scaled(template: TextTemplate, picture: Yuv420, pose: Pose) -> Presence:
    """Compare with the template brought to the pose's size, at every nudge: a searched place is off by some."""
    height, width = template.values.shape
    size = (max(4, round(width * pose.scale)), max(4, round(height * pose.scale)))
    shrunk = cv2.INTER_AREA if pose.scale < 1 else cv2.INTER_LINEAR
    values = cv2.resize(template.values, size, interpolation=shrunk).astype(np.float32)
    core, band = (
        cv2.resize(m.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) >= HALF
        for m in (template.core, template.band)
    )
    if not core.any() or not band.any():
        return Presence(0.0, 0.0, 0.0)
    step, reach = template.step, max(NUDGES)
    left = template.box[0] - ((size[0] - width) // 2 + reach) * step
    top = template.box[1] - ((size[1] - height) // 2 + reach) * step
    box = (left, top, left + (size[0] + 2 * reach) * step, top + (size[1] + 2 * reach) * step)
    window = _plane_crop(picture, template.plane, box, pose)
    places = [(x + reach, y + reach) for x in NUDGES for y in NUDGES]
    return max(Letters(values, core, band).held_against(window, places), key=_correlation)


def find_pose(
    template: TextTemplate,
    picture: Yuv420,
    near: Pose,
    reach: tuple[int, int],
    scales: tuple[float, ...] = (1.0,),
) -> tuple[Pose, float]:
    """Search `template` within `reach` (x, y) pixels around `near`; return the best pose and its correlation.

    Searches at half size with the whole text box as pattern, then to the pixel.
    """
    best, best_score = near, -1.0
    for scale in scales:
        pose, score = _search(template, picture, near, reach, scale)
        if score > best_score:
            best, best_score = pose, score
    return best, best_score


def _search(
    template: TextTemplate, picture: Yuv420, near: Pose, reach: tuple[int, int], scale: float
) -> tuple[Pose, float]:
    step = template.step
    height, width = template.values.shape
    pattern = cv2.resize(template.values, (max(4, round(width * scale)), max(4, round(height * scale))))
    grow_x, grow_y = (pattern.shape[1] - width) // 2, (pattern.shape[0] - height) // 2
    reach_x, reach_y = max(1, reach[0] // step), max(1, reach[1] // step)
    left = template.box[0] - (grow_x + reach_x) * step
    top = template.box[1] - (grow_y + reach_y) * step
    wide, tall = pattern.shape[1] + 2 * reach_x, pattern.shape[0] + 2 * reach_y
    window = _plane_crop(picture, template.plane, (left, top, left + wide * step, top + tall * step), near)
    shrink = max(1, min(min(pattern.shape) // 12, max(pattern.shape) // 96))
    if shrink > 1:
        window, pattern = (_shrunk(values, shrink) for values in (window, pattern))
    scores = cv2.matchTemplate(window.astype(np.float32), pattern.astype(np.float32), cv2.TM_CCOEFF_NORMED)
    _, score, _, (x, y) = cv2.minMaxLoc(scores)
    dx = near.dx + (x * shrink - reach_x) * step
    dy = near.dy + (y * shrink - reach_y) * step
    if scale == 1.0:
        return _to_the_pixel(template, picture, Pose(dx, dy), float(score), shrink)
    return Pose(dx, dy, scale), float(score)


def _shrunk(values: NDArray[Any], shrink: int) -> NDArray[Any]:
    """Shrink by a whole number, so that places in the small picture stay whole pixels."""
    height, width = (side // shrink for side in values.shape)
    cut = values[: height * shrink, : width * shrink]
    return cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)


def _to_the_pixel(
    template: TextTemplate, picture: Yuv420, pose: Pose, score: float, shrink: int
) -> tuple[Pose, float]:
    """Refine a coarse hit by the letters' own correlation, in halving steps."""
    best = (measure_presence(template, picture, pose).correlation, pose)
    reach = shrink // 2 + 1 if shrink > 1 else 0
    while reach >= 1:
        center = best[1]
        for dy in (-reach, 0, reach):
            for dx in (-reach, 0, reach):
                other = Pose(center.dx + dx * template.step, center.dy + dy * template.step)
                best = max(
                    best, (measure_presence(template, picture, other).correlation, other), key=lambda c: c[0]
                )
        reach //= 2
    return best[1], max(best[0], score)
