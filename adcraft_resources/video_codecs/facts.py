"""What a video file is, before any picture of it is used: probing, and the refusal of what is no video.

Belongs here: reading headers, packet tables and the first picture. Does not: decoding for use, writing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from adcraft_resources.algorithms.values import Matrix, Range
from adcraft_resources.video_codecs.colour_tags import tags_of
from adcraft_resources.video_codecs.containers import keeps_no_times, open_video, time_base_of
from adcraft_resources.video_codecs.orientation import turn_of
from adcraft_resources.video_codecs.packets import PacketTable, cut_off, read_packet_table

_STANDARD_RATES = tuple(
    Fraction(rate) for rate in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)
) + tuple(Fraction(1000 * rate, 1001) for rate in (24, 30, 48, 60, 120))

_FILES_KNOWN: Final = 256  # facts kept; a chunk of eight ads asks some thirty times for each


@dataclass(frozen=True)
class VideoFacts:
    """Facts of a video file.

    `width`, `height`: as shown, after rotation and after an odd edge was dropped (`cropped`), pixels as stored
    (`sample_aspect` not applied). `fps`: average. `frame_count`: pictures the packet table promises. `start_s`:
    the first picture's time in the container. `matrix`, `range`: as tagged, or by custom where untagged.
    `matrix_code`, `primaries`, `transfer`: code points of ITU-T H.273 (2 = untagged). All colour facts are those
    of the pictures handed out: BT.2020 and HDR come converted to BT.709.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frame_count: int | None
    duration_s: float
    codec: str
    pix_fmt: str
    matrix: Matrix
    range: Range
    rotation_deg: int
    variable_rate: bool
    interlaced: bool
    sample_aspect: Fraction
    bit_rate: int
    size_bytes: int
    has_audio: bool
    audio_codec: str | None
    audio_rate: int | None
    audio_channels: int | None
    time_base: Fraction = Fraction(1, 90000)
    start_s: float = 0.0
    cropped: bool = False
    matrix_code: int = 2
    primaries: int = 2
    transfer: int = 2
    mirrored: bool = False

    def to_dict(self) -> dict[str, object]:
        """JSON-able form: paths as text, fractions as "30000/1001"."""
        facts = dataclasses.asdict(self)
        return {
            name: str(value) if isinstance(value, Path | Fraction) else value for name, value in facts.items()
        }


def shown_packets(facts: VideoFacts) -> PacketTable:
    """The packet table of a probed file, counted from its first picture that decodes."""
    with open_video(facts.path) as container:
        table = read_packet_table(container, facts.path)
    return table.since(round(facts.start_s / facts.time_base))


def probe_video(path: Path) -> VideoFacts:
    """Read a file's facts; every packet's header is read, one picture is decoded.

    A file that is still the one read before, by its inode, size and time of change, is not read again.

    Raises:
        VideoUnreadable: No file, nothing in it, no video stream, cut off, or the first picture does not decode.
    """
    path = Path(path)
    if not path.is_file():
        return _probe(path)
    found = path.stat()
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return _probe_once(_FileState(path, state))


class _FileState(NamedTuple):
    """A file and the state it was seen in."""

    path: Path
    state: tuple[int, ...]


@lru_cache(maxsize=_FILES_KNOWN)
def _probe_once(file: _FileState) -> VideoFacts:
    return _probe(file.path)


def _probe(path: Path) -> VideoFacts:
    with open_video(path) as container:
        table = read_packet_table(container, path)
    with open_video(path) as container:
        first = _first_picture(container, path)
        if first.pts is not None and not keeps_no_times(container):
            table = table.since(first.pts)
        return _facts(path, container, first, table)


def _first_picture(container: InputContainer, path: Path) -> av.VideoFrame:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                return frame
        except av.error.InvalidDataError:
            continue
    raise cut_off(path, f"no picture of its {stream.codec_context.name} stream decodes")


def _facts(path: Path, container: InputContainer, first: av.VideoFrame, table: PacketTable) -> VideoFacts:
    stream = container.streams.video[0]
    turn, tags = turn_of(first), tags_of(first)
    width, height = (first.height, first.width) if turn.quarter_turns % 2 else (first.width, first.height)
    rate, variable = _rate(table.pts, stream)
    end = table.pts[-1] + (table.last_duration or round(1 / (rate * time_base_of(stream))))
    audio = container.streams.audio[0] if container.streams.audio else None
    duration_s = float((end - table.pts[0]) * time_base_of(stream))
    return VideoFacts(
        path=path,
        width=width & ~1,
        height=height & ~1,
        fps=rate,
        frame_count=len(table.pts),
        duration_s=duration_s,
        codec=stream.codec_context.name,
        pix_fmt=first.format.name,
        matrix=tags.matrix,
        range=tags.range,
        rotation_deg=turn.quarter_turns * 90,
        variable_rate=variable,
        interlaced=bool(first.interlaced_frame),
        sample_aspect=_sample_aspect(stream, turn.quarter_turns),
        bit_rate=round(8 * sum(table.sizes) / duration_s) if duration_s else 0,
        size_bytes=path.stat().st_size,
        has_audio=audio is not None,
        audio_codec=audio.codec_context.name if audio else None,
        audio_rate=audio.codec_context.sample_rate if audio else None,
        audio_channels=audio.codec_context.channels if audio else None,
        time_base=time_base_of(stream),
        start_s=float(table.pts[0] * time_base_of(stream)),
        cropped=bool(width % 2 or height % 2),
        matrix_code=tags.matrix_code,
        primaries=tags.primaries,
        transfer=tags.transfer,
        mirrored=turn.mirrored,
    )


def _rate(pts: Sequence[int], stream: VideoStream) -> tuple[Fraction, bool]:
    """Average rate, snapped to a standard one where it is one, and whether pictures leave their regular places."""
    if len(pts) == 1:
        return stream.average_rate or stream.guessed_rate or Fraction(30), False
    step = Fraction(pts[-1] - pts[0], len(pts) - 1)
    if step == 0:
        return stream.average_rate or Fraction(30), False
    rate = 1 / (step * time_base_of(stream))
    slips = (abs(time - pts[0] - index * step) for index, time in enumerate(pts))
    variable = max(slips) > max(Fraction(3, 2), step / 4)
    named = stream.average_rate
    if named and abs(named / rate - 1) < Fraction(1, 100) and not variable:
        rate = named
    return _snapped(rate), variable


def _snapped(rate: Fraction) -> Fraction:
    nearest = min(_STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest / rate - 1) < Fraction(1, 2500) else rate.limit_denominator(10000)


def _sample_aspect(stream: VideoStream, quarter_turns: int) -> Fraction:
    aspect = stream.sample_aspect_ratio
    if not aspect:
        return Fraction(1)
    return 1 / aspect if quarter_turns % 2 else aspect
