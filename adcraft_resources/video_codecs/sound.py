"""Sound beside pictures: packets copied as they are, or decoded to one continuous line and encoded to AAC.

Belongs here: audio streams, placed in seconds after the first picture of their source. Does not: pictures.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from adcraft_resources.video_codecs.aac import filled
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
DELIVERY_BIT_RATE = 192_000
_BLOCK = 1024  # samples an AAC packet holds
_LEAST_PACKET_BYTES = 352  # 132 kb/s
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


class EncodedSound:
    """A file's sound as AAC packets for `output`, cut or filled with silence to exactly `duration_s`.

    FFmpeg's `fast` coder keeps peaks where they were; its default, `twoloop`, adds up to 5 dB to loud drums (measured).
    """

    def __init__(self, source: Path, start_s: float, output: OutputContainer) -> None:
        self._line = DecodedSound(source, start_s).blocks()
        self._blocks = _equal_blocks(self._line)
        self._written = 0
        self._stream = output.add_stream("aac", rate=DELIVERY_RATE_HZ)
        context = self._stream.codec_context
        context.layout = "stereo"
        context.bit_rate = DELIVERY_BIT_RATE
        context.time_base = Fraction(1, DELIVERY_RATE_HZ)
        context.options = {"aac_coder": "fast"}

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """Encode up to `seconds` after the first picture, whole blocks."""
        while (self._written + _BLOCK) <= seconds * DELIVERY_RATE_HZ:
            yield from self._encode(_BLOCK)

    def finish(self, duration_s: float) -> Iterator[av.Packet]:
        """Encode to the end at `duration_s` and flush."""
        end = round(duration_s * DELIVERY_RATE_HZ)
        while self._written < end:
            yield from self._encode(min(_BLOCK, end - self._written))
        yield from self._packets(None)

    def close(self) -> None:
        """Close the source."""
        self._line.close()

    def _encode(self, count: int) -> Iterator[av.Packet]:
        samples = next(self._blocks)[:, :count]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
        frame.sample_rate = DELIVERY_RATE_HZ
        frame.time_base = Fraction(1, DELIVERY_RATE_HZ)
        frame.pts = self._written
        self._written += count
        yield from self._packets(frame)

    def _packets(self, frame: av.AudioFrame | None) -> Iterator[av.Packet]:
        """Encode, filling small packets up to the least rate."""
        for packet in self._stream.encode(frame):
            unit = av.Packet(filled(bytes(packet), _LEAST_PACKET_BYTES))
            unit.stream, unit.time_base = self._stream, packet.time_base
            unit.pts, unit.dts, unit.duration = packet.pts, packet.dts, packet.duration
            unit.is_keyframe = packet.is_keyframe
            yield unit


def _piece(frame: av.AudioFrame) -> tuple[float, Samples]:
    """Seconds and stereo samples of a resampled frame; one channel goes to both sides at full level."""
    samples = frame.to_ndarray()
    if samples.shape[0] == 1:
        samples = np.repeat(samples, 2, axis=0)
    return seconds_of(frame), np.asarray(samples[:2], np.float32)


def _equal_blocks(pieces: Iterator[Samples]) -> Iterator[Samples]:
    """Regroup to blocks of 1024 samples, the last filled with silence, silence without end after it."""
    held = np.zeros((2, 0), np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece], axis=1)
        while held.shape[1] >= _BLOCK:
            yield held[:, :_BLOCK]
            held = held[:, _BLOCK:]
    yield np.pad(held, ((0, 0), (0, _BLOCK - held.shape[1])))
    while True:
        yield np.zeros((2, _BLOCK), np.float32)
