"""Conversions go there and back, agree with published values, and white balance keeps grey's luminance."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.gamut import compress_gamut, gamut_share

unhurried = settings(deadline=None, max_examples=50)  # the first call warms caches up
codes = st.tuples(*[st.floats(0, 1)] * 3).map(np.array)
matrices = st.sampled_from(["bt601", "bt709"])


@unhurried
@given(codes)
def test_srgb_comes_back_from_linear_light(rgb):
    assert colour.linear_to_srgb(colour.srgb_to_linear(rgb)) == pytest.approx(rgb, abs=1e-6)


@unhurried
@given(codes)
def test_linear_light_comes_back_from_oklab(rgb):
    assert colour.oklab_to_linear(colour.linear_to_oklab(rgb)) == pytest.approx(rgb, abs=1e-6)


@unhurried
@given(codes)
def test_colours_come_back_from_cielab(rgb):
    assert colour.cielab_to_rgb(colour.rgb_to_cielab(rgb)) == pytest.approx(rgb, abs=1e-5)


@unhurried
@given(codes, matrices)
def test_colours_come_back_from_luma_and_chroma(rgb, matrix):
    assert colour.ycc_to_rgb(colour.rgb_to_ycc(rgb, matrix), matrix) == pytest.approx(rgb, abs=1e-9)


@unhurried
@given(codes)
def test_cielab_agrees_with_opencv(rgb):
    theirs = cv2.cvtColor(rgb.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2Lab).reshape(3)
    assert colour.rgb_to_cielab(rgb) == pytest.approx(theirs, abs=0.6)


def test_oklab_gives_the_published_value_of_pure_red():
    red = colour.linear_to_oklab(np.array([1.0, 0.0, 0.0]))
    assert red == pytest.approx([0.628, 0.2249, 0.1258], abs=1e-3)


def test_greys_have_no_chroma_in_any_space():
    grey = np.full((5, 3), np.linspace(0.1, 0.9, 5)[:, None])
    assert np.abs(colour.rgb_to_cielab(grey)[:, 1:]).max() < 0.01
    assert np.abs(colour.linear_to_oklab(grey)[:, 1:]).max() < 1e-4
    assert np.abs(colour.rgb_to_ycc(grey, "bt709")[:, 1:]).max() < 1e-9


@unhurried
@given(st.floats(-80, 80))
def test_white_balance_keeps_the_luminance_of_grey(mired):
    white = colour.white_balance(mired) @ np.ones(3)
    assert white @ colour.luma_weights("bt709") == pytest.approx(1, abs=2e-3)


def test_more_mired_is_warmer():
    warm, cool = (colour.white_balance(mired) @ np.ones(3) for mired in (40, -40))
    assert warm[0] > warm[2]
    assert cool[0] < cool[2]


def test_a_white_off_the_daylight_locus_is_refused_with_its_temperature():
    with pytest.raises(ValueError, match="off the daylight locus"):
        colour.white_balance(200)


@unhurried
@given(st.floats(0, 360), st.floats(-170, 170))
def test_hue_differences_take_the_short_way(hue, turn):
    assert colour.hue_difference((hue + turn) % 360, hue) == pytest.approx(turn, abs=1e-6)


@unhurried
@given(st.floats(0.1, 0.95), st.floats(0, 2 * np.pi), st.floats(0, 0.5))
def test_compressed_colours_are_inside_the_gamut_at_their_lightness_and_hue(light, angle, chroma):
    lab = np.array([[light, chroma * np.cos(angle), chroma * np.sin(angle)]])
    inside = compress_gamut(lab, np.zeros(1))
    linear = colour.oklab_to_linear(inside)
    assert linear.min() > -2e-3
    assert linear.max() < 1 + 2e-3
    assert inside[0, 0] == pytest.approx(light)
    assert lab[0, 1] * inside[0, 2] == pytest.approx(lab[0, 2] * inside[0, 1], abs=1e-9)


def test_the_way_to_the_gamuts_edge_is_one_on_the_edge():
    yellow = colour.linear_to_oklab(np.array([[1.0, 1.0, 0.0]]))
    share, _ = gamut_share(yellow)
    assert share == pytest.approx([1], abs=0.01)
