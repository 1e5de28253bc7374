"""Pictures in another shape: what is drawn at a place is found where the layout says."""

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.picture_layout import PictureLayout
from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.algorithms.window_choice import ShotWindow
from adcraft_resources.algorithms.window_paths import WindowPath

BOX = (0.4, 0.45, 0.1, 0.1)


def picture(height, width):
    y = np.full((height, width), 60, np.uint8)
    x0, y0, w, h = (
        round(BOX[0] * width),
        round(BOX[1] * height),
        round(BOX[2] * width),
        round(BOX[3] * height),
    )
    y[y0 : y0 + h, x0 : x0 + w] = 220
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    return Yuv420(y, grey, grey.copy())


def found(luma, level=150):
    rows, columns = np.nonzero(luma > level)
    return columns.min(), rows.min(), columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min()


def window(axis, share, at, *, filled=False, to=None):
    knots = (at,) if to is None else tuple(np.linspace(at, to, 9))
    return ShotWindow(axis, share, WindowPath(0.0, knots), 0.0, filled)


LAYOUTS = {
    "cut without scaling": ((720, 1280), (720, 720), window(0, 0.5625, 0.2)),
    "cut and enlarged": ((360, 640), (1080, 1080), window(0, 0.5625, 0.2)),
    "cut and reduced": ((1080, 1920), (480, 480), window(0, 0.5625, 0.2)),
    "moving": ((720, 1280), (480, 480), window(0, 0.5625, 0.1, to=0.3)),
    "moving and enlarged": ((360, 640), (1080, 1080), window(0, 0.5625, 0.1, to=0.3)),
    "whole over a ground": ((720, 1280), (1280, 720), window(0, 1.0, 0.0, filled=True)),
    "part over a ground": ((1280, 720), (720, 720), window(1, 0.8, 0.1, filled=True)),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("time_s", [0.0, 0.9])
def test_a_box_stands_where_the_layout_maps_it(name, time_s):
    source, target, shot = LAYOUTS[name]
    layout = PictureLayout(source, target, shot)
    laid = layout.apply(picture(*source), time_s)
    assert laid.size == target
    assert laid.u.shape == (target[0] // 2, target[1] // 2)
    assert found(laid.y) == pytest.approx(layout.map_box(BOX, time_s), abs=2.5)


def test_a_cut_at_full_size_keeps_every_pixel():
    rng = np.random.default_rng(3)
    y = rng.integers(16, 236, (720, 1280), np.uint8)
    uv = rng.integers(16, 240, (360, 640), np.uint8)
    laid = PictureLayout((720, 1280), (720, 720), window(0, 0.5625, 0.25)).apply(Yuv420(y, uv, uv), 0.0)
    assert np.array_equal(laid.y, y[:, 320:1040])
    assert np.array_equal(laid.u, uv[:, 160:520])


def test_a_slow_move_shifts_by_fractions_of_a_pixel():
    """The centre of a blurred spot moves evenly: no picture stays behind and jumps."""
    y = np.full((360, 640), 40, np.uint8)
    cv2.circle(y, (320, 180), 30, 220, -1, cv2.LINE_AA)
    spot = Yuv420(cv2.GaussianBlur(y, (0, 0), 4), *[np.full((180, 320), 128, np.uint8)] * 2)
    layout = PictureLayout((360, 640), (360, 360), window(0, 0.5625, 0.2, to=0.22))
    columns = np.arange(360)
    centres = []
    for tick in range(10, 40):
        weights = layout.apply(spot, tick / 30).y.astype(float).sum(0) - 40 * 360
        centres.append((weights * columns).sum() / weights.sum())
    steps = np.diff(centres)
    assert (steps < 0).all()
    assert np.abs(steps - steps.mean()).max() < 0.1  # OpenCV places samples on a grid of 1/32 px


def test_the_ground_is_darker_and_out_of_focus():
    rng = np.random.default_rng(5)
    y = np.where(rng.random((360, 640)) > 0.5, 200, 60).astype(np.uint8)
    grey = np.full((180, 320), 128, np.uint8)
    layout = PictureLayout((360, 640), (960, 540), window(0, 1.0, 0.0, filled=True))
    laid = layout.apply(Yuv420(y, grey, grey), 0.0)
    _, top, _, high = layout.place
    assert laid.y[:top].std() < 5 < laid.y[top : top + high].std()
    assert laid.y[:top].mean() < laid.y[top : top + high].mean()


def test_a_picture_with_room_moves_to_bring_faces_clear():
    layout = PictureLayout((720, 1280), (1920, 1080), window(0, 0.8, 0.1, filled=True), 0.4)
    face = layout.map_box((0.45, 0.02, 0.1, 0.2), 0.0)
    clear = (65, 500, 950, 900)
    moved = layout.shifted([face], clear)
    assert face[1] < clear[1] <= moved.map_box((0.45, 0.02, 0.1, 0.2), 0.0)[1] + 2
