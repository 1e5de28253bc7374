import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.push_pull import push_pull


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_known_samples_stay_and_unknown_ones_lie_between_them(height, width, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, (height, width, 2)).astype(np.uint8)
    known = rng.random((height, width)) < 0.5
    filled = push_pull(values, known)
    assert np.array_equal(filled[known], values[known].astype(np.float32))
    if known.any():
        assert filled.min() >= values[known].min() - 1e-3
        assert filled.max() <= values[known].max() + 1e-3


def test_a_hole_in_a_ramp_is_filled_with_the_ramp():
    ramp = np.tile(np.arange(96, dtype=np.float32) * 2, (96, 1))
    known = np.ones(ramp.shape, bool)
    known[30:60, 40:52] = False
    assert np.abs(push_pull(ramp, known) - ramp).max() < 8


def test_nothing_known_gives_zeros():
    assert not push_pull(np.full((9, 7), 200, np.uint8), np.zeros((9, 7), bool)).any()


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        push_pull(np.zeros((4, 4)), np.ones((4, 5), bool))
