"""From letters to everything an edit added: outline, shadow, plate, burst.

Belongs here: one life's evidence in, one mask out. Does not: time (text_tracks), which texts go (text_kinds).
"""

from __future__ import annotations

import cv2
import numpy as np

from adcraft_resources.algorithms.glyph_masks import Crop
from adcraft_resources.algorithms.text_boxes import Box, disk, fill_quad, line_height
from adcraft_resources.algorithms.values import Mask, Quad

PLATE_TOLERANCE = 14  # levels a plate's colour may stray; a face or sky strays more over its extent


def grow_mask(portrait: Crop, box: Box, quad: Quad) -> Mask:
    """Return the pixels to replace inside `box`: the text's quad and the flat plate it stands on."""
    height = line_height(quad)
    mask = fill_quad(quad, box, grow=0.08 * height)
    plate = flat_plate(portrait, fill_quad(quad, box))
    if plate is not None:
        mask |= plate
    return cv2.dilate(mask.astype(np.uint8), disk(3)).astype(np.bool_)


def flat_plate(portrait: Crop, inside: Mask) -> Mask | None:
    """Return the flat, closed area around the letters in `inside`, or None where they stand on the scene."""
    rim = inside & ~cv2.erode(inside.astype(np.uint8), disk(2)).astype(np.bool_)
    ground = np.median(portrait[rim], axis=0)
    near = (np.abs(portrait.astype(np.float32) - ground).max(axis=2) <= PLATE_TOLERANCE).astype(np.uint8)
    if near[rim].mean() < 0.75:
        return None
    near = cv2.morphologyEx(near, cv2.MORPH_OPEN, disk(1))
    count, labels = cv2.connectedComponents(near)
    if count < 2:
        return None
    best = int(np.bincount(labels[rim], minlength=count)[1:].argmax()) + 1
    plate = (labels == best).astype(np.uint8)
    edge = np.concatenate([plate[0], plate[-1], plate[:, 0], plate[:, -1]])
    if edge.mean() > 0.02:
        return None
    contours, _ = cv2.findContours(plate, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(plate)
    cv2.drawContours(filled, contours, -1, 1, -1)
    return filled.astype(np.bool_)
