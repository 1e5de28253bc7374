"""Steadiness on drawn pans: 1 for the source itself, above for shimmer and pumping, blind to cuts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.steadiness import SteadinessMeter


def drawn_pan(count=16, size=(120, 160), shift=3, seed=4):
    """A smooth random picture panned by `shift` pixels a frame, with a little sensor noise."""
    random = np.random.default_rng(seed)
    wide = random.normal(0, 1, (size[0], size[1] + shift * count, 3)).astype(np.float32)
    wide = cv2.GaussianBlur(wide, (0, 0), 4)
    wide = 128 + 40 * wide / wide.std()
    noise = [random.normal(0, 1.0, (*size, 1)) for _ in range(count)]
    frames = [wide[:, shift * t : shift * t + size[1]] + noise[t] for t in range(count)]
    return [np.clip(f, 0, 255).astype(np.uint8) for f in frames]


def measured(source, restyled, step=3):
    meter = SteadinessMeter(step=step)
    for a, b in zip(source, restyled, strict=True):
        meter.push(a, b)
    return meter.result


def test_the_source_is_as_steady_as_itself():
    source = drawn_pan()
    result = measured(source, source)
    assert result.warp == pytest.approx(1)
    assert result.flicker == pytest.approx(1)
    assert result.pairs == 5


def test_a_still_curve_is_nearly_as_steady():
    source = drawn_pan()
    table = np.clip(1.2 * (np.arange(256) - 128) + 128, 0, 255).astype(np.uint8)
    assert measured(source, [cv2.LUT(f, table) for f in source]).warp == pytest.approx(1, abs=0.08)


def test_fresh_noise_in_every_frame_raises_the_warp_ratio():
    source = drawn_pan()
    random = np.random.default_rng(9)
    noisy = [np.clip(f + random.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in source]
    assert measured(source, noisy).warp > 1.5


def test_pumping_brightness_raises_the_flicker_ratio():
    source = drawn_pan()
    pumped = [np.clip(f.astype(int) + 6 * (t % 2), 0, 255).astype(np.uint8) for t, f in enumerate(source)]
    assert measured(source, pumped).flicker > 3


def test_a_slow_fade_is_no_flicker():
    source = drawn_pan()
    faded = [np.clip(f.astype(float) * (1 - 0.02 * t), 0, 255).astype(np.uint8) for t, f in enumerate(source)]
    assert measured(source, faded).flicker < 2


def test_pairs_across_a_cut_are_left_out():
    before, after = drawn_pan(count=4), [255 - f for f in drawn_pan(count=4, seed=8)]
    assert measured(before + after, before + after, step=1).pairs < 7


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_frames_give_no_ratio(count):
    source = drawn_pan(count=4)[:count]
    result = measured(source, source)
    assert result.warp is None
    assert result.flicker is None
