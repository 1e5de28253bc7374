from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.errors import VideoUnwritable
from adcraft_resources.video_codecs import (
    MezzanineWriter,
    TimedPicture,
    VideoReader,
    audio_offset_ms,
    probe_video,
    stream_copy,
)
from adcraft_tests.drawn_videos import Sound, clicks, flashes, montage, sync_offsets_ms, take, write_video

UPLOAD = {"crf": "20", "preset": "medium"}


def _pictures(path: Path) -> list[TimedPicture]:
    with VideoReader(path) as reader:
        return list(reader.pictures())


def _copy(source: Path, out: Path) -> list[TimedPicture]:
    pictures = _pictures(source)
    with MezzanineWriter(out, like=probe_video(source), source=source) as writer:
        for item in pictures:
            writer.write(item.picture, item.pts_s)
    return pictures


def _psnr(a: list[TimedPicture], b: list[TimedPicture]) -> float:
    errors = [
        np.mean((getattr(x.picture, plane).astype(float) - getattr(y.picture, plane)) ** 2)
        for x, y in zip(a, b, strict=True)
        for plane in "yuv"
    ]
    return float(10 * np.log10(65025 / np.mean(errors)))


def test_pictures_survive_at_48_db_in_twice_the_bytes(tmp_path: Path) -> None:
    frames = montage([40, 35], size=(320, 240))
    source = write_video(tmp_path / "a.mp4", frames, 25, options=UPLOAD, sound=Sound(clicks(3, [1])))
    given = _copy(source, tmp_path / "m.mp4")
    assert _psnr(given, _pictures(tmp_path / "m.mp4")) >= 48
    assert (tmp_path / "m.mp4").stat().st_size <= 2 * source.stat().st_size


def test_a_poor_upload_costs_quality_before_it_costs_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(3)
    frames = [
        np.clip(f + noise.normal(0, 6, f.shape), 0, 255).astype(np.uint8) for f in take(75, size=(320, 240))
    ]
    source = write_video(tmp_path / "a.mp4", frames, 25, options={"crf": "33", "preset": "medium"})
    given = _copy(source, tmp_path / "m.mp4")
    assert (tmp_path / "m.mp4").stat().st_size <= 2.1 * source.stat().st_size
    assert _psnr(given, _pictures(tmp_path / "m.mp4")) >= 40


def test_a_long_clip_that_turns_hard_stays_within_the_budget(tmp_path: Path) -> None:
    still = take(80, size=(192, 128), seed=1, speed=0.0)
    noise = np.random.default_rng(3)
    rough = [
        np.clip(f + noise.normal(0, 14, f.shape), 0, 255).astype(np.uint8) for f in take(200, size=(192, 128))
    ]
    source = write_video(tmp_path / "a.mp4", still + rough, 25, options={"crf": "30", "preset": "medium"})
    given = _copy(source, tmp_path / "m.mp4")
    assert (tmp_path / "m.mp4").stat().st_size <= 2.1 * source.stat().st_size
    got = _pictures(tmp_path / "m.mp4")
    assert [item.pts_s for item in got] == pytest.approx([item.pts_s for item in given], abs=1e-4)
    assert min(_psnr([a], [b]) for a, b in zip(given, got, strict=True)) > 30


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_times_of_a_variable_rate_are_kept(tmp_path: Path, suffix: str) -> None:
    times = [0.0, 0.04, 0.08, 0.3, 0.34, 0.5, 0.54, 0.9]
    source = write_video(tmp_path / f"a.{suffix}", take(8), 25, pts_s=times)
    _copy(source, tmp_path / "m.mp4")
    assert [item.pts_s for item in _pictures(tmp_path / "m.mp4")] == pytest.approx(times, abs=1e-3)
    assert probe_video(tmp_path / "m.mp4").fps == probe_video(source).fps


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(60), Fraction(24)])
def test_rate_and_count_are_kept(tmp_path: Path, rate: Fraction) -> None:
    source = write_video(tmp_path / "a.mp4", take(31), rate)
    _copy(source, tmp_path / "m.mp4")
    facts = probe_video(tmp_path / "m.mp4")
    assert (facts.fps, facts.frame_count, facts.variable_rate) == (rate, 31, False)
    assert facts.duration_s == pytest.approx(float(31 / rate), abs=1e-3)


@pytest.mark.parametrize(
    ("suffix", "start_s"), [("mp4", 0.0), ("mp4", 0.2), ("mkv", 0.0), ("ts", 1.4), ("mov", 0.0)]
)
@pytest.mark.parametrize("late_s", [0.0, 0.25])
def test_sound_keeps_its_place(tmp_path: Path, suffix: str, start_s: float, late_s: float) -> None:
    at = [15, 45]
    heard = Sound(clicks(2.0 - late_s, [x / 30 - late_s for x in at]), start_s=start_s + late_s)
    source = write_video(tmp_path / f"a.{suffix}", flashes(60, at), 30, sound=heard, start_s=start_s)
    _copy(source, tmp_path / "m.mp4")
    assert max(abs(ms) for ms in sync_offsets_ms(tmp_path / "m.mp4")) <= 5
    offset = audio_offset_ms(source, tmp_path / "m.mp4")
    assert offset is not None
    assert abs(offset) <= 1.5


def test_sound_packets_are_copied_untouched(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(60), 30, sound=Sound(clicks(2, [1]), channels=2))
    _copy(source, tmp_path / "m.mp4")
    assert _sound_packets(tmp_path / "m.mp4") == _sound_packets(source)


def _sound_packets(path: Path) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libopus", "mkv"), ("libmp3lame", "mp4"), ("pcm_s16le", "mov"), ("flac", "mkv"), ("mp2", "ts")],
)
def test_other_sound_codecs_arrive_in_sync(tmp_path: Path, codec: str, suffix: str) -> None:
    heard = Sound(clicks(2, [0.5, 1.5]), codec=codec, channels=2)
    source = write_video(tmp_path / f"a.{suffix}", flashes(60, [15, 45]), 30, sound=heard)
    _copy(source, tmp_path / "m.mp4")
    assert max(abs(ms) for ms in sync_offsets_ms(tmp_path / "m.mp4")) <= 10


def test_no_sound_stays_no_sound(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(5))
    _copy(source, tmp_path / "m.mp4")
    assert not probe_video(tmp_path / "m.mp4").has_audio


def test_one_picture_makes_a_mezzanine(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(1))
    _copy(source, tmp_path / "m.mp4")
    assert len(_pictures(tmp_path / "m.mp4")) == 1


@pytest.mark.parametrize(
    ("matrix", "full_range"), [("bt601", False), ("bt709", False), ("bt709", True), (None, False)]
)
def test_colour_tags_are_the_sources(tmp_path: Path, matrix: str | None, full_range: bool) -> None:
    source = write_video(tmp_path / "a.mp4", take(4), matrix=matrix, full_range=full_range)
    _copy(source, tmp_path / "m.mp4")
    before, after = probe_video(source), probe_video(tmp_path / "m.mp4")
    for name in ("matrix", "range", "matrix_code", "primaries", "transfer"):
        assert getattr(after, name) == getattr(before, name), name


def test_pixel_shape_and_turned_size_are_kept(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(4), turn_deg=90, sample_aspect=Fraction(4, 3))
    _copy(source, tmp_path / "m.mp4")
    facts = probe_video(tmp_path / "m.mp4")
    assert (facts.height, facts.width, facts.rotation_deg, facts.sample_aspect) == (64, 96, 0, Fraction(3, 4))


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(40), sound=Sound(clicks(1, [0.5])))
    for name in ("m.mp4", "n.mp4"):
        _copy(source, tmp_path / name)
    assert (tmp_path / "m.mp4").read_bytes() == (tmp_path / "n.mp4").read_bytes()


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(40))
    folder = tmp_path / "out"
    with pytest.raises(RuntimeError, match="stop"):
        _write_then_fail(source, folder / "m.mp4")
    assert list(folder.iterdir()) == []


def _write_then_fail(source: Path, out: Path) -> None:
    with MezzanineWriter(out, like=probe_video(source), source=source) as writer:
        for item in _pictures(source):
            writer.write(item.picture, item.pts_s)
        raise RuntimeError("stop")


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(10))
    out = tmp_path / "m.mp4"
    out.write_bytes(b"old")
    with MezzanineWriter(out, like=probe_video(source), source=source) as writer:
        for item in _pictures(source):
            writer.write(item.picture, item.pts_s)
        assert out.read_bytes() == b"old"
    assert out.stat().st_size > 1000


def test_a_killed_writer_leaves_nothing_at_the_final_name(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(30))
    script = f"""
        import sys, time
        from pathlib import Path
        from adcraft_resources.video_codecs import MezzanineWriter, VideoReader, probe_video
        source = Path({str(source)!r})
        with MezzanineWriter(Path({str(tmp_path / "m.mp4")!r}), like=probe_video(source), source=source) as writer:
            with VideoReader(source) as reader:
                for item in reader.pictures():
                    writer.write(item.picture, item.pts_s)
            print("written", flush=True)
            time.sleep(60)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not (tmp_path / "m.mp4").exists()


def test_a_picture_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(3))
    small = Yuv420(np.zeros((32, 32), np.uint8), np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8))
    with (
        pytest.raises(ValueError, match=r"\(32, 32\).*\(96, 64\)"),
        MezzanineWriter(tmp_path / "m.mp4", like=probe_video(source), source=source) as writer,
    ):
        writer.write(small, 0.0)


def test_times_that_run_backwards_are_an_error_of_the_writer(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(60))
    with pytest.raises(VideoUnwritable):
        _write_backwards(source, tmp_path / "m.mp4")
    assert not (tmp_path / "m.mp4").exists()


def _write_backwards(source: Path, out: Path) -> None:
    with MezzanineWriter(out, like=probe_video(source), source=source) as writer:
        for item in _pictures(source):
            writer.write(item.picture, 2.0 - item.pts_s)


def test_an_mp4_is_copied_byte_for_byte(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", take(9), sound=Sound(clicks(0.3, [0.1])))
    stream_copy(source, tmp_path / "out" / "m.mp4")
    assert (tmp_path / "out" / "m.mp4").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mov"])
def test_packets_of_other_containers_are_copied_untouched(tmp_path: Path, suffix: str) -> None:
    source = write_video(tmp_path / f"a.{suffix}", take(30), sound=Sound(clicks(1, [0.5])))
    stream_copy(source, tmp_path / "m.mp4")
    for a, b in zip(_pictures(source), _pictures(tmp_path / "m.mp4"), strict=True):
        np.testing.assert_array_equal(a.picture.y, b.picture.y)
    offset = audio_offset_ms(source, tmp_path / "m.mp4")
    assert offset is not None
    assert abs(offset) <= 1.5
