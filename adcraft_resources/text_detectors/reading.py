"""Reading the words of a life once, from the mean of its frames where it stands still.

Belongs here: choosing the picture to read. Does not: the network (`ocr`).
"""

from __future__ import annotations

import cv2
import numpy as np

from adcraft_resources.algorithms.glyph_masks import Crop
from adcraft_resources.algorithms.text_boxes import Box
from adcraft_resources.algorithms.text_tracks import TextLife
from adcraft_resources.algorithms.values import Frame, Quad
from adcraft_resources.text_detectors.ocr import TextNetworks


def read_life(networks: TextNetworks, life: TextLife) -> tuple[str, float]:
    """Return (text, confidence) of a life."""
    crop, box = life.template.crop, life.template.box
    portrait = life.surroundings.portrait()
    if portrait is not None and not life.moving:
        crop, box = portrait, life.surroundings.box
    return networks.read(_rgb(crop), [_inside(life.template.quad, box)])[0]


def _rgb(crop: Crop) -> Frame:
    return cv2.cvtColor(crop, cv2.COLOR_YUV2RGB).astype(np.uint8)


def _inside(quad: Quad, box: Box) -> Quad:
    a, b, c, d = ((x - box[0], y - box[1]) for x, y in quad)
    return a, b, c, d
