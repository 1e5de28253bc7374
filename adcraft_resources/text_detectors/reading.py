"""Reading the words of a life once, from the mean of its frames where it stands still.

Belongs here: choosing the picture to read. Does not: the network (`ocr`).
"""

from __future__ import annotations

import cv2
import numpy as np

from adcraft_resources.algorithms.glyph_masks import Crop, crop_yuv
from adcraft_resources.algorithms.text_boxes import Box, shift_by
from adcraft_resources.algorithms.text_lives import TextLife
from adcraft_resources.algorithms.values import Frame, Yuv420
from adcraft_resources.text_detectors.findings import TextSearch


def read_life(networks: TextSearch, life: TextLife) -> tuple[str, float]:
    """Return (text, confidence) of a life."""
    crop, box = life.template.crop, life.template.box
    portrait = life.surroundings.portrait()
    if portrait is not None and not life.moving:
        crop, box = portrait, life.surroundings.box
    return networks.read(_rgb(crop), [shift_by(life.template.quad, -box[0], -box[1])])[0]


def _rgb(crop: Crop) -> Frame:
    return cv2.cvtColor(crop, cv2.COLOR_YUV2RGB).astype(np.uint8)


def rgb_crop(picture: Yuv420, box: Box) -> Frame:
    """Return a part of a picture as RGB, exact enough for a reader."""
    return _rgb(crop_yuv(picture, box))
