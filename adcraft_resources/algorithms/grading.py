"""A grade: what a look does to one colour, wherever in the picture it stands; baked into a 3D table.

Belongs here: tone curve, white balance, split tone, hue bands, duotone, skin guard, gamut compression, and the baked
cube. Does not: where in the picture (light.py), applying a cube to frames (lookup.py), grain.

Tone and colour are shaped in Oklab, so that a curve on lightness does not turn hues; exposure and white balance act
on linear light.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.colour import Floats
from adcraft_resources.algorithms.gamut import compress_gamut
from adcraft_resources.algorithms.grade_parts import Duotone, Grade, Saturation, SkinGuard, Tone
from adcraft_resources.algorithms.skin import skin_nearness

Cube = NDArray[np.float32]
"""3D table (n, n, n, 3) float32, indexed [red, green, blue] in code values 0..1, holding code values 0..1."""

CUBE_SIDE = 33  # the trade's usual size; finer ones change no pixel of an 8-bit picture here


def identity_cube(side: int = CUBE_SIDE) -> Cube:
    """The cube that changes nothing."""
    axis = np.linspace(0, 1, side, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).astype(np.float32)


def bake_cube(grade: Grade, side: int = CUBE_SIDE) -> Cube:
    """Bake `grade` into a cube."""
    return grade_colours(identity_cube(side).astype(np.float64), grade).astype(np.float32)


def blend_cubes(cube: Cube, share: float) -> Cube:
    """`share` of `cube` and the rest of the identity: a weaker (below 1) or stronger (above 1) look."""
    neutral = identity_cube(cube.shape[0])
    return np.clip(neutral + np.float32(share) * (cube - neutral), 0, 1).astype(np.float32)


def grade_colours(rgb: Floats, grade: Grade) -> Floats:
    """Grade code values (..., 3) 0..1; the result is inside 0..1."""
    kept = np.hypot(*np.moveaxis(colour.linear_to_oklab(colour.srgb_to_linear(rgb))[..., 1:], -1, 0))
    lab = _expose(rgb, grade)
    light = tone_curve(lab[..., 0], grade.tone)
    hue, chroma = colour.hue_and_chroma(lab[..., 1], lab[..., 2])
    light, hue, chroma = _saturate(light, hue, chroma, grade.saturation)
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    lab = _split_tone(np.stack([light, a, b], -1), grade)
    lab = _duotone(lab, grade.duotone)
    graded = colour.linear_to_srgb(colour.oklab_to_linear(compress_gamut(lab, kept)))
    return np.clip(guard_skin(rgb, np.clip(graded, 0, 1), grade.skin), 0, 1)


def _expose(rgb: Floats, grade: Grade) -> Floats:
    linear = colour.srgb_to_linear(rgb)
    if grade.balance.mired:
        linear = linear @ colour.white_balance(grade.balance.mired).T
    lab = colour.linear_to_oklab(np.maximum(linear, 0) * 2.0**grade.tone.exposure_ev)
    if grade.balance.tint:
        lab[..., 1] += grade.balance.tint * _bump(lab[..., 0])
    top = max(2.0 ** (grade.tone.exposure_ev / 3), 1.08 if grade.balance.mired else 1.0)
    lit = lab[..., 0].copy()
    lab[..., 0] = _shoulder(lit, top)
    # Light pressed into the shoulder loses its colour in the same measure, as film does.
    lab[..., 1:] *= (lab[..., 0] / np.maximum(lit, 1e-6))[..., None] ** 2
    return lab


def _shoulder(light: Floats, top: float, knee: float = 0.8) -> Floats:
    """Bring 0..`top` into 0..1: straight to `knee`, then a rational roll-off with the same slope at the knee."""
    if top <= 1:
        return light
    slope = (top - knee) / (1 - knee)
    u = np.clip((light - knee) / (top - knee), 0, 1)
    return np.where(light > knee, knee + (1 - knee) * slope * u / (1 + (slope - 1) * u), light)


def tone_curve(light: Floats, tone: Tone) -> Floats:
    """Lightness after the curve of `tone`, 0..1 in and out, never falling."""
    x = np.clip(light, 0, 1)
    p, q = tone.pivot, min(max(tone.pivot + tone.brightness, 0.05), 0.95)
    odds = (x * (1 - p) / np.maximum((1 - x) * p, 1e-9)) ** tone.contrast * (q / (1 - q))
    curve = odds / (1 + odds)
    line = np.where(x < p, x * q / p, q + (x - p) * (1 - q) / (1 - p))
    ease = np.where(x < p, tone.toe * (1 - x / p), tone.shoulder * (x - p) / (1 - p))
    return tone.black + (tone.white - tone.black) * (curve + (line - curve) * ease)


def _bump(light: Floats) -> Floats:
    """1 at middle lightness, 0 at black and white."""
    x = np.clip(light, 0, 1)
    return 4 * x * (1 - x)


def _step(x: Floats, low: float, high: float) -> Floats:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _saturate(light: Floats, hue: Floats, chroma: Floats, s: Saturation) -> tuple[Floats, Floats, Floats]:
    pale = 1 - np.clip(chroma / 0.2, 0, 1)
    gain = s.overall * (1 + s.vibrance * pale)
    gain = gain * (1 + (s.highlights - 1) * _step(light, 0.7, 1.0))
    gain = gain * (1 + (s.shadows - 1) * (1 - _step(light, 0.0, 0.4)))
    shift = np.zeros_like(hue)
    lift = np.zeros_like(light)
    coloured = _step(chroma, 0.01, 0.05)
    for band in s.bands:
        distance = np.abs(colour.hue_difference(hue, band.hue_deg)) / band.width_deg
        weight = 0.5 * (1 + np.cos(np.pi * np.clip(distance, 0, 1))) * coloured
        gain = gain * (1 + (band.saturation - 1) * weight)
        shift += band.shift_deg * weight
        lift += band.lightness * weight * _bump(light)
    return np.clip(light + lift, 0, 1), hue + shift, chroma * np.maximum(gain, 0)


def _split_tone(lab: Floats, grade: Grade) -> Floats:
    light = lab[..., 0]
    middle = 0.5 + 0.25 * grade.split.balance
    low = (1 - _step(light, 0.0, 2 * middle)) * _step(light, -0.05, 0.16)  # black itself stays near black
    high = _step(light, 2 * middle - 1, 1.0) * (1 - 0.55 * _step(light, 0.85, 1.0))  # white stays near white
    parts = ((grade.split.shadows, low), (grade.split.midtones, _bump(light)), (grade.split.highlights, high))
    out = lab.copy()
    for toning, weight in parts:
        out[..., 1] += weight * toning.chroma * np.cos(np.radians(toning.hue_deg))
        out[..., 2] += weight * toning.chroma * np.sin(np.radians(toning.hue_deg))
    return out


def _duotone(lab: Floats, duotone: Duotone) -> Floats:
    """Colour from the ramp at each lightness; the lightness itself stays the tone curve's."""
    if not duotone.amount:
        return lab
    ramp = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in duotone.ramp])
    stops = colour.linear_to_oklab(colour.srgb_to_linear(ramp))
    stops = stops[np.argsort(stops[:, 0])]
    inked = np.stack([np.interp(lab[..., 0], stops[:, 0], stops[:, i]) for i in (1, 2)], -1)
    return np.concatenate([lab[..., :1], lab[..., 1:] + duotone.amount * (inked - lab[..., 1:])], -1)


def guard_skin(before: Floats, after: Floats, guard: SkinGuard) -> Floats:
    """Hold colours that may be skin within `guard` of where they were; code values (..., 3) in and out."""
    old, new = colour.rgb_to_cielab(before), colour.rgb_to_cielab(after)
    weight = skin_nearness(old)
    move = new[..., 0] - old[..., 0]
    light = (
        old[..., 0]
        + move
        + weight * (_soft_limit(move, -guard.darker, guard.lighter) + guard.lightness_trim - move)
    )
    hue0, chroma0 = colour.hue_and_chroma(old[..., 1], old[..., 2])
    hue1, chroma1 = colour.hue_and_chroma(new[..., 1], new[..., 2])
    if guard.hue_deg is not None:
        turn = colour.hue_difference(hue1, hue0)
        hue1 = (
            hue0
            + turn
            + weight * (_soft_limit(turn, -guard.hue_deg, guard.hue_deg) + guard.hue_trim_deg - turn)
        )
        ratio = chroma1 / np.maximum(chroma0, 1e-6)
        chroma1 = chroma0 * (ratio + weight * (np.clip(ratio, *guard.chroma) - ratio))
    angle = np.radians(hue1)
    guarded = colour.cielab_to_rgb(np.stack([light, chroma1 * np.cos(angle), chroma1 * np.sin(angle)], -1))
    return np.where((weight > 0)[..., None], guarded, after)


def _soft_limit(x: Floats, low: float, high: float) -> Floats:
    """Press x into low..high: nearly untouched around 0, saturating at the limits."""
    bound = np.where(x < 0, max(-low, 1e-6), max(high, 1e-6))
    return bound * np.tanh(x / bound)
