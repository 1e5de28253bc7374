"""Sound beside pictures: packets copied as they are, or decoded to one continuous line.

Belongs here: audio streams, placed in seconds after the first picture of their source. Does not: encoding
(`coded_sound`), pictures.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from adcraft_resources.video_codecs.containers import open_media, seconds_of, time_base_of

DELIVERY_RATE_HZ = 48000
COPIED_CODECS = {
    "aac",
    "mp3",
    "mp3float",
    "opus",
    "libopus",
    "ac3",
    "eac3",
    "alac",
    "flac",
}  # as FFmpeg names them
_FADE = DELIVERY_RATE_HZ // 100  # samples
_GAP_S = 0.03  # a hole or overlap longer than this in the source's times is real, shorter is rounding

Samples = NDArray[np.float32]
"""(2, n) stereo samples in [-1, 1] at 48 kHz."""


class CopiedSound:
    """The source's audio packets for `output`, moved so that the source's first picture is at time 0."""

    def __init__(self, source: Path, start_s: float, output: OutputContainer) -> None:
        self._input = open_media(source)
        self._stream = self._input.streams.audio[0]
        self._target = output.add_stream_from_template(self._stream)
        self._packets = self._demux(start_s)
        self._next = next(self._packets, None)

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """Yield the packets that are due before `seconds` after the first picture."""
        while self._next is not None and _due_s(self._next) <= seconds:
            packet = self._next
            packet.stream = self._target
            yield packet
            self._next = next(self._packets, None)

    def finish(self, duration_s: float) -> Iterator[av.Packet]:
        """Yield all that is left; `duration_s` does not cut it, since the packets are the source's."""
        return self.packets_until(max(duration_s, math.inf))

    def close(self) -> None:
        """Close the source."""
        self._input.close()

    def _demux(self, start_s: float) -> Iterator[av.Packet]:
        shift = round(start_s / time_base_of(self._stream))
        for packet in self._input.demux(self._stream):
            if packet.dts is None or packet.size == 0:
                continue
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts -= shift
            yield packet


def _due_s(packet: av.Packet) -> float:
    return float((packet.dts or 0) * packet.time_base)


class DecodedSound:
    """A file's sound as one continuous 48 kHz stereo line that starts with the file's first picture.

    Sound before the first picture is dropped, a late start or a hole is silence.
    """

    def __init__(self, source: Path, start_s: float) -> None:
        self._source = source
        self._start = start_s

    def blocks(self) -> Generator[Samples]:
        """Yield the line in pieces of any length."""
        position = 0  # samples yielded
        for at_s, samples in self._resampled():
            at = round((at_s - self._start) * DELIVERY_RATE_HZ)
            if abs(at - position) <= _GAP_S * DELIVERY_RATE_HZ and position > 0:
                at = position
            if at > position:
                yield np.zeros((2, at - position), np.float32)
                position = at
            fresh = samples[:, max(0, position - at) :]
            if fresh.shape[1]:
                yield fresh
                position += fresh.shape[1]

    def _resampled(self) -> Iterator[tuple[float, Samples]]:
        with open_media(self._source) as container:
            stream = container.streams.audio[0]
            layout = "stereo" if stream.codec_context.channels > 2 else None  # noqa: PLR2004 - mixes surround down
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=DELIVERY_RATE_HZ)
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    continue
                for frame in frames:
                    for piece in resampler.resample(frame):
                        yield _piece(piece)
            for piece in resampler.resample(None):
                yield _piece(piece)


class SplicedSound:
    """Stretches of a file's sound one after the other, as one line; joins are faded over 10 ms.

    Args:
        source: The file; it has sound.
        start_s: Its first picture's time.
        stretches: (from, to) in seconds after the first picture; None for the sound's end.
    """

    def __init__(self, source: Path, start_s: float, stretches: Sequence[tuple[float, float | None]]) -> None:
        self._source, self._start = source, start_s
        self._stretches = list(stretches)

    def blocks(self) -> Generator[Samples]:
        """Yield the line in pieces of any length."""
        for place, (begin, end) in enumerate(self._stretches):
            length = None if end is None else round((end - begin) * DELIVERY_RATE_HZ)
            position = 0
            for piece in _cut(DecodedSound(self._source, self._start + begin).blocks(), length):
                yield piece * _gains(position, piece.shape[1], length, is_first=place == 0)
                position += piece.shape[1]


def _cut(line: Generator[Samples], length: int | None) -> Iterator[Samples]:
    """The line cut or filled with silence to `length` samples; as it is for None."""
    left = length
    with closing(line):
        for piece in line:
            part = piece if left is None else piece[:, :left]
            if left is not None:
                left -= part.shape[1]
            if part.shape[1]:
                yield part
            if left == 0:
                return
    if left:
        yield np.zeros((2, left), np.float32)


def _gains(position: int, count: int, length: int | None, *, is_first: bool) -> NDArray[np.float32]:
    """Gain of each of `count` samples from `position` of a stretch: in at its start, out at its end."""
    at = np.arange(position, position + count, dtype=np.float32)
    gains = np.ones(count, np.float32) if is_first else np.minimum(1, at / _FADE)
    return gains if length is None else np.minimum(gains, np.maximum(0, (length - 1 - at) / _FADE))


def _piece(frame: av.AudioFrame) -> tuple[float, Samples]:
    """Seconds and stereo samples of a resampled frame; one channel goes to both sides at full level."""
    samples = frame.to_ndarray()
    if samples.shape[0] == 1:
        samples = np.repeat(samples, 2, axis=0)
    return seconds_of(frame), np.asarray(samples[:2], np.float32)
