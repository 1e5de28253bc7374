"""Videos with drawn truth: textures, cuts, flashes with clicks, in every container and form the tests ask for.

Belongs here: pictures, sound and files for tests. Does not: assertions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
SOUND_RATE_HZ = 48000
_H273 = {"bt709": 1, "bt601": 6, "bt2020": 9, None: 2}
_SWS = {"bt709": 1, "bt601": 5, "bt2020": 9}


@dataclass(frozen=True)
class Sound:
    """Mono samples in [-1, 1] at 48 kHz, first heard at `start_s`; coded with `codec`."""

    samples: NDArray[np.float32]
    start_s: float = 0.0
    codec: str = "aac"
    rate: int = SOUND_RATE_HZ
    channels: int = 1
    silent_channels: tuple[int, ...] = ()


def texture(height: int, width: int, seed: int, *, detail: int = 6) -> Frame:
    """A still picture with contours at several sizes, never flat."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(detail):
        grid = rng.uniform(-1, 1, (3 * 2**octave, 2 * 2**octave, 3)).astype(np.float32)
        picture += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.75**octave
    picture = (picture - picture.min()) / np.ptp(picture)
    return (20 + 215 * picture).astype(np.uint8)


def take(count: int, *, size: tuple[int, int] = (96, 64), seed: int = 0, speed: float = 1.0) -> list[Frame]:
    """One camera take: a window of (h, w) `size` gliding over a texture by `speed` pixels a frame."""
    height, width = size
    room = int(abs(speed) * count) + 2
    world = texture(height + room, width + room, seed)
    return [
        cv2.getRectSubPix(world, (width, height), (width / 2 + speed * i, height / 2 + speed * i))
        for i in range(count)
    ]


def montage(lengths: Sequence[int], *, size: tuple[int, int] = (96, 64), seed: int = 0) -> list[Frame]:
    """Takes of these lengths cut hard together."""
    return [
        frame for number, n in enumerate(lengths) for frame in take(n, size=size, seed=seed + 101 * number)
    ]


def flashes(count: int, at: Iterable[int], *, size: tuple[int, int] = (96, 64), seed: int = 0) -> list[Frame]:
    """A dark take whose frames `at` are white: the picture half of a sync test."""
    white = set(at)
    still = texture(*size, seed) // 6
    return [np.full_like(still, 245) if index in white else still for index in range(count)]


def clicks(duration_s: float, at_s: Iterable[float], *, seed: int = 0) -> NDArray[np.float32]:
    """Faint noise with a 2 ms burst at each time: the sound half of a sync test."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 0.002, round(duration_s * SOUND_RATE_HZ)).astype(np.float32)
    burst = rng.uniform(-0.9, 0.9, 96).astype(np.float32)
    for time in at_s:
        start = round(time * SOUND_RATE_HZ)
        samples[start : start + len(burst)] += burst[: max(0, len(samples) - start)]
    return samples


def write_video(
    path: Path,
    frames: Iterable[Frame],
    fps: Fraction | int = 30,
    *,
    sound: Sound | None = None,
    pts_s: Sequence[float] | None = None,
    turn_deg: int = 0,
    pix_fmt: str = "yuv420p",
    matrix: str | None = None,
    full_range: bool = False,
    interlaced: bool = False,
    sample_aspect: Fraction | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    start_s: float = 0.0,
    container_options: dict[str, str] | None = None,
    time_base: Fraction = Fraction(1, 90000),
) -> Path:
    """Encode frames (and sound) to a file; the suffix of `path` names the container.

    Args:
        path: The file.
        frames: RGB frames of one size.
        fps: Rate; with `pts_s`, only the nominal one.
        sound: Sound beside the pictures.
        pts_s: Time of each frame, for a variable rate.
        turn_deg: Counterclockwise turn a player applies, by the display matrix.
        pix_fmt: Such as "yuv420p10le".
        matrix: "bt601", "bt709", or None to leave colour untagged (drawn as BT.601 then).
        full_range: Luma 0–255, tagged so.
        interlaced: Code as fields, top first; the frames hold both fields already.
        sample_aspect: Pixel shape.
        codec: Encoder's name.
        options: Its options; x264 defaults to crf 12, ultrafast.
        start_s: Time of the first frame.
        time_base: Clock of the encoder; old formats count in frames.
        container_options: Such as `{"movflags": "+faststart"}`.
    """
    times = list(pts_s) if pts_s is not None else None
    movie = (frame for frame in frames)
    first = next(movie)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], pix_fmt
        context = stream.codec_context
        context.time_base = stream.time_base = time_base
        context.thread_count = 1
        context.options = (
            (options or {"crf": "12", "preset": "ultrafast"}) if codec == "libx264" else options or {}
        )
        if interlaced:
            context.options = {**context.options, "x264-params": "interlaced=1:tff=1", "preset": "veryfast"}
        context.colorspace = context.color_primaries = context.color_trc = _H273[matrix]
        context.color_range = 2 if full_range else 1
        if sample_aspect is not None:
            context.sample_aspect_ratio = sample_aspect
        if turn_deg:
            stream.set_display_rotation(turn_deg)
        voice = None if sound is None else _add_sound(container, sound)
        for index, picture in enumerate(_all(first, movie)):
            seconds = start_s + (times[index] if times is not None else float(index / Fraction(fps)))
            container.mux(stream.encode(_coded(picture, pix_fmt, matrix, full_range, seconds, interlaced)))
        container.mux(stream.encode(None))
        if sound is not None and voice is not None:
            _write_sound(container, voice, sound)
    return path


def _all(first: Frame, rest: Iterable[Frame]) -> Iterable[Frame]:
    yield first
    yield from rest


def _coded(
    picture: Frame, pix_fmt: str, matrix: str | None, full_range: bool, seconds: float, interlaced: bool
) -> av.VideoFrame:
    csp = _SWS[matrix or "bt601"]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(
        format=pix_fmt,
        src_colorspace=csp,
        dst_colorspace=csp,
        src_color_range=2,
        dst_color_range=2 if full_range else 1,
        interpolation="BICUBIC",
    )
    frame.pts, frame.time_base = round(seconds * 90000), Fraction(1, 90000)
    return frame


def _add_sound(container: av.container.OutputContainer, sound: Sound) -> av.AudioStream:
    stream = container.add_stream(sound.codec, rate=sound.rate)
    stream.codec_context.layout = {1: "mono", 2: "stereo", 6: "5.1"}[sound.channels]
    return stream


def _write_sound(container: av.container.OutputContainer, stream: av.AudioStream, sound: Sound) -> None:
    planar = np.repeat(sound.samples[None, :], sound.channels, axis=0)
    planar[list(sound.silent_channels)] = 0
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(planar), format="fltp", layout=stream.codec_context.layout.name
    )
    frame.sample_rate = SOUND_RATE_HZ
    frame.time_base = Fraction(1, SOUND_RATE_HZ)
    frame.pts = round(sound.start_s * SOUND_RATE_HZ)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def sync_offsets_ms(path: Path) -> list[float]:
    """Milliseconds each click comes after the white frame next to it, as a player shows them."""
    with av.open(str(path)) as container:
        bright = [
            float(frame.pts * frame.time_base)
            for frame in container.decode(video=0)
            if frame.to_ndarray(format="gray").mean() > 150
        ]
    with av.open(str(path)) as container:
        pieces = [
            (float(frame.pts * frame.time_base), frame.to_ndarray().reshape(-1), frame.sample_rate)
            for frame in _planar(container)
        ]
    heard = [
        time + int(np.argmax(np.abs(x) > 0.2)) / rate for time, x, rate in pieces if np.abs(x).max() > 0.2
    ]
    onsets = [time for place, time in enumerate(heard) if place == 0 or time - heard[place - 1] > 0.1]
    return [1000 * (min(onsets, key=lambda onset: abs(onset - time)) - time) for time in bright]


def _planar(container: av.container.InputContainer) -> Iterable[av.AudioFrame]:
    resampler = av.AudioResampler(format="fltp", layout="mono")
    for frame in container.decode(audio=0):
        yield from resampler.resample(frame)
