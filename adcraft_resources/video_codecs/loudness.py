"""How loud a file is, and an ad's sound brought to the loudness and peak that platforms play at.

Belongs here: measuring (ITU-R BS.1770-4 and EBU R 128, by FFmpeg's `ebur128`) and mastering in two passes. Does not:
encoding pictures, or deciding what is loud enough (gates).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.filter.context import FilterContext
from av.filter.graph import Graph

from adcraft_resources.video_codecs.coded_sound import EncodedSound
from adcraft_resources.video_codecs.containers import open_media
from adcraft_resources.video_codecs.facts import probe_video
from adcraft_resources.video_codecs.sound import DELIVERY_RATE_HZ, DecodedSound, Samples, SplicedSound

SILENT_LUFS = -60.0
"""Below this there is nothing to bring up but noise."""
_HEADROOM_DB = 0.3  # AAC adds peaks of its own; the first try leaves this much under the limit
_PASSES = 4  # the limiter takes loudness away, the encoder adds peaks: gain and limit are corrected so often
_CLOSE_LU = 0.3
_OVERSAMPLED_HZ = 4 * DELIVERY_RATE_HZ  # true peaks lie between the samples
_MEASURE = [("ebur128", "peak=true:metadata=1:framelog=quiet")]


@dataclass(frozen=True)
class Loudness:
    """Integrated loudness (LUFS) and true peak (dBTP); None where there is nothing to measure: silence, a blink."""

    integrated_lufs: float | None
    true_peak_dbtp: float | None

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing that could be brought up."""
        return self.integrated_lufs is None or self.integrated_lufs < SILENT_LUFS


@dataclass(frozen=True)
class Mastering:
    """What was done: the source's figures, the gain, whether peaks were limited, and what came out of the encoder."""

    source: Loudness
    gain_db: float
    limited: bool
    coded: Loudness


def measure_loudness(path: Path) -> Loudness | None:
    """Measure a file's sound, from its own start to its end; None when it has no audio stream.

    Raises:
        VideoUnreadable: The file cannot be opened.
    """
    with open_media(Path(path)) as container:
        if not container.streams.audio:
            return None
    return _measured(DecodedSound(Path(path), 0.0).blocks())


def sound_digest(path: Path) -> str:
    """Return what stands for a file's coded sound, bytes and times; files of one digest sound alike.

    Raises:
        VideoUnreadable: The file cannot be opened.
    """
    digest = hashlib.sha256()
    with open_media(Path(path)) as container:
        for packet in container.demux(container.streams.audio) if container.streams.audio else ():
            digest.update(f"{packet.pts} {packet.duration} {packet.size} ".encode())
            digest.update(bytes(packet))
    return digest.hexdigest()


def master_sound(
    source: Path | SplicedSound | None,
    out: Path,
    *,
    duration_s: float,
    lufs: float,
    true_peak_dbtp: float,
) -> Mastering:
    """Write a source's sound as a WAV of `duration_s` at the loudness asked for.

    The first pass measures, the second applies the gain, with a true-peak limiter where peaks would be over the
    limit; the result is encoded on trial as it will be delivered and measured again, and gain and limit are
    corrected until it holds. No sound, or silence, becomes silence.

    Args:
        source: A video with or without sound, taken from its first picture on, or its sound; None for silence.
        out: The WAV to write (48 kHz stereo, 32-bit float).
        duration_s: Length, cut or filled with silence.
        lufs: Integrated loudness to reach.
        true_peak_dbtp: Highest true peak allowed, after encoding.
    """
    line = _Line(source, duration_s)
    found = _measured(line.blocks())
    if found.is_silent or found.integrated_lufs is None:
        _write_wav(out, line.blocks() if found.true_peak_dbtp is not None else _silence(duration_s))
        return Mastering(found, 0.0, limited=False, coded=found)
    gain, limit = lufs - found.integrated_lufs, true_peak_dbtp - _HEADROOM_DB
    limited = found.true_peak_dbtp is not None and found.true_peak_dbtp + gain > limit
    coded = found
    for _ in range(_PASSES):
        _write_wav(out, _filtered(line.blocks(), _chain(gain, limit if limited else None)))
        coded = _coded(out, duration_s)
        over = max(0.0, (coded.true_peak_dbtp or -math.inf) - true_peak_dbtp)
        short = lufs - (coded.integrated_lufs or lufs)
        if not over and abs(short) <= _CLOSE_LU:
            break
        limit -= over + 0.1 if limited and over else 0.0
        limited = limited or over > 0
        gain += short
    return Mastering(found, round(gain, 2), limited, coded)


class _Line:
    """A source's sound cut or filled to a length; silence for no source."""

    def __init__(self, source: Path | SplicedSound | None, duration_s: float) -> None:
        self._source: DecodedSound | SplicedSound | None = None
        if isinstance(source, SplicedSound):
            self._source = source
        elif source is not None and (facts := probe_video(source)).has_audio:
            self._source = DecodedSound(source, facts.start_s)
        self._left = round(duration_s * DELIVERY_RATE_HZ)

    def blocks(self) -> Iterator[Samples]:
        left = self._left
        if self._source is not None:
            for piece in self._source.blocks():
                part = piece[:, :left]
                left -= part.shape[1]
                yield part
                if left <= 0:
                    return
        yield from _silence(left / DELIVERY_RATE_HZ)


def _silence(duration_s: float) -> Iterator[Samples]:
    left = round(duration_s * DELIVERY_RATE_HZ)
    while left > 0:
        yield np.zeros((2, min(left, DELIVERY_RATE_HZ)), np.float32)
        left -= DELIVERY_RATE_HZ


def _chain(gain_db: float, limit_dbtp: float | None) -> list[tuple[str, str]]:
    """Gain, and where asked a limiter on the oversampled line that adds no delay."""
    steps = [("volume", f"volume={gain_db:.3f}dB:precision=float")]
    if limit_dbtp is not None:
        ceiling = 10 ** (limit_dbtp / 20)
        limiter = f"limit={ceiling:.5f}:attack=2:release=60:level=0:latency=1"
        steps += [("aresample", str(_OVERSAMPLED_HZ)), ("alimiter", limiter)]
        steps += [("aresample", str(DELIVERY_RATE_HZ))]
    return [*steps, ("aformat", "sample_fmts=fltp:channel_layouts=stereo")]


def _coded(wav: Path, duration_s: float) -> Loudness:
    """The loudness of a WAV after the delivered AAC encoder."""
    trial = wav.with_suffix(".trial.m4a")
    try:
        with av.open(str(trial), "w", format="mp4") as output:
            sound = EncodedSound.of(wav, 0.0, output)
            for packet in sound.finish(duration_s):
                output.mux(packet)
            sound.close()
        return _measured(DecodedSound(trial, 0.0).blocks())
    finally:
        trial.unlink(missing_ok=True)


def _measured(blocks: Iterable[Samples]) -> Loudness:
    told: dict[str, str] = {}
    for frame in _through(blocks, _MEASURE):
        told = frame.metadata or told
    peak = float(told.get("lavfi.r128.true_peak", 0.0))
    loud = float(told.get("lavfi.r128.I", "-inf"))
    # The meter starts at -70 and stays there while nothing is loud enough to count.
    heard = math.isfinite(loud) and loud > -69.9  # noqa: PLR2004
    return Loudness(loud if heard else None, round(20 * math.log10(peak), 2) if peak > 0 else None)


def _filtered(blocks: Iterable[Samples], chain: list[tuple[str, str]]) -> Iterator[Samples]:
    for frame in _through(blocks, chain):
        yield np.asarray(frame.to_ndarray(), np.float32)


def _through(blocks: Iterable[Samples], chain: list[tuple[str, str]]) -> Iterator[av.AudioFrame]:
    """Send a 48 kHz stereo line through FFmpeg filters."""
    graph = Graph()
    clock = Fraction(1, DELIVERY_RATE_HZ)
    entry = graph.add_abuffer(format="fltp", sample_rate=DELIVERY_RATE_HZ, layout="stereo", time_base=clock)
    last: FilterContext = entry
    for name, arguments in [*chain, ("abuffersink", "")]:
        step = graph.add(name, arguments)
        last.link_to(step)
        last = step
    graph.configure()
    at = 0
    for block in blocks:
        if not block.shape[1]:
            continue
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = DELIVERY_RATE_HZ, clock, at
        at += block.shape[1]
        entry.push(frame)
        yield from _pulled(last)
    entry.push(None)
    yield from _pulled(last)


def _pulled(sink: FilterContext) -> Iterator[av.AudioFrame]:
    while True:
        try:
            frame = sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        assert isinstance(frame, av.AudioFrame)  # noqa: S101  # an audio graph ends in audio
        yield frame


def _write_wav(path: Path, blocks: Iterable[Samples]) -> None:
    with av.open(str(path), "w", format="wav") as output:
        stream = output.add_stream("pcm_f32le", rate=DELIVERY_RATE_HZ)
        stream.codec_context.layout = "stereo"
        at = 0
        for block in blocks:
            if not block.shape[1]:
                continue
            packed = np.ascontiguousarray(block.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="stereo")
            frame.sample_rate, frame.pts = DELIVERY_RATE_HZ, at
            at += block.shape[1]
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
