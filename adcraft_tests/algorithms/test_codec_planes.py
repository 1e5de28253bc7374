"""A picture goes to RGB and back with one rounding each way, whatever its matrix, range and size."""

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.codec_planes import planes_of_layers, rgb_of_planes
from adcraft_resources.algorithms.values import Yuv420
from adcraft_tests.exact_pictures import exact_rgb

SIZES = ((96, 64), (131, 77), (1, 1))
DITHERED = 1 / 6  # variance of a dithered rounding


def drawn(size, matrix="bt709", value_range="limited"):
    """Smooth planes whose colours all lie inside R'G'B'."""
    random = np.random.default_rng(2)
    half = (-(-size[0] // 2), -(-size[1] // 2))
    planes = [
        cv2.GaussianBlur(random.normal(0, 60, one).astype(np.float32), (0, 0), 3)
        for one in (size, half, half)
    ]
    codes = [
        np.clip(np.rint(128 + plane), 90, 165).astype(np.uint8).reshape(one)
        for plane, one in zip(planes, (size, half, half), strict=True)
    ]
    return Yuv420(*codes, matrix, value_range)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("value_range", ["limited", "full"])
def test_planes_become_the_nearest_codes(size, matrix, value_range):
    picture = drawn(size, matrix, value_range)
    assert np.abs(rgb_of_planes(picture) - exact_rgb(picture)).max() < 0.501


@pytest.mark.parametrize("size", SIZES)
def test_layers_become_planes_dithered_once(size):
    picture = drawn(size)
    rgb = exact_rgb(picture).astype(np.float32)

    def write(rows, out):
        out[:] = rgb[rows] - 1

    def add(rows, out):
        out += 1

    made = planes_of_layers([write, add], size)
    assert (made.matrix, made.range, made.size, made.u.shape) == ("bt709", "limited", size, picture.u.shape)
    missed = made.y.astype(float) - picture.y
    assert np.abs(missed).max() <= 1
    assert missed.std() < 1.1 * np.sqrt(DITHERED)


def test_what_lies_outside_rgb_is_clipped_before_it_is_converted():
    size = (64, 64)
    made, held = (
        planes_of_layers([lambda rows, out, code=code: out.__setitem__(slice(None), code)], size)
        for code in ((-40.0, 300.0, 128.0), (0.0, 255.0, 128.0))
    )
    for name in "yuv":
        assert np.array_equal(getattr(made, name), getattr(held, name))
