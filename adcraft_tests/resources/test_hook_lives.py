"""Hooks and cuts in rendered variants, from drawn ads: gone with their shot, or clear of who is in the next one."""

import cv2
import numpy as np
import pytest
from skimage import data

from adcraft_resources.algorithms.values import Shot
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.typography.treatments import TREATMENTS
from adcraft_tests.drawn_videos import write_video
from adcraft_tests.resources.test_variant_renderer import frames_of, plan, render

HEIGHT, WIDTH, FPS = 480, 270, 30
FIVE = "You have been washing wrong"  # read in 1.67 s; with entry and exit it stands until 2.13 s
FACE = np.asarray(
    cv2.resize(data.astronaut()[20:200, 140:320], (130, 130)), np.uint8
)  # a face and little else
FACE_AT = 70, 145  # x, y: where a hook stands by itself, near the top of the safe box
UNTOUCHED = FirstFrameSettings(enabled=False)


def ground(level, tint=(0, 6, 0)):
    return np.clip(np.full((HEIGHT, WIDTH, 3), level) + np.array(tint), 0, 255).astype(np.uint8)


def with_face(level):
    frame = ground(level)
    x, y = FACE_AT
    frame[y : y + FACE.shape[0], x : x + FACE.shape[1]] = FACE
    return frame


def made(folder, pictures, cuts, treatment="plate", text=FIVE):
    """The variant's figures, its pictures and what of each of them differs from the ad's."""
    folder.mkdir(exist_ok=True)
    ad = write_video(folder / "ad.mp4", pictures, fps=FPS, matrix="bt709")
    ends = [*cuts, len(pictures)]
    starts = [0, *cuts]
    shots = [Shot(a, b - 1, a / FPS, b / FPS) for a, b in zip(starts, ends, strict=True)]
    (one,) = render(
        ad, folder / "out", [plan(text=text, treatment=treatment)], shots=shots, settings=UNTOUCHED
    )
    shown = frames_of(one.folder / "video.mp4")
    apart = [np.abs(a.astype(int) - b).max(2) > 50 for a, b in zip(shown, frames_of(ad), strict=True)]
    return one.figures["hook"], shown, apart


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_hook_leaves_before_a_near_cut_once_it_was_read(tmp_path, treatment):
    hook, _, apart = made(tmp_path, [ground(150)] * 60 + [with_face(90)] * 20, [60], treatment)
    assert hook["end_s"] == pytest.approx(2.0)
    assert hook["over_cuts_s"] == []
    assert not any(one.any() for one in apart[60:])
    whole = apart[20].sum()
    assert all(one.sum() > 0.95 * whole for one in apart[20:50])  # to be read until 1.67 s
    assert apart[59].sum() < 0.6 * whole


def test_a_hook_gone_by_the_cut_may_stand_where_the_next_shot_has_a_face(tmp_path):
    empty, _, _ = made(tmp_path / "empty", [ground(150)] * 60 + [ground(90)] * 20, [60])
    faced, _, _ = made(tmp_path / "faced", [ground(150)] * 60 + [with_face(90)] * 20, [60])
    assert faced["box"] == empty["box"]


@pytest.mark.parametrize("comes", [36, 48])
def test_a_hook_that_must_stay_over_a_cut_is_clear_of_faces_that_come_then(tmp_path, comes):
    """The cut at 1.2 s is too early for five words; the face is there at the cut, or only 0.4 s after it."""
    pictures = [ground(150)] * 36 + [ground(90)] * (comes - 36) + [with_face(90)] * (80 - comes)
    hook, _, apart = made(tmp_path, pictures, [36])
    assert hook["end_s"] == pytest.approx(2.133, abs=0.02)
    assert hook["over_cuts_s"] == [1.2]
    assert hook["covers"] < 0.02
    assert apart[50].any()
    x, y = FACE_AT
    face = slice(y + 25, y + 115), slice(x + 25, x + 110)
    assert not any(one[face].any() for one in apart[comes:])


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize(("before", "after"), [(225, 12), (12, 225)])
def test_a_hook_stands_out_on_both_sides_of_a_cut(tmp_path, treatment, before, after):
    """Its letters against what lies next to them, read from the coded pictures, in the shots it lies over."""
    hook, shown, _ = made(tmp_path, [ground(before)] * 30 + [ground(after)] * 40, [30], treatment)
    assert hook["over_cuts_s"] == [1.0]
    assert hook["contrast"] >= 4.5
    x, y, w, h = hook["box"]
    for at in (24, 31, 45):
        codes = shown[at][y : y + h, x : x + w].reshape(-1, 3) / 255
        linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        dark, light = np.percentile(luminance, [4, 96])
        assert (light + 0.05) / (dark + 0.05) >= 4.5
