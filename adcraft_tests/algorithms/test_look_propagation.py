"""A look drawn by the test is found again on frames between the keys; keys that disagree are made to agree."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from adcraft_resources.algorithms.camera_path import trace_camera
from adcraft_resources.algorithms.cube_fitting import CubeLookup, fit_cube
from adcraft_resources.algorithms.flow_carrying import (
    blend,
    carry,
    match_key,
    scene_motion,
    small_luma,
    texture_of,
)
from adcraft_resources.algorithms.grading import identity_cube
from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.key_pairs import KeyPair, even_out, register_pair
from adcraft_resources.algorithms.look_propagation import agree_keys, learn_shot
from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.propagated_looks import PropagatedLook
from adcraft_resources.algorithms.shot_looks import look_at
from adcraft_resources.algorithms.values import Shot, Yuv420

SIZE = (120, 160)


def drawn_frame(shift=0, seed=5, size=SIZE):
    """Coloured soft shapes, panned by `shift` pixels."""
    random = np.random.default_rng(seed)
    wide = cv2.GaussianBlur(random.normal(0, 1, (size[0], size[1] + 120, 3)).astype(np.float32), (0, 0), 5)
    wide = 125 + 45 * wide / wide.std()
    return np.clip(np.rint(wide[:, shift : shift + size[1]]), 0, 255).astype(np.uint8)


def graded(frame):
    """A warm S-curve."""
    x = frame / 255
    y = x + 0.35 * x * (1 - x) * (2 * x - 1)
    y = y + np.array([0.06, 0.01, -0.05]) * y.mean(-1, keepdims=True) ** 2
    return np.clip(np.rint(y * 255), 0, 255).astype(np.uint8)


def lit(frame, shift=0):
    """The grade under a warm light that stands at a place of the scene `shift` pixels to the left."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    spot = np.exp(-((x + shift - 70) ** 2 + (y - 50) ** 2) / (2 * 40**2))[..., None]
    return np.clip(np.rint(graded(frame) * (0.8 + spot * [0.35, 0.2, 0.0])), 0, 255).astype(np.uint8)


def psnr(a, b):
    return 10 * np.log10(65025 / max(float(((a.astype(float) - b) ** 2).mean()), 1e-6))


def keys_of(restyle, places=(0, 12, 24), step=2):
    return [KeyPair(t, drawn_frame(step * t), restyle(drawn_frame(step * t))) for t in places]


def panned(step):
    """The camera of `drawn_frame` at `step` pixels a frame, told relative to frame 0."""
    return lambda frame, index: np.array([[1, 0, step * index], [0, 1, 0], [0, 0, 1]], float)


def learned(keys, step=2):
    return learn_shot(agree_keys(keys), panned(step))


def codes_of(eighths):
    return np.clip((eighths + 4) // 8, 0, 255).astype(np.uint8)


def test_a_cube_fitted_to_unchanged_colours_is_the_identity():
    colours = np.random.default_rng(1).random((4000, 3)).astype(np.float32)
    cube = fit_cube(colours, colours, np.ones(4000, np.float32))
    assert cube == pytest.approx(identity_cube(17), abs=1e-4)
    frame = drawn_frame()
    assert np.array_equal(codes_of(CubeLookup(cube)(frame)), frame)


def test_a_cube_learns_a_grade():
    frame = drawn_frame()
    before, after = (p.reshape(-1, 3).astype(np.float32) / 255 for p in (frame, graded(frame)))
    lookup = CubeLookup(fit_cube(before, after, np.ones(len(before), np.float32)))
    other = drawn_frame(30)
    assert psnr(codes_of(lookup(other)), graded(other)) > 42


def test_a_grade_is_carried_by_a_cube_alone():
    look = learned(keys_of(graded))
    assert look.kind == "cube"
    assert psnr(look_at(look, drawn_frame(12), 6), graded(drawn_frame(12))) > 42


def test_light_fixed_to_the_screen_is_recognised():
    look = learned(keys_of(lit))
    assert look.kind == "screen_light"
    assert psnr(look_at(look, drawn_frame(12), 6), lit(drawn_frame(12))) > 36


def test_light_riding_on_the_scene_is_recognised():
    keys = [KeyPair(t, drawn_frame(3 * t), lit(drawn_frame(3 * t), 3 * t)) for t in (0, 8, 16)]
    look = learned(keys, step=3)
    assert look.kind == "scene_light"
    assert psnr(look_at(look, drawn_frame(12), 4), lit(drawn_frame(12), 12)) > 33


def test_sharpening_is_learned_as_a_filter_of_the_frame():
    def sharpened(frame):
        soft = cv2.GaussianBlur(frame, (0, 0), 2)
        return cv2.addWeighted(frame, 3.0, soft, -2.0, 0)

    look = learned(keys_of(sharpened))
    plain = psnr(graded(drawn_frame(12)), sharpened(drawn_frame(12)))
    assert look.mixture is not None
    assert psnr(look_at(look, drawn_frame(12), 6), sharpened(drawn_frame(12))) > plain + 5


def hatched(frame, shift=0):
    """Lines drawn on the scene that no filter of the frame could know of."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    lines = 14 * np.sin((x + shift) * 1.1) * np.sin(y * 0.9 + (x + shift) * 0.05)
    return np.clip(np.rint(graded(frame) + lines[..., None]), 0, 255).astype(np.uint8)


def test_texture_drawn_on_the_scene_moves_along():
    keys = [KeyPair(t, drawn_frame(2 * t), hatched(drawn_frame(2 * t), 2 * t)) for t in (0, 8, 16)]
    look = learned(keys)
    truth = hatched(drawn_frame(8), 8)
    assert look.textured
    assert psnr(look_at(look, drawn_frame(8), 4), truth) > psnr(graded(drawn_frame(8)), truth) + 3


def test_noise_of_each_keys_own_is_not_carried():
    def noisy(frame, seed):
        grains = np.random.default_rng(seed).normal(0, 5, frame.shape)
        return np.clip(graded(frame) + grains, 0, 255).astype(np.uint8)

    keys = [KeyPair(t, drawn_frame(2 * t), noisy(drawn_frame(2 * t), t)) for t in (0, 8, 16)]
    look = learned(keys)
    assert not look.textured
    assert psnr(look_at(look, drawn_frame(8), 4), graded(drawn_frame(8))) > 38


def test_highlights_that_a_light_pushed_over_the_top_do_not_bend_the_colours():
    bright = lambda frame: np.clip(graded(frame).astype(float) + 70, 0, 255).astype(np.uint8)  # noqa: E731
    keys = [KeyPair(t, bright(drawn_frame(2 * t)), lit(bright(drawn_frame(2 * t)))) for t in (0, 12, 24)]
    look = learned(keys)
    assert look.kind == "screen_light"
    between = bright(drawn_frame(12))
    assert psnr(look_at(look, between, 6), lit(between)) > 34


def test_a_single_key_gives_its_colours():
    look = learned(keys_of(graded, places=(3,)))
    assert psnr(look_at(look, drawn_frame(14), 7), graded(drawn_frame(14))) > 38


def test_a_shifted_key_is_brought_back():
    frame = drawn_frame()
    moved = cv2.warpAffine(
        graded(frame),
        np.float32([[1.004, 0, 1.2], [0, 1.004, -0.8]]),
        SIZE[::-1],
        borderMode=cv2.BORDER_REPLICATE,
    )
    back = register_pair(KeyPair(0, frame, moved))
    inner = np.s_[8:-8, 8:-8]
    assert psnr(back.styled[inner], graded(frame)[inner]) > psnr(moved[inner], graded(frame)[inner]) + 6


def test_a_key_without_texture_is_left_as_it_is():
    grey = np.full((*SIZE, 3), 90, np.uint8)
    assert register_pair(KeyPair(0, grey, grey)).styled is grey


@pytest.mark.parametrize("picture", [data.astronaut, data.chelsea])
def test_edges_that_a_look_draws_are_not_mistaken_for_a_shifted_key(picture):
    frame = np.ascontiguousarray(picture()[:300, :300])
    drawn = np.asarray(cv2.stylization(frame, sigma_s=40, sigma_r=0.35), np.uint8)
    pair = KeyPair(0, frame, drawn)
    assert register_pair(pair) is pair


def test_keys_with_gains_of_their_own_are_evened_out():
    pairs = [
        KeyPair(key.index, key.source, np.clip(key.styled * gain, 0, 255).astype(np.uint8))
        for key, gain in zip(keys_of(graded), (0.95, 1.0, 1.05), strict=True)
    ]
    before = [psnr(pair.styled, graded(pair.source)) for pair in pairs]
    after = [psnr(pair.styled, graded(pair.source)) for pair in even_out(pairs)]
    assert min(after) > min(before) + 4


def test_light_is_not_mistaken_for_a_shifted_key():
    frame = drawn_frame()
    pair = KeyPair(0, frame, lit(frame))
    assert register_pair(pair) is pair


def test_the_cameras_motion_is_found():
    motion = scene_motion(drawn_frame(10), drawn_frame(16))
    assert motion == pytest.approx(np.array([[1, 0, -6], [0, 1, 0]]), abs=0.4)


def test_the_cameras_path_is_followed_through_a_pan_that_leaves_nothing_in_common():
    lumas = [luma_of(drawn_frame(4 * t, size=(90, 70))) for t in range(25)]
    path = trace_camera(lumas, [Shot(0, 24, 0.0, 1.0)])
    assert path.between(24, 0) == pytest.approx(np.array([[1, 0, 96], [0, 1, 0], [0, 0, 1]]), abs=1.5)


def test_the_cameras_path_starts_anew_at_a_cut():
    lumas = [luma_of(drawn_frame(4 * t)) for t in range(6)]
    path = trace_camera(lumas, [Shot(0, 2, 0.0, 0.1), Shot(3, 5, 0.1, 0.2)])
    assert np.array_equal(path.to_start(3), np.eye(3))
    assert path.to_start(5)[0, 2] == pytest.approx(8, abs=0.3)


@pytest.mark.parametrize("size", [(360, 300), (608, 1080), (481, 361), (1280, 720), (90, 70)])
def test_texture_of_a_still_scene_lies_where_it_was_in_pictures_of_any_size(size):
    """Flow is found in small pictures, whose sides are whole pixels: each side has its own ratio."""
    scene = drawn_frame(size=size)
    texture = texture_of(0, scene, np.random.default_rng(3).normal(0, 14, scene.shape).astype(np.float32))
    moved, trust = carry(texture, match_key(small_luma(scene), texture, np.eye(3)), size)
    assert np.array_equal(moved + 128, texture.codes)
    assert trust[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4].min() > 0.99


def carried(frame, texture):
    return blend(frame.shape[:2], [(texture, match_key(small_luma(frame), texture, np.eye(3)), 1.0)])


def test_no_texture_is_carried_from_a_picture_of_something_else():
    texture = np.full((*SIZE, 3), 40, np.float32)
    other, same = (
        carried(drawn_frame(), texture_of(0, source, texture))
        for source in (drawn_frame(seed=77), drawn_frame())
    )
    assert np.abs(other).mean() < 0.5 * np.abs(same).mean()
    assert same.mean() > 33


def test_a_propagated_look_keeps_shots_apart():
    shots = [Shot(0, 9, 0.0, 1.0), Shot(10, 19, 1.0, 2.0), Shot(20, 29, 2.0, 3.0)]
    first, second = drawn_frame(seed=5), drawn_frame(seed=6)
    pairs = [
        KeyPair(0, first, graded(first)),
        KeyPair(9, first, graded(first)),
        KeyPair(10, second, 255 - second),
    ]
    look = PropagatedLook(pairs, shots, Grain(1.0), seed=3)
    assert psnr(look.apply(first, 5, 0.5), graded(first)) > 30
    assert psnr(look.apply(second, 15, 1.5), 255 - second) > 18
    assert look.apply(first, 25, 2.5).shape == first.shape  # no key here: all of them together
    picture = Yuv420(first[..., 1], first[::2, ::2, 0].copy(), first[::2, ::2, 2].copy(), "bt709", "limited")
    assert look.finish_yuv(look.apply_yuv(picture, 5, 0.5), 5).range == "limited"


def test_a_look_from_no_keys_is_refused():
    with pytest.raises(ValueError, match="no keyframes"):
        PropagatedLook([], [], Grain(), seed=1)
