import numpy as np
import pytest

from adcraft_resources.algorithms.fill_grain import add_grain, measure_noise, noise_tile
from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.mask_windows import Window
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.algorithms.window_clip import WindowClip
from adcraft_resources.algorithms.window_fill import fill_window
from adcraft_resources.algorithms.window_motion import camera_steps

SIZE = (96, 160)


def membrane(clip, frame, mask):
    luma = clip.luma(frame)
    luma[mask] = push_pull(luma, ~mask)[mask].astype(np.uint8)


def grainy(count, deviation):
    rng = np.random.default_rng(1)
    ramp = np.tile(np.linspace(60, 180, SIZE[1]), (SIZE[0], 1))
    grey = np.full((SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8)
    lumas = [np.clip(ramp + rng.normal(0, deviation, SIZE), 0, 255).astype(np.uint8) for _ in range(count)]
    return [Yuv420(luma, grey, grey) for luma in lumas]


def clip_of(pictures):
    mask = np.zeros(SIZE, bool)
    mask[40:60, 40:120] = True
    geometry = MaskGeometry(mask)
    clip = WindowClip(Window(0, 0, SIZE[1], SIZE[0]), len(pictures))
    for frame, picture in enumerate(pictures):
        picture.y[mask] = 255
        clip.put(frame, picture, geometry.unsafe)
    return clip, geometry


@pytest.mark.parametrize("deviation", [0.0, 3.0, 8.0])
def test_the_noise_around_a_mask_is_measured(deviation):
    clip, geometry = clip_of(grainy(8, deviation))
    measured = measure_noise(clip, {4: geometry, 6: geometry}, camera_steps(clip, [np.eye(3)] * 8))
    assert measured == pytest.approx(deviation, rel=0.15, abs=0.3)


def test_a_fill_in_noisy_footage_carries_noise_that_changes_from_frame_to_frame():
    clip, geometry = clip_of(grainy(8, 6.0))
    fill_window(clip, [geometry] * 8, [np.eye(3)] * 8, membrane)
    inner = np.s_[44:56, 50:110]
    change = clip.luma(3)[inner].astype(float) - clip.luma(4)[inner]
    assert 0.6 < change.std() / (6.0 * np.sqrt(2)) < 1.3


def test_grain_stays_inside_the_mask_and_is_the_same_every_time():
    results = []
    for _ in range(2):
        clip, geometry = clip_of(grainy(2, 0.0))
        before = clip.luma(1).copy()
        add_grain(clip, 1, geometry, noise_tile(), 5.0)
        assert np.array_equal(clip.luma(1)[~geometry.mask], before[~geometry.mask])
        results.append(clip.luma(1).copy())
    assert np.array_equal(*results)
