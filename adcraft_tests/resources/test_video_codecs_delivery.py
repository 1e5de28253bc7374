from __future__ import annotations

import contextlib
import gc
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from adcraft_resources.errors import VideoUnreadable, VideoUnwritable
from adcraft_resources.video_codecs import (
    CodedSound,
    DeliveryWriter,
    Effort,
    VideoReader,
    at_constant_rate,
    audio_offset_ms,
    delivery_rate,
    inspect_delivery,
    probe_video,
    yuv_of,
)
from adcraft_resources.video_codecs.coded_sound import EncodedSound
from adcraft_resources.video_codecs.sound import DecodedSound
from adcraft_tests.drawn_videos import Sound, clicks, flashes, montage, sync_offsets_ms, take, write_video


def _deliver(source: Path, out: Path, **options: object) -> dict[str, object]:
    facts = probe_video(source)
    rate = delivery_rate(facts)
    writer = DeliveryWriter(
        out, width=facts.width, height=facts.height, fps=rate, audio_source=source, **options
    )  # type: ignore[arg-type]
    with VideoReader(source) as reader, writer:
        for item in at_constant_rate(reader.pictures(), rate, duration_s=facts.duration_s):
            writer.write(item.picture)
    return inspect_delivery(out)


def test_a_delivered_file_is_what_platforms_take(tmp_path: Path) -> None:
    frames = montage([70, 80], size=(128, 96))
    source = write_video(tmp_path / "a.mp4", frames, 30, sound=Sound(clicks(5, [1, 2, 3])))
    found = _deliver(source, tmp_path / "d.mp4")
    expected = {
        "container": "mp4",
        "codec": "h264",
        "profile": "High",
        "pix_fmt": "yuv420p",
        "matrix": 1,
        "primaries": 1,
        "transfer": 1,
        "full_range": False,
        "faststart": True,
        "constant_rate": True,
        "fps": "30",
        "frame_count": 150,
        "gop_s": 2.0,
        "closed_gop": True,
        "edit_lists": {"video": "b_frame_delay", "audio": "priming"},
        "av_offset_ms": 0.0,
        "video_duration_s": 5.0,
        "audio_duration_s": 5.0,
        "audio_codec": "aac",
        "audio_profile": "LC",
        "audio_rate": 48000,
    }
    assert {name: found[name] for name in expected} == expected
    assert int(str(found["audio_bit_rate"])) >= 128_000


def test_sound_coded_once_for_several_files_is_what_each_would_code(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", montage([50], size=(128, 96)), 30, sound=Sound(clicks(2, [1])))
    _deliver(source, tmp_path / "own.mp4")
    with contextlib.closing(CodedSound(DecodedSound(source, probe_video(source).start_s))) as sound:
        options = {"width": 96, "height": 128, "fps": Fraction(30), "audio_source": sound}
        with (
            VideoReader(source) as reader,
            DeliveryWriter(tmp_path / "b.mp4", **options) as first,  # type: ignore[arg-type]
            DeliveryWriter(tmp_path / "c.mp4", **options) as second,  # type: ignore[arg-type]
        ):
            for item in reader.pictures():
                first.write(item.picture)
                second.write(item.picture)
    for name in ("b.mp4", "c.mp4"):
        assert _sound_packets(tmp_path / name) == _sound_packets(tmp_path / "own.mp4")


def _sound_packets(path: Path) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


def test_shared_sound_that_ended_is_not_gone_on_with(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", montage([50], size=(128, 96)), 30, sound=Sound(clicks(2, [1])))
    with (
        contextlib.closing(CodedSound(DecodedSound(source, 0.0))) as sound,
        av.open(str(tmp_path / "o.mp4"), "w") as output,
    ):
        assert len(list(EncodedSound(sound, output).finish(0.5))) > 0
        with pytest.raises(ValueError, match=r"ended|samples"):
            list(EncodedSound(sound, output).finish(1.5))


def test_every_group_of_pictures_is_two_seconds(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", montage([33, 47, 55, 45], size=(128, 96)), 30)
    _deliver(source, tmp_path / "d.mp4")
    with av.open(str(tmp_path / "d.mp4")) as container:
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.size and p.is_keyframe]
    assert keys == [0.0, 2.0, 4.0]


@pytest.mark.parametrize("rate", [24, 25, Fraction(30000, 1001), 50, 60])
@pytest.mark.parametrize("late_s", [-0.1, 0.0, 0.3])
def test_picture_and_sound_meet_within_10_ms(tmp_path: Path, rate: Fraction | int, late_s: float) -> None:
    fps = Fraction(rate)
    at = [round(0.5 * fps) // 2 * 2, round(1.5 * fps) // 2 * 2]
    heard = Sound(clicks(2.2 - late_s, [float(x / fps) - late_s for x in at]), start_s=late_s)
    source = write_video(
        tmp_path / "a.mkv", flashes(round(2 * fps), [*at, *(x + 1 for x in at)]), fps, sound=heard
    )
    found = _deliver(source, tmp_path / "d.mp4")
    firsts = sync_offsets_ms(tmp_path / "d.mp4")
    assert min(abs(ms) for ms in firsts) <= 10
    assert sorted(abs(ms) for ms in firsts)[1] <= 10
    offset = audio_offset_ms(source, tmp_path / "d.mp4")
    assert offset is not None
    assert abs(offset) <= 10
    assert found["video_duration_s"] == pytest.approx(found["audio_duration_s"], abs=1e-3)


def test_a_variable_rate_becomes_constant_in_sync(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    times = np.cumsum([0.0, *rng.uniform(0.02, 0.06, 74)]).tolist()
    at = [20, 60]
    sound = Sound(clicks(times[-1] + 0.2, [times[i] for i in at]))
    source = write_video(tmp_path / "a.mp4", flashes(75, at), 25, pts_s=times, sound=sound)
    found = _deliver(source, tmp_path / "d.mp4")
    assert found["constant_rate"]
    assert max(abs(ms) for ms in sync_offsets_ms(tmp_path / "d.mp4")) <= 40
    assert found["video_duration_s"] == pytest.approx(probe_video(source).duration_s, abs=0.03)


def test_short_sound_is_filled_and_long_sound_cut_to_the_pictures(tmp_path: Path) -> None:
    for name, seconds in (("short", 0.7), ("long", 4.0)):
        source = write_video(tmp_path / f"{name}.mp4", take(60), 30, sound=Sound(clicks(seconds, [0.5])))
        found = _deliver(source, tmp_path / f"{name}_d.mp4")
        assert (found["video_duration_s"], found["audio_duration_s"]) == (2.0, 2.0)


def test_no_sound_gives_a_silent_file_without_an_audio_track(tmp_path: Path) -> None:
    found = _deliver(write_video(tmp_path / "a.mp4", take(10)), tmp_path / "d.mp4")
    assert found["has_audio"] is False
    assert found["av_offset_ms"] is None


def test_one_picture_makes_a_delivered_file(tmp_path: Path) -> None:
    found = _deliver(write_video(tmp_path / "a.mp4", take(1)), tmp_path / "d.mp4")
    assert found["frame_count"] == 1


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_any_sound_becomes_48_khz_stereo_at_its_level(tmp_path: Path, channels: int, rate: int) -> None:
    tone = (0.4 * np.sin(np.arange(96000) * 2 * np.pi * 440 / 48000)).astype(np.float32)
    heard = Sound(tone, codec="pcm_s16le", rate=rate, channels=channels)
    source = write_video(tmp_path / "a.mkv", take(60), 30, sound=heard)
    found = _deliver(source, tmp_path / "d.mp4")
    assert (found["audio_rate"], found["audio_channels"]) == (48000, 2)
    with av.open(str(tmp_path / "d.mp4")) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    middle = samples[:, 20000:60000]
    loudness = np.sqrt((middle**2).mean(axis=1)) * np.sqrt(2)
    floor = 0.35 if channels <= 2 else 0.2
    assert (loudness > floor).all()
    assert (loudness < 1.0).all()


def test_what_only_the_centre_speaker_says_is_heard(tmp_path: Path) -> None:
    tone = (0.4 * np.sin(np.arange(96000) * 2 * np.pi * 440 / 48000)).astype(np.float32)
    heard = Sound(tone, codec="pcm_s16le", channels=6, silent_channels=(0, 1, 3, 4, 5))
    source = write_video(tmp_path / "a.mkv", take(60), 30, sound=heard)
    _deliver(source, tmp_path / "d.mp4")
    with av.open(str(tmp_path / "d.mp4")) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert (np.abs(samples[:, 20000:60000]).max(axis=1) > 0.05).all()


def test_odd_sides_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="65x96"):
        DeliveryWriter(tmp_path / "d.mp4", width=65, height=96, fps=Fraction(30), audio_source=None)


def test_bt601_and_full_range_pictures_are_delivered_as_bt709_limited(tmp_path: Path) -> None:
    patch = np.full((96, 64, 3), (200, 60, 60), np.uint8)
    with DeliveryWriter(
        tmp_path / "d.mp4", width=64, height=96, fps=Fraction(30), audio_source=None
    ) as writer:
        for _ in range(4):
            writer.write(yuv_of(patch, "bt601", "full"))
    with VideoReader(tmp_path / "d.mp4") as reader:
        frame = next(iter(reader.frames())).frame
    assert np.abs(frame.astype(int) - patch).max() <= 4


def test_delivery_leaves_nothing_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        _fail(tmp_path / "out" / "d.mp4")
    assert list((tmp_path / "out").iterdir()) == []


def _fail(out: Path) -> None:
    with DeliveryWriter(out, width=64, height=96, fps=Fraction(30), audio_source=None) as writer:
        writer.write(yuv_of(take(1)[0]))
        raise RuntimeError("stop")


def test_an_encoder_that_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoUnwritable, match=r"d\.mp4"):
        _write_wide(tmp_path / "d.mp4", 16390)
    assert list(tmp_path.iterdir()) == []


def _write_wide(out: Path, width: int) -> None:
    with DeliveryWriter(out, width=width, height=16, fps=Fraction(30), audio_source=None) as writer:
        writer.write(yuv_of(np.zeros((16, width, 3), np.uint8)))


@pytest.mark.parametrize(("effort", "search"), [("fast", 1), ("balanced", 2), ("high", 6)])
def test_more_effort_searches_more_with_the_same_memory(tmp_path: Path, effort: Effort, search: int) -> None:
    size = {"width": 64, "height": 96, "fps": Fraction(30), "audio_source": None}
    with DeliveryWriter(tmp_path / "d.mp4", **size, effort=effort) as writer:
        for frame in take(12):
            writer.write(yuv_of(frame))
    told = (tmp_path / "d.mp4").read_bytes()  # x264 notes its settings in the stream
    assert f" subme={search} ".encode() in told
    assert b" rc_lookahead=5 " in told
    assert b" mbtree=1 " in told


def test_faults_of_other_files_are_seen(tmp_path: Path) -> None:
    heard = Sound(clicks(2, [1]), start_s=0.12)
    late = write_video(tmp_path / "late.mp4", take(60), 30, sound=heard, start_s=0.5)
    found = inspect_delivery(late)
    assert found["faststart"] is False
    assert found["av_offset_ms"] == pytest.approx(-380 - 21.3, abs=1)  # the priming is not hidden there
    uneven = write_video(tmp_path / "vfr.mp4", take(4), 30, pts_s=[0, 0.1, 0.15, 0.4])
    assert inspect_delivery(uneven)["constant_rate"] is False
    wide = write_video(tmp_path / "wide.mp4", take(4), 30, pix_fmt="yuv422p")
    assert inspect_delivery(wide)["pix_fmt"] == "yuv422p"
    long_groups = write_video(tmp_path / "gop.mp4", take(150), 30, options={"g": "150", "crf": "30"})
    assert inspect_delivery(long_groups)["gop_s"] == 5.0


@pytest.mark.parametrize("moved_ms", [-60.0, 35.0, 120.0])
def test_moved_sound_is_measured(tmp_path: Path, moved_ms: float) -> None:
    at = [0.5, 1.3, 1.9]
    a = write_video(tmp_path / "a.mp4", take(75), 30, sound=Sound(clicks(2.5, at)))
    moved = [time + moved_ms / 1000 for time in at]
    b = write_video(tmp_path / "b.mp4", take(75), 30, sound=Sound(clicks(2.5, moved)))
    assert audio_offset_ms(a, b) == pytest.approx(moved_ms, abs=1)


def test_there_is_no_offset_without_sound(tmp_path: Path) -> None:
    silent = write_video(tmp_path / "a.mp4", take(5))
    assert audio_offset_ms(silent, silent) is None


def test_inspecting_what_is_no_mp4_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadable, match="not an MP4"):
        inspect_delivery(write_video(tmp_path / "a.mkv", take(3)))


def test_a_finished_writer_is_freed_at_once(tmp_path):
    gc.disable()  # the encoder's pictures must not wait for it
    try:
        writer = DeliveryWriter(tmp_path / "v.mp4", width=64, height=96, fps=Fraction(10), audio_source=None)
        gone = weakref.ref(writer)
        with writer:
            writer.write(yuv_of(np.zeros((96, 64, 3), np.uint8)))
        del writer
        assert gone() is None
    finally:
        gc.enable()
