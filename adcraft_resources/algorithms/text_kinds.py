"""Overlay or label: was a text added in the edit, or does it belong to the scene?

Belongs here: the decision and its reason in plain words. Does not: gathering the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from adcraft_resources.algorithms.glyph_masks import letters_of
from adcraft_resources.algorithms.mask_growth import added_pixels
from adcraft_resources.algorithms.text_boxes import fill_quad, line_height, quad_angle
from adcraft_resources.algorithms.text_tracks import TextLife

READABLE = 0.75  # a reader's confidence from which the letters are surely letters
CLEARLY_TEXT = 0.8  # a detector's score from which unread letters (another script, handwriting) count as text
STILL_LEVELS, RESTLESS_LEVELS = 6.0, 12.0  # temporal deviation of an overlay, of a moving scene
UPRIGHT_DEG = 2.5  # tilt of a detected box below which a line counts as level
Motion = Literal["still", "moving", "scene"]


@dataclass(frozen=True, slots=True)
class TextNature:
    """What a text is, and why."""

    kind: Literal["overlay", "label"]
    reason: str
    motion: Motion


def nature_of(
    life: TextLife, text: str, confidence: float, protected: Sequence[str], cuts: int
) -> TextNature | None:
    """Decide for one life that outlasts `cuts` cuts; None where it is no text at all."""
    motion: Motion = "moving" if life.moving else "still"
    with_scene = moves_with_scene(life)
    proof = None if with_scene else proof_of_overlay(life, cuts)
    readable = confidence >= READABLE and sum(ch.isalnum() for ch in text) >= 2
    for pattern in protected:
        if re.search(pattern, text):
            return TextNature("label", f"protected: it reads “{text}”, which matches {pattern}", motion)
    if not readable and life.score < CLEARLY_TEXT and (proof is None or life.score < 0.6):
        return None
    if with_scene:
        return TextNature("label", "it moves with the scene around it", "scene")
    if proof is not None:
        return TextNature("overlay", proof, motion)
    return _by_style(life, motion)


def proof_of_overlay(life: TextLife, cuts: int) -> str | None:
    """Return what shows that the text was added, or None."""
    if cuts:
        return f"it stays in place through {cuts} cut{'s' if cuts > 1 else ''}"
    portrait, box = life.surroundings.portrait(), life.surroundings.box
    if portrait is None:
        return None
    letters = letters_of(portrait, life.template.quad, box).core
    unrest = life.surroundings.deviation()
    away = ~fill_quad(life.template.quad, box, grow=0.4 * line_height(life.template.quad))
    if unrest is not None and life.surroundings.count >= 4 and away.any():
        inside, around = float(np.median(unrest[letters])), float(np.median(unrest[away]))
        if inside <= STILL_LEVELS and around >= max(RESTLESS_LEVELS, 2.5 * inside):
            return "it stands still on the screen while the scene behind it moves"
    for step, verb in ((life.surroundings.appears, "appears"), (life.surroundings.vanishes, "vanishes")):
        if step is not None and float(added_pixels(step)[letters].mean()) >= 0.6 and _calm(step.unrest):
            return f"it {verb} at once while the scene goes on"
    return None


def _calm(unrest: np.ndarray) -> bool:
    return float(np.median(unrest)) < RESTLESS_LEVELS


def moves_with_scene(life: TextLife) -> bool:
    """Say whether the text moved, and moved as its surroundings did."""
    moves = [m for m in life.scene_moves if np.hypot(m[2], m[3]) >= 1.5]
    if not moves:
        return False
    apart = [np.hypot(m[0] - m[2], m[1] - m[3]) <= max(1.0, 0.3 * np.hypot(m[2], m[3])) for m in moves]
    return float(np.mean(apart)) >= 0.6


def _by_style(life: TextLife, motion: Motion) -> TextNature:
    """Nothing moves, nothing changes: text set in an edit stands upright, or is of one flat colour in high contrast."""
    portrait, box = life.surroundings.portrait(), life.surroundings.box
    if portrait is None:
        portrait, box = life.template.crop, life.template.box
    if quad_angle(life.template.quad) <= UPRIGHT_DEG:
        return TextNature("overlay", "it stands still and exactly upright, as edits set text", motion)
    letters = letters_of(portrait, life.template.quad, box)
    values = portrait[..., letters.plane][letters.core].astype(np.float32)
    spread = float(np.percentile(values, 75) - np.percentile(values, 25)) if values.size else 255.0
    if letters.sure and letters.contrast >= 60 and spread <= 0.3 * letters.contrast:
        return TextNature("overlay", "its letters are of one flat colour in high contrast, as edits set them", motion)
    return TextNature("label", "it stands tilted in a still scene and its letters vary in colour as real ones do", motion)
