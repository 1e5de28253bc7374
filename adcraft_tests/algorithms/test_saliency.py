"""What draws the eye in pictures drawn to draw it."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.algorithms.framing import centroid_of
from adcraft_resources.algorithms.saliency import colourfulness, find_saliency, score_opening


def scene(x=0.5, y=0.5, colour=(220, 40, 40)):
    picture = np.full((320, 180, 3), 150, np.uint8)
    picture[:] = (150 + 20 * np.sin(np.linspace(0, 6, 320)))[:, None, None].astype(np.uint8)
    cv2.circle(picture, (int(x * 180), int(y * 320)), 18, colour, -1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize(("x", "y"), [(0.25, 0.3), (0.7, 0.35), (0.4, 0.7), (0.5, 0.5)])
def test_a_red_ball_on_a_plain_wall_is_found(x, y):
    found = centroid_of(find_saliency(scene(x, y)))
    assert found == pytest.approx((x, y), abs=0.1)


@given(st.integers(0, 2**31), st.integers(40, 200), st.integers(40, 200))
def test_saliency_is_a_distribution_whatever_the_picture(seed, height, width):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    saliency = find_saliency(noise)
    assert saliency.min() >= 0
    assert float(saliency.sum()) == pytest.approx(1, abs=1e-3)


def test_a_flat_picture_has_even_saliency_and_weak_scores():
    flat = np.full((320, 180, 3), 128, np.uint8)
    assert float(find_saliency(flat).sum()) == pytest.approx(1, abs=1e-3)
    scores = score_opening(flat)
    assert scores["sharpness"] == scores["contrast"] == scores["colourfulness"] == 0


def test_boxes_pull_attention():
    plain = centroid_of(find_saliency(scene(0.7, 0.7)))
    pulled = centroid_of(find_saliency(scene(0.7, 0.7), [(0.1, 0.1, 0.2, 0.2)]))
    assert pulled[1] < plain[1]


def test_blur_lowers_sharpness_and_grey_lowers_colourfulness():
    picture = scene(0.38, 0.38)
    blurred = cv2.GaussianBlur(picture, (0, 0), 5)
    assert score_opening(blurred)["sharpness"] < score_opening(picture)["sharpness"]
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert colourfulness(grey) == 0 < colourfulness(picture)


def test_a_subject_on_a_golden_point_scores_better_than_one_in_a_corner():
    assert score_opening(scene(0.38, 0.38))["golden_ratio"] > score_opening(scene(0.12, 0.1))["golden_ratio"]


def test_scores_lie_between_nought_and_one():
    scores = score_opening(scene())
    assert set(scores) == {"saliency", "sharpness", "contrast", "colourfulness", "golden_ratio", "total"}
    assert all(0 <= value <= 1 for value in scores.values())
