"""Grades, cubes and the fast lookup: the identity changes nothing, curves never fold, gradients keep their shades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.cube_reading import sample_cube, sample_grade
from adcraft_resources.algorithms.grade_parts import (
    Balance,
    Duotone,
    Grade,
    HueBand,
    Saturation,
    SkinGuard,
    Split,
    Tone,
    Toning,
)
from adcraft_resources.algorithms.grading import (
    bake_cube,
    blend_cubes,
    grade_colours,
    guard_skin,
    identity_cube,
    tone_curve,
)
from adcraft_resources.algorithms.lookup import FRACTION, LUMA_STEPS, Lookup, compile_cube

tones = st.builds(
    Tone,
    contrast=st.floats(0.6, 2.2),
    pivot=st.floats(0.35, 0.65),
    brightness=st.floats(-0.15, 0.15),
    toe=st.floats(0, 1),
    shoulder=st.floats(0, 1),
    black=st.floats(0, 0.15),
    white=st.floats(0.85, 1),
)
FREE = SkinGuard(darker=100, lighter=100, hue_deg=None)
STRONG = Grade(
    tone=Tone(exposure_ev=0.3, contrast=1.5, toe=0.3, black=0.03),
    balance=Balance(mired=30, tint=0.01),
    split=Split(shadows=Toning(220, 0.04), highlights=Toning(80, 0.04)),
    saturation=Saturation(overall=1.3, vibrance=0.3, bands=(HueBand(140, 50, 1.2, 10, 0.03),)),
)


def planes_of_noise(size=(96, 64), seed=1):
    random = np.random.default_rng(seed)
    y = random.integers(16, 236, size, dtype=np.uint8)
    u, v = (random.integers(90, 166, (size[0] // 2, size[1] // 2), dtype=np.uint8) for _ in range(2))
    return y, u, v


def look_up(table, y, u, v):
    steps = (y.astype(np.int16) * LUMA_STEPS, u.astype(np.int16) * FRACTION, v.astype(np.int16) * FRACTION)
    return Lookup(table, y.shape)(*steps)


def test_a_grade_of_nothing_bakes_to_the_identity():
    assert bake_cube(Grade()) == pytest.approx(identity_cube(), abs=1e-5)


def test_cubes_read_back_what_they_hold_between_their_nodes():
    rgb = np.random.default_rng(3).random((200, 3)).astype(np.float32)
    assert sample_cube(identity_cube(17), rgb) == pytest.approx(rgb, abs=1e-5)


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("value_range", ["limited", "full"])
def test_looking_up_the_identity_changes_no_pixel(matrix, value_range):
    table = compile_cube(identity_cube(), matrix, value_range, out=(matrix, value_range))
    planes = planes_of_noise()
    for before, after in zip(planes, look_up(table, *planes), strict=True):
        assert np.array_equal(before, after)


def test_the_lookup_also_converts_matrix_and_range():
    rgb = np.array([0.7, 0.45, 0.3])
    ycc = colour.rgb_to_ycc(rgb, "bt601") * [255, 255, 255] + [0, 128, 128]
    planes = [
        np.full(size, round(code), np.uint8)
        for size, code in zip(((32, 32), (16, 16), (16, 16)), ycc, strict=True)
    ]
    out = look_up(compile_cube(identity_cube(), "bt601", "full"), *planes)
    wanted = colour.rgb_to_ycc(rgb, "bt709") * [219, 224, 224] + [16, 128, 128]
    assert [float(plane.mean()) for plane in out] == pytest.approx(wanted.tolist(), abs=0.8)


def test_the_lookup_agrees_with_the_grade_itself():
    free = replace(STRONG, skin=FREE)
    table = compile_cube(bake_cube(free), "bt709", "limited")
    code = np.array([140, 118, 139])
    y, u, v = (
        np.full(size, c, np.uint8) for size, c in zip(((64, 64), (32, 32), (32, 32)), code, strict=True)
    )
    rgb = colour.ycc_to_rgb((code - [16, 128, 128]) / [219, 224, 224], "bt709")
    wanted = colour.rgb_to_ycc(grade_colours(rgb, free), "bt709") * [219, 224, 224] + [16, 128, 128]
    found = [float(plane.mean()) for plane in look_up(table, y, u, v)]
    assert found == pytest.approx(wanted.tolist(), abs=2.0)


@settings(deadline=None)
@given(tones)
def test_tone_curves_never_fall_and_stay_in_range(tone):
    curve = tone_curve(np.linspace(0, 1, 400), tone)
    assert (np.diff(curve) >= -1e-9).all()
    assert curve.min() >= -1e-9
    assert curve.max() <= 1 + 1e-9


@settings(max_examples=15, deadline=None)
@given(tones, st.floats(0, 360), st.floats(0.5, 1.6))
def test_every_grade_gives_colours_a_screen_can_show(tone, hue, saturation):
    grade = Grade(
        tone=tone,
        split=Split(shadows=Toning(hue, 0.05)),
        saturation=Saturation(overall=saturation),
        skin=FREE,
    )
    cube = bake_cube(grade, 9)
    assert cube.min() >= 0
    assert cube.max() <= 1
    assert np.isfinite(cube).all()


def test_a_grey_gradient_keeps_its_shades_in_order():
    ramp = np.repeat(np.linspace(0, 1, 200)[:, None], 3, 1)
    graded = colour.rgb_to_cielab(grade_colours(ramp, STRONG))[:, 0]
    assert (np.diff(graded) > -0.05).all()


def test_highlights_roll_off_instead_of_clipping():
    ramp = np.repeat(np.linspace(0.85, 1, 30)[:, None], 3, 1)
    bright = grade_colours(ramp, Grade(tone=Tone(exposure_ev=0.8)))
    assert (np.diff(bright.mean(1)) > 0).all()


def test_a_stretched_gradient_shows_no_bands():
    # 8-bit source steps are one code; a slope of two would leave flat runs with steps of two between them.
    height, width = 256, 512
    y = np.tile((100 + np.arange(width) // 16).astype(np.uint8), (height, 1))
    u = np.full((height // 2, width // 2), 128, np.uint8)
    table = compile_cube(bake_cube(Grade(tone=Tone(contrast=2.0, pivot=0.5))), "bt709", "limited")
    out = look_up(table, y, u, u)[0].astype(int)
    means = out.reshape(height, width // 16, 16)[:, 2:-2].mean((0, 2))
    assert (np.diff(means) > 0).all()
    step = np.abs(np.diff(out, axis=1))
    flat = (step[:, :-2] == 0) & (step[:, 2:] == 0) & (step[:, 1:-1] >= 2)
    assert flat.mean() < 0.02


def test_a_soft_change_of_colour_beside_skin_shows_no_bands():
    # Walls of a pale skin's colour: the guard holds skin dark where its neighbours are lit, so luma hangs on chroma.
    height, width = 128, 512
    grade = Grade(tone=Tone(exposure_ev=0.5, contrast=1.2), skin=SkinGuard(darker=4, lighter=0.5))
    v = np.linspace(132, 146, width // 2)
    planes = (
        np.full((height, width), 180 * LUMA_STEPS, np.int16),
        np.full((height // 2, width // 2), round(118 * FRACTION), np.int16),
        np.tile(np.rint(v * FRACTION).astype(np.int16), (height // 2, 1)),
    )
    cube = bake_cube(grade)
    out = Lookup(compile_cube(cube, "bt709", "limited"), (height, width))(*planes)[0]
    codes = np.stack([np.full_like(v, 180 - 16) / 219, np.full_like(v, -10) / 224, (v - 128) / 224], -1)
    wanted = (
        colour.rgb_to_ycc(sample_grade(cube, colour.ycc_to_rgb(codes, "bt709")), "bt709")[:, 0] * 219 + 16
    )
    found = out.reshape(height, width // 2, 2).mean((0, 2))
    assert np.ptp(wanted) > 8
    stray = np.convolve(found - wanted, np.full(4, 0.25), "valid")
    assert np.abs(stray).max() < 3.5
    assert np.abs(stray[8:] - stray[:-8]).max() < 1.5
    assert out.astype(float).std(0).max() < 2.0


def test_blending_cubes_goes_from_nothing_to_all_of_a_look():
    cube = bake_cube(STRONG, 9)
    assert blend_cubes(cube, 0) == pytest.approx(identity_cube(9))
    assert blend_cubes(cube, 1) == pytest.approx(cube, abs=1e-6)


def test_a_duotone_has_the_ramps_colours_only():
    grade = Grade(duotone=Duotone(("#000000", "#ffffff"), 1.0), skin=FREE)
    graded = colour.rgb_to_cielab(grade_colours(np.random.default_rng(1).random((300, 3)), grade))
    assert np.abs(graded[:, 1:]).max() < 0.5


@settings(deadline=None)
@given(st.floats(25, 80), st.floats(40, 68), st.floats(14, 36), st.floats(-30, 30), st.floats(-60, 60))
def test_guarded_skin_stays_within_its_guard(lightness, hue, chroma, lift, turn):
    guard = SkinGuard(darker=4, lighter=0.5, hue_deg=3.5)
    skin = np.array([lightness, chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))])
    angle = np.radians(hue + turn)
    pushed = np.array([np.clip(lightness + lift, 5, 95), chroma * np.cos(angle), chroma * np.sin(angle)])
    before, after = (np.clip(colour.cielab_to_rgb(c), 0, 1) for c in (skin, pushed))
    old, new = (colour.rgb_to_cielab(c) for c in (before, guard_skin(before, after, guard)))
    assert -4.1 <= new[0] - old[0] <= 0.6
    hues = [np.degrees(np.arctan2(c[2], c[1])) for c in (old, new)]
    assert abs(colour.hue_difference(hues[1], hues[0])) <= 3.6
