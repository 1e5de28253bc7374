"""Overlay or label: was a text added in the edit, or does it belong to the scene?

Belongs here: the decision and its reason in plain words. Does not: gathering the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from adcraft_resources.algorithms.glyph_masks import Crop, Glyphs, letters_of
from adcraft_resources.algorithms.mask_growth import added_pixels
from adcraft_resources.algorithms.text_boxes import Box, fill_quad, line_height, quad_angle, quad_sides
from adcraft_resources.algorithms.text_lives import TextLife

READABLE = 0.75  # a reader's confidence from which the letters are surely letters
UNREAD, UNREAD_PROVEN = (
    0.85,
    0.7,
)  # detector scores from which unread letters count as text, alone and with proof
UNREAD_FLAT, FLAT = 0.75, 0.12  # ... for level letters of one colour: its spread, of their contrast
MIDDLE_FLAT, FLAT_LEVELS = 0.2, 4.0  # of their contrast, in the middle of strokes; codec noise
PICTURE_SHARE = 0.3  # of what a detector took for letters that came with the camera's move allowed for
MIN_LETTERS = 2  # a single sign may be any mark of the scene
PROVEN_CONTRAST, UNREAD_CONTRAST = 60.0, 90.0  # levels between unread letters and ground
SURE_VOTES = 2  # that letters stood while the camera moved, with none that they rode along
MIN_FRAMES = 4  # that show whether a scene moves
TELLING_SHARE = 0.6  # of the letters that change at once at an end of life
SWAPPED_SHARE = 0.4  # ... where another text stands at its place before or after
SUDDEN_SHARE = 0.8  # of the letters whose coming or going within a frame leaves no doubt
MIN_MOVE_PX, AGREEING_SHARE = 1.5, 0.6  # a scene's move worth comparing; moves that agree
MAX_UNREAD_HEIGHT = 0.4  # of the short side: taller “letters” nobody reads are shapes of the scene
STILL_LEVELS, RESTLESS_LEVELS = 6.0, 12.0  # temporal deviation of an overlay, of a moving scene
THROUGH_LEVELS, THROUGH_SHARE = 3.0, 0.2  # temporal deviation of letters the scene shows through
UPRIGHT_DEG = 2.5  # tilt of a detected box below which a line counts as level
Motion = Literal["still", "moving", "scene"]


@dataclass(frozen=True, slots=True)
class TextNature:
    """What a text is, and why."""

    kind: Literal["overlay", "label"]
    reason: str
    motion: Motion


def nature_of(
    life: TextLife, text: str, confidence: float, protected: Sequence[str], cuts: int, size: tuple[int, int]
) -> TextNature | None:
    """Decide for one life that outlasts `cuts` cuts in frames of (h, w) `size`; None where it is no text at all."""
    motion: Motion = "moving" if life.moving else "still"
    if life.picture:
        return TextNature(
            "overlay", "a picture that appears or vanishes at once and stands still between", motion
        )
    for pattern in protected:
        if re.search(pattern, text):
            return TextNature("label", f"protected: it reads “{text}”, which matches {pattern}", motion)
    letters_read = sum(ch.isalnum() for ch in text)
    readable = confidence >= READABLE and letters_read >= MIN_LETTERS
    if not readable and line_height(life.template.quad) > MAX_UNREAD_HEIGHT * min(size):
        return None
    rides, stands = life.riding_votes > life.standing_votes, life.standing_votes > life.riding_votes
    if rides or (moves_with_scene(life) and not stands):
        return TextNature("label", "it moves with the scene around it", "scene") if readable else None
    # Around shapes nobody reads the scene must move close by: a still part of the screen may hold anything.
    proof = proof_of_overlay(life, cuts, within=2.4 if readable else 0.5)
    if not readable and not _unread_text(life, proof is not None, letters_read > MIN_LETTERS):
        return _unread_picture(life, motion)
    return TextNature("overlay", proof, motion) if proof is not None else _by_style(life, motion)


def _unread_text(life: TextLife, proven: bool, letter_like: bool) -> bool:
    """Say whether letters no reader knows (another script, handwriting) are letters: clear, flat, in high contrast.

    `letter_like` are those in which a reader sees several letters without being sure of them.
    """
    letters, spread = letter_colours(life)
    if surely_stands(life) and life.score >= UNREAD and letters.sure and letters.contrast >= UNREAD_CONTRAST:
        return True  # whatever their colours: outlined letters fall apart into three of them
    if proven and life.score >= UNREAD_PROVEN and letters.sure:
        middle = middle_spread(life, letters)
        if letters.contrast >= PROVEN_CONTRAST and (
            spread <= 0.4 * letters.contrast or middle <= MIDDLE_FLAT * letters.contrast
        ):
            return True
        if life.score >= UNREAD and min(spread, middle) <= max(FLAT_LEVELS, FLAT * letters.contrast):
            return True
    level = quad_angle(life.template.quad) <= UPRIGHT_DEG
    if (
        level
        and letter_like
        and life.score >= UNREAD_FLAT
        and letters.sure
        and spread <= FLAT * letters.contrast
    ):
        return letters.contrast >= UNREAD_CONTRAST
    return (
        life.score >= UNREAD
        and letters.sure
        and letters.contrast >= UNREAD_CONTRAST
        and spread <= 0.25 * letters.contrast
    )


def _unread_picture(life: TextLife, motion: Motion) -> TextNature | None:
    """What a detector took for letters is a sticker if it came or went, and stood while the camera moved."""
    told = max(
        (end.letters_share for end in (life.came, life.went) if end is not None and end.rest), default=0.0
    )
    if surely_stands(life) and told >= PICTURE_SHARE:
        return TextNature(
            "overlay", "a picture that comes up and does not move with the scene around it", motion
        )
    return None


def letter_colours(life: TextLife) -> tuple[Glyphs, float]:
    """Return a life's letters and the spread of their colour in levels."""
    portrait, box = _picture_of(life)
    letters = letters_of(portrait, life.template.quad, box)
    return letters, _spread(portrait[..., letters.plane][letters.core])


def middle_spread(life: TextLife, letters: Glyphs) -> float:
    """Return the spread of the colour in the middle of a life's strokes: thin ones are soft all over at their edges."""
    values = _picture_of(life)[0][..., letters.plane]
    summit = cv2.dilate if letters.bright else cv2.erode
    return _spread(values[letters.core & (values == summit(values, np.ones((3, 3), np.uint8)))])


def _picture_of(life: TextLife) -> tuple[Crop, Box]:
    portrait = life.surroundings.portrait()
    if portrait is None or life.moving:
        return life.template.crop, life.template.box
    return portrait, life.surroundings.box


def _spread(values: np.ndarray) -> float:
    return float(np.percentile(values, 75) - np.percentile(values, 25)) if values.size else 255.0


def proof_of_overlay(life: TextLife, cuts: int, *, within: float) -> str | None:
    """Return what shows that the text was added, or None; the scene counts `within` so many line heights of it."""
    if cuts:
        return f"it stays in place through {cuts} cut{'s' if cuts > 1 else ''}"
    if surely_stands(life):
        return "it stands still on the screen while the camera moves"
    return _stillness(life, within) or _suddenness(life)


def surely_stands(life: TextLife) -> bool:
    """Say whether the letters stood still on the screen each time the camera had moved."""
    return life.standing_votes >= SURE_VOTES and not life.riding_votes


def _stillness(life: TextLife, within: float) -> str | None:
    """Return the proof that letters stand while the scene around them moves, or None."""
    portrait, box = life.surroundings.portrait(), life.surroundings.box
    if portrait is None:
        return None
    letters = letters_of(portrait, life.template.quad, box).core
    unrest = life.surroundings.deviation()
    height = line_height(life.template.quad)
    away = fill_quad(life.template.quad, box, grow=within * height)
    away &= ~fill_quad(life.template.quad, box, grow=min(0.4, 0.3 * within) * height)
    if unrest is not None and life.surroundings.count >= MIN_FRAMES and away.any():
        inside, around = float(np.median(unrest[letters])), float(np.median(unrest[away]))
        if inside <= STILL_LEVELS and around >= max(RESTLESS_LEVELS, 2.5 * inside):
            return "it stands still on the screen while the scene behind it moves"
    return None


def _suddenness(life: TextLife) -> str | None:
    """Return the proof that letters come or go at once while the scene goes on, or None."""
    portrait, box = life.surroundings.portrait(), life.surroundings.box
    if portrait is None:
        return None
    letters = letters_of(portrait, life.template.quad, box).core
    for step, verb in ((life.surroundings.appears, "appears"), (life.surroundings.vanishes, "vanishes")):
        if step is None or not _calm(step.unrest):
            continue
        changed = float(added_pixels(step)[letters].mean())
        if changed >= TELLING_SHARE:
            return f"it {verb} at once while the scene goes on"
        if not step.clean and changed >= SWAPPED_SHARE:  # where letters of both cross nothing changes
            return "it and another text take each other's place at once"
    return None


def shows_the_scene(life: TextLife) -> bool:
    """Say whether the scene's changes are seen through the letters."""
    portrait, box, unrest = life.surroundings.portrait(), life.surroundings.box, life.surroundings.deviation()
    if life.moving or portrait is None or unrest is None or life.surroundings.count < MIN_FRAMES:
        return False
    letters = letters_of(portrait, life.template.quad, box).core
    height = line_height(life.template.quad)
    near = fill_quad(life.template.quad, box, grow=0.6 * height) & ~fill_quad(life.template.quad, box)
    if not letters.any() or not near.any():
        return False
    inside, around = float(np.median(unrest[letters])), float(np.median(unrest[near]))
    if around < RESTLESS_LEVELS:  # a plate, or a scene that rests
        return False
    return inside >= max(THROUGH_LEVELS, THROUGH_SHARE * around)


def sudden_ends(life: TextLife, size: tuple[int, int]) -> tuple[bool, bool]:
    """Say of a life's first and last frame whether its letters came or went there from one frame to the next.

    So do letters that slid over the rim of the screen of (h, w) `size`, and those whose way in or out was followed
    from or to a frame without them.
    """
    portrait, box = life.surroundings.portrait(), life.surroundings.box
    if life.picture or portrait is None:
        return False, False
    letters = letters_of(portrait, life.template.quad, box).core
    first, last = life.first_frame, life.last_frame
    whole = (
        life.settled_first == first and first not in life.poses,
        life.settled_last == last and last not in life.poses,
    )
    steps = life.surroundings.appears, life.surroundings.vanishes
    changed = [
        step is not None and float(added_pixels(step)[letters].mean()) >= SUDDEN_SHARE for step in steps
    ]
    slid = [_over_the_rim(life, frame, size) for frame in (first, last)]
    seen = [end is not None and end.known for end in (life.came, life.went)]
    return (whole[0] and changed[0]) or slid[0] or seen[0], (whole[1] and changed[1]) or slid[1] or seen[1]


def _over_the_rim(life: TextLife, frame: int, size: tuple[int, int]) -> bool:
    pose = life.poses.get(frame)
    if pose is None or pose.scale != 1.0:
        return False
    left, top, right, bottom = (
        value + shift for value, shift in zip(life.box, (pose.dx, pose.dy) * 2, strict=True)
    )
    return left < 0 or top < 0 or right > size[1] or bottom > size[0]


def _calm(unrest: np.ndarray) -> bool:
    return float(np.median(unrest)) < RESTLESS_LEVELS


def moves_with_scene(life: TextLife) -> bool:
    """Say whether the text moved, and moved as its surroundings did."""
    moves = [m for m in life.scene_moves if np.hypot(m[2], m[3]) >= MIN_MOVE_PX]
    if not moves:
        return False
    apart = [np.hypot(m[0] - m[2], m[1] - m[3]) <= max(1.0, 0.3 * np.hypot(m[2], m[3])) for m in moves]
    return float(np.mean(apart)) >= AGREEING_SHARE


def _by_style(life: TextLife, motion: Motion) -> TextNature:
    """Nothing moves, nothing changes: text set in an edit stands level, or is of one flat colour in high contrast."""
    if life.moving:
        return TextNature("overlay", "it moves over the screen in its own way, not with the scene", motion)
    short = max(quad_sides(life.template.quad)) < 2.5 * line_height(life.template.quad)
    if quad_angle(life.template.quad) <= UPRIGHT_DEG * (2 if short else 1):
        return TextNature("overlay", "it stands still and exactly level, as edits set text", motion)
    letters, spread = letter_colours(life)
    if letters.sure and letters.contrast >= PROVEN_CONTRAST and spread <= 0.3 * letters.contrast:
        return TextNature(
            "overlay", "its letters are of one flat colour in high contrast, as edits set them", motion
        )
    return TextNature(
        "label", "it stands tilted in a still scene and its letters vary in colour as real ones do", motion
    )
