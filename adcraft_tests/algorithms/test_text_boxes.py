from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.text_boxes import (
    SMALL_DISK,
    box_area,
    box_overlap,
    cut_upright,
    fill_quad,
    fit_size,
    grow_by,
    order_quad,
    quad_angle,
    quad_box,
    quad_sides,
    quads_of_probability,
    shift_by,
    shrink_quad,
)

SQUARE = ((10.0, 20.0), (110.0, 20.0), (110.0, 60.0), (10.0, 60.0))
corner = st.tuples(st.floats(0, 200), st.floats(0, 200))


def probability(
    rect: tuple[tuple[float, float], tuple[float, float], float], value: float = 0.9
) -> np.ndarray:
    picture = np.zeros((160, 320), np.float32)
    cv2.fillPoly(picture, [np.round(cv2.boxPoints(rect)).astype(np.int32)], value)
    return picture


def test_a_core_in_the_map_becomes_a_wider_box_in_the_picture() -> None:
    (found,) = quads_of_probability(probability(((160, 80), (100, 12), 0)), (320, 640))
    left, top, right, bottom = quad_box(found.quad, (320, 640))
    assert left < 2 * 110 < 2 * 210 < right
    assert top < 2 * 74 < 2 * 86 < bottom
    assert found.score == pytest.approx(0.9, abs=0.1)


def test_a_tilted_line_keeps_its_tilt() -> None:
    (found,) = quads_of_probability(probability(((160, 80), (120, 14), 20)), (160, 320))
    assert quad_angle(found.quad) == pytest.approx(20, abs=1.5)


def test_a_faint_core_is_no_text() -> None:
    assert quads_of_probability(probability(((160, 80), (100, 12), 0), 0.4), (160, 320)) == []


def test_network_sizes_are_multiples_of_32_and_keep_the_shape() -> None:
    height, width = fit_size((1280, 720), 576)
    assert height % 32 == width % 32 == 0
    assert height == 576
    assert width / height == pytest.approx(720 / 1280, rel=0.06)


@given(st.permutations(SQUARE))
def test_corners_are_ordered_whatever_order_they_come_in(corners: list[tuple[float, float]]) -> None:
    assert order_quad(corners) == SQUARE


@given(dx=st.floats(-50, 50), dy=st.floats(-50, 50))
def test_shifting_there_and_back_changes_nothing(dx: float, dy: float) -> None:
    assert np.allclose(shift_by(shift_by(SQUARE, dx, dy), -dx, -dy), SQUARE)


@given(margin=st.floats(0, 100))
def test_a_shrunken_quad_lies_inside_and_keeps_some_area(margin: float) -> None:
    width, height = quad_sides(shrink_quad(SQUARE, margin))
    assert 100 / 3 - 1e-6 <= width <= 100
    assert 40 / 3 - 1e-6 <= height <= 40


@settings(max_examples=30)
@given(radius=st.integers(0, 12), x=st.integers(0, 59), y=st.integers(0, 39))
def test_growing_reaches_the_radius_and_no_further(radius: int, x: int, y: int) -> None:
    mask = np.zeros((40, 60), np.bool_)
    mask[y, x] = True
    rows, columns = np.nonzero(grow_by(mask, radius))
    distance = np.hypot(rows - y, columns - x)
    assert distance.max() <= radius * 1.1 + 0.5
    assert mask[y, x] <= grow_by(mask, radius)[y, x]


def test_filling_a_quad_keeps_inside_its_box() -> None:
    mask = fill_quad(SQUARE, (0, 0, 130, 80))
    assert mask[40, 60]
    assert not mask[5, 60]
    assert 0.95 <= mask.sum() / 4000 <= 1.1


def test_overlap_of_a_box_with_itself_is_its_area() -> None:
    box = quad_box(SQUARE, (100, 200))
    assert box_overlap(box, box) == box_area(box)


def test_a_vertical_line_is_turned_for_the_reader() -> None:
    frame = np.zeros((300, 100, 3), np.uint8)
    tall = ((30.0, 20.0), (60.0, 20.0), (60.0, 260.0), (30.0, 260.0))
    assert cut_upright(frame, tall).shape[0] == 48
    assert cut_upright(frame, tall).shape[1] > 300


@given(seed=st.integers(0, 10_000), radius=st.floats(0.5, 45.0))
@settings(max_examples=60, deadline=None)
def test_growing_near_the_mask_gives_what_growing_in_the_whole_picture_gives(
    seed: int, radius: float
) -> None:
    random = np.random.default_rng(seed)
    mask = np.zeros(tuple(random.integers(1, 160, 2)), np.bool_)
    for y, x, high, wide in random.integers(0, [*mask.shape, 40, 40], (3, 4)):
        mask[y : y + high, x : x + wide] = True
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(radius) + 1,) * 2)
    small = cv2.dilate(mask.astype(np.uint8), kernel).astype(np.bool_)
    whole = mask if radius < 1 or not mask.any() else small if radius <= SMALL_DISK else away <= radius
    np.testing.assert_array_equal(grow_by(mask, radius), whole)
