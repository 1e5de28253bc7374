from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.video_codecs import VideoReader, probe_video
from adcraft_tests.drawn_videos import Sound, clicks, montage, take, write_video


def test_facts_of_a_plain_video_are_those_drawn(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(45), 30, sound=Sound(clicks(1.5, [0.5])), matrix="bt709")
    facts = probe_video(path)
    assert (facts.width, facts.height, facts.frame_count) == (64, 96, 45)
    assert facts.fps == 30
    assert facts.duration_s == pytest.approx(1.5)
    assert (facts.codec, facts.pix_fmt, facts.matrix, facts.range) == ("h264", "yuv420p", "bt709", "limited")
    assert (facts.audio_codec, facts.audio_rate, facts.audio_channels) == ("aac", 48000, 1)
    assert not facts.variable_rate
    assert not facts.interlaced
    assert not facts.cropped
    assert facts.size_bytes == path.stat().st_size


def test_facts_are_plain_json(tmp_path: Path) -> None:
    facts = probe_video(write_video(tmp_path / "a.mp4", take(3), Fraction(30000, 1001))).to_dict()
    assert json.loads(json.dumps(facts))["fps"] == "30000/1001"


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_constant_rates_are_recognised_in_every_container(
    tmp_path: Path, rate: Fraction, suffix: str
) -> None:
    facts = probe_video(write_video(tmp_path / f"a.{suffix}", take(40), rate))
    assert facts.fps == rate
    assert not facts.variable_rate


def test_a_variable_rate_is_said_and_averaged(tmp_path: Path) -> None:
    times = np.cumsum([0.0] + [1 / 30, 1 / 30, 1 / 10] * 10).tolist()
    facts = probe_video(write_video(tmp_path / "a.mp4", take(31), 30, pts_s=times))
    assert facts.variable_rate
    assert float(facts.fps) == pytest.approx(18, abs=0.1)


def test_a_missing_picture_makes_the_rate_variable(tmp_path: Path) -> None:
    times = [i / 30 for i in range(41) if i != 20]
    assert probe_video(write_video(tmp_path / "a.mp4", take(40), 30, pts_s=times)).variable_rate


@pytest.mark.parametrize(
    ("size", "matrix"), [((96, 64), "bt601"), ((720, 64), "bt709"), ((718, 64), "bt601")]
)
def test_untagged_colour_goes_by_the_number_of_lines(
    tmp_path: Path, size: tuple[int, int], matrix: str
) -> None:
    assert probe_video(write_video(tmp_path / "a.mp4", take(2, size=size), 30)).matrix == matrix


def test_anamorphic_pixels_are_said(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(3), 25, sample_aspect=Fraction(4, 3))
    assert probe_video(path).sample_aspect == Fraction(4, 3)


def test_the_sample_aspect_turns_with_the_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(3), 25, sample_aspect=Fraction(4, 3), turn_deg=90)
    assert probe_video(path).sample_aspect == Fraction(3, 4)


def test_one_picture_is_a_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(1), 30)
    facts = probe_video(path)
    assert (facts.frame_count, facts.fps, facts.variable_rate) == (1, 30, False)
    with VideoReader(path) as reader:
        assert len(list(reader.pictures())) == 1


def _refusal(path: Path) -> VideoUnreadable:
    with pytest.raises(VideoUnreadable) as caught:
        probe_video(path)
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    return caught.value


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in str(_refusal(tmp_path / "gone.mp4"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert "empty" in str(_refusal(path))


def test_a_web_page_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "page.mp4"
    path.write_text("\n<!DOCTYPE html><html><title>404</title></html>" * 50)
    assert "web page" in str(_refusal(path))


def test_noise_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(5).bytes(30000))
    _refusal(path)


def test_a_still_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 96, "rgb24"
        frame = av.VideoFrame.from_ndarray(take(1)[0], format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "still" in str(_refusal(path))


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(clicks(1, [0.5])[None, :], format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "no video stream" in str(_refusal(path))


def test_a_file_cut_off_before_its_index_is_refused(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", take(60), 30)
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert "cut off" in str(_refusal(path))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_file_cut_off_after_its_index_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"a.{suffix}"
    write_video(whole, take(90), 30, container_options={"movflags": "+faststart"})
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 5])
    assert "cut off" in str(_refusal(path))


def test_a_file_that_loses_its_last_bytes_still_reads(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", take(200), 30, container_options={"movflags": "+faststart"})
    path = tmp_path / "nearly.mp4"
    path.write_bytes(whole.read_bytes()[:-8])
    with VideoReader(path) as reader:
        assert len(list(reader.pictures())) >= 196


def test_facts_follow_a_file_that_is_written_anew(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", montage([12], size=(128, 96)), 30)
    before = probe_video(path)
    assert probe_video(path) is before
    write_video(path, montage([20], size=(96, 64)), 30)
    assert (probe_video(path).height, probe_video(path).frame_count) == (96, 20)
