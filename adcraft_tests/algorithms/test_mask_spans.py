import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.algorithms.mask_spans import thicken_spans
from adcraft_resources.algorithms.values import MaskSpan

SIZE = (40, 60)


@given(
    x=st.integers(0, 50),
    y=st.integers(0, 30),
    width=st.integers(1, 10),
    height=st.integers(1, 10),
    radius=st.integers(0, 4),
)
def test_a_thickened_span_covers_the_old_one_and_stays_in_the_picture(x, y, width, height, radius):
    span = MaskSpan(3, 7, x, y, np.ones((height, width), np.bool_))
    (thick,) = thicken_spans((span,), SIZE, radius)
    rows, columns = thick.bitmap.shape
    assert thick.x >= 0
    assert thick.y >= 0
    assert thick.x + columns <= SIZE[1]
    assert thick.y + rows <= SIZE[0]
    canvas = np.zeros(SIZE, np.bool_)
    canvas[thick.y : thick.y + rows, thick.x : thick.x + columns] = thick.bitmap
    assert canvas[y : y + height, x : x + width].all()
    assert (thick.first_frame, thick.last_frame) == (3, 7)
    reach = canvas.copy()
    reach[max(0, y - radius) : y + height + radius, max(0, x - radius) : x + width + radius] = False
    assert not reach.any()
