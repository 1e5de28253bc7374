"""Light in space and grain: what they touch, what they leave, and that they say the same thing twice."""

from __future__ import annotations

import numpy as np
import pytest

from adcraft_resources.algorithms.dither import blue_noise, noise_field
from adcraft_resources.algorithms.grain import Grain, GrainField
from adcraft_resources.algorithms.light import (
    Glow,
    Gobo,
    Leak,
    Light,
    Pool,
    Relight,
    Vignette,
    light_map,
    scale_light,
)
from adcraft_resources.algorithms.lookup import FRACTION, LUMA_STEPS
from adcraft_resources.algorithms.values import Yuv420

SIZE = (180, 120)


def flat(luma=120, u=128, v=128, size=SIZE):
    half = (-(-size[0] // 2), -(-size[1] // 2))
    return Yuv420(np.full(size, luma, np.uint8), np.full(half, u, np.uint8), np.full(half, v, np.uint8))


def relit(light, picture):
    luma, u, v = Relight(light, picture)(picture)
    return luma / LUMA_STEPS, u / FRACTION, v / FRACTION


@pytest.mark.parametrize("size", [SIZE, (91, 63)])
def test_no_light_changes_nothing(size):
    luma, u, v = relit(Light(), flat(77, 100, 150, size))
    assert (luma == 77).all()
    assert (u == 100).all()
    assert (v == 150).all()


def test_a_pool_is_brightest_at_its_middle():
    luma, _, _ = relit(Light(pools=(Pool(0.25, 0.25, 0.2, ev=0.5),)), flat())
    assert luma[45, 30] > 125
    assert luma[45, 30] > luma[150, 100] + 5
    assert luma[150, 100] == pytest.approx(120, abs=1.5)


def test_a_warm_pool_turns_grey_towards_its_colour():
    _, u, v = relit(Light(pools=(Pool(0.5, 0.5, 0.3, colour="#ffb050", tint=0.5),)), flat())
    assert u[45, 30] < 126
    assert v[45, 30] > 129


def test_a_vignette_darkens_corners_only():
    luma, _, _ = relit(Light(vignette=Vignette(ev=-0.6, inner=0.5)), flat())
    assert luma[90, 60] == pytest.approx(120, abs=1)
    assert luma[0, 0] < 105


def test_light_keeps_black_black():
    luma, u, v = relit(Light(pools=(Pool(0.5, 0.5, 0.3, ev=0.7, colour="#ffb050", tint=0.4),)), flat(16))
    assert np.abs(luma - 16).max() <= 0.5
    assert np.abs(u - 128).max() < 0.2
    assert np.abs(v - 128).max() < 0.2


def test_halation_reddens_the_edge_of_a_bright_disc_and_leaves_the_dark_far_away():
    picture = flat(30)
    picture.y[60:120, 40:80] = 230
    light = Light(glows=(Glow(0.7, 0.04, 0.4, "#ff5020"),))
    luma, _, v = relit(light, picture)
    assert luma[56, 60] > 33
    assert v[27, 30] > 129
    assert luma[5, 5] == pytest.approx(30, abs=0.5)


def test_a_leak_adds_light_even_to_black():
    luma, _, _ = relit(Light(leaks=(Leak(0.0, 0.0, 0.1, 0.2, "#ff9020"),)), flat(16))
    assert luma[2, 2] > 25
    assert luma[170, 110] == pytest.approx(16, abs=0.5)


def test_clarity_spreads_a_soft_step_and_keeps_flat_parts():
    picture = flat(100)
    picture.y[:, 60:] = 140
    luma, _, _ = relit(Light(clarity=0.5), picture)
    assert luma[90, 57] < 100
    assert luma[90, 63] > 140
    assert luma[90, 5] == pytest.approx(100, abs=1.5)


@pytest.mark.parametrize("kind", ["leaves", "blinds"])
def test_gobos_shade_a_part_of_the_picture_the_same_way_each_time(kind):
    light = Light(gobo=Gobo(kind, ev=-0.5, scale=0.3))
    first, second = light_map(light, (90, 60)), light_map(light, (90, 60))
    assert np.array_equal(first, second)
    assert first.min() < -0.35
    assert first.max() > -0.15


def test_scaled_light_has_that_share_of_its_stops():
    light = Light(pools=(Pool(0.3, 0.3, 0.3, ev=0.4),), vignette=Vignette(-0.5), gobo=Gobo(ev=-0.2))
    assert light_map(scale_light(light, 0.5), (60, 40)) == pytest.approx(
        light_map(light, (60, 40)) / 2, abs=1e-6
    )


def test_light_never_wraps_around():
    bright = Light(
        pools=(Pool(0.5, 0.5, 0.5, ev=2.0),), clarity=0.9, leaks=(Leak(0.5, 0.5, 0.5, 1.0, "#ffffff"),)
    )
    luma, _, _ = relit(bright, flat(235))
    assert (luma >= 235).all()


def test_the_dither_tile_is_spread_evenly_and_has_no_low_frequencies():
    tile = blue_noise()
    assert np.sort(tile.ravel()) == pytest.approx((np.arange(4096) + 0.5) / 4096, abs=1e-6)
    spectrum = np.abs(np.fft.fft2(tile - tile.mean())) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    assert spectrum[(radius > 0) & (radius < 0.1)].mean() < 0.1 * spectrum[radius > 0.3].mean()


def test_noise_fields_cover_any_size():
    assert noise_field((70, 130)).shape == (70, 130)


def test_grain_is_the_same_in_every_run_and_other_in_every_frame():
    luma = np.full(SIZE, 120, np.uint8)
    one, other = (GrainField(Grain(2.0), SIZE, seed=5) for _ in range(2))
    assert np.array_equal(one.at(luma, 3), other.at(luma, 3))
    assert not np.array_equal(one.at(luma, 3), one.at(luma, 4))


def test_grain_lives_in_the_middle_tones():
    field = GrainField(Grain(2.0), SIZE, seed=5)
    spread = {level: field.at(np.full(SIZE, level, np.uint8), 0).std() for level in (17, 120, 234)}
    assert spread[120] == pytest.approx(2.0, rel=0.2)
    assert spread[17] < 0.3
    assert spread[234] < 0.3


def test_grain_leaves_the_mean_where_it_was():
    drift = [
        GrainField(Grain(2.0), SIZE, seed=5).at(np.full(SIZE, 120, np.uint8), i).mean() for i in range(5)
    ]
    assert np.abs(drift).max() < 0.25
