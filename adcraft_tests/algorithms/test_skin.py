"""The skin model takes skin of every type and leaves what is none; the two measures say what was done."""

from __future__ import annotations

import numpy as np
import pytest

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.skin import skin_delta_l, skin_hue_shift, skin_likeness, skin_mask

# CIELAB of foreheads, types I to VI, as measured skin has them (individual typology angle from 60 to -45 degrees).
SKINS = {
    "I": (76, 8, 14),
    "II": (70, 11, 16),
    "III": (64, 12, 19),
    "IV": (56, 13, 20),
    "V": (45, 13, 18),
    "VI": (35, 11, 13),
}
NO_SKINS = {
    "leaf": (50, -35, 40),
    "sky": (65, -5, -35),
    "white wall": (92, 0, 2),
    "grey": (50, 0, 0),
    "turmeric": (72, 18, 75),
    "red label": (45, 65, 45),
}


def drawn_person(lab, size=(160, 120)):
    """A face (with shading and noise) and a hand of one skin before a grey-blue wall; face box and true mask."""
    random = np.random.default_rng(2)
    picture = np.full((*size, 3), (60, -2, -14), float)
    truth = np.zeros(size, bool)
    truth[30:80, 40:80] = True
    truth[110:125, 30:50] = True
    rows = np.linspace(6, -6, size[0])[:, None]
    picture[truth] = lab
    picture[..., 0] += np.where(truth, rows, 0)
    picture += random.normal(0, 0.6, picture.shape)
    frame = np.rint(np.clip(colour.cielab_to_rgb(picture), 0, 1) * 255).astype(np.uint8)
    return frame, (40, 30, 40, 50), truth


@pytest.mark.parametrize("skin", SKINS.values(), ids=SKINS.keys())
def test_skin_of_every_type_is_likely_skin(skin):
    assert skin_likeness(np.array(skin, float)) > 0.9


@pytest.mark.parametrize("other", NO_SKINS.values(), ids=NO_SKINS.keys())
def test_what_is_no_skin_is_unlikely(other):
    assert skin_likeness(np.array(other, float)) < 0.05


@pytest.mark.parametrize("skin", SKINS.values(), ids=SKINS.keys())
def test_a_face_leads_to_all_skin_of_its_owner(skin):
    frame, box, truth = drawn_person(skin)
    mask = skin_mask(frame, [box])
    assert mask[truth].mean() > 0.85
    assert mask[~truth].mean() < 0.01


def test_no_face_means_no_skin():
    frame, _, _ = drawn_person(SKINS["III"])
    assert not skin_mask(frame, []).any()


def test_a_box_on_a_wall_is_no_face():
    frame, _, _ = drawn_person(SKINS["III"])
    assert not skin_mask(frame, [(85, 30, 30, 40)]).any()


def test_a_box_partly_outside_the_frame_is_read_where_it_is_inside():
    frame, _, _ = drawn_person(SKINS["III"])
    assert skin_mask(frame, [(40, 30, 40, 50), (110, -20, 60, 60)]).any()


def test_lightening_is_measured_with_its_sign():
    before, _, truth = drawn_person(SKINS["IV"])
    lab = colour.rgb_to_cielab(before / 255)
    lab[..., 0] += 5
    after = np.rint(np.clip(colour.cielab_to_rgb(lab), 0, 1) * 255).astype(np.uint8)
    assert skin_delta_l(before, after, truth) == pytest.approx(5, abs=0.3)
    assert skin_delta_l(after, before, truth) == pytest.approx(-5, abs=0.3)
    assert skin_hue_shift(before, after, truth) == pytest.approx(0, abs=0.6)


def test_a_turn_of_hue_is_measured_in_degrees():
    before, _, truth = drawn_person(SKINS["IV"])
    lab = colour.rgb_to_cielab(before / 255)
    angle = np.radians(8)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lab[..., 1:] = lab[..., 1:] @ turn.T
    after = np.rint(np.clip(colour.cielab_to_rgb(lab), 0, 1) * 255).astype(np.uint8)
    assert skin_hue_shift(before, after, truth) == pytest.approx(8, abs=0.6)
    assert skin_delta_l(before, after, truth) == pytest.approx(0, abs=0.3)


def test_a_handful_of_pixels_says_nothing():
    frame, _, _ = drawn_person(SKINS["II"])
    few = np.zeros(frame.shape[:2], bool)
    few[40, 50:60] = True
    assert skin_delta_l(frame, frame, few) is None
    assert skin_hue_shift(frame, frame, few) is None
