"""The box tree of an MP4, read without decoding: what players see before they play.

Belongs here: ISO base media boxes (ISO/IEC 14496-12) and the two sample entries we deliver. Does not: judging them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adcraft_resources.errors import VideoUnreadable

_FOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
_HEADER_BYTES = 8
_MAX_INDEX_BYTES = 256 << 20  # an index larger than this is no index of an ad


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit list entry: seconds it lasts, media time in ticks where it starts (-1 = nothing shown)."""

    duration_s: float
    media_time: int


@dataclass(frozen=True, slots=True)
class Track:
    """What the index says of one track; times in ticks of `timescale`.

    `deltas`: (count, ticks) runs of decode durations. `offsets`: (count, ticks) runs of composition offsets.
    `sync_samples`: sample numbers from 1, None where every sample is one. `boxes`: raw payloads of the leaf boxes.
    """

    handler: str
    timescale: int
    duration: int
    deltas: tuple[tuple[int, int], ...]
    offsets: tuple[tuple[int, int], ...]
    sync_samples: tuple[int, ...] | None
    edits: tuple[Edit, ...]
    boxes: dict[bytes, bytes] = field(repr=False)

    @property
    def sample_count(self) -> int:
        """Samples in the track."""
        return sum(count for count, _ in self.deltas)

    def decode_times(self) -> list[int]:
        """Decode time of each sample in ticks."""
        times, now = [], 0
        for count, delta in self.deltas:
            times.extend(range(now, now + count * delta, delta) if delta else [now] * count)
            now += count * delta
        return times

    def composition_times(self) -> list[int]:
        """Composition time of each sample in ticks, in decode order."""
        times = self.decode_times()
        offsets = [offset for count, offset in self.offsets for _ in range(count)]
        return [time + offset for time, offset in zip(times, offsets, strict=True)] if offsets else times


@dataclass(frozen=True, slots=True)
class Movie:
    """An MP4 file's index: names of its top-level boxes in file order, and its tracks."""

    top_level: tuple[str, ...]
    brands: tuple[str, ...]
    tracks: tuple[Track, ...]

    def track(self, handler: str) -> Track | None:
        """The first track of this kind: "vide" or "soun"."""
        return next((track for track in self.tracks if track.handler == handler), None)


def read_movie(path: Path) -> Movie:
    """Read the index of an MP4 file.

    Raises:
        VideoUnreadable: No MP4, no index, or an index that contradicts itself.
    """
    names: list[str] = []
    index = brands = b""
    try:
        for name, payload in _top_level(path):
            names.append(name.decode("latin-1"))
            index = payload if name == b"moov" else index
            brands = payload if name == b"ftyp" else brands
        return Movie(tuple(names), _brands(brands), _tracks(index))
    except (struct.error, KeyError, ValueError, OSError) as error:
        raise VideoUnreadable(
            f"{path} is not an MP4 with a sound index ({type(error).__name__}: {error}).",
            remedy="Render it again.",
        ) from error


def _top_level(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, payload) of the outermost boxes, the payload only of small ones and of the index."""
    size_of_file = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size_of_file:
            file.seek(position)
            size, name = struct.unpack(">I4s", file.read(8))
            header = 8
            if size == 1:
                (size,), header = struct.unpack(">Q", file.read(8)), 16
            elif size == 0:
                size = size_of_file - position
            if size < header:
                raise ValueError(f"box {name!r} at {position} claims {size} bytes")
            wanted = name in {b"moov", b"ftyp"} and size <= _MAX_INDEX_BYTES
            yield name, file.read(size - header) if wanted else b""
            position += size


def _brands(payload: bytes) -> tuple[str, ...]:
    return tuple(payload[at : at + 4].decode("latin-1") for at in (0, *range(8, len(payload), 4)) if payload)


def children(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, payload) of the boxes that lie in `payload`."""
    position = 0
    while position + 8 <= len(payload):
        size, name = struct.unpack_from(">I4s", payload, position)
        if size < _HEADER_BYTES or position + size > len(payload):
            raise ValueError(f"box {name!r} claims {size} bytes")
        yield name, payload[position + 8 : position + size]
        position += size


def _leaves(payload: bytes) -> dict[bytes, bytes]:
    """Payloads of the leaf boxes below, by name."""
    found: dict[bytes, bytes] = {}
    for name, inner in children(payload):
        found.update(_leaves(inner) if name in _FOLDERS else {name: inner})
    return found


def _tracks(index: bytes) -> tuple[Track, ...]:
    boxes = list(children(index))
    movie_timescale, _ = _timescale(dict(boxes)[b"mvhd"])
    return tuple(_track(payload, movie_timescale) for name, payload in boxes if name == b"trak")


def _track(payload: bytes, movie_timescale: int) -> Track:
    boxes = _leaves(payload)
    timescale, duration = _timescale(boxes[b"mdhd"])
    sync = boxes.get(b"stss")
    return Track(
        handler=boxes[b"hdlr"][8:12].decode("latin-1"),
        timescale=timescale,
        duration=duration,
        deltas=_runs(boxes[b"stts"]),
        offsets=_runs(boxes[b"ctts"]) if b"ctts" in boxes else (),
        sync_samples=None if sync is None else struct.unpack_from(f">{_count(sync)}I", sync, 8),
        edits=_edits(boxes[b"elst"], movie_timescale) if b"elst" in boxes else (),
        boxes=boxes,
    )


def _timescale(header: bytes) -> tuple[int, int]:
    """Ticks a second and duration in ticks of an mvhd or mdhd payload."""
    scale, duration = (
        struct.unpack_from(">IQ", header, 20) if header[0] == 1 else struct.unpack_from(">II", header, 12)
    )
    return scale, duration


def _count(payload: bytes) -> int:
    return struct.unpack_from(">I", payload, 4)[0]


def _runs(payload: bytes) -> tuple[tuple[int, int], ...]:
    """(count, value) pairs of stts or ctts; values are signed, as writers of version 0 also mean them."""
    return tuple(struct.iter_unpack(">Ii", payload[8 : 8 + 8 * _count(payload)]))  # type: ignore[return-value]


def _edits(payload: bytes, movie_timescale: int) -> tuple[Edit, ...]:
    entry = ">QqI" if payload[0] == 1 else ">IiI"
    size = struct.calcsize(entry)
    rows = struct.iter_unpack(entry, payload[8 : 8 + size * _count(payload)])
    return tuple(Edit(duration / movie_timescale, media_time) for duration, media_time, _ in rows)
