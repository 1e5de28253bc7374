"""Variants rendered from drawn videos: files, figures, bounds, failures."""

import itertools
import os
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from adcraft_resources import variant_renderer
from adcraft_resources.algorithms.framing import safe_box
from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.values import Shot, TextTrack, TextTracks
from adcraft_resources.errors import CopyRefused, VideoUnreadable, VideoUnwritable
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.gates import GateSettings, judge_variant
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.variant_lanes import luma_steps
from adcraft_resources.variant_renderer import FILES, lanes_at_once, render_variants
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import (
    DeliveryWriter,
    VideoReader,
    inspect_delivery,
    probe_video,
    rgb_of,
    yuv_of,
)

SIZE = (320, 180)
FRAMES = 60
CUT = 40
SHOTS = [Shot(0, CUT - 1, 0.0, CUT / 30), Shot(CUT, FRAMES - 1, CUT / 30, FRAMES / 30)]
SOUNDLESS = {"sound_lag_ms": None, "duration_off_s": 0.0}
WORDS = {"en": "Your skin called", "hi": "बस निखरी त्वचा!"}


class PlainLook(Look):
    """A look that changes nothing, so that what the renderer itself does can be seen."""

    def apply(self, frame, index, pts_s):
        return frame

    def finish(self, frame, index):
        return frame

    def apply_yuv(self, picture, index, pts_s):
        return picture

    def finish_yuv(self, picture, index):
        return picture


class BrokenLook(PlainLook):
    def apply_yuv(self, picture, index, pts_s):
        if index == 10:
            raise VideoUnwritable("The look broke.")
        return picture


def draw(index):
    frame = np.full((*SIZE, 3), 120 if index < CUT else 60, np.uint8)
    frame += (np.linspace(0, 40, SIZE[0])[:, None, None]).astype(np.uint8)
    cv2.circle(frame, (60 + index // 4, 250), 20, (220, 80, 30), -1)
    cv2.rectangle(frame, (130, 30), (160, 50), (250, 240, 200), -1)
    return frame


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("cleaned") / "cleaned.mp4"
    with DeliveryWriter(
        path, width=SIZE[1], height=SIZE[0], fps=Fraction(30), audio_source=None, crf=10
    ) as writer:
        for index in range(FRAMES):
            writer.write(yuv_of(draw(index)))
    return path


def plan(name="a", text=WORDS["en"], treatment="plate", opening="punchy"):
    return VariantPlan(
        name, "plain", 7, HookSet("h1", text, "", "", "en", "template", "p"), treatment, opening
    )


def render(video, folder, plans, look=None, *, shots=None, settings=None, tracks=None, on_frame=None):
    for one in plans:
        (folder / one.id).mkdir(parents=True)
    return render_variants(
        video,
        None,
        plans,
        {one.id: look or PlainLook() for one in plans},
        shots=shots or SHOTS,
        folder_of=lambda one: folder / one.id,
        first_frame=settings or FirstFrameSettings(),
        tracks=tracks,
        on_frame=on_frame,
    )


def frames_of(path):
    with VideoReader(path) as reader:
        return [rgb_of(timed.picture) for timed in reader.pictures()]


def test_each_variant_gets_its_files_its_length_and_plays_everywhere(video, tmp_path):
    plans = [plan("a"), plan("b", WORDS["hi"], "outline", "gentle")]
    for one in render(video, tmp_path, plans):
        assert {path.name for path in one.folder.iterdir()} == set(FILES)
        probe = inspect_delivery(one.folder / "video.mp4")
        assert (probe["width"], probe["height"], probe["frame_count"]) == (180, 320, FRAMES)
        assert probe == one.figures["probe"]
        assert (probe["codec"], probe["pix_fmt"], probe["constant_rate"]) == ("h264", "yuv420p", True)
        assert one.figures["expected_s"] == pytest.approx(2.0)
        assert judge_variant(
            {**one.figures, "style_ssim": 0.9, "probe": {**probe, **SOUNDLESS}}, GateSettings()
        )[1].passed


def test_figures_say_what_was_drawn(video, tmp_path):
    (one,) = render(video, tmp_path, [plan()])
    hook, opening = one.figures["hook"], one.figures["first_frame"]
    assert one.figures["style_ssim"] == pytest.approx(1)
    assert one.figures["skin_delta_l"] is None
    assert hook["text"] == WORDS["en"]
    assert hook["contrast"] >= 4.5
    assert hook["end_s"] - hook["start_s"] >= 1.2
    x, y, w, h = hook["box"]
    left, top, wide, high = safe_box(*SIZE)
    assert left <= x < x + w <= left + wide
    assert top <= y < y + h <= top + high
    assert 0 < one.figures["text_area_share"] < 0.3
    assert set(opening["before"]) == set(opening["after"]) == set(opening["source"])


def test_the_crop_is_held_to_the_cut_and_gone_after_it(video, tmp_path):
    (one,) = render(video, tmp_path, [plan(opening="close", text="Glow")])
    assert max(one.figures["first_frame"]["crop"]) > 0.05
    shown, source = frames_of(one.folder / "video.mp4"), frames_of(video)
    below = slice(190, 320)
    apart = [np.abs(a[below].astype(int) - b[below]).mean() for a, b in zip(shown, source, strict=True)]
    assert min(apart[10:CUT]) > 1.5
    assert max(apart[CUT:]) < 1.5
    assert max(abs(b - a) for a, b in itertools.pairwise(apart[12:CUT])) < 1


def test_brightness_steps_stay_in_bounds_while_the_opening_fades(video, tmp_path):
    (one,) = render(video, tmp_path, [plan()])
    opening = one.figures["first_frame"]
    assert opening["edit"]["strength"] > 0
    assert opening["luma_step_max"] <= opening["luma_step_bound"]


def test_luma_steps_compare_with_the_shot_own_steps():
    lumas = [(100.0 + i, 100.0 + i + (3 if i == 0 else 0)) for i in range(9)]
    assert luma_steps(lumas, 4) == {"luma_step_max": 2.0, "luma_step_own_max": 1.0, "luma_step_bound": 2.0}


def test_the_same_plan_gives_the_same_bytes(video, tmp_path):
    first, second = (render(video, tmp_path / name, [plan()])[0].folder for name in ("one", "two"))
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_variant_does_not_depend_on_who_is_rendered_beside_it(video, tmp_path):
    alone = render(video, tmp_path / "alone", [plan()])[0].folder
    beside = render(video, tmp_path / "beside", [plan("z", treatment="card"), plan()])[1].folder
    assert (alone / "video.mp4").read_bytes() == (beside / "video.mp4").read_bytes()


def test_more_plans_than_memory_is_meant_for_take_turns_and_come_out_the_same(video, tmp_path, monkeypatch):
    plans = [plan("a"), plan("b", treatment="card"), plan("c", treatment="outline")]
    at_once = render(video, tmp_path / "whole", plans)
    most, told = [], []

    class Watched(PlainLook):
        def apply_yuv(self, picture, index, pts_s):
            most.append(sum(thread.name.startswith("lane ") for thread in threading.enumerate()))
            return picture

    monkeypatch.setattr(variant_renderer, "lanes_at_once", lambda facts: 2)
    in_turn = render(video, tmp_path / "turns", plans, Watched(), on_frame=told.append)
    assert max(most) == 2
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, FRAMES)
    for one, other in zip(at_once, in_turn, strict=True):
        assert (one.folder / "video.mp4").read_bytes() == (other.folder / "video.mp4").read_bytes()
        assert {**one.figures, "timing": 0} == {**other.figures, "timing": 0}


def test_large_pictures_are_rendered_fewer_at_a_time_but_one_for_each_core(video):
    facts = probe_video(video)
    cores = os.cpu_count()
    assert lanes_at_once(replace(facts, width=720, height=1280)) == max(cores, 4)
    assert lanes_at_once(replace(facts, width=2160, height=3840)) == cores


def test_a_label_of_the_product_is_not_covered(video, tmp_path):
    quad = ((30.0, 60.0), (150.0, 60.0), (150.0, 130.0), (30.0, 130.0))
    label = TextTrack(1, "label", "on the product", "Kojic", 0.9, 0, FRAMES - 1, quads=((0, quad),))
    tracks = TextTracks(SIZE, FRAMES, (label,))
    (one,) = render(video, tmp_path, [plan(text="Glow")], tracks=tracks)
    assert one.figures["hook"]["covers"] == 0


def test_a_start_in_the_dark_gets_a_poster_from_the_light(tmp_path):
    path = tmp_path / "fade.mp4"
    with DeliveryWriter(path, width=SIZE[1], height=SIZE[0], fps=Fraction(30), audio_source=None) as writer:
        for index in range(40):
            writer.write(yuv_of((draw(index) * min(1.0, index / 10)).astype(np.uint8)))
    (one,) = render(path, tmp_path / "out", [plan()], shots=[Shot(0, 39, 0.0, 40 / 30)])
    assert 0.3 <= one.figures["first_frame"]["poster_s"] <= 1
    assert cv2.imread(str(one.folder / "poster.jpg")).mean() > 80


def test_without_the_optimizer_only_the_hook_differs(video, tmp_path):
    (one,) = render(video, tmp_path, [plan()], settings=FirstFrameSettings(enabled=False))
    assert one.figures["first_frame"]["crop"] == [0, 0, 0, 0]
    assert one.figures["first_frame"]["edit"] == {}
    last = frames_of(one.folder / "video.mp4")[-1], frames_of(video)[-1]
    assert np.abs(last[0].astype(int) - last[1]).mean() < 1.5


def test_one_failing_lane_fails_all_and_leaves_no_video(video, tmp_path):
    with pytest.raises(VideoUnwritable, match="broke"):
        render(video, tmp_path, [plan("a"), plan("b")], BrokenLook())
    assert not list(Path(tmp_path).rglob("*.mp4"))


def test_a_hook_no_font_has_is_refused_before_anything_is_rendered(video, tmp_path):
    with pytest.raises(CopyRefused):
        render(video, tmp_path, [plan(text="𐎀𐎁𐎂")])


def test_a_video_without_shots_is_refused(video, tmp_path):
    with pytest.raises(VideoUnreadable):
        render_variants(
            video,
            None,
            [plan()],
            {"a": PlainLook()},
            shots=[],
            folder_of=lambda _: tmp_path,
            first_frame=FirstFrameSettings(),
        )


def test_a_single_picture_becomes_a_variant(tmp_path):
    path = tmp_path / "one.mp4"
    with DeliveryWriter(path, width=SIZE[1], height=SIZE[0], fps=Fraction(30), audio_source=None) as writer:
        writer.write(yuv_of(draw(0)))
    (one,) = render(path, tmp_path / "out", [plan()], shots=[Shot(0, 0, 0.0, 1 / 30)])
    assert one.figures["probe"]["frame_count"] == 1
    assert one.figures["hook"]["contrast"] >= 4.5
