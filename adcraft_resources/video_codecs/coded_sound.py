"""Sound encoded to AAC, once for all files that carry it.

Belongs here: encoding a continuous line, handing its packets to output files. Does not: decoding (`sound`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.container import OutputContainer

from adcraft_resources.video_codecs.aac import filled
from adcraft_resources.video_codecs.sound import DELIVERY_RATE_HZ, DecodedSound, Samples, SplicedSound

DELIVERY_BIT_RATE = 192_000
_BLOCK = 1024  # samples an AAC packet holds
_LEAST_PACKET_BYTES = 352  # 132 kb/s
_TICK = Fraction(1, DELIVERY_RATE_HZ)


@dataclass(frozen=True)
class _Unit:
    """An encoded packet; times in samples."""

    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    is_keyframe: bool


class CodedSound:
    """A file's sound as AAC packets, encoded as far as anybody asks and kept (24 KB a second) for who asks next.

    Every user gets the same packets, cut or filled with silence to the length of the first that comes to its end.
    FFmpeg's `fast` coder keeps peaks where they were; its default, `twoloop`, adds up to 5 dB to loud drums (measured).

    Args:
        line: What is encoded.
    """

    def __init__(self, line: DecodedSound | SplicedSound) -> None:
        self._line = line.blocks()
        self._blocks = _equal_blocks(self._line)
        self._context = AudioCodecContext.create("aac", "w")
        prepare(self._context)
        self._asked: list[list[_Unit]] = []
        self._sizes: list[int] = []
        self._rest: list[_Unit] | None = None
        self._lock = threading.Lock()

    def block(self, index: int, count: int) -> list[_Unit]:
        """Return what the encoder gave out for block `index`, of which `count` samples are wanted.

        Raises:
            ValueError: Another user ended the sound before, or in the middle of, this block.
        """
        with self._lock:
            if index == len(self._asked):
                if self._rest is not None:
                    raise ValueError(f"the sound ended before block {index}")
                self._asked.append(self._coded(next(self._blocks)[:, :count], index * _BLOCK))
                self._sizes.append(count)
            if self._sizes[index] != count:
                raise ValueError(f"block {index} has {self._sizes[index]} samples, not {count}")
            return self._asked[index]

    def rest(self) -> list[_Unit]:
        """Return what the encoder held back to the end; no block comes after it."""
        with self._lock:
            if self._rest is None:
                self._rest = [self._unit(packet) for packet in self._context.encode(None)]
            return self._rest

    def close(self) -> None:
        """Close the source."""
        with self._lock:
            self._line.close()

    def _coded(self, samples: Samples, start: int) -> list[_Unit]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = DELIVERY_RATE_HZ, _TICK, start
        return [self._unit(packet) for packet in self._context.encode(frame)]

    def _unit(self, packet: av.Packet) -> _Unit:
        """The packet, filled up to the least rate."""
        data = filled(bytes(packet), _LEAST_PACKET_BYTES)
        return _Unit(data, packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe)


class EncodedSound:
    """Sound in `output`, as AAC packets cut or filled with silence to exactly the asked length.

    Args:
        sound: What is carried; it stays its owner's to close.
        output: Gets a stream for it.
    """

    def __init__(self, sound: CodedSound, output: OutputContainer) -> None:
        self._sound, self._mine = sound, False
        self._written = 0
        self._stream = output.add_stream("aac", rate=DELIVERY_RATE_HZ)
        prepare(self._stream.codec_context)

    @classmethod
    def of(cls, source: Path, start_s: float, output: OutputContainer) -> Self:
        """Encode a file's sound for this output alone."""
        encoded = cls(CodedSound(DecodedSound(source, start_s)), output)
        encoded._mine = True
        return encoded

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """Yield packets up to `seconds` after the first picture, whole blocks."""
        while (self._written + _BLOCK) <= seconds * DELIVERY_RATE_HZ:
            yield from self._next(_BLOCK)

    def finish(self, duration_s: float) -> Iterator[av.Packet]:
        """Yield packets to the end at `duration_s`."""
        end = round(duration_s * DELIVERY_RATE_HZ)
        while self._written < end:
            yield from self._next(min(_BLOCK, end - self._written))
        yield from map(self._packet, self._sound.rest())

    def close(self) -> None:
        """Close the source if nobody else does."""
        if self._mine:
            self._sound.close()

    def _next(self, count: int) -> Iterator[av.Packet]:
        units = self._sound.block(self._written // _BLOCK, count)
        self._written += count
        yield from map(self._packet, units)

    def _packet(self, unit: _Unit) -> av.Packet:
        packet = av.Packet(unit.data)
        packet.stream, packet.time_base = self._stream, _TICK
        packet.pts, packet.dts, packet.duration = unit.pts, unit.dts, unit.duration
        packet.is_keyframe = unit.is_keyframe
        return packet


def prepare(context: AudioCodecContext) -> None:
    """Set what makes the delivered AAC."""
    context.sample_rate, context.layout, context.format = DELIVERY_RATE_HZ, "stereo", "fltp"
    context.bit_rate = DELIVERY_BIT_RATE
    context.time_base = _TICK
    context.options = {"aac_coder": "fast"}


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
