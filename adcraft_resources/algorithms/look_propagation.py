"""Learning a look from the restyled keyframes of a shot, whoever restyled them.

Belongs here: the models a look may follow, and choosing one per shot. Does not: what a learned look is and does to a
frame (shot_looks.py), agreeing keys (key_pairs.py), fitting cubes, lights and filters (cube_fitting.py, key_lights.py,
texture_bank.py), cutting shots.

Layer on layer, each only where it explains what the layers under it leave: a cube of colours; smooth light fixed to
the screen or riding on the scene; a mixture of filters of the frame; texture of the keys moved along the optical
flow. Layers are chosen by leave-one-key-out error: each key is predicted from the others. Flow alone is judged only
where it can be trusted, for elsewhere it adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np

from adcraft_resources.algorithms.camera_path import Motion
from adcraft_resources.algorithms.cube_fitting import FITTED_SIDE, CubeLookup
from adcraft_resources.algorithms.cube_reading import corners_of, read_at
from adcraft_resources.algorithms.flow_carrying import (
    KeyTexture,
    carry,
    match_key,
    texture_of,
)
from adcraft_resources.algorithms.grading import Cube
from adcraft_resources.algorithms.key_lights import LightMap, fit_light
from adcraft_resources.algorithms.key_pairs import KeyPair, even_out, pooled_cube, register_pair, unclipped
from adcraft_resources.algorithms.shot_looks import (
    Kind,
    Motions,
    Plane,
    ShotLook,
    colour_at,
    motion_to_key,
    textured_at,
)
from adcraft_resources.algorithms.texture_bank import Sums, left_over, mix, sums_of

_ALTERNATIONS, _TRIAL_ALTERNATIONS = 12, 5  # between cube and light: they share what one could explain alone
_SAMPLES, _FEW_SAMPLES, _TRIAL_SAMPLES = 40_000, 8_000, 4_000
_TRIAL_SIDE, _LIGHT_SIDE = 100, 200  # px of the short side light is chosen and fitted at
_BROAD = 32  # areas along the short side that errors of colour and light are averaged over
_EXPLAINED = 1.0  # mean squared codes a cube may leave there on its own keys: what is left is rounding
_FINE, _SEEN = 2.5, 12.0  # the same of single pixels, for filters and for texture that is worth its flow
_WORTH = 0.85  # share of the simpler model's error that a richer one must stay under
_FAR_BETTER = 0.35  # the same for the error on the keys a model was fitted to
_EVENED = 0.6  # the same for keys whose gains were evened out
_EVEN = 60.0  # mean squared codes above which keys differ by more than their gains
_FILTERED = 0.97  # the same for filters, which can carry nothing to the wrong place
AT_ONCE = 4  # keys, or shots, worked on side by side: each takes 0.3 GB at 1080x1920
_KINDRED = 0.33  # correlation of two keys' textures from which they are one texture of the scene, not noise


@dataclass(frozen=True)
class AgreedKeys:
    """Keys registered to their sources: as they are, and with the gains each has of its own taken away."""

    plain: tuple[KeyPair, ...]
    evened: tuple[KeyPair, ...]

    def within(self, first: int, last: int) -> AgreedKeys:
        """The keys of frames `first` to `last`."""
        plain, evened = (
            tuple(key for key in keys if first <= key.index <= last) for keys in (self.plain, self.evened)
        )
        return AgreedKeys(plain, evened)


def agree_keys(pairs: Sequence[KeyPair]) -> AgreedKeys:
    """Register every restyled key to its source and even out their gains; in order of time."""
    with ThreadPoolExecutor(len(pairs)) as pool:
        registered = list(pool.map(register_pair, sorted(pairs, key=lambda pair: pair.index)))
    return AgreedKeys(tuple(registered), tuple(even_out(registered)))


def learn_shot(agreed: AgreedKeys, motions: Motions, prior: Cube | None = None) -> ShotLook:
    """Learn the look of one shot from its keys; at least one.

    Args:
        agreed: The shot's keys.
        motions: How the camera moved.
        prior: Colours of the whole clip, for those that this shot's keys do not show.
    """
    look = fit_look(agreed.plain, "cube", motions, prior)
    if len(agreed.plain) > 1:
        look = _with_light(_with_even_keys(look, agreed, prior), prior)
        look = _with_filters(look)
    return _with_texture(look)


def _with_even_keys(look: ShotLook, agreed: AgreedKeys, prior: Cube | None) -> ShotLook:
    """The look on evened keys where gains of their own explain most of what a cube leaves: not so under a light."""
    evened = fit_look(agreed.evened, "cube", look.motions, prior)
    errors = [_own_error(one, [_shrunk(key, _LIGHT_SIDE) for key in one.keys]) for one in (evened, look)]
    return evened if errors[0] < min(_EVENED * errors[1], _EVEN) else look


def _own_error(look: ShotLook, keys: Sequence[KeyPair] | None = None) -> float:
    """Of `keys`, which may be smaller than the look's own where that is a cube; else of its own."""
    return float(np.mean([_error(look, key) for key in (look.keys if keys is None else keys)]))


def _error(look: ShotLook, key: KeyPair) -> float:
    """Mean squared codes by which broad areas of a key are missed: light is judged by these, not by texture."""
    missed = np.clip(colour_at(look, key.source, key.index), 0, 255) - key.styled
    height, width = missed.shape[:2]
    broad = (max(1, width * _BROAD // min(height, width)), max(1, height * _BROAD // min(height, width)))
    return float((cv2.resize(missed, broad, interpolation=cv2.INTER_AREA) ** 2).mean())


def _with_light(look: ShotLook, prior: Cube | None) -> ShotLook:
    """The look with light on the screen or on the scene, where that foretells keys better or explains them far better.

    Keys that share little of a scene cannot foretell one another, so what a model explains counts too.
    """
    own = _own_error(look, [_shrunk(key, _LIGHT_SIDE) for key in look.keys])
    if own < _EXPLAINED:
        return replace(look, error=own)
    small = tuple(_shrunk(key, _TRIAL_SIDE) for key in look.keys)
    motions = _scaled_motions(look.motions, look.keys[0], small[0])
    best: Kind = "cube"
    errors = {best: _judged(small, best, motions, prior)}
    for richer in ("screen_light", "scene_light"):
        errors[richer] = _judged(small, richer, motions, prior)
        foretold, explained = (new / old for new, old in zip(errors[richer], errors[best], strict=True))
        if foretold < _WORTH or explained < _FAR_BETTER:
            best = richer
    found = look if best == "cube" else fit_look(look.keys, best, look.motions, prior)
    return replace(found, error=errors[best][0])


def _judged(keys: Sequence[KeyPair], kind: Kind, motions: Motions, prior: Cube | None) -> tuple[float, float]:
    """Error of predicting a key from the others, and of explaining all of them."""
    every = fit_look(keys, kind, motions, prior, samples=_TRIAL_SAMPLES)
    return _left_out_error(keys, kind, motions, prior), _own_error(every)


def _shrunk(key: KeyPair, side: int) -> KeyPair:
    scale = side / min(key.source.shape[:2])
    if scale >= 1:
        return key
    small = [
        cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for p in (key.source, key.styled)
    ]
    return KeyPair(key.index, np.asarray(small[0], np.uint8), np.asarray(small[1], np.uint8))


def _scaled_motions(motions: Motions, full: KeyPair, small: KeyPair) -> Motions:
    """`motions` between shrunk pictures; they are only asked about keys."""
    ratio = full.source.shape[0] / small.source.shape[0]
    grow = np.diag([ratio, ratio, 1.0])
    return lambda frame, index: np.linalg.inv(grow) @ motions(frame, index) @ grow


def _left_out_error(keys: Sequence[KeyPair], kind: Kind, motions: Motions, prior: Cube | None) -> float:
    errors = []
    for left_out in keys:
        rest = [key for key in keys if key.index != left_out.index]
        errors.append(_error(fit_look(rest, kind, motions, prior, samples=_TRIAL_SAMPLES), left_out))
    return float(np.mean(errors))


def fit_look(
    keys: Sequence[KeyPair], kind: Kind, motions: Motions, prior: Cube | None = None, samples: int = _SAMPLES
) -> ShotLook:
    """Fit one kind of model of colour to `keys`."""
    if kind == "cube":
        cube = pooled_cube(keys, samples=samples, prior=prior)
        return ShotLook(tuple(keys), CubeLookup(cube), None, kind, motions)
    small = [_shrunk(key, _LIGHT_SIDE) for key in keys]
    moves = [np.eye(3)] * len(keys)
    if kind == "scene_light":
        moves = [_scaled_motions(motions, keys[0], small[0])(key.source, key.index) for key in keys]
    cube, light = _fit_lit(small, moves, prior, samples)
    ratio = small[0].source.shape[0] / keys[0].source.shape[0]
    return ShotLook(tuple(keys), CubeLookup(cube), light.for_larger(1 / ratio), kind, motions)


def _fit_lit(
    keys: Sequence[KeyPair], moves: Sequence[Motion], prior: Cube | None, samples: int
) -> tuple[Cube, LightMap]:
    """Cube and light by turns, each fitted to what the other leaves."""
    few = min(samples, _FEW_SAMPLES)
    turns = _ALTERNATIONS if samples > _TRIAL_SAMPLES else _TRIAL_ALTERNATIONS
    cube = pooled_cube(keys, samples=few, prior=prior)
    wanted = [key.styled.astype(np.float32) for key in keys]
    sources = [key.source.reshape(-1, 3).astype(np.float32) / np.float32(255) for key in keys]
    places = [corners_of(source, FITTED_SIDE) for source in sources]  # the same in every turn
    light = None
    for turn in range(turns):
        read = [read_at(cube, *place) * np.float32(255) for place in places]
        colours = [plane.reshape(key.source.shape) for plane, key in zip(read, keys, strict=True)]
        light = fit_light(list(zip(colours, wanted, strict=True)), moves)
        gains = [light.at(key.source.shape, move) for key, move in zip(keys, moves, strict=True)]
        foretold = [colour * gain for colour, gain in zip(colours, gains, strict=True)]
        cube = pooled_cube(keys, gains, samples if turn == turns - 1 else few, prior, foretold)
        wanted = [unclipped(key.styled, one) for key, one in zip(keys, foretold, strict=True)]
    assert light is not None  # noqa: S101 - there is at least one turn
    return cube, light


def _with_filters(look: ShotLook) -> ShotLook:
    """The look with a mixture of filters, where one learned from the other keys foretells a key better."""

    def sums_at(key: KeyPair) -> Sums:
        return sums_of(np.clip(colour_at(look, key.source, key.index), 0, 255), key.styled)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        sums = list(pool.map(sums_at, look.keys))
    rest = [[other for other in sums if other is not one] for one in sums]
    errors = [left_over(mix(others), one) for others, one in zip(rest, sums, strict=True)]
    plain = [one.energy / (3 * one.count) * 255**2 for one in sums]
    if np.mean(errors) >= _FILTERED * np.mean(plain) or np.mean(plain) < _FINE:
        return look
    return replace(look, mixture=mix(sums), error=float(np.mean(errors)))


def _with_texture(look: ShotLook) -> ShotLook:
    """The look with the keys' own texture, where a key's texture is foretold by its neighbours' along flow."""
    rest = [key.styled - textured_at(look, key.source, key.index) for key in look.keys]
    textures = tuple(
        texture_of(key.index, key.source, part) for key, part in zip(look.keys, rest, strict=True)
    )
    if float(np.mean([(part**2).mean() for part in rest])) < _SEEN:
        return look
    if len(textures) > 1 and _agreement(look, rest, textures) < _KINDRED:
        return look
    return replace(look, textures=textures)


def _agreement(look: ShotLook, rest: Sequence[Plane], textures: Sequence[KeyTexture]) -> float:
    """Correlation of the keys' texture with what flow brings from a neighbour, where flow is trusted.

    Keys are farther from one another than any frame between them is from the nearest one, so half of it is plenty.
    """
    sums = np.full(3, 1e-6)
    for here, there in [(i, i + d) for i in range(len(rest)) for d in (-1, 1) if 0 <= i + d < len(rest)]:
        key = look.keys[here]
        motion = motion_to_key(look, key.source, key.index, there)
        match = match_key(textures[here].luma, textures[there], motion)
        moved, trust = carry(textures[there], match, key.source.shape[:2])
        own = rest[here]
        sums += [float((trust * part).sum()) for part in (own * moved, own * own, moved * moved)]
    return float(sums[0] / np.sqrt(sums[1] * sums[2]))
