from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.mask_growth import close_small_holes, fill_holes
from adcraft_resources.algorithms.mask_spans import pose_mask, spans_of_life
from adcraft_resources.algorithms.text_presence import Pose
from adcraft_resources.algorithms.text_tracks import TextTracker
from adcraft_resources.algorithms.values import MaskSpan
from adcraft_tests.drawn_overlays import Sprite, caption, found, noisy, put, yuv
from adcraft_tests.drawn_videos import take, texture

SIZE = (200, 340)
X, Y = 90, 80


def drawn(
    sprite: Sprite, scene: list[np.ndarray], first: int = 0
) -> tuple[np.ndarray, np.ndarray, tuple[MaskSpan, ...]]:
    """Return the mask in the last frame, the truth there, and the spans."""
    tracker = TextTracker(SIZE, (), memory=60)
    truth = np.zeros(SIZE, np.bool_)
    for i, frame in enumerate(noisy(scene)):
        shown, covered = put(frame, sprite, X, Y) if i >= first else (frame, truth)
        truth = covered
        tracker.push(i, yuv(shown))
        if i % 10 == 0:
            tracker.see([found(sprite, X, Y)] if i >= first else [])
            tracker.looked()
    (life,) = tracker.finish()
    spans = spans_of_life(life, SIZE)
    mask = np.zeros(SIZE, np.bool_)
    for span in spans:
        height, width = span.bitmap.shape
        if span.last_frame == len(scene) - 1:
            mask[span.y : span.y + height, span.x : span.x + width] |= span.bitmap
    return mask, truth, spans


def share(part: np.ndarray, whole: np.ndarray) -> float:
    return float((part & whole).sum() / whole.sum())


def still(count: int) -> list[np.ndarray]:
    return [texture(*SIZE, 5)] * count


def moving(count: int) -> list[np.ndarray]:
    return take(count, size=SIZE, seed=6, speed=2.5)


@pytest.mark.parametrize("outline", [2, 6])
def test_a_thick_outline_is_masked_with_its_fill_and_little_around(outline: int) -> None:
    mask, truth, _ = drawn(
        caption("SALE", 60, fill=(250, 40, 40), outline=outline, pad=16), still(31), first=11
    )
    assert share(mask, truth) >= 0.99
    assert mask.sum() <= 1.95 * truth.sum()


def test_a_shadow_to_one_side_is_masked() -> None:
    plain, shade = caption("Reserve now", 34), caption("Reserve now", 34, fill=(10, 10, 10))
    both = shade.rgba.copy()
    both[..., 3] //= 2
    both = np.roll(both, (4, 4), (0, 1))
    over = plain.rgba[..., 3:] > 0
    rgba = np.where(over, plain.rgba, both)
    mask, truth, _ = drawn(Sprite(rgba, plain.letters), moving(31))
    assert share(mask, truth) >= 0.95


@pytest.mark.parametrize("scene", [still, moving])
@pytest.mark.parametrize("plate", [(250, 250, 250), (220, 30, 60), (15, 20, 40)])
def test_the_whole_plate_is_masked_and_little_else(scene, plate) -> None:
    ink = (20, 20, 20) if sum(plate) > 500 else (255, 255, 255)
    mask, truth, _ = drawn(caption("Order now", 24, fill=ink, plate=plate), scene(31))
    assert share(mask, truth) >= 0.99
    assert mask.sum() <= 1.45 * truth.sum()


@pytest.mark.parametrize("scene", [still, moving])
def test_letters_without_a_plate_are_masked_tightly_with_their_outline(scene) -> None:
    sprite = caption("Ride harder", 34, outline=3)
    mask, truth, _ = drawn(sprite, scene(31))
    assert share(mask, truth) >= 0.985
    left, top, right, bottom = sprite.letters
    assert mask.sum() <= 0.95 * (right - left + 20) * (bottom - top + 20)


def test_a_flat_wall_behind_letters_is_not_eaten() -> None:
    wall = [np.full((*SIZE, 3), (205, 200, 190), np.uint8)] * 31
    mask, truth, _ = drawn(caption("Plain words", 26, fill=(20, 20, 20)), wall)
    assert share(mask, truth) >= 0.99
    assert mask.sum() <= 0.12 * mask.size


def test_what_appears_with_the_letters_is_masked_with_them() -> None:
    sprite = caption("Only 9.99", 26, plate=(250, 240, 0), fill=(10, 10, 10), pad=18)
    rgba = sprite.rgba.copy()
    ground = rgba[..., :3].sum(axis=2) > 300  # a plate of many colours is not flat
    rgba[..., 2][ground] = np.broadcast_to(np.arange(rgba.shape[1]) * 3 % 250, ground.shape)[ground]
    mask, truth, _ = drawn(Sprite(rgba, sprite.letters), still(40), first=8)
    assert share(mask, truth) >= 0.97
    assert mask.sum() <= 1.5 * truth.sum()


def test_spans_cover_every_frame_of_a_life_once() -> None:
    _, _, spans = drawn(caption("Order now", 24, plate=(30, 60, 200)), still(31), first=9)
    frames = [frame for span in spans for frame in range(span.first_frame, span.last_frame + 1)]
    assert frames == list(range(9, 31))


@given(dx=st.integers(-30, 30), dy=st.integers(-30, 30))
def test_a_shifted_mask_keeps_its_shape(dx: int, dy: int) -> None:
    mask = np.zeros((9, 12), np.bool_)
    mask[2:7, 3:9] = True
    bitmap, x, y = pose_mask(mask, (40, 50), Pose(dx, dy))
    assert (x, y) == (40 + dx, 50 + dy)
    assert np.array_equal(bitmap, mask)


@given(scale=st.floats(0.3, 1.5))
def test_a_scaled_mask_stays_centred_and_covers_the_scaled_shape(scale: float) -> None:
    mask = np.ones((30, 60), np.bool_)
    bitmap, x, y = pose_mask(mask, (100, 100), Pose(0, 0, scale))
    assert abs(x + bitmap.shape[1] / 2 - 130) <= 1
    assert abs(y + bitmap.shape[0] / 2 - 115) <= 1
    assert bitmap.shape[0] >= 30 * scale


@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_filling_holes_only_adds(seed: int) -> None:
    mask = np.random.default_rng(seed).random((30, 40)) > 0.6
    assert not (mask & ~fill_holes(mask)).any()
    assert not (mask & ~close_small_holes(mask, 9)).any()
