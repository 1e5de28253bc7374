from __future__ import annotations

import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.video_codecs import (
    VideoReader,
    frames_at,
    probe_video,
    read_frames,
    rgb_of,
    small_rgb_of,
    yuv_of,
)
from adcraft_tests.drawn_videos import montage, take, texture, write_video


def _frames(path: Path, **options: object) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [item.frame for item in reader.frames(**options)]  # type: ignore[arg-type]


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(65025 / max(1e-9, float(np.mean((a.astype(float) - b.astype(float)) ** 2))))


def _corners() -> np.ndarray:
    """Red top left, green top right, blue bottom left, white bottom right."""
    picture = np.zeros((96, 64, 3), np.uint8)
    picture[:48, :32], picture[:48, 32:] = (220, 30, 30), (30, 220, 30)
    picture[48:, :32], picture[48:, 32:] = (30, 30, 220), (230, 230, 230)
    return picture


@pytest.mark.parametrize(
    ("matrix", "full_range"), [("bt601", False), ("bt709", False), ("bt709", True), (None, False)]
)
def test_colours_come_back_as_drawn(tmp_path: Path, matrix: str | None, full_range: bool) -> None:
    path = write_video(tmp_path / "a.mp4", [_corners()] * 3, matrix=matrix, full_range=full_range)
    frame = _frames(path)[1]
    assert np.abs(frame[8:40, 8:24].astype(int) - (220, 30, 30)).max() <= 6
    assert np.abs(frame[56:88, 40:56].astype(int) - (230, 230, 230)).max() <= 6


@pytest.mark.parametrize("turn_deg", [90, 180, 270])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_phone_rotation_is_applied(tmp_path: Path, turn_deg: int, suffix: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", [_corners()] * 3, turn_deg=turn_deg)
    upright = np.rot90(_corners(), turn_deg // 90)
    frames = _frames(path)
    assert probe_video(path).to_dict()["height"] == upright.shape[0]
    assert frames[0].shape == upright.shape
    assert _psnr(frames[0], upright) > 25


@pytest.mark.parametrize(
    ("codec", "suffix", "pix_fmt"),
    [
        ("mpeg4", "avi", "yuv420p"),
        ("libx264", "avi", "yuv420p"),
        ("mjpeg", "avi", "yuvj420p"),
        ("mpeg2video", "mpg", "yuv420p"),
        ("libvpx-vp9", "webm", "yuv420p"),
        ("prores_ks", "mov", "yuv422p10le"),
        ("gif", "gif", "rgb8"),
        ("libx264", "flv", "yuv420p"),
        ("libx264", "ts", "yuv420p"),
    ],
)
def test_every_common_format_reads_in_order_and_by_index(
    tmp_path: Path, codec: str, suffix: str, pix_fmt: str
) -> None:
    drawn = take(40, speed=1.5)
    path = write_video(
        tmp_path / f"a.{suffix}",
        drawn,
        25,
        codec=codec,
        pix_fmt=pix_fmt,
        full_range=pix_fmt == "yuvj420p",
        options={"bf": "2", "b": "4000000", "g": "12"} if codec not in {"gif", "mjpeg"} else {},
        time_base=Fraction(1, 25),
    )
    every = _frames(path)
    with VideoReader(path) as reader:
        times = [item.pts_s for item in reader.pictures()]
    assert len(every) == 40
    assert times == pytest.approx([i / 25 for i in range(40)], abs=0.011)
    for index in (0, 13, 39):
        assert int(np.argmax([_psnr(every[index], frame) for frame in drawn])) == index
    for index, frame in frames_at(path, [5, 20, 38]):
        np.testing.assert_array_equal(frame, every[index])


def test_a_recording_begun_between_keyframes_starts_with_the_first_that_decodes(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.ts", take(120, size=(192, 128)), 25, options={"crf": "18", "g": "30"})
    data = whole.read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(data[len(data) // 5 // 188 * 188 :])
    with VideoReader(path) as reader:
        times = [item.pts_s for item in reader.pictures()]
    assert times[0] == 0.0
    assert len(times) == reader.facts.frame_count == 90


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv444p"])
def test_deeper_and_wider_pixel_formats_come_as_8_bit_420(tmp_path: Path, pix_fmt: str) -> None:
    drawn = take(3)
    path = write_video(tmp_path / "a.mp4", drawn, pix_fmt=pix_fmt, matrix="bt709")
    with VideoReader(path) as reader:
        pictures = [item.picture for item in reader.pictures()]
    assert pictures[0].u.shape == (48, 32)
    assert _psnr(rgb_of(pictures[1]), drawn[1]) > 32


def test_wide_gamut_is_brought_to_bt709(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(3), pix_fmt="yuv420p10le", matrix="bt2020")
    facts = probe_video(path)
    assert (facts.matrix, facts.matrix_code, facts.primaries) == ("bt709", 1, 1)


def test_an_odd_edge_is_dropped_and_said(tmp_path: Path) -> None:
    drawn = take(3, size=(97, 65))
    path = write_video(tmp_path / "a.mp4", drawn, pix_fmt="yuv444p")
    facts = probe_video(path)
    assert (facts.height, facts.width, facts.cropped) == (96, 64, True)
    assert _psnr(_frames(path)[0], drawn[0][:96, :64]) > 30


def test_interlaced_pictures_come_without_combs(tmp_path: Path) -> None:
    moving = take(60, size=(96, 64), seed=3, speed=4.0)
    woven = [
        np.where((np.arange(96) % 2 == 0)[:, None, None], a, b)
        for a, b in zip(moving[::2], moving[1::2], strict=True)
    ]
    path = write_video(tmp_path / "a.mp4", woven, 25, interlaced=True)
    facts = probe_video(path)
    assert facts.interlaced
    frames = _frames(path)
    assert len(frames) == 30
    assert _combing(frames[10]) < 0.5 * _combing(woven[10])


def _combing(frame: np.ndarray) -> float:
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(float)
    return float(np.abs(luma[1:-1] - (luma[:-2] + luma[2:]) / 2).mean())


def test_times_start_at_zero_and_keep_a_variable_rate(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.3, 0.34, 0.5]
    path = write_video(tmp_path / "a.mp4", take(6), 25, pts_s=times, start_s=0.7)
    with VideoReader(path) as reader:
        assert [item.pts_s for item in reader.pictures()] == pytest.approx(times, abs=1e-4)


def test_frames_shrink_and_skip_as_asked(tmp_path: Path) -> None:
    drawn = take(9)
    path = write_video(tmp_path / "a.mp4", drawn)
    with VideoReader(path) as reader:
        items = list(reader.frames(size=(48, 32), every=4))
    assert [item.index for item in items] == [0, 4, 8]
    small = cv2.resize(drawn[4], (32, 48), interpolation=cv2.INTER_AREA)
    assert _psnr(items[1].frame, small) > 30


@pytest.mark.parametrize(
    ("codec", "suffix", "options"),
    [
        ("libx264", "mp4", {"crf": "14", "g": "15", "bf": "3"}),
        ("libx264", "ts", {"crf": "14", "g": "15", "bf": "3"}),
        ("libx265", "mp4", {"x265-params": "log-level=none"}),
        ("libvpx-vp9", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    ],
)
def test_chosen_frames_are_those_of_a_full_read(
    tmp_path: Path, codec: str, suffix: str, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / f"a.{suffix}", montage([12] * 10), codec=codec, options=options)
    every = _frames(path)
    chosen = read_frames(path, [119, 0, 3, 44, 45, 46, 3])
    assert sorted(chosen) == [0, 3, 44, 45, 46, 119]
    for index, frame in chosen.items():
        np.testing.assert_array_equal(frame, every[index])


def test_a_frame_past_the_end_is_refused_by_number(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(5))
    with pytest.raises(IndexError, match="5 pictures"):
        list(frames_at(path, [5]))


def test_yuv_to_rgb_and_back_is_the_same_picture() -> None:
    drawn = texture(96, 64, 4)
    for matrix in ("bt601", "bt709"):
        for range_ in ("limited", "full"):
            picture = yuv_of(drawn, matrix, range_)  # type: ignore[arg-type]
            again = yuv_of(rgb_of(picture), matrix, range_)  # type: ignore[arg-type]
            for name in ("y", "u", "v"):
                off = np.abs(getattr(picture, name).astype(int) - getattr(again, name))
                assert off.mean() < 0.8, (matrix, range_, name)


def test_small_frames_have_the_colours_of_large_ones() -> None:
    picture = yuv_of(_corners(), "bt709")
    small = small_rgb_of(picture, (24, 16))
    assert np.abs(small[4, 4].astype(int) - (220, 30, 30)).max() <= 3


def test_odd_sides_have_no_420_form() -> None:
    with pytest.raises(ValueError, match="even"):
        yuv_of(np.zeros((3, 4, 3), np.uint8))


def test_the_same_file_decodes_to_the_same_pictures_with_any_threads(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(30), options={"crf": "14", "bf": "2"})
    with VideoReader(path, threads=1) as one, VideoReader(path, threads=2) as two:
        for a, b in zip(one.pictures(), two.pictures(), strict=True):
            np.testing.assert_array_equal(a.picture.y, b.picture.y)


def test_leaving_early_stops_the_decoding_thread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(60))
    with VideoReader(path) as reader:
        pictures = reader.pictures()
        next(pictures)
        pictures.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


PEAK_OF_A_PASS = """
import gc, resource, sys
from pathlib import Path
from adcraft_resources.video_codecs import DeliveryWriter, MezzanineWriter, VideoReader
gc.disable()  # what only the collector would free counts as held
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
with VideoReader(source, threads=1) as reader:
    facts = reader.facts
    size = {"width": facts.width, "height": facts.height, "fps": facts.fps, "audio_source": source}
    with (
        MezzanineWriter(folder / "m.mp4", like=facts, source=source, threads=1) as mezzanine,
        DeliveryWriter(folder / "d.mp4", **size, effort="fast", threads=1) as delivery,
    ):
        for item in reader.pictures():
            mezzanine.write(item.picture, item.pts_s)
            delivery.write(item.picture)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    peaks = []
    still = take(1, size=(384, 384))[0]
    for count in (40, 160):
        path = write_video(tmp_path / f"{count}.mp4", (np.roll(still, i, axis=1) for i in range(count)))
        arguments = [sys.executable, "-c", PEAK_OF_A_PASS, str(path), str(tmp_path)]
        peaks.append(int(subprocess.run(arguments, check=True, capture_output=True).stdout))
    assert peaks[1] < 1.2 * peaks[0]


def test_damage_in_the_middle_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(90, size=(192, 192)), Fraction(30), options={"crf": "10"})
    data = bytearray(path.read_bytes())
    middle = slice(len(data) // 4, 3 * len(data) // 4)
    data[middle] = bytes(len(data[middle]))
    path.write_bytes(bytes(data))
    with pytest.raises(VideoUnreadable, match="damaged") as caught, VideoReader(path) as reader:
        list(reader.pictures())
    assert str(path) in str(caught.value)
