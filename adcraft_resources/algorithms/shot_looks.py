"""A look learned for one shot, and a frame restyled by it.

Belongs here: what a look holds, and applying it layer on layer. Does not: learning it (look_propagation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_path import Motion
from adcraft_resources.algorithms.cube_fitting import CubeLookup
from adcraft_resources.algorithms.flow_carrying import KeyTexture, Near, blend, match_key, small_luma
from adcraft_resources.algorithms.key_lights import LightMap
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.texture_bank import Mixture
from adcraft_resources.algorithms.values import Frame

Kind = Literal["cube", "screen_light", "scene_light"]
Plane = NDArray[np.float32]
Motions = Callable[[Frame, int], Motion]
"""From pixels of a frame, known by its picture and number, to those of the shot's first key."""


@dataclass(frozen=True)
class ShotLook:
    """A look learned from the keys of one shot, and the mean squared code error of predicting a key left out."""

    keys: tuple[KeyPair, ...]
    lookup: CubeLookup
    light: LightMap | None
    kind: Kind
    motions: Motions
    mixture: Mixture | None = None
    textures: tuple[KeyTexture, ...] = ()
    error: float | None = None

    @property
    def textured(self) -> bool:
        """Whether texture is carried along flow."""
        return bool(self.textures)


def motion_to_key(look: ShotLook, frame: Frame, index: int, place: int) -> Motion:
    """From pixels of a frame to those of the key at `place`."""
    key = look.keys[place]
    return np.linalg.inv(look.motions(key.source, key.index)) @ look.motions(frame, index)


def look_at(look: ShotLook, frame: Frame, index: int, near: Sequence[Near] | None = None) -> Frame:
    """`frame` (number `index` of the clip) restyled as `look` says; `near` are its matches, if they are known."""
    out = textured_at(look, frame, index)
    if look.textures:
        out += blend(frame.shape[:2], _near(look, frame, index) if near is None else near)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _near(look: ShotLook, frame: Frame, index: int) -> list[Near]:
    luma = small_luma(frame)
    return [
        (look.textures[i], match_key(luma, look.textures[i], motion_to_key(look, frame, index, i)), share)
        for i, share in neighbours(look, index)
    ]


def textured_at(look: ShotLook, frame: Frame, index: int) -> Plane:
    """Colour, light and filters, (h, w, 3) float32 codes 0..255."""
    base = np.clip(colour_at(look, frame, index), 0, 255)
    return base if look.mixture is None else base + look.mixture(base)


def colour_at(look: ShotLook, frame: Frame, index: int) -> Plane:
    """Colour and light, (h, w, 3) float32 codes, unclipped."""
    base = look.lookup(frame).astype(np.float32) / np.float32(8)
    if look.light is None:
        return base
    motion = look.motions(frame, index) if look.kind == "scene_light" else np.eye(3)
    return base * look.light.at(frame.shape, motion)


def neighbours(look: ShotLook, index: int) -> list[tuple[int, float]]:
    """The keys before and after a frame with their shares, by distance in time; one key at the ends."""
    places = [key.index for key in look.keys]
    after = next((i for i, place in enumerate(places) if place >= index), None)
    if after is None:
        return [(len(places) - 1, 1.0)]
    if after == 0 or places[after] == index:
        return [(after, 1.0)]
    share = (index - places[after - 1]) / (places[after] - places[after - 1])
    return [(after - 1, 1 - share), (after, share)]
