"""Golden points, crops, safe boxes and room for a hook."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adcraft_resources.algorithms.framing import (
    GOLDEN,
    Crop,
    centroid_of,
    golden_score,
    place_block,
    propose_crops,
    safe_box,
)

shares = st.floats(0, 1)
limits = st.sampled_from([0.03, 0.05, 0.08, 0.12])


def spot(x, y, size=(64, 36)):
    map_ = np.zeros(size, np.float32)
    map_[min(int(y * size[0]), size[0] - 1), min(int(x * size[1]), size[1] - 1)] = 1
    return map_


@given(shares, shares)
def test_the_golden_score_is_one_at_golden_points_only(x, y):
    assert 0 <= golden_score(x, y) <= 1
    assert golden_score(GOLDEN, 1 - GOLDEN) == pytest.approx(1)
    if min(abs(x - GOLDEN), abs(x - 1 + GOLDEN)) > 0.05:
        assert golden_score(x, y) < 0.9


def test_the_centroid_of_a_spot_is_the_spot():
    x, y = centroid_of(spot(0.25, 0.75, (100, 100)))
    assert (x, y) == pytest.approx((0.255, 0.755))
    assert centroid_of(np.zeros((4, 4), np.float32)) == (0.5, 0.5)


@given(shares, shares, limits, st.floats(0, 1))
def test_crops_stay_in_their_limit_and_keep_the_picture_shape(x, y, limit, pull):
    for crop, _ in propose_crops(spot(x, y), limit, pull=pull):
        assert max(crop.to_list()) <= limit + 1e-9
        assert min(crop.to_list()) >= 0
        assert crop.left + crop.right == pytest.approx(crop.top + crop.bottom)


def test_a_crop_brings_an_off_golden_spot_nearer_to_a_golden_point():
    best = max(propose_crops(spot(0.5, 0.5), 0.12)[1:], key=lambda proposal: -proposal[1])[0]
    x, y, _, _ = best.map_box((0.5, 0.5, 0.0, 0.0))
    assert golden_score(x, y) > golden_score(0.5, 0.5)


@given(st.floats(0, 0.8), st.floats(0, 0.8), limits)
def test_no_crop_cuts_what_must_be_kept(x, y, limit):
    box = (x, y, 0.2, 0.2)
    for crop, _ in propose_crops(spot(0.9, 0.1), limit, keep=[box], pull=1.0):
        assert crop.left <= x + 1e-9
        assert crop.top <= y + 1e-9
        assert 1 - crop.right >= x + 0.2 - 1e-9
        assert 1 - crop.bottom >= y + 0.2 - 1e-9


def test_no_crop_at_all_is_always_proposed():
    assert propose_crops(spot(0.5, 0.5), 0.05)[0] == (Crop(), 0.0)
    everything = [(0.0, 0.0, 1.0, 0.4), (0.0, 0.5, 1.0, 0.5)]
    assert propose_crops(spot(0.5, 0.5), 0.12, keep=everything, least=0.14) != []


def test_a_least_crop_is_kept_to_where_nothing_forbids_it():
    for crop, _ in propose_crops(spot(0.5, 0.5), 0.12, least=0.14):
        assert crop.left + crop.right >= 0.14 - 1e-9


def test_boxes_move_with_the_crop():
    crop = Crop(0.1, 0.0, 0.1, 0.2)
    assert crop.map_box((0.1, 0.0, 0.4, 0.4)) == pytest.approx((0, 0, 0.5, 0.5))
    assert crop.window(1000, 500) == (50, 0, 400, 800)
    assert Crop().is_empty


def test_the_safe_box_of_a_full_reel_is_the_published_one():
    assert safe_box(1920, 1080) == (65, 269, 950, 979)


@given(st.integers(60, 2000), st.integers(60, 2000))
def test_safe_boxes_lie_inside_the_picture(height, width):
    x, y, w, h = safe_box(height, width)
    assert x > 0
    assert y > 0
    assert 0 < w <= width - 2 * x + 2
    assert 0 < h < height - y


@given(st.integers(40, 300), st.integers(100, 600), st.floats(0, 0.9), st.floats(0, 0.9))
def test_blocks_are_placed_inside_the_safe_box(height, width, x, y):
    safe = safe_box(1280, 720)
    avoid = [((x * 720, y * 1280, 90.0, 90.0), 1.0)]
    left, top, covered = place_block((height, width), safe, avoid, spot(0.5, 0.5), (1280, 720))
    assert left >= safe[0]
    assert left + width <= safe[0] + safe[2]
    assert top >= safe[1]
    assert top + height <= safe[1] + safe[3]
    assert covered >= 0


@given(st.floats(0.1, 0.8), st.floats(0.15, 0.55))
@example(0.5, 0.2812375668452816)
def test_a_face_is_spared_while_there_is_room_beside_it(x, y):
    avoid = [((x * 720 - 60, y * 1280 - 60, 120.0, 120.0), 1.0)]
    _, _, covered = place_block((120, 500), safe_box(1280, 720), avoid, spot(0.5, 0.5), (1280, 720))
    assert covered < 1 / 120  # not a row of the face's pixels
