"""From letters to everything an edit added: outline, shadow, plate, burst.

Belongs here: one life's evidence in, one mask out. Does not: time (text_tracks), which texts go (text_kinds),
flat plates (plate_masks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.glyph_masks import Crop, letters_of
from adcraft_resources.algorithms.plate_masks import find_plate
from adcraft_resources.algorithms.scene_alignment import stray_levels
from adcraft_resources.algorithms.shadow_masks import shadows_of
from adcraft_resources.algorithms.text_boxes import Box, disk, fill_quad, grow_by, line_height
from adcraft_resources.algorithms.text_evidence import Level, Step, Surroundings
from adcraft_resources.algorithms.text_presence import TextTemplate
from adcraft_resources.algorithms.values import Mask, Quad

STEP_LEVELS = 10.0  # a smaller change at an end of life is codec noise
TELLING_SHARE, SCENE_SHARE = 0.6, 0.3  # of the letters that must change at an end, of the rim that may
BOX_SHARE, MAX_BOX_SHARE = 0.2, 0.85  # of a text's box that its letters fill
UNCLEAN_REACH = 0.12  # line heights beyond the mask up to which a change counts that another text shares
PLATE_STEPPED = 0.4  # of a plate that changed with its text
REST_LEVELS = 8.0  # temporal deviation up to which pixels away from the text count as standing
RING_STILL = 0.5  # of a ring around the letters that stands still while the scene moves
LEAST_REACH = 0.03  # line heights around letters that are always theirs
SURE_RINGS = 2  # pixels around letters that are always theirs: antialiasing
STILL_LEVELS = 6.0  # temporal deviation of an opaque overlay's pixels: codec noise
SAFETY = 2  # pixels around everything: the blur of chroma and of the codec's deblocking


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for added pixels, all (h, w) of the same box.

    `portrait` is the mean picture, `unrest` the temporal deviation or None, `stepped` the pixels that changed with
    the text at its ends or None where neither end tells, `clean` whether nothing else stood there before or after.
    """

    portrait: Crop
    unrest: Level | None
    stepped: Mask | None
    clean: bool


def weigh_evidence(
    surroundings: Surroundings, portrait: Crop, letters: Mask, *, sure: bool = True
) -> Evidence:
    """Turn a life's sums into maps; an end of life counts if most letter pixels changed there.

    Letters that are not `sure` are the whole box, of which letters fill a part.
    """
    steps = [s for s in (surroundings.appears, surroundings.vanishes) if s is not None]
    maps = [(added_pixels(step), step.clean) for step in steps]
    least = TELLING_SHARE if sure else BOX_SHARE
    telling = [(added, clean) for added, clean in maps if letters.any() and _tells(added, letters, least)]
    clean = [added for added, is_clean in telling if is_clean]
    stepped: Mask | None = None
    if len(clean) > 1:
        # What the scene did at one end it hardly repeats at the other.
        near = [grow_by(added, 2) for added in clean]
        stepped = (clean[0] & near[1]) | (clean[1] & near[0])
    elif telling:
        stepped = clean[0] if clean else telling[0][0]
    return Evidence(portrait, surroundings.deviation(), stepped, bool(clean))


def _tells(added: Mask, letters: Mask, least: float) -> bool:
    """A step tells if the letters changed and the rim of the box mostly did not: else the whole scene did."""
    rim = np.concatenate([added[:3].ravel(), added[-3:].ravel(), added[:, :3].ravel(), added[:, -3:].ravel()])
    return float(added[letters].mean()) >= least and float(rim.mean()) <= SCENE_SHARE


def added_pixels(step: Step) -> Mask:
    """Return the pixels that change with the text by more than the scene changes by itself."""
    if step.aligned:
        change = stray_levels(step.without, step.shown)
    else:
        change = largest_channel(cv2.absdiff(step.shown, step.without)).astype(np.float32)
    change = np.maximum(cv2.blur(change, (3, 3)), 0.7 * change)
    return change > np.maximum(STEP_LEVELS, 1.3 * step.unrest + 6.0)


def grow_mask(surroundings: Surroundings, portrait: Crop, box: Box, quads: Sequence[Quad]) -> Mask:
    """Return the pixels to replace inside `box` for text whose lines stand in `quads`."""
    mask = np.zeros(portrait.shape[:2], np.bool_)
    for quad in quads:
        known = surroundings.box == box
        letters = letters_of(portrait, quad, box, surroundings.deviation() if known else None)
        evidence = weigh_evidence(surroundings, portrait, letters.core, sure=letters.sure) if known else None
        mask |= _grow_line(
            evidence or Evidence(portrait, None, None, clean=False), letters.core, letters.sure, quad, box
        )
    return mask


def grow_picture(surroundings: Surroundings, portrait: Crop, box: Box, template: TextTemplate) -> Mask:
    """Return the pixels of an emoji or sticker inside `box`: its patch and what changed together with it."""
    rows, columns = portrait.shape[:2]
    patch = np.zeros((rows, columns), np.bool_)
    left, top = template.box[0] - box[0], template.box[1] - box[1]
    height, width = template.values.shape
    patch[top : top + height, left : left + width] = template.core[: rows - top, : columns - left]
    mask = grow_by(patch, SAFETY + 1)
    evidence = weigh_evidence(surroundings, portrait, patch)
    if evidence.stepped is not None:
        near = grow_by(patch, 0.15 * max(height, width))
        mask |= _connected_steps(_at_rest(evidence, near), mask, 0.3 * height)
    return mask


def _grow_line(evidence: Evidence, letters: Mask, sure: bool, quad: Quad, box: Box) -> Mask:
    height = line_height(quad)
    if not sure and evidence.stepped is not None and evidence.clean:
        letters, sure = _letters_that_came(evidence.stepped, letters)
    body = _with_outline(evidence, letters, height) if sure else grow_by(letters, round(0.1 * height))
    if sure:
        body |= shadows_of(evidence.portrait[..., 0].astype(np.float32), letters, body, height)
    mask = grow_by(body, SAFETY)
    plate = find_plate(evidence.portrait, fill_quad(quad, box), letters, evidence.unrest)
    if plate is not None and _stepped_too(plate, evidence):
        mask |= grow_by(plate, SAFETY + 2)  # opened by a disk, it lost the tips of a burst
    if evidence.stepped is not None:
        stepped = _at_rest(evidence, fill_quad(quad, box, grow=0.5 * height))
        if not evidence.clean:  # much of the change is another text's
            stepped &= grow_by(mask, UNCLEAN_REACH * height)
        mask |= _connected_steps(stepped, mask, height)
    return close_small_holes(mask, (0.2 * height) ** 2)


def _with_outline(evidence: Evidence, letters: Mask, height: float) -> Mask:
    """Return letters with their outline; where the outline was taken for the letters, with their fill."""
    whole = fill_holes(letters)
    outwards = round(outline_reach(evidence, letters, height, ~whole))
    inwards = round(outline_reach(evidence, letters, height, whole))
    body = grow_by(letters, outwards)
    return body | (grow_by(letters, inwards) & whole) if inwards > outwards else body


def _letters_that_came(stepped: Mask, inside: Mask) -> tuple[Mask, bool]:
    """Return what changed inside a text's box when the text came, and whether that can be letters."""
    came = cv2.morphologyEx((stepped & inside).astype(np.uint8), cv2.MORPH_OPEN, disk(1)).astype(np.bool_)
    share = float(came.sum()) / max(1.0, float(inside.sum()))
    return (came, True) if BOX_SHARE <= share <= MAX_BOX_SHARE else (inside, False)


def _stepped_too(plate: Mask, evidence: Evidence) -> bool:
    """A plate comes and goes with its text, unless another text stood on it before and after."""
    if evidence.stepped is None or not evidence.clean:
        return True
    return float(evidence.stepped[plate].mean()) >= PLATE_STEPPED


def _at_rest(evidence: Evidence, around: Mask) -> Mask:
    """Return the changed pixels, away from the text only those that then stand still as an overlay does."""
    assert evidence.stepped is not None  # noqa: S101 - asked only then
    return (
        evidence.stepped
        if evidence.unrest is None
        else evidence.stepped & (around | (evidence.unrest <= REST_LEVELS))
    )


def _connected_steps(stepped: Mask, mask: Mask, height: float) -> Mask:
    """Return the changed areas that hang together with the letters, holes filled."""
    closed = cv2.morphologyEx(stepped.astype(np.uint8), cv2.MORPH_OPEN, disk(1))
    closed = cv2.morphologyEx(closed, cv2.MORPH_CLOSE, disk(int(np.clip(round(0.06 * height), 2, 5))))
    _, labels = cv2.connectedComponents(closed)
    touched = np.unique(labels[mask])
    grown = np.isin(labels, touched[touched > 0])
    return grow_by(fill_holes(grown), SAFETY)


def outline_reach(evidence: Evidence, letters: Mask, height: float, side: Mask) -> float:
    """Return how far from the letters an outline or shadow goes on one `side` of them (outside or in), in pixels.

    Rings of growing distance are compared with the ground further off: on a moving scene an outline stands still,
    elsewhere it has one colour all around.
    """
    least = max(1.0, LEAST_REACH * height)
    most = max(3, round(0.3 * height))
    distance = cv2.distanceTransform((~letters).astype(np.uint8), cv2.DIST_L2, 3).astype(np.float32)
    ground = (distance > 0.4 * height) & (distance < 0.9 * height)
    if not letters.any() or not ground.any():
        return least
    if evidence.unrest is not None and float(np.median(evidence.unrest[ground])) > 2 * STILL_LEVELS:
        still = evidence.unrest < STILL_LEVELS + 2
        rings = [still[(distance > d - 1) & (distance <= d) & side] for d in range(1, most + 1)]
        shares = [float(ring.mean()) if ring.size else 0.0 for ring in rings]
        kept = [d for d, share in enumerate(shares, start=1) if share > RING_STILL]
        return max(least, float(_run_end(kept)))
    luma = evidence.portrait[..., 0].astype(np.float32)
    return max(least, _one_colour_reach(luma, np.where(side, distance, np.inf), ground, most))


def _one_colour_reach(luma: Level, distance: Level, ground: Mask, most: int) -> float:
    """Rings of an outline agree in colour more than the ground does and differ from it."""
    outside = luma[ground]
    spread = float(np.percentile(outside, 75) - np.percentile(outside, 25))
    kept = []
    for d in range(1, most + 1):
        ring = luma[(distance > d - 1) & (distance <= d)]
        if not ring.size:
            break
        own = float(np.percentile(ring, 75) - np.percentile(ring, 25))
        away = abs(float(np.median(ring)) - float(np.median(outside)))
        if d <= SURE_RINGS or (own < max(30.0, 0.8 * spread) and away > max(14.0, 0.5 * spread)):
            kept.append(d)
    return float(_run_end(kept))


def _run_end(kept: list[int]) -> int:
    """Return the last number of the unbroken run from 1."""
    end = 0
    for d in kept:
        if d != end + 1:
            break
        end = d
    return end


def fill_holes(mask: Mask) -> Mask:
    """Return `mask` with everything it encloses."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, contours, -1, 1, -1)
    return filled.astype(np.bool_)


def close_small_holes(mask: Mask, area: float) -> Mask:
    """Return `mask` with the holes of at most `area` pixels filled: they give an inpainter nothing to hold on to."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    small = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] <= area]
    return mask | np.isin(labels, small)
