import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.mask_windows import plan_chunks, plan_windows, window_mask
from adcraft_resources.algorithms.values import MaskSpan, Shot

SIZE = (360, 640)


def box(first, last, x, y, width, height):
    return MaskSpan(first, last, x, y, np.ones((height, width), bool))


boxes = st.builds(
    lambda first, length, x, y, width, height: box(
        first, first + length, x, y, min(width, SIZE[1] - x), min(height, SIZE[0] - y)
    ),
    st.integers(0, 200),
    st.integers(0, 80),
    st.integers(0, SIZE[1] - 1),
    st.integers(0, SIZE[0] - 1),
    st.integers(1, 400),
    st.integers(1, 200),
)


@given(st.lists(boxes, min_size=1, max_size=8))
@settings(deadline=None)
def test_windows_are_even_disjoint_and_hold_every_mask(spans):
    windows = plan_windows(spans, SIZE)
    cover = np.zeros(SIZE, int)
    for window in windows:
        assert {window.x % 2, window.y % 2, window.width % 2, window.height % 2} == {0}
        cover[window.y : window.y + window.height, window.x : window.x + window.width] += 1
    assert cover.max() == 1
    for span in spans:
        height, width = span.bitmap.shape
        assert cover[span.y : span.y + height, span.x : span.x + width].all()
    assert sum(int(window_mask(spans, window).sum()) for window in windows) == int(
        np.logical_or.reduce([whole(span) for span in spans]).sum()
    )


def whole(span):
    mask = np.zeros(SIZE, bool)
    height, width = span.bitmap.shape
    mask[span.y : span.y + height, span.x : span.x + width] = span.bitmap
    return mask


@given(st.lists(boxes, min_size=1, max_size=6), st.integers(1, 40), st.integers(30_000, 40_000_000))
@settings(deadline=None)
def test_chunks_produce_every_masked_frame_once_within_its_shot(spans, context, capacity):
    shots = [Shot(0, 99, 0, 4), Shot(100, 100, 4, 4.04), Shot(101, 300, 4.04, 12)]
    chunks = plan_chunks(spans, shots, SIZE, context=context, capacity_px=capacity)
    produced = [frame for chunk in chunks for frame in range(chunk.first, chunk.last + 1)]
    assert produced == sorted(set(produced))
    assert {f for span in spans for f in range(span.first_frame, span.last_frame + 1)} <= set(produced)
    for chunk in chunks:
        home = next(shot for shot in shots if shot.first_frame <= chunk.first <= shot.last_frame)
        assert home.first_frame <= chunk.before <= chunk.first <= chunk.last <= chunk.after <= home.last_frame
