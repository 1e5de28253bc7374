"""A look learned for one shot, and a frame restyled by it.

Belongs here: what a look holds, and applying it layer on layer. Does not: learning it (look_propagation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_path import Motion
from adcraft_resources.algorithms.cube_fitting import CubeLookup
from adcraft_resources.algorithms.flow_carrying import Carried, KeyTexture, Near, match_key, small_luma
from adcraft_resources.algorithms.key_lights import LightMap
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.planes import BAND, Layer, bands, whole
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
    layers = layers_of(look, frame, index, near)
    out, kept = np.empty_like(frame), np.empty((BAND, *frame.shape[1:]), np.float32)
    for rows in bands(len(frame)):
        made = kept[: rows.stop - rows.start]
        for layer in layers:
            layer(rows, made)
        cv2.add(made, cast(Any, 0.0), dst=out[rows], dtype=cv2.CV_8U)
    return out


def layers_of(look: ShotLook, frame: Frame, index: int, near: Sequence[Near] | None = None) -> list[Layer]:
    """What writes, and adds to, the restyled frame."""
    layers = [textured(look, frame, index)]
    if look.textures:
        layers.append(Carried(frame.shape, _near(look, frame, index) if near is None else near))
    return layers


def _near(look: ShotLook, frame: Frame, index: int) -> list[Near]:
    luma = small_luma(frame)
    return [
        (look.textures[i], match_key(luma, look.textures[i], motion_to_key(look, frame, index, i)), share)
        for i, share in neighbours(look, index)
    ]


def textured_at(look: ShotLook, frame: Frame, index: int) -> Plane:
    """Colour, light and filters, (h, w, 3) float32 codes 0..255."""
    return whole(textured(look, frame, index), frame.shape)


def textured(look: ShotLook, frame: Frame, index: int) -> Layer:
    """Writes the same a few rows at a time."""
    coloured = _coloured(look, frame, index)

    def write(rows: slice, out: Plane) -> None:
        coloured(rows, out)
        np.clip(out, 0, 255, out=out)

    if look.mixture is None:
        return write
    base = whole(write, frame.shape)
    add = look.mixture.over(base)

    def write_filtered(rows: slice, out: Plane) -> None:
        out[:] = base[rows]
        add(rows, out)

    return write_filtered


def colour_at(look: ShotLook, frame: Frame, index: int) -> Plane:
    """Colour and light, (h, w, 3) float32 codes, unclipped."""
    return whole(_coloured(look, frame, index), frame.shape)


def _coloured(look: ShotLook, frame: Frame, index: int) -> Layer:
    """Writes the same a few rows at a time."""
    gains = None
    if look.light is not None:
        motion = look.motions(frame, index) if look.kind == "scene_light" else np.eye(3)
        gains = look.light.over(frame.shape, motion)

    def write(rows: slice, out: Plane) -> None:
        np.multiply(look.lookup(frame, rows), np.float32(1 / 8), out=out, dtype=np.float32)
        if gains is not None:
            np.multiply(out, gains(rows), out=out)

    return write


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
