"""What things of the studio are made of: floors, soap, powder, printed faces, leaf shadows.

Belongs here: colours (linear light, float32) as functions of place. Does not: light itself (studio.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.sample_ads.noise import Plane, noise_tile, sample

Colour = tuple[float, float, float]
Floor = Literal["plaster", "marble", "wood", "tiles"]


def linear(red: int, green: int, blue: int) -> NDArray[np.floating[Any]]:
    """An sRGB colour in linear light, (3,) float32."""
    return (np.array([red, green, blue], np.float32) / 255) ** np.float32(2.2)


@dataclass(frozen=True, eq=False)
class Print:
    """A face's artwork, (h, w, 4) uint8 RGBA, its longer side along x; with `pressed` it is stamped, not printed.

    `size` is its width and height on the face in scene units; `texts` the words it shows.
    """

    picture: NDArray[np.uint8]
    size: tuple[float, float]
    texts: tuple[str, ...]
    text_box: tuple[float, float, float, float]
    face: Literal["top", "front"] = "top"
    pressed: bool = False


@dataclass(frozen=True)
class Powder:
    """A heap of powder: where on the floor, how wide, how high."""

    x: float
    z: float
    spread: float
    height: float
    colour: Colour = field(default=(0.78, 0.36, 0.03))


def floor_colour(floor: Floor, x: Plane, z: Plane) -> tuple[NDArray[np.floating[Any]], Plane]:
    """Colour (n, 3) in linear light and gloss (n,) of the floor at (x, z)."""
    return _FLOORS[floor](x, z)


def _plaster(x: Plane, z: Plane) -> tuple[NDArray[np.floating[Any]], Plane]:
    cloud = sample(noise_tile(1, 4, 4), x, z, 3.1)
    grain = sample(noise_tile(2, 64, 3), x, z, 1.3)
    shade = 1 + 0.10 * cloud + 0.05 * grain
    return shade[:, None] * linear(226, 201, 172), np.full_like(x, 0.05)


def _marble(x: Plane, z: Plane) -> tuple[NDArray[np.floating[Any]], Plane]:
    bend_x = sample(noise_tile(3, 4, 4), x, z, 2.7)
    bend_z = sample(noise_tile(4, 4, 4), x, z, 2.7)
    ridge = np.abs(sample(noise_tile(5, 4, 5), x + 0.5 * bend_x, z + 0.5 * bend_z, 4.0))
    vein = np.exp(-ridge * 26) * (0.5 + 0.5 * bend_x) + 0.35 * np.exp(-ridge * 5)
    base = linear(240, 236, 231) * (1 + 0.05 * bend_z)[:, None]
    mixed = base * (1 - 0.55 * np.clip(vein, 0, 1))[:, None] + linear(150, 140, 132) * (0.3 * vein)[:, None]
    return mixed, np.full_like(x, 0.35)


def _wood(x: Plane, z: Plane) -> tuple[NDArray[np.floating[Any]], Plane]:
    plank = np.floor(z / 0.62)
    shift = plank * np.float32(1.37)
    fibre = sample(noise_tile(6, 16, 5), x * 0.10 + shift, z * 1.0, 1.4)
    ring = sample(noise_tile(7, 4, 3), x * 0.16 + shift, z + shift, 1.9)
    bands = 0.5 + 0.5 * np.sin((ring * 2.2 + z * 1.2) * 19)
    seam = np.exp(-np.abs(z / 0.62 - np.round(z / 0.62)) * 90)
    tone = 0.62 + 0.24 * bands + 0.20 * fibre + 0.10 * np.sin(plank * 12.9898)
    colour = linear(196, 138, 88) * np.clip(tone, 0.2, 1.3)[:, None]
    return colour * (1 - 0.75 * seam)[:, None], 0.12 + 0.05 * bands


def _tiles(x: Plane, z: Plane) -> tuple[NDArray[np.floating[Any]], Plane]:
    size = np.float32(0.46)
    u, v = np.mod(x / size, 1), np.mod(z / size, 1)
    edge = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))
    joint = np.clip((0.035 - edge) / 0.02, 0, 1)
    tint = 0.94 + 0.08 * np.sin(np.floor(x / size) * 12.9898 + np.floor(z / size) * 78.233)
    glaze = (tint + 0.03 * sample(noise_tile(8, 4, 3), x, z, 1.1))[:, None] * linear(176, 209, 199)
    colour = glaze * (1 - joint)[:, None] + linear(226, 223, 214) * joint[:, None]
    return colour, 0.45 * (1 - joint)


_FLOORS = {"plaster": _plaster, "marble": _marble, "wood": _wood, "tiles": _tiles}


def soap_colour(local: NDArray[np.floating[Any]], base: Colour) -> NDArray[np.floating[Any]]:
    """Colour (n, 3) inside a bar at points of its own axes: milky swirls and ground-in specks."""
    x, y, z = local[:, 0], local[:, 1], local[:, 2]
    swirl = sample(noise_tile(11, 4, 4), x + 0.4 * y, z + 0.7 * y, 1.2)
    specks = sample(noise_tile(12, 128, 2, 0.8), x + y, z - y, 0.9)
    dark = np.clip((specks - 0.42) * 3, 0, 0.55)
    colour = np.array(base, np.float32) * (1 + 0.16 * swirl)[:, None]
    return colour * (1 - dark[:, None] * np.array([0.35, 0.6, 0.8], np.float32))


def powder_height(heap: Powder, x: Plane, z: Plane) -> Plane:
    """Height of a heap over the floor at (x, z), 0 where it does not reach."""
    far = np.sqrt((x - heap.x) ** 2 + (z - heap.z) ** 2) / np.float32(heap.spread)
    ragged = far * (1 + 0.22 * sample(noise_tile(21, 4, 4), x, z, 0.8))
    lumps = 1 + 0.12 * sample(noise_tile(22, 16, 4), x, z, 0.5)
    return np.maximum(heap.height * lumps * (np.exp(-(ragged**2) * 1.6) - 0.13), 0)


@cache
def leaf_shadow(seed: int) -> Plane:
    """Palm fronds' shadow on a tile, (512, 512) float32 from 0.42 (shade) to 1 (sun); it repeats without a seam."""
    random = np.random.default_rng(seed)
    plane = np.full((1536, 1536), 255, np.uint8)
    for _ in range(2):
        root = random.uniform(0, 512, 2)
        angle = random.uniform(-1.2, -0.3)
        along = np.array([np.cos(angle), np.sin(angle)])
        for shift in [(x, y) for x in (0, 512, 1024) for y in (0, 512, 1024)]:
            _draw_frond(plane, root + shift, along, 400)
    soft = cv2.GaussianBlur(plane, (0, 0), 4.5)[512:1024, 512:1024].astype(np.float32) / 255
    return 0.30 + 0.70 * soft


def _draw_frond(
    plane: NDArray[np.uint8], root: NDArray[np.float64], along: NDArray[np.float64], reach: float
) -> None:
    across = np.array([-along[1], along[0]])
    for at in np.linspace(0.1, 1, 13):
        foot = root + along * reach * at + across * 30 * at * at
        length = 165 * np.sin(np.pi * min(0.96, at * 0.8 + 0.17)) + 20
        for side in (-1, 1):
            end = foot + along * length * 0.62 + across * side * length
            belly = foot * 0.55 + end * 0.45
            thick = along * 15
            blade = np.array([foot, belly - thick, end, belly + thick])
            cv2.fillPoly(plane, [np.round(blade * 16).astype(np.int32)], 0, cv2.LINE_AA, 4)
