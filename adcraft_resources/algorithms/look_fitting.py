"""Fitting a designed grade to a clip: pushed where it would hardly show, held back where it would harm.

Belongs here: measuring a look on a few keyframes and turning its few free knobs until skin and structure lie inside
their limits. Does not: the limits of the gates (these are the looks' own, tighter), finding faces, the design itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.grade_parts import Grade, Tone
from adcraft_resources.algorithms.grading import bake_cube
from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.light import Light, scale_light
from adcraft_resources.algorithms.looks import GradedLook
from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.similarity import structural_similarity
from adcraft_resources.algorithms.skin import skin_delta_l, skin_hue_shift
from adcraft_resources.algorithms.values import Frame, Mask

PREVIEW_SIDE = 320  # px of the short side looks are tried at: SSIM there is within 0.02 of the full size's
_MOST_TRIM = 6.0, 7.0  # of skin's L* and hue in degrees: what needs more needs another design
_ROUNDS = 4
_STEPS = 1.35, 0.75  # a push and a hold of the tone
_PUSH_LIMIT = 2.0  # of the design's own strength: beyond it blacks clog
_MOST_BLACK = 0.1  # lightness black is lifted to at most by a push: more is fog
_STILL, _MOVING = (
    0.3,
    0.9,
)  # change between keys, in deviations of the picture, of a still and a moving camera
_LEAST_LIGHT = 0.25  # share of the spatial light that stays on when the camera moves


@dataclass(frozen=True)
class LookLimits:
    """What a fitted look keeps to: L* change and hue turn of skin, luma SSIM to the source."""

    skin_l: tuple[float, float] = (-4.3, 0.8)
    skin_hue_deg: float = 3.0
    structure: tuple[float, float] = (0.6, 0.955)


@dataclass(frozen=True)
class FittedGrade:
    """A grade and light fitted to a clip, with what was measured on its keys at the end."""

    grade: Grade
    light: Light
    push: float
    light_share: float
    structure: float | None
    skin_l: float | None  # mean over the keys
    skin_hue_deg: float | None  # the key that turned most

    def figures(self) -> dict[str, float | None]:
        """What a manifest keeps of the fit."""
        names = ("push", "light_share", "structure", "skin_l", "skin_hue_deg")
        values = ((name, getattr(self, name)) for name in names)
        return {name: None if value is None else round(value, 4) for name, value in values}


def fit_grade(
    grade: Grade,
    light: Light,
    keys: Sequence[tuple[Frame, Mask | None]],
    *,
    motion: float = 0.0,
    limits: LookLimits | None = None,
) -> FittedGrade:
    """Fit to `keys` (frames with their skin, None where none was found); `motion` as of `change_between`.

    Light is fixed to the screen, which shows when the scene slides under it: it is dimmed as `motion` grows, and
    sharpening with it, which moving edges would make shimmer.
    """
    limits = limits or LookLimits()
    share = 1 - (1 - _LEAST_LIGHT) * float(np.clip((motion - _STILL) / (_MOVING - _STILL), 0, 1))
    light = replace(
        scale_light(light, share), clarity=light.clarity * share, sharpness=light.sharpness * share
    )
    previews = [_preview(frame, mask) for frame, mask in keys]
    push, designed = 1.0, grade.tone
    measured = _Measured(None, None, None)
    for attempt in range(_ROUNDS):
        measured = _measure(grade, light, previews)
        if attempt == _ROUNDS - 1:
            break
        new_push = _next_push(push, measured.structure, limits)
        skin = _trim_skin(grade, measured, limits)
        if new_push == push and skin == grade:
            break
        push, grade = new_push, replace(skin, tone=push_tone(designed, new_push))
    return FittedGrade(grade, light, push, share, measured.structure, measured.skin_l, measured.skin_hue_deg)


def push_tone(tone: Tone, push: float) -> Tone:
    """`tone` with `push` times its distance from doing nothing."""
    return replace(
        tone,
        exposure_ev=tone.exposure_ev * push,
        contrast=float(tone.contrast**push),
        brightness=float(np.clip(tone.brightness * push, -0.2, 0.2)),
        black=min(tone.black * push, max(tone.black, _MOST_BLACK)),
        white=max(1 - (1 - tone.white) * push, 0.85),
    )


def change_between(keys: Sequence[Frame]) -> float:
    """How much the picture changed from each key of a shot to the next, in deviations of its luma; 0 for one key.

    Near 0.2 where people move before a still camera, near 1 where the camera pans or follows.
    """
    small = [_thumbnail(frame) for frame in keys]
    moves = [float(np.abs(b - a).mean() / max(a.std(), 8.0)) for a, b in pairwise(small)]
    return max(moves, default=0.0)


def _thumbnail(frame: Frame) -> NDArray[np.float32]:
    luma = cv2.resize(luma_of(frame), (64, 64), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(luma.astype(np.float32), (0, 0), 2), np.float32)


@dataclass(frozen=True)
class _Measured:
    structure: float | None
    skin_l: float | None
    skin_hue_deg: float | None


def _preview(frame: Frame, mask: Mask | None) -> tuple[Frame, Mask | None]:
    scale = min(1.0, PREVIEW_SIDE / min(frame.shape[:2]))
    small = np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    if mask is None:
        return small, None
    cover = cv2.resize(mask.astype(np.float32), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    return small, np.asarray(cover > 0.5)  # noqa: PLR2004 - mostly skin


def _measure(grade: Grade, light: Light, previews: Sequence[tuple[Frame, Mask | None]]) -> _Measured:
    structure, lightness, hues = [], [], []
    look = GradedLook(bake_cube(grade), light, Grain(), 0)
    for before, mask in previews:
        after = look.apply(before, 0, 0.0)
        structure.append(structural_similarity(luma_of(before), luma_of(after)))
        if mask is not None:
            lightness.append(skin_delta_l(before, after, mask))
            hues.append(skin_hue_shift(before, after, mask))
    return _Measured(_mean(structure), _mean(lightness), _worst(hues))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _worst(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), key=abs, default=None)


def _next_push(push: float, structure: float | None, limits: LookLimits) -> float:
    if structure is None or limits.structure[0] <= structure <= limits.structure[1]:
        return push
    factor = _STEPS[0] if structure > limits.structure[1] else _STEPS[1]
    return float(np.clip(push * factor, 0.3, _PUSH_LIMIT))


def _trim_skin(grade: Grade, measured: _Measured, limits: LookLimits) -> Grade:
    """Move the skin guard's middle against what light and tone together did to the skin."""
    guard = grade.skin
    lightness = guard.lightness_trim - _excess(measured.skin_l, *limits.skin_l)
    turn = guard.hue_trim_deg
    if guard.hue_deg is not None:
        turn -= _excess(measured.skin_hue_deg, -limits.skin_hue_deg, limits.skin_hue_deg)
    lightness, turn = (
        min(max(trim, -most), most) for trim, most in zip((lightness, turn), _MOST_TRIM, strict=True)
    )
    return replace(grade, skin=replace(guard, lightness_trim=lightness, hue_trim_deg=turn))


def _excess(value: float | None, low: float, high: float) -> float:
    """How far `value` is outside low..high, and a little more, so that one trim is enough; 0 inside."""
    if value is None or low <= value <= high:
        return 0.0
    return 1.3 * (value - min(max(value, low), high)) + (0.2 if value > high else -0.2)
