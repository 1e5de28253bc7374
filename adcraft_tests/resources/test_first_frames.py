"""The opening: its crop, its edits, and the bounds they keep."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.framing import Crop
from adcraft_resources.algorithms.opening_edits import clipped_share
from adcraft_resources.first_frames import (
    OPENINGS,
    FirstFrameSettings,
    OpeningEdit,
    cropped,
    frame_opening,
)
from adcraft_resources.video_codecs import rgb_of, yuv_of

CALM = FirstFrameSettings()
SKIN = (214, 160, 128)


def scene(seed=0, subject=(60, 200)):
    rng = np.random.default_rng(seed)
    picture = np.zeros((320, 180, 3), np.float32)
    picture[:] = np.linspace(70, 180, 320)[:, None, None] + rng.normal(0, 6, (320, 180, 1))
    cv2.circle(picture, subject, 26, (210.0, 90.0, 40.0), -1)
    cv2.rectangle(picture, (120, 20), (170, 60), (250.0, 246.0, 235.0), -1)
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("opening", OPENINGS)
def test_an_opening_crops_no_more_than_its_kind_allows(opening):
    crop = frame_opening(scene(), opening, CALM)
    assert max(crop.to_list()) <= OPENINGS[opening].crop_limit + 1e-9 <= 0.12 + 1e-9


def test_close_openings_frame_tighter_than_gentle_ones():
    close, gentle = (frame_opening(scene(), name, CALM) for name in ("close", "gentle"))
    assert close.left + close.right > gentle.left + gentle.right


def test_nothing_is_cropped_when_it_is_switched_off():
    for off in (FirstFrameSettings(golden_ratio=False), FirstFrameSettings(enabled=False)):
        assert frame_opening(scene(), "close", off).is_empty


def test_a_face_is_never_cut_by_the_crop():
    crop = frame_opening(scene(), "close", CALM, keep=[(0.0, 0.0, 1.0, 0.5)])
    assert crop.left == crop.top == crop.right == 0 or crop.is_empty


def test_cropping_keeps_size_and_enlarges_what_is_kept():
    picture = yuv_of(scene())
    tight = cropped(picture, Crop(0.1, 0.0, 0.0, 0.1))
    assert tight.size == picture.size
    expected = cv2.resize(rgb_of(picture)[0:288, 18:180], (180, 320), interpolation=cv2.INTER_CUBIC)
    assert np.abs(rgb_of(tight).astype(int) - expected).mean() < 4
    assert cropped(picture, Crop()) is picture


@given(st.integers(0, 999), st.sampled_from(sorted(OPENINGS)))
@settings(max_examples=20, deadline=None)
def test_edits_keep_brightness_and_detail(seed, opening):
    picture = yuv_of(scene(seed))
    edit = OpeningEdit.fit(picture, opening, CALM)
    edited = edit.apply(picture, 0)
    assert abs(float(edited.y.mean()) - float(picture.y.mean())) < 1
    assert clipped_share(edited.y) <= max(0.01, clipped_share(picture.y) + 0.001)
    assert np.array_equal(edited.u, picture.u)


def test_edits_raise_local_contrast():
    picture = yuv_of(cv2.GaussianBlur(scene(), (0, 0), 2))
    edited = OpeningEdit.fit(picture, "punchy", CALM).apply(picture, 0)
    assert cv2.Laplacian(edited.y, cv2.CV_32F).std() > cv2.Laplacian(picture.y, cv2.CV_32F).std()
    assert not np.array_equal(edited.y, picture.y)


@given(st.integers(6, 10), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_edits_fade_without_a_step_and_then_are_gone(frames, seed):
    picture = yuv_of(scene(seed))
    edit = OpeningEdit.fit(picture, "punchy", FirstFrameSettings(fade_frames=frames))
    shown = [edit.apply(picture, tick) for tick in range(frames + 2)]
    means = [float(p.y.mean()) * 255 / 219 for p in shown]
    assert np.abs(np.diff(means)).max() <= 2
    changes = [np.abs(p.y.astype(int) - picture.y).mean() for p in shown]
    assert all(late <= early + 0.05 for early, late in pairwise(changes))
    assert shown[frames] is picture


def test_skin_does_not_get_lighter():
    frame = scene()
    cv2.ellipse(frame, (90, 150), (50, 70), 0, 0, 360, SKIN, -1)
    skin = np.zeros(frame.shape[:2], np.uint8)
    cv2.ellipse(skin, (90, 150), (48, 68), 0, 0, 360, 1, -1)
    edit = OpeningEdit.fit(yuv_of(frame), "punchy", CALM, skin.astype(bool))
    assert edit.figures["skin_delta_l"] is not None
    assert -6 <= edit.figures["skin_delta_l"] <= 1


def test_a_switched_off_optimizer_edits_nothing():
    edit = OpeningEdit.fit(yuv_of(scene()), "punchy", FirstFrameSettings(enabled=False))
    assert edit.fade_frames == 0


@pytest.mark.parametrize(
    "wrong", [{"glow": 0.2}, {"fade_frames": 5}, {"fade_frames": 11}, {"contrast": 2}, {"zoom": 1}]
)
def test_settings_outside_the_bounds_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FirstFrameSettings(**wrong)
