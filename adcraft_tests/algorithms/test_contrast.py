"""WCAG contrast of colours and of text in pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.algorithms.contrast import contrast_ratio, farthest_colour, measured_contrast

colours = st.tuples(*[st.integers(0, 255)] * 3)


def test_black_on_white_is_twenty_one():
    assert contrast_ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast_ratio((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


@given(colours, colours)
def test_the_ratio_is_symmetric_and_at_least_one(one, other):
    assert contrast_ratio(one, other) == pytest.approx(contrast_ratio(other, one))
    assert 1 <= contrast_ratio(one, other) <= 21.01


def test_measured_contrast_is_that_of_the_drawn_colours():
    picture = np.full((40, 40, 3), 20, np.uint8)
    ink = np.zeros((40, 40), bool)
    ink[10:30, 10:20] = True
    picture[ink] = 240
    found = measured_contrast(picture, ink, ~ink)
    assert found == pytest.approx(contrast_ratio((240,) * 3, (20,) * 3))


def test_a_half_drowned_text_measures_as_its_worse_half():
    picture = np.full((40, 40, 3), 20, np.uint8)
    picture[:, 20:] = 230
    ink = np.zeros((40, 40), bool)
    ink[15:25] = True
    picture[ink] = 240
    found = measured_contrast(picture, ink, ~ink)
    assert found is not None
    assert found < 2


def test_nothing_to_measure_gives_none():
    empty = np.zeros((4, 4), bool)
    assert measured_contrast(np.zeros((4, 4, 3), np.uint8), empty, ~empty) is None


def test_the_accent_farthest_from_the_background_is_taken():
    choices = ((255, 214, 10), (126, 206, 255))
    assert farthest_colour(choices, (250, 200, 30)) == (126, 206, 255)
    assert farthest_colour(choices, (110, 190, 250)) == (255, 214, 10)
