"""The products of the sample ads, set up in the studio.

Belongs here: which blocks stand where, under which light, and where their labels are in the picture.
Does not: how light works (studio.py), the artwork (labels.py). `size` is the picture's (height, width) throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcraft_resources.algorithms.values import Quad
from adcraft_resources.sample_ads.geometry import Camera, Solid
from adcraft_resources.sample_ads.labels import coffee_carton, soap_sleeve, soap_stamp
from adcraft_resources.sample_ads.studio import Block, Scene
from adcraft_resources.sample_ads.surfaces import Powder, Print

TURMERIC = (0.79, 0.285, 0.016)
_SOAP_HALF = (0.5, 0.18, 0.33)


@dataclass(frozen=True)
class SceneLabel:
    """Words on a thing in a still: they move with it and must stay. `quad` is in the picture's pixels."""

    texts: tuple[str, ...]
    quad: Quad


def soap_on_plaster(size: tuple[int, int]) -> Scene:
    """A sleeved bar in morning sun, a heap of turmeric behind it."""
    solid = Solid((0, 0.18, 0), _SOAP_HALF, 0.08, 12)
    bar = Block(solid, TURMERIC, prints=soap_sleeve(0.66, 0.36))
    heap = Powder(-0.50, -0.72, 0.42, 0.24)
    return Scene(
        Camera((0.3, 1.95, 2.1), (0.02, 0.10, 0.02), 44, size), "plaster", (bar,), (heap,), exposure=0.54
    )


def soap_stack(size: tuple[int, int]) -> Scene:
    """Two bars, one on the other, on marble in cooler light; the upper one shows its stamp."""
    below = Block(Solid((0.03, 0.17, -0.03), (0.5, 0.17, 0.33), 0.08, -16), (0.72, 0.235, 0.014))
    above = Block(Solid((0, 0.49, 0), (0.48, 0.15, 0.32), 0.07, 9), TURMERIC, prints=(soap_stamp(0.64),))
    return Scene(
        Camera((-0.25, 2.15, 2.0), (0.0, 0.30, 0.0), 46, size),
        "marble",
        (below, above),
        (Powder(0.75, 0.42, 0.22, 0.09),),
        sun=(0.6, 0.7, 0.1),
        sun_colour=(2.7, 2.5, 2.25),
        sky_colour=(0.62, 0.68, 0.78),
        leaves=47,
        exposure=0.55,
        haze=(0.85, 0.83, 0.80),
    )


def soap_on_tiles(size: tuple[int, int]) -> Scene:
    """A stamped bar on bathroom tiles in window light."""
    bar = Block(
        Solid((0, 0.16, 0), (0.5, 0.16, 0.33), 0.08, -10), TURMERIC, gloss=0.9, prints=(soap_stamp(0.66),)
    )
    return Scene(
        Camera((0.1, 2.35, 1.65), (0.0, 0.08, 0.0), 44, size),
        "tiles",
        (bar,),
        sun=(-0.7, 0.62, -0.15),
        sun_colour=(2.6, 2.45, 2.2),
        sky_colour=(0.66, 0.74, 0.80),
        leaves=None,
        exposure=0.57,
        haze=(0.62, 0.74, 0.72),
    )


def coffee_on_wood(size: tuple[int, int]) -> Scene:
    """A coffee carton on a wooden table in low evening sun."""
    half = (0.36, 0.55, 0.20)
    front, lid = coffee_carton(0.72, 1.10, 0.40)
    carton = Block(
        Solid((0, 0.55, 0), half, 0.012, 17), (0.012, 0.035, 0.045), 0.25, waxy=False, prints=(front, lid)
    )
    return Scene(
        Camera((0.25, 1.30, 2.75), (0.0, 0.47, 0.0), 42, size),
        "wood",
        (carton,),
        sun=(-0.7, 0.55, 0.62),
        sun_colour=(3.6, 2.7, 1.75),
        sky_colour=(0.42, 0.46, 0.58),
        leaves=12,
        haze=(0.22, 0.14, 0.10),
    )


def labels_in(scene: Scene) -> tuple[SceneLabel, ...]:
    """Where the labels of a scene appear in its picture."""
    return tuple(
        SceneLabel(artwork.texts, _quad(scene.camera, block.solid, artwork))
        for block in scene.blocks
        for artwork in block.prints
        if artwork.texts
    )


def _quad(camera: Camera, solid: Solid, artwork: Print) -> Quad:
    """Where a print's text box appears, corner by corner."""
    left, top, right, bottom = artwork.text_box
    corners = []
    for u, v in ((left, top), (right, top), (right, bottom), (left, bottom)):
        x, down = (u - 0.5) * artwork.size[0], (v - 0.5) * artwork.size[1]
        corners.append((x, solid.half[1], down) if artwork.face == "top" else (x, -down, solid.half[2]))
    points = camera.project(solid.outwards(np.array(corners, np.float32)))
    one, two, three, four = ((float(x), float(y)) for x, y in points)
    return one, two, three, four
