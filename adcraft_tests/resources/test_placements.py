"""Variants in several shapes, from a drawn ad in which a real face walks across: files, windows, hook, independent probe."""

import json
import shutil
import subprocess
from fractions import Fraction

import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from skimage import data

from adcraft_resources.algorithms.values import Shot
from adcraft_resources.errors import CopyRefused
from adcraft_resources.faces import find_faces
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.gates import GateSettings
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.placement_gates import judge_placements, spec_faults
from adcraft_resources.placements import PlacedAd, PlacementSettings, place_variant, survey_subjects
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import (
    DeliveryWriter,
    VideoReader,
    master_sound,
    measure_loudness,
    read_frames,
    rgb_of,
    sound_digest,
    yuv_of,
)
from adcraft_tests.drawn_videos import texture
from adcraft_tests.resources.test_variant_renderer import PlainLook

HEIGHT, WIDTH, FPS = 360, 640, 25
CUT, FRAMES = 45, 75
SHOTS = [Shot(0, CUT - 1, 0.0, CUT / FPS), Shot(CUT, FRAMES - 1, CUT / FPS, FRAMES / FPS)]
HEAD = 220  # px of the pasted picture's side
FACE = (0.335, 0.14, 0.2, 0.22)  # of the pasted picture: x, y, width, height of the face
SETTINGS = PlacementSettings.model_validate(
    {
        "formats": [
            {"name": "tall", "width": 360, "height": 640, "clear": [0.06, 0.14, 0.06, 0.35]},
            {"name": "square", "width": 400, "height": 400},
        ]
    }
)


def face_at(index):
    """x, y, width, height in px of the face in a picture: it walks in the first shot and stands in the second."""
    x = 20 + 380 * index / CUT if index < CUT else 60
    return x + FACE[0] * HEAD, 60 + FACE[1] * HEAD, FACE[2] * HEAD, FACE[3] * HEAD


def draw(index, head, scene):
    frame = scene.copy() if index < CUT else scene[:, ::-1].copy()
    x = round(face_at(index)[0] - FACE[0] * HEAD)
    frame[60 : 60 + HEAD, x : x + HEAD] = head
    return frame


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("cleaned") / "cleaned.mp4"
    head = cv2.resize(data.astronaut(), (HEAD, HEAD), interpolation=cv2.INTER_AREA)
    scene = (70 + 0.12 * texture(HEIGHT, WIDTH, 4, detail=3)).astype(np.uint8)
    with DeliveryWriter(path, width=WIDTH, height=HEIGHT, fps=Fraction(FPS), crf=12) as writer:
        for index in range(FRAMES):
            writer.write(yuv_of(draw(index, head, scene)))
    return path


def plan(text="Your skin called", treatment="plate"):
    hook = HookSet("h1", text, "", "", "en", "template", "p")
    return VariantPlan("a", "plain", 7, hook, treatment, "gentle")


@pytest.fixture(scope="module")
def ad(video):
    sound = video.with_name("sound.wav")
    master_sound(video, sound, duration_s=FRAMES / FPS, lufs=-14, true_peak_dbtp=-1.5)
    return PlacedAd(video, SHOTS, None, survey_subjects(video, SHOTS, None), sound)


def place(ad, folder, *, settings=SETTINGS, made=None):
    folder.mkdir(exist_ok=True)
    first = FirstFrameSettings(enabled=False)
    return place_variant(ad, made or plan(), PlainLook(), folder, first_frame=first, settings=settings)


@pytest.fixture(scope="module")
def placed(ad, tmp_path_factory):
    folder = tmp_path_factory.mktemp("placed")
    return folder, place(ad, folder)


def test_the_walking_face_is_seen_where_it_was_drawn(ad):
    seen = [(one.index, box) for one in ad.sightings for box in one.faces]
    assert len({index for index, _ in seen}) >= 0.9 * len(ad.sightings)
    for index, (x, y, w, h) in seen:
        middle = (x + w / 2) * WIDTH, (y + h / 2) * HEIGHT
        fx, fy, fw, fh = face_at(index)
        assert middle == pytest.approx((fx + fw / 2, fy + fh / 2), abs=12)


def test_every_shape_has_its_size_its_length_and_what_platforms_ask_for(placed):
    folder, figures = placed
    told = {
        shape: {**one, "probe": {**one["probe"], "sound_lag_ms": None, "duration_off_s": 0.0}, "silent": True}
        for shape, one in figures.items()
    }
    specs, zones, _ = judge_placements({"a": told}, GateSettings())
    assert specs.passed, specs.reason
    assert zones.passed, zones.reason
    for shape in SETTINGS.formats:
        probe = figures[shape.name]["probe"]
        assert (probe["width"], probe["height"], probe["frame_count"]) == (shape.width, shape.height, FRAMES)
        assert probe["audio_duration_s"] == pytest.approx(FRAMES / FPS, abs=0.03)
        assert {path.name for path in folder.glob(f"{shape.name}.*")} == {
            f"{shape.name}.mp4",
            f"{shape.name}.jpg",
            f"{shape.name}.clear-box.jpg",
        }


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe, of Debian's ffmpeg, is not installed")
def test_an_independent_probe_sees_the_same(placed):
    folder, _ = placed
    for shape in SETTINGS.formats:
        command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json"]
        told = subprocess.run(
            [*command, str(folder / f"{shape.name}.mp4")], capture_output=True, check=True, text=True
        )
        assert not told.stderr
        streams = {one["codec_type"]: one for one in json.loads(told.stdout)["streams"]}
        video, audio = streams["video"], streams["audio"]
        assert (video["width"], video["height"]) == (shape.width, shape.height)
        assert (video["codec_name"], video["profile"], video["pix_fmt"]) == ("h264", "High", "yuv420p")
        tags = video["color_primaries"], video["color_transfer"], video["color_space"], video["color_range"]
        assert tags == ("bt709", "bt709", "bt709", "tv")
        assert video["r_frame_rate"] == video["avg_frame_rate"] == "25/1"
        assert video.get("sample_aspect_ratio", "1:1") in ("1:1", "0:1")
        assert int(video["nb_frames"]) == FRAMES
        assert float(video["start_time"]) == 0
        assert abs(float(audio["start_time"])) < 0.03
        assert (audio["codec_name"], audio["sample_rate"], audio["channels"]) == ("aac", "48000", 2)


def test_the_sound_is_coded_once_and_the_same_in_every_shape(placed):
    folder, figures = placed
    tall, square = (folder / f"{name}.mp4" for name in ("tall", "square"))
    assert sound_digest(tall) == sound_digest(square)
    heard = measure_loudness(square)
    assert (heard.integrated_lufs, heard.true_peak_dbtp) == (
        figures["square"]["loudness_lufs"],
        figures["square"]["true_peak_dbtp"],
    )


def test_nearly_every_face_of_the_source_is_whole_in_every_shape(placed):
    """By the drawn truth: the face's box at every frame, through the windows; and by finding it in the pictures."""
    folder, _ = placed
    for shape in SETTINGS.formats:
        with VideoReader(folder / f"{shape.name}.mp4") as reader:
            found = [find_faces(rgb_of(timed.picture)) for timed in reader.pictures() if timed.index % 3 == 0]
        assert sum(bool(one) for one in found) >= 0.95 * len(found), shape.name


def test_the_square_follows_the_walk_without_a_border_and_stands_after_the_cut(placed):
    _, figures = placed
    walk, stand = figures["square"]["windows"]
    assert walk["moves"]
    assert not walk["border"]
    assert 0 < walk["acceleration"] <= SETTINGS.acceleration
    assert not stand["moves"]
    assert figures["square"]["zones"]["faces"]["seen"] > 8
    faces = figures["square"]["zones"]["faces"]
    assert faces["in_picture"] >= 0.95 * faces["seen"]


def test_the_hook_is_laid_out_anew_whole_and_inside_the_clear_box(ad, placed, tmp_path):
    """The same variant with other words: what differs between the two files is the hook, and it stays in the box."""
    folder, figures = placed
    place(ad, tmp_path / "other", made=plan("Wait for it now"))
    for shape in SETTINGS.formats:
        x, y, w, h = shape.clear_box
        outside = np.ones(shape.size, bool)
        outside[y : y + h, x : x + w] = False
        pairs = zip(
            *(
                read_frames(one / f"{shape.name}.mp4", [0, 4, 12, 30]).values()
                for one in (folder, tmp_path / "other")
            ),
            strict=True,
        )
        changed = [np.abs(a.astype(int) - b).max(axis=2) > 60 for a, b in pairs]
        assert any(one[~outside].any() for one in changed)
        assert not any(one[outside].any() for one in changed)
        assert figures[shape.name]["hook"]["contrast"] >= 4.5
        assert figures[shape.name]["hook"]["em_px"] >= 0.04 * shape.width


def test_a_hook_is_gone_in_every_shape_when_the_picture_cuts(ad, placed, tmp_path):
    """Five words would stand until 2.1 s; the cut is at 1.8 s, when they have been read."""
    made = plan("You have been washing wrong")
    figures = place(ad, tmp_path / "five", made=made)
    for shape in SETTINGS.formats:
        assert figures[shape.name]["hook"]["end_s"] == pytest.approx(CUT / FPS)
        name, wanted = f"{shape.name}.mp4", [36, CUT - 4, CUT, CUT + 3]
        pairs = zip(
            *(read_frames(one / name, wanted).values() for one in (placed[0], tmp_path / "five")), strict=True
        )
        apart = [int((np.abs(a.astype(int) - b).max(axis=2) > 60).sum()) for a, b in pairs]
        assert min(apart[:2]) > 300
        assert max(apart[2:]) == 0


def test_a_hook_too_long_for_a_shape_is_refused_by_name(ad, tmp_path):
    narrow = PlacementSettings.model_validate(
        {"formats": [{"name": "strip", "width": 640, "height": 240, "clear": [0.1, 0.1, 0.7, 0.1]}]}
    )
    with pytest.raises(CopyRefused, match="strip, too small to read"):
        place(ad, tmp_path / "x", settings=narrow, made=plan("Unquestionably extraordinary moisturising"))
    assert not list((tmp_path / "x").glob("*.mp4"))


def test_a_letter_without_a_font_is_refused(ad, tmp_path):
    with pytest.raises(CopyRefused):
        place(ad, tmp_path / "x", made=plan("\U00012000\U00012001"))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"formats": ["16x10"]}, "not known; known are 9x16, 4x5, 1x1"),
        ({"formats": [{"name": "x", "width": 1081, "height": 1080}]}, "odd"),
        ({"formats": ["1x1", "1x1"]}, "more than once"),
        (
            {"formats": [{"name": "x", "width": 640, "height": 640, "clear": [0.5, 0, 0.5, 0]}]},
            "leaves no room",
        ),
    ],
)
def test_wrong_shapes_are_refused_with_the_reason(value, told):
    with pytest.raises(ValidationError, match=told):
        PlacementSettings.model_validate(value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"probe": {"width": 100}}, "asked is 360x640"),
        ({"probe": {"video_duration_s": 90.0}}, "lasts 90.0 s"),
        ({"probe": {"size_bytes": 400_000_000}}, "400 MB"),
        ({"probe": {"fps": "15"}}, "15 frames a second"),
        ({"probe": {"has_audio": False}}, "no audio track"),
        ({"probe": {"audio_bit_rate": 64_000}}, "64 kb/s"),
        ({"probe": {"faststart": False}}, "moov before mdat"),
        ({"probe": {"edit_lists": {"video": "trim"}}}, "edit lists"),
        ({"probe": {"bit_rate": 30_000_000}}, "30.0 Mb/s"),
        ({"loudness_lufs": -20.0, "silent": False}, "-20.0 LUFS"),
        ({"true_peak_dbtp": -0.4}, "-0.40 dBTP"),
        ({"provenance": {"meant": "x", "video": None, "poster": "x"}}, "video do not say x"),
    ],
)
def test_each_broken_specification_is_named_with_its_figure(placed, changes, told):
    one = placed[1]["tall"]
    probe = {**one["probe"], "sound_lag_ms": None, "duration_off_s": 0.0}
    whole = {**one, "probe": probe, "silent": True}
    assert spec_faults(whole, GateSettings()) == []
    broken = {**whole, **changes, "probe": {**probe, **changes.get("probe", {})}}
    (fault,) = spec_faults(broken, GateSettings())
    assert told in fault


def test_faces_out_of_the_clear_box_warn_and_are_held_back_when_asked(placed):
    one = placed[1]["tall"]
    zones = {**one["zones"], "faces": {"seen": 10, "in_picture": 10, "in_clear_box": 4}}
    probe = {**one["probe"], "sound_lag_ms": None, "duration_off_s": 0.0}
    told = {"a": {"tall": {**one, "zones": zones, "probe": probe, "silent": True}}}
    _, hook, noted = judge_placements(told, GateSettings())
    assert hook.passed
    assert not noted.passed
    assert not noted.holds_back
    assert "6 of 10 sightings of faces" in noted.reason
    assert noted.evidence["seen"] - noted.evidence["in_clear_box"] == 6
    *_, held = judge_placements(told, GateSettings(clear_box="all"))
    assert not held.passed
    assert held.holds_back
    clear = {**zones, "faces": {"seen": 10, "in_picture": 10, "in_clear_box": 10}}
    *_, fine = judge_placements({"a": {"tall": {**told["a"]["tall"], "zones": clear}}}, GateSettings())
    assert fine.passed
    assert fine.reason.startswith("all 10 sightings")
