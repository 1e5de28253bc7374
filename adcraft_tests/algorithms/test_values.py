"""Records that pass between rooms: a span's mask comes back as it was put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from adcraft_resources.algorithms.values import MaskSpan


@given(drawn.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_a_span_hands_out_the_mask_it_was_given(mask):
    span = MaskSpan(3, 8, 10, 20, mask)
    moved = replace(span, first_frame=5)
    for one in (span, moved):
        assert one.bitmap.dtype == np.bool_
        assert np.array_equal(one.bitmap, mask)
    assert (moved.first_frame, moved.last_frame, moved.x, moved.y) == (5, 8, 10, 20)


def test_a_span_keeps_a_bit_a_pixel():
    span = MaskSpan(0, 0, 0, 0, np.ones((800, 1000), np.bool_))
    assert sum(value.nbytes for value, _ in [vars(span)["_bitmap"]]) == 100_000


def test_writing_into_what_is_handed_out_changes_nothing():
    span = MaskSpan(0, 0, 0, 0, np.zeros((4, 6), np.bool_))
    span.bitmap[:] = True
    assert not span.bitmap.any()


def test_a_span_without_a_mask_is_refused():
    with pytest.raises(TypeError, match="bitmap"):
        MaskSpan(0, 0, 0, 0)  # pyright: ignore[reportCallIssue]
