"""The styles as designed, and what every stylist owes: steady, deterministic looks that keep skin what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.cube_reading import sample_cube
from adcraft_resources.algorithms.grading import bake_cube
from adcraft_resources.algorithms.look_fitting import FittedGrade, change_between, fit_grade, push_tone
from adcraft_resources.algorithms.planes import luma_of
from adcraft_resources.algorithms.similarity import structural_similarity
from adcraft_resources.algorithms.steadiness import SteadinessMeter
from adcraft_resources.algorithms.values import Keyframe, Shot, Yuv420
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.faces import find_faces
from adcraft_resources.stylists import EmbeddedStylist, Style, _read_style, load_styles, styles_for

SOAP = "turmeric_kojic_soap"
STYLES = list(load_styles().values())
every_style = pytest.mark.parametrize("style", STYLES, ids=[style.name for style in STYLES])
every_stylist = pytest.mark.parametrize("stylist", [EmbeddedStylist()], ids=["embedded"])

# CIELAB of skin, types I to VI, each in shade, in even light and in bright light.
SKINS = np.array(
    [
        (lightness + shift, a, b)
        for lightness, a, b in [
            (74, 9, 15),
            (70, 11, 17),
            (64, 12, 19),
            (56, 13, 20),
            (46, 13, 18),
            (36, 12, 14),
        ]
        for shift in (-8, 0, 8)
    ],
    float,
)


def drawn_scene(size=(160, 120), shift=0, seed=3):
    """Soft shapes from dark to bright before a green and a warm side, and a lamp; panned by `shift` pixels."""
    random = np.random.default_rng(seed)
    shapes = cv2.GaussianBlur(random.normal(0, 1, (size[0], size[1] + 80)).astype(np.float32), (0, 0), 6)
    wide = np.repeat((0.45 + 0.22 * shapes / shapes.std())[..., None], 3, 2)
    wide *= np.linspace((0.85, 1.05, 0.8), (1.1, 0.98, 0.8), wide.shape[1])
    cv2.circle(wide, (90, 40), 9, (1.0, 0.97, 0.9), -1)
    view = wide[:, shift : shift + size[1]] + random.normal(0, 0.01, (*size, 1))
    return np.rint(np.clip(view, 0, 1) * 255).astype(np.uint8)


def keys_of(*frames):
    return [(Keyframe(30 * i, float(i), 0), frame) for i, frame in enumerate(frames)]


SHOTS = [Shot(0, 89, 0.0, 3.0)]


def codec_picture(frame, matrix="bt709"):
    ycc = colour.rgb_to_ycc(frame / 255, matrix)
    half = tuple(side // 2 for side in frame.shape[1::-1])
    u, v = (cv2.resize(ycc[..., i], half, interpolation=cv2.INTER_AREA) * 224 + 128 for i in (1, 2))
    return Yuv420(*(np.rint(p).astype(np.uint8) for p in (ycc[..., 0] * 219 + 16, u, v)), matrix=matrix)


def test_there_are_eight_looks_for_soap_and_four_for_anything():
    assert styles_for(SOAP)[:4] == ["turmeric-gold", "botanical-daylight", "clinical-clean", "kitchen-ugc"]
    assert len(styles_for(SOAP)) >= 8
    assert len(styles_for("generic")) >= 4


def test_a_product_nobody_designed_for_gets_the_generic_set():
    assert styles_for("fishing_rods") == styles_for("generic")


@every_style
def test_style_files_fill_every_field(style):
    text = resources.files("adcraft_resources").joinpath("styles", f"{style.name}.json").read_text()
    assert set(json.loads(text)) == set(Style.model_fields)
    assert style.intent.endswith(".")
    assert "same composition" in style.diffusion.prompt
    assert "lightened" in style.diffusion.negative_prompt


def test_a_misspelt_key_in_a_style_is_refused():
    data = STYLES[0].model_dump(mode="json")
    data["grade"]["tone"]["contrats"] = 1.2
    with pytest.raises(ValidationError, match="contrats"):
        Style.model_validate(data)


def test_a_style_file_at_fault_is_named():
    with pytest.raises(ConfigInvalid, match=r"broken\.json"):
        _read_style("broken.json", "{}")
    with pytest.raises(ConfigInvalid, match="Rename"):
        _read_style("other.json", STYLES[0].model_dump_json())


def test_the_diffusion_seed_is_the_variants_or_the_styles():
    by_rule = {style.diffusion.seed: style for style in STYLES}
    assert by_rule["variant"].seed_for(11) == 11
    assert by_rule["style"].seed_for(11) == by_rule["style"].seed_for(12)


@every_style
def test_skin_of_every_type_keeps_its_lightness_and_hue(style):
    rgb = np.clip(colour.cielab_to_rgb(SKINS), 0, 1)
    graded = sample_cube(bake_cube(style.grade), rgb.astype(np.float32)).astype(float)
    old, new = colour.rgb_to_cielab(rgb), colour.rgb_to_cielab(graded)
    lift = new[:, 0] - old[:, 0]
    assert lift.min() > -6
    assert lift.max() < 2
    if style.grade.skin.hue_deg is not None:
        turn = [np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) for lab in (old, new)]
        assert np.abs(colour.hue_difference(turn[1], turn[0])).max() < 5


@every_style
def test_greys_stay_in_order_and_blacks_open(style):
    ramp = np.repeat(np.linspace(0, 1, 64)[:, None], 3, 1).astype(np.float32)
    lightness = colour.rgb_to_cielab(sample_cube(bake_cube(style.grade), ramp).astype(float))[:, 0]
    assert (np.diff(lightness) > -0.2).all()
    assert lightness[16] - lightness[4] > 3  # shadows keep their shades
    assert lightness[63] > 80


def test_styles_differ_from_each_other():
    colours = np.random.default_rng(5).random((400, 3)).astype(np.float32)
    graded = {s.name: colour.rgb_to_cielab(sample_cube(bake_cube(s.grade, 17), colours)) for s in STYLES}
    for name, lab in graded.items():
        for other, its in graded.items():
            assert name == other or np.linalg.norm(lab - its, axis=1).mean() > 4, (name, other)


@every_stylist
@every_style
def test_a_look_is_visible_but_keeps_the_scene(stylist, style):
    frame = drawn_scene()
    styled = stylist.develop(style, keys_of(frame), SHOTS, 7).apply(frame, 0, 0.0)
    assert styled.shape == frame.shape
    assert styled.dtype == np.uint8
    assert 0.45 <= structural_similarity(luma_of(frame), luma_of(styled)) <= 0.97


@every_stylist
def test_the_same_call_gives_the_same_bytes(stylist):
    frame = drawn_scene()
    style = load_styles()["film-warm"]
    looks = [stylist.develop(style, keys_of(frame), SHOTS, 7) for _ in range(2)]
    finished = [look.finish(look.apply(frame, 4, 0.2), 4) for look in looks]
    assert np.array_equal(*finished)
    later = looks[0].finish(looks[0].apply(frame, 4, 0.2), 5)
    assert not np.array_equal(finished[0], later)


@every_stylist
def test_a_frame_does_not_depend_on_those_before_it(stylist):
    look = stylist.develop(load_styles()["festival-night"], keys_of(drawn_scene()), SHOTS, 7)
    alone = look.apply(drawn_scene(shift=9), 3, 0.1)
    look.apply(drawn_scene(shift=2), 0, 0.0)
    assert np.array_equal(alone, look.apply(drawn_scene(shift=9), 3, 0.1))


@every_stylist
def test_planes_and_frames_get_the_same_look(stylist):
    frame = drawn_scene()
    look = stylist.develop(load_styles()["turmeric-gold"], keys_of(frame), SHOTS, 7)
    out = look.apply_yuv(codec_picture(frame), 0, 0.0)
    assert (out.matrix, out.range) == ("bt709", "limited")
    ycc = colour.rgb_to_ycc(look.apply(frame, 0, 0.0) / 255, "bt709")
    assert out.y.mean() == pytest.approx((ycc[..., 0] * 219 + 16).mean(), abs=1)
    assert out.u.mean() == pytest.approx((ycc[..., 1] * 224 + 128).mean(), abs=1)
    assert out.v.mean() == pytest.approx((ycc[..., 2] * 224 + 128).mean(), abs=1)


@every_stylist
def test_pictures_of_either_matrix_come_out_alike(stylist):
    frame = drawn_scene()
    look = stylist.develop(load_styles()["film-warm"], keys_of(frame), SHOTS, 7)
    old, new = (look.apply_yuv(codec_picture(frame, matrix), 0, 0.0) for matrix in ("bt601", "bt709"))
    assert np.abs(old.y.astype(int) - new.y).mean() < 1
    assert np.abs(old.v.astype(int) - new.v).mean() < 1.2


@every_stylist
def test_odd_sizes_and_no_keys_are_fine(stylist):
    look = stylist.develop(load_styles()["kitchen-ugc"], [], [], 7)
    frame = drawn_scene((91, 63))
    assert look.finish(look.apply(frame, 0, 0.0), 0).shape == frame.shape


@every_style
def test_looks_are_as_steady_as_the_source_on_a_pan(style):
    frames = [drawn_scene(shift=4 * t) for t in range(8)]
    look = EmbeddedStylist().develop(style, keys_of(frames[0], frames[-1]), SHOTS, 7)
    meter = SteadinessMeter()
    for index, frame in enumerate(frames):
        meter.push(frame, look.apply(frame, index, index / 30))
    assert meter.result.warp < 1.2
    if style.grade.skin.hue_deg is not None:  # a duotone turns changes of light into changes of colour
        assert meter.result.flicker < 1.4


def test_light_is_dimmed_where_the_camera_moves():
    style = load_styles()["kitchen-ugc"]
    still, moving = (fit_grade(style.grade, style.light, [], motion=motion) for motion in (0.1, 1.5))
    assert still.light_share == 1
    assert moving.light_share < 0.5
    assert isinstance(moving, FittedGrade)


def test_change_between_keys_tells_a_cut_of_scene_from_a_still_camera():
    assert change_between([drawn_scene(), drawn_scene()]) < 0.1
    assert change_between([drawn_scene(), drawn_scene(seed=12)]) > 0.5
    assert change_between([drawn_scene()]) == 0


def test_a_pushed_tone_doing_nothing_still_does_nothing():
    tone = load_styles()["film-warm"].grade.tone
    assert push_tone(tone, 1.0) == replace(
        tone, contrast=pytest.approx(tone.contrast), white=pytest.approx(tone.white)
    )
    assert push_tone(tone, 2.0).contrast > tone.contrast


def test_skin_is_held_on_a_real_face():
    data = pytest.importorskip("skimage.data")
    frame = data.astronaut()
    faces = find_faces(frame)
    x, y, width, height = faces[0]
    assert x < 222 < x + width
    assert y < 115 < y + height
    look = EmbeddedStylist().develop(load_styles()["clinical-clean"], keys_of(frame), SHOTS, 7)
    assert -6 <= look.figures["skin_l"] <= 2
    assert abs(look.figures["skin_hue_deg"]) <= 5


def test_skin_is_held_when_one_key_of_many_shows_the_face():
    data = pytest.importorskip("skimage.data")
    face = cv2.resize(data.astronaut(), (512, 512))
    others = [drawn_scene((512, 512), shift=9 * n) for n in range(8)]
    keys = keys_of(*others[:3], face, *others[3:])
    alone = EmbeddedStylist().develop(load_styles()["clinical-clean"], keys_of(face), SHOTS, 7)
    among = EmbeddedStylist().develop(load_styles()["clinical-clean"], keys, SHOTS, 7)
    assert among.figures["skin_l"] is not None
    assert abs(among.figures["skin_l"] - alone.figures["skin_l"]) < 1


def test_no_face_is_found_where_there_is_none():
    assert find_faces(drawn_scene()) == []


@pytest.mark.parametrize(
    "words",
    [
        "before and after of her skin",
        "a split screen of two faces",
        "the same face side by side",
        "a diptych",
    ],
)
def test_a_style_that_asks_a_model_for_a_before_and_after_pair_is_refused(words: str):
    style = next(iter(load_styles().values())).model_dump(mode="json")
    style["diffusion"]["prompt"] = f"golden bathroom light, {words}, film grain"
    with pytest.raises(ValueError, match="asks for a before-and-after pair"):
        Style.model_validate(style)
