"""The plate under a text: a flat, closed area with a crisp edge (pill, bar, button, burst), in one mean picture.

Belongs here: telling a plate from flat scene (skin, sky, wall). Does not: letters, ends of life.
"""

from __future__ import annotations

import cv2
import numpy as np

from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.glyph_masks import Crop
from adcraft_resources.algorithms.text_boxes import disk
from adcraft_resources.algorithms.values import Mask

FLAT_RANGES = 22, 10  # levels a plate may stray from the colour at the letters: at most, on a like scene
EDGE_STEP = 14.0  # levels within 3 px across a plate's edge
MIN_GROUND = 12  # pixels of a text box that tell its ground's colour
FLAT_SHARE = 0.7  # of the ground between letters that has one colour on a plate
MAX_LEAK, MIN_HELD, MIN_EDGED = 0.03, 0.72, 0.75  # of the box's rim, of the text box, of the plate's outline
MAX_DRIFT = 8.0  # temporal deviation of a plate's pixels


def find_plate(portrait: Crop, quad: Mask, letters: Mask, unrest: np.ndarray | None) -> Mask | None:
    """Return the plate behind `letters`, filled, or None where they stand on the scene.

    Args:
        portrait: Mean picture, (h, w, 3) Y, U, V uint8.
        quad: The text's box.
        letters: The letters in it.
        unrest: Temporal deviation of luma, or None where unknown.
    """
    near_letters = cv2.dilate(letters.astype(np.uint8), disk(3)) > 0
    ground = quad & ~near_letters
    if ground.sum() < MIN_GROUND:
        ground = quad & ~letters
    if ground.sum() < MIN_GROUND:
        return None
    colour = np.median(portrait[ground], axis=0)
    apart = largest_channel(np.abs(portrait.astype(np.float32) - colour.astype(np.float32)))
    calm = np.ones(quad.shape, np.bool_)
    if unrest is not None:  # a translucent plate moves with the scene under it, but less
        outside = unrest[~quad]
        calm = unrest <= max(MAX_DRIFT, 0.8 * float(np.median(outside)) if outside.size else 0.0)
    for most in FLAT_RANGES:
        flat = (apart <= most) & calm
        plate = _seeded_area(flat, ground & flat) if float(flat[ground].mean()) >= FLAT_SHARE else None
        if plate is not None and _is_plate(plate, portrait, quad):
            return plate
    return None


def _seeded_area(flat: Mask, seeds: Mask) -> Mask | None:
    """Return the flat area that holds most seeds, holes (letters) filled."""
    opened = cv2.morphologyEx(flat.astype(np.uint8), cv2.MORPH_OPEN, disk(1))
    count, labels = cv2.connectedComponents(opened, connectivity=4)
    votes = np.bincount(labels[seeds], minlength=count)[1:]
    if not votes.size or votes.max() == 0:
        return None
    kept = np.isin(labels, np.flatnonzero(votes >= 0.05 * votes.sum()) + 1)
    sealed = cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, disk(3))
    contours, _ = cv2.findContours(sealed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(opened)
    cv2.drawContours(filled, contours, -1, 1, -1)
    return filled.astype(np.bool_)


def _is_plate(plate: Mask, portrait: Crop, quad: Mask) -> bool:
    """A plate is closed inside the box, holds the text, is compact and has a crisp edge nearly all around."""
    frame = np.concatenate([plate[0], plate[-1], plate[:, 0], plate[:, -1]])
    if float(frame.mean()) > MAX_LEAK or float(plate[quad].mean()) < MIN_HELD:
        return False
    contours, _ = cv2.findContours(plate.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    hull = cv2.contourArea(cv2.convexHull(contour))
    if cv2.contourArea(contour) < 0.8 * hull:
        return False
    return edge_share(portrait, contour[:, 0]) >= MIN_EDGED


def edge_share(portrait: Crop, points: np.ndarray) -> float:
    """Return the share of contour points (x, y) where a colour step of `EDGE_STEP` lies within 3 pixels."""
    kernel = np.ones((5, 5), np.uint8)
    step = cv2.dilate(portrait, kernel).astype(np.int16) - cv2.erode(portrait, kernel)
    return float((largest_channel(step)[points[:, 1], points[:, 0]] >= EDGE_STEP).mean())
