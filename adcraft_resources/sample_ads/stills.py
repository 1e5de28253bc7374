"""The pictures a sample ad is cut from: product shots of the studio, and photographs of scikit-image's wheel.

Belongs here: fetching, cropping and enlarging pictures by name. Does not: moving them (camera_moves.py).
The photographs (their sources are in scikit-image's data/README.txt): an astronaut (NASA), a cup of coffee
(Rachel Michetti), a cat (Stefan van der Walt), a rocket (SpaceX), all free to use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.errors import SourceMissing
from adcraft_resources.sample_ads.camera_moves import move_quad
from adcraft_resources.sample_ads.products import (
    SceneLabel,
    coffee_on_wood,
    labels_in,
    soap_on_plaster,
    soap_on_tiles,
    soap_stack,
)
from adcraft_resources.sample_ads.studio import Scene, photograph

STILL_SIZE = (1408, 792)  # a tenth more than the frame, so that the camera has room to move
_STUDIO_SIZE = (1280, 720)  # the studio draws a sixth fewer pixels: they cost the most time of all


@dataclass(frozen=True)
class Crop:
    """A 9:16 part of a photograph: left edge and top as shares of its width and height, and its height's share."""

    file: str
    x: float
    y: float
    height: float


_CROPS = {
    "astronaut": Crop("astronaut.png", 0.17, 0.0, 1.0),
    "coffee": Crop("coffee.png", 0.33, 0.0, 1.0),
    "rocket": Crop("rocket.jpg", 0.32, 0.0, 1.0),
}
_PRODUCTS: dict[str, Callable[[tuple[int, int]], Scene]] = {
    "soap-plaster": soap_on_plaster,
    "soap-stack": soap_stack,
    "soap-tiles": soap_on_tiles,
    "coffee-carton": coffee_on_wood,
}


def still_named(name: str) -> Frame:
    """Make a still of STILL_SIZE: a product shot, a cropped photograph, or a photograph on a card ("cat-card")."""
    if name in _PRODUCTS:
        size = (STILL_SIZE[1], STILL_SIZE[0])
        drawn = photograph(_PRODUCTS[name](_STUDIO_SIZE))
        return cv2.resize(drawn, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    if name == "cat-card":
        return _card(_photograph("chelsea.png"))
    return _cropped(_CROPS[name])


def labels_on(name: str) -> tuple[SceneLabel, ...]:
    """The labels in a still, in its pixels; none in a photograph."""
    if name not in _PRODUCTS:
        return ()
    grow = STILL_SIZE[0] / _STUDIO_SIZE[0]
    to_still = np.array([[grow, 0, (grow - 1) / 2], [0, grow, (grow - 1) / 2]])  # pixel centres, not corners
    labels = labels_in(_PRODUCTS[name](_STUDIO_SIZE))
    return tuple(replace(label, quad=move_quad(label.quad, to_still)) for label in labels)


def _photograph(file: str) -> Frame:
    found = find_spec("skimage")
    places = (
        [Path(place) / "data" / file for place in (found.submodule_search_locations or [])] if found else []
    )
    picture = cv2.imread(str(places[0]), cv2.IMREAD_COLOR) if places else None
    if picture is None:
        raise SourceMissing(
            f"scikit-image's photograph {file} is not installed.", remedy="Install scikit-image."
        )
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8)


def _cropped(crop: Crop) -> Frame:
    photograph = _photograph(crop.file)
    height = round(photograph.shape[0] * crop.height)
    width = round(height * STILL_SIZE[1] / STILL_SIZE[0])
    top, left = round(photograph.shape[0] * crop.y), round(photograph.shape[1] * crop.x)
    left = min(left, photograph.shape[1] - width)
    return _enlarged(photograph[top : top + height, left : left + width], STILL_SIZE)


def _enlarged(picture: Frame, size: tuple[int, int]) -> Frame:
    """Enlarge to (height, width), crisp and with a film's grain, which hides how few pixels there were."""
    grown = cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    crisp = cv2.addWeighted(grown, 1.6, cv2.GaussianBlur(grown, (0, 0), 2.6), -0.6, 0)
    grain = np.random.default_rng(3).normal(0, 3.2, (size[0], size[1], 1)).astype(np.float32)
    return np.clip(crisp + cv2.GaussianBlur(grain, (0, 0), 0.6)[:, :, None] + 0.5, 0, 255).astype(np.uint8)


def _card(photograph: Frame) -> Frame:
    """Set a landscape photograph on a blurred, darkened copy of itself, as reposted clips are."""
    height, width = STILL_SIZE
    small = cv2.resize(photograph, (width // 6, height // 6), interpolation=cv2.INTER_AREA)
    behind = cv2.resize(cv2.GaussianBlur(small, (0, 0), 6), (width, height), interpolation=cv2.INTER_CUBIC)
    picture = (behind * 0.62).astype(np.uint8)
    card_width = round(width * 0.94)
    card_height = round(card_width * 0.86)
    cut = round(photograph.shape[0] / 0.86)
    left = (photograph.shape[1] - cut) // 2
    card = _enlarged(photograph[:, left : left + cut], (card_height, card_width))
    top, side = round(height * 0.27), (width - card_width) // 2
    picture[top : top + card_height, side : side + card_width] = card
    return picture
