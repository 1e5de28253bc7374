"""Carrying a look from restyled keyframes to every frame of their shot, whoever restyled them.

Belongs here: the models a look may follow, choosing one per shot, and applying it. Does not: agreeing keys
(key_pairs.py), fitting cubes (cube_fitting.py), cutting shots.

Three models of colour: a cube; a cube under smooth light fixed to the screen; the same light riding on the camera's
motion. On top, where it helps, the texture of the keys: what the model misses there, moved along the optical flow.
The choice is by leave-one-key-out error: each key is predicted from its neighbours, which is harder than any frame
between keys will be; so where colour alone fails badly, texture is taken for a small gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.cube_fitting import CubeLookup
from adcraft_resources.algorithms.flow_carrying import carry_texture, scene_motion
from adcraft_resources.algorithms.key_pairs import KeyPair, even_out, pooled_cube, register_pair
from adcraft_resources.algorithms.values import Frame

Kind = Literal["cube", "screen_light", "scene_light"]
Plane = NDArray[np.float32]

_GRID = 20  # cells of a light map along the short side
_ALTERNATIONS = 3  # between cube and light
_TRIAL_SAMPLES = 8_000
_TRIAL_SIDE = 200  # px of the short side the choice is made at
_WORTH = 0.85  # share of the simpler model's error that a richer one must stay under
_CALM = 0.7  # the same for texture: keys that merely disagree look a little like it
_ROUGH, _ANY_GAIN = (
    50.0,
    0.98,
)  # mean squared codes above which colour alone fails, and texture need win only so much


@dataclass(frozen=True)
class ShotLook:
    """A look learned from the keys of one shot, and the error (mean squared code values) of leaving keys out."""

    keys: tuple[KeyPair, ...]
    lookup: CubeLookup
    lights: tuple[Plane, ...]
    kind: Kind
    textured: bool = False
    error: float | None = None


def agree_keys(pairs: Sequence[KeyPair], *, evened: bool = True) -> list[KeyPair]:
    """Register every restyled key to its source and, unless the look is meant to drift, even out their gains."""
    registered = [register_pair(pair) for pair in pairs]
    return even_out(registered) if evened else registered


def learn_shot(keys: Sequence[KeyPair]) -> ShotLook:
    """Learn the look of one shot from its (agreed) keys; at least one."""
    if len(keys) == 1:
        return fit_look(keys, "cube")
    small = [_shrunk(key) for key in keys]
    errors = {
        kind: _left_out_error(small, kind, textured=False) for kind in ("cube", "screen_light", "scene_light")
    }
    kind: Kind = "cube"
    for richer in ("screen_light", "scene_light"):
        if errors[richer] < _WORTH * errors[kind]:
            kind = richer
    textured_error = _left_out_error(small, kind, textured=True)
    needed = _CALM if errors[kind] < _ROUGH else _ANY_GAIN
    textured = textured_error < needed * errors[kind]
    return replace(fit_look(keys, kind), textured=textured, error=min(textured_error, errors[kind]))


def _shrunk(key: KeyPair) -> KeyPair:
    scale = _TRIAL_SIDE / min(key.source.shape[:2])
    if scale >= 1:
        return key
    small = [
        cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for p in (key.source, key.styled)
    ]
    return KeyPair(key.index, np.asarray(small[0], np.uint8), np.asarray(small[1], np.uint8))


def _left_out_error(keys: Sequence[KeyPair], kind: Kind, *, textured: bool) -> float:
    errors = []
    for left_out in keys:
        rest = [key for key in keys if key.index != left_out.index]
        look = replace(fit_look(rest, kind, samples=_TRIAL_SAMPLES), textured=textured)
        found = look_at(look, left_out.source, left_out.index).astype(np.float32)
        errors.append(float(((found - left_out.styled) ** 2).mean()))
    return float(np.mean(errors))


def fit_look(keys: Sequence[KeyPair], kind: Kind, samples: int = 40_000) -> ShotLook:
    """Fit one kind of model to `keys`."""
    lookup = CubeLookup(pooled_cube(keys, samples=samples))
    if kind == "cube":
        return ShotLook(tuple(keys), lookup, (), kind)
    lights: list[Plane] = []
    for _ in range(_ALTERNATIONS):
        parts = [_light_parts(lookup(key.source), key.styled) for key in keys]
        if kind == "screen_light":
            over, under = (np.sum([part[i] for part in parts], 0) for i in (0, 1))
            lights = [_light(over, under)] * len(keys)
        else:
            lights = [_light(*part) for part in parts]
        size = keys[0].source.shape[1::-1]
        gains = [cv2.resize(light, size, interpolation=cv2.INTER_CUBIC) for light in lights]
        lookup = CubeLookup(pooled_cube(keys, [np.asarray(g, np.float32) for g in gains], samples))
    return ShotLook(tuple(keys), lookup, tuple(lights), kind)


def _light_parts(eighths: NDArray[np.int16], styled: Frame) -> tuple[Plane, Plane]:
    """Products whose ratio is the light, averaged over cells; clipped pixels count little."""
    height, width = styled.shape[:2]
    cell = min(height, width) / _GRID
    size = max(2, round(width / cell)), max(2, round(height / cell))
    expected = eighths.astype(np.float32) / 8
    fair = np.where((styled > 250) | (expected < 4), np.float32(0.02), np.float32(1))  # noqa: PLR2004 - codes
    parts = (fair * expected * styled, fair * expected * expected)
    small = [cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA) for part in parts]
    return np.asarray(small[0], np.float32), np.asarray(small[1], np.float32)


def _light(over: Plane, under: Plane) -> Plane:
    """Smooth gain per cell and channel; where nothing was bright enough to tell, that of the neighbourhood."""
    soft = [cv2.GaussianBlur(part, (0, 0), 0.7, borderType=cv2.BORDER_REPLICATE) for part in (over, under)]
    wide = [cv2.GaussianBlur(part, (0, 0), 3.0, borderType=cv2.BORDER_REPLICATE) for part in (over, under)]
    hold = 0.02 * wide[1] + 1e-3
    return np.asarray(
        np.clip((soft[0] + hold * wide[0] / (wide[1] + 1e-3)) / (soft[1] + hold), 0.2, 4), np.float32
    )


def look_at(look: ShotLook, frame: Frame, index: int) -> Frame:
    """`frame` (number `index` of the clip) restyled as `look` says."""
    near = _neighbours(look, index)
    out = colour_at(look, frame, near)
    if look.textured:
        textures = [
            (key.source, key.styled - colour_at(look, key.source, [(i, 1.0)]))
            for i, key in enumerate(look.keys)
        ]
        out = out + carry_texture(frame, [(*textures[i], share) for i, share in near])
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def colour_at(look: ShotLook, frame: Frame, near: Sequence[tuple[int, float]]) -> Plane:
    """Colour and light without texture, (h, w, 3) float32 codes; `near` are keys by place with their shares."""
    base = look.lookup(frame).astype(np.float32) / np.float32(8)
    if not look.lights:
        return base
    size = frame.shape[1::-1]
    if look.kind == "screen_light":
        return base * cv2.resize(look.lights[0], size, interpolation=cv2.INTER_CUBIC)
    total = np.zeros(base.shape, np.float32)
    for i, share in near:
        light = cv2.resize(look.lights[i], size, interpolation=cv2.INTER_CUBIC)
        motion = scene_motion(frame, look.keys[i].source)
        moved = cv2.warpAffine(
            light,
            motion,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        total += np.float32(share) * moved
    return base * total


def _neighbours(look: ShotLook, index: int) -> list[tuple[int, float]]:
    """The keys before and after a frame with their shares, by distance in time; one key at the ends."""
    places = [key.index for key in look.keys]
    after = next((i for i, place in enumerate(places) if place >= index), None)
    if after is None:
        return [(len(places) - 1, 1.0)]
    if after == 0 or places[after] == index:
        return [(after, 1.0)]
    share = (index - places[after - 1]) / (places[after] - places[after - 1])
    return [(after - 1, 1 - share), (after, share)]
