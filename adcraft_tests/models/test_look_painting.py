"""A look painted by torch is the look itself, whatever it is made of: exact arithmetic, rounded once.

The CPU goes by 8-bit RGB, so it is farther from the look than torch is: torch is held to exact arithmetic by the reach
of one rounding, and to the CPU by what the CPU's own roundings come to, both measured here.
"""

import copy
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest
import torch

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.camera_path import CameraPath, trace_camera
from adcraft_resources.algorithms.codec_planes import rgb_of_planes
from adcraft_resources.algorithms.cube_reading import sample_cube
from adcraft_resources.algorithms.flow_carrying import blend
from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.kept_matches import Matches
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.planes import planes_of
from adcraft_resources.algorithms.propagated_looks import PropagatedLook
from adcraft_resources.algorithms.values import Shot, Yuv420
from adcraft_resources.models.detail_filters import add_details
from adcraft_resources.models.look_painting import DevicePainter
from adcraft_resources.video_codecs import yuv_of
from adcraft_tests.exact_pictures import exact_rgb

pytestmark = pytest.mark.models

CPU = torch.device("cpu")
# Flow is found at a short side of 288: at 480x360 that is a whole number of pixels both ways, at the others not. Codec
# planes have even sides, planes of frames any.
SIZES = ((480, 360), (360, 300), (482, 358), (362, 640), (361, 301))
COUNT, STEP = 13, 2
KEYS = (0, 6, 12)
DITHERED = 1 / 6  # variance of a dithered rounding: a rounding's 1/12 and the dither's
LUMA = np.array(colour.luma_weights("bt709"))


def wall(size, seed=5):
    random = np.random.default_rng(seed)
    wide = cv2.GaussianBlur(random.normal(0, 1, (size[0], size[1] + 40, 3)).astype(np.float32), (0, 0), 5)
    fine = cv2.GaussianBlur(random.normal(0, 1, wide.shape).astype(np.float32), (0, 0), 1.2)
    return 125 + 45 * wide / wide.std() + 6 * fine / fine.std()


def seen(picture, index):
    return picture[:, STEP * index : picture.shape[1] - 40 + STEP * index]


def codes(picture):
    return np.ascontiguousarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))


def graded(picture, index):
    return 0.9 * picture * (1.1, 1.0, 0.85) + 12


def lit_on_the_screen(picture, index):
    return graded(picture, index) * np.linspace(0.8, 1.15, len(picture))[:, None, None]


def lit_on_the_scene(picture, index):
    at = np.arange(picture.shape[1]) + STEP * index
    return graded(picture, index) * (1 + 0.3 * np.cos(at / 60))[:, None]


def sharpened(picture, index):
    made = graded(picture, index)
    return made + 1.2 * (made - cv2.GaussianBlur(made, (0, 0), 1.6))


def textured(picture, index):
    random = np.random.default_rng(9)
    grain = cv2.GaussianBlur(random.normal(0, 1, (len(picture), picture.shape[1] + 40, 3)), (0, 0), 1.5)
    return graded(picture, index) + seen(14 * grain / grain.std(), index)


@lru_cache
def learned(style, size=SIZES[0]):
    """The look on the CPU, learned once, and the clip's pictures."""
    scene = wall(size)
    pairs = [KeyPair(at, codes(seen(scene, at)), codes(style(seen(scene, at), at))) for at in KEYS]
    planes = planes_of if size[0] % 2 or size[1] % 2 else yuv_of
    pictures = [planes(codes(seen(scene, at))) for at in range(COUNT)]
    shots = [Shot(0, COUNT - 1, 0.0, COUNT / 30)]
    look = PropagatedLook(pairs, shots, Grain(), 1)
    look.follow(trace_camera((one.y for one in pictures), shots))
    return look, look.shots, pictures


def with_painter(look, matches=None, device=CPU):
    """The same look, painted by torch."""
    made = copy.copy(look)
    made._painter = DevicePainter(device)
    made._matches = Matches() if matches is None else matches
    return made


def exact_look(look, picture, index):
    """The look as its parts define it, R'G'B' codes, not rounded."""
    _, found = look.shots[0]
    made = sample_cube(found.lookup.cube, exact_rgb(picture) / 255) * np.float64(255)
    if found.light is not None:
        motion = look._path.between(index, found.keys[0].index)
        made *= found.light.at(picture.size, motion if found.kind == "scene_light" else np.eye(3))
    made = np.clip(made, 0, 255)
    if found.mixture is not None:
        made += found.mixture(made.astype(np.float32))
    if found.textures:
        near = look._near(found, look._path, picture, index)
        floats = [(replace(key, codes=key.codes.astype(np.float32)), *rest) for key, *rest in near]
        made += blend(picture.size, floats)
    return np.clip(made, 0, 255)


def luma(rgb):
    """bt709 limited luma codes of R'G'B' codes, not rounded."""
    return rgb @ LUMA * 219 / 255 + 16


def roundings(picture):
    """Deviation of luma codes that both ways' roundings come to: the CPU's on the way in, and one of each, dithered."""
    way_in = luma(rgb_of_planes(picture)) - luma(exact_rgb(picture))
    return np.sqrt(way_in.var() + 2 * DITHERED)


KINDS = (
    (graded, "cube"),
    (lit_on_the_screen, "light"),
    (lit_on_the_scene, "light"),
    (sharpened, "mixture"),
    (textured, "textures"),
)


@pytest.mark.parametrize(
    ("style", "has", "size"),
    [(*kind, SIZES[0]) for kind in KINDS]
    + [(*kind, SIZES[-1]) for kind in KINDS]
    + [(*KINDS[-1], size) for size in SIZES[1:-1]],
)
def test_torch_paints_the_look_and_what_the_cpu_paints(style, has, size):
    plain, ((_, found),), pictures = learned(style, size)
    painted = with_painter(plain)
    assert found.kind == has or getattr(found, has)
    for index in (0, 4, 9):
        mine, theirs = (look.apply_yuv(pictures[index], index, index / 30) for look in (painted, plain))
        exact = exact_look(plain, pictures[index], index)
        missed = mine.y - luma(exact)
        assert np.percentile(np.abs(missed), 99.9) < 1.05, "one dithered rounding misses by less than a code"
        assert np.abs(missed).max() < 1.5
        assert missed.std() < 1.05 * np.sqrt(DITHERED)
        assert abs(missed.mean()) < 0.05
        apart, bound = mine.y.astype(int) - theirs.y, roundings(pictures[index])
        assert apart.std() < bound, "no more than the roundings of both"
        for name in "uv":
            chroma = getattr(mine, name).astype(int) - getattr(theirs, name)
            assert chroma.std() < bound, name
            assert abs(chroma.mean()) < 0.15, name


@pytest.mark.parametrize(
    ("size", "planes"), [((480, 360), planes_of), ((121, 77), planes_of), ((480, 360), yuv_of)]
)
def test_pictures_of_any_matrix_and_size_come_back_whole(size, planes):
    """The identity look: what comes out is what went in, in bt709 limited."""
    frame = codes(seen(wall(size), 0))
    still = [KeyPair(0, frame, frame)]
    path = CameraPath([np.eye(3)])
    plain, painted = (
        PropagatedLook(still, [Shot(0, 0, 0, 1)], Grain(), 1, painter=painter)
        for painter in (None, DevicePainter(CPU))
    )
    picture = planes(frame)
    for look in (plain, painted):
        look.follow(path)
    mine, theirs = (look.apply_yuv(picture, 0, 0.0) for look in (painted, plain))
    assert mine.y.shape == theirs.y.shape
    assert mine.u.shape == theirs.u.shape
    assert (mine.matrix, mine.range) == ("bt709", "limited")
    assert np.abs(mine.y.astype(int) - theirs.y).mean() < 0.8
    assert np.array_equal(painted.apply_yuv(picture, 0, 0.0).y, mine.y), "the same again"


def test_without_room_on_the_device_the_cpu_paints(monkeypatch):
    plain, _, pictures = learned(textured)
    look = with_painter(plain)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("adcraft_resources.models.look_painting._graded", full)
    assert np.array_equal(look.apply_yuv(pictures[4], 4, 0.1).y, plain.apply_yuv(pictures[4], 4, 0.1).y)


def test_details_added_are_those_of_the_bank():
    from adcraft_resources.algorithms.texture_bank import FILTERS, Mixture

    base = codes(seen(wall((480, 400)), 0)).astype(np.float32)
    weights = np.random.default_rng(1).normal(0, 0.3, (3, FILTERS)).astype(np.float32)
    for height, width in ((480, 400), (900, 700), (361, 301), (901, 701)):
        frame = cv2.resize(base, (width, height))
        theirs = frame + Mixture(weights)(frame)
        mine = add_details(
            torch.from_numpy(frame / np.float32(255)).movedim(-1, 0)[None], torch.from_numpy(weights)
        )
        apart = np.abs(mine[0].movedim(0, -1).numpy() * 255 - theirs)
        assert apart.max() < 0.5
        assert apart.mean() < 0.01


def test_looks_of_one_clip_share_their_matches():
    plain, _, pictures = learned(textured)
    kept, asked = Matches(), []
    find = kept.of

    def counted(key, make):
        return find(key, lambda: asked.append(key) or make())

    kept.of = counted
    first, second = with_painter(plain, kept), with_painter(plain, kept)
    made = [look.apply_yuv(pictures[4], 4, 0.1).y for look in (first, second)]
    assert len(asked) == 2
    assert np.array_equal(*made)
    assert np.array_equal(made[0], with_painter(plain).apply_yuv(pictures[4], 4, 0.1).y)
    second.apply_yuv(pictures[5], 5, 0.1)
    assert len(asked) == 4


def test_an_odd_picture_is_a_picture():
    look = Yuv420(
        np.full((5, 7), 90, np.uint8), np.full((3, 4), 120, np.uint8), np.full((3, 4), 130, np.uint8)
    )
    from adcraft_resources.models.look_painting import _codes_of, _noise, _rgb_of, _unpacked

    packed = torch.from_numpy(np.concatenate([p.reshape(-1) for p in (look.y, look.u, look.v)]))
    back = _unpacked(_codes_of(_rgb_of(packed, look), _noise(look.size, CPU)).numpy(), look.size)
    assert np.abs(back.y.astype(int) - 90).max() <= 1
    assert np.abs(back.u.astype(int) - 120).max() <= 1
    assert np.abs(back.v.astype(int) - 130).max() <= 1
