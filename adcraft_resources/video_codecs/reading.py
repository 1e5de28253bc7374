"""Reading a video: pictures in order, upright, 8-bit 4:2:0, one decode pass, flat memory.

Belongs here: decoding files. Does not: facts (`facts`), colour arithmetic (`pictures`), writing.
"""

from __future__ import annotations

import bisect
from collections.abc import Generator, Iterator, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
from av.container import InputContainer

from adcraft_resources.algorithms.values import Frame, Yuv420
from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.video_codecs.background import prefetch
from adcraft_resources.video_codecs.containers import keeps_no_times, open_video
from adcraft_resources.video_codecs.facts import VideoFacts, probe_video, shown_packets
from adcraft_resources.video_codecs.normalising import Normaliser
from adcraft_resources.video_codecs.packets import MISSING_SHARE
from adcraft_resources.video_codecs.pictures import TimedFrame, TimedPicture, rgb_of, small_rgb_of

_AHEAD = 4  # pictures decoded ahead of the caller


class VideoReader:
    """Sequential reader of one file; a context manager. Each of its iterators decodes from the start.

    Raises:
        VideoUnreadable: On opening, as `probe_video`; while reading, when clearly fewer pictures decode than the
            file holds.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = Path(path)
        self.facts: VideoFacts = probe_video(self.path)
        self._threads = threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def pictures(self) -> Generator[TimedPicture]:
        """Every picture with untouched planes (after turn, even crop, 8-bit and deinterlacing where needed)."""
        return prefetch(self._decode, depth=_AHEAD)

    def frames(self, *, size: tuple[int, int] | None = None, every: int = 1) -> Iterator[TimedFrame]:
        """Every `every`-th picture as RGB; `size` (h, w) shrinks it."""

        def convert() -> Iterator[TimedFrame]:
            for item in self._decode():
                if item.index % every == 0:
                    frame = rgb_of(item.picture) if size is None else small_rgb_of(item.picture, size)
                    yield TimedFrame(item.index, item.pts_s, frame)

        return prefetch(convert, depth=_AHEAD)

    def _decode(self) -> Iterator[TimedPicture]:
        index = -1
        with open_video(self.path) as container:
            for index, (pts_s, picture) in enumerate(decode_pictures(container, self.facts, self._threads)):
                yield TimedPicture(index, pts_s, picture)
        promised = self.facts.frame_count or 0
        if index + 1 < promised * (1 - MISSING_SHARE):
            raise VideoUnreadable(
                f"{self.path} is damaged: {index + 1} of its {promised} pictures decode.",
                remedy="Download or export the file again.",
            )


def decode_pictures(
    container: InputContainer, facts: VideoFacts, threads: int, *, passed_over: Set[int] | None = None
) -> Iterator[tuple[float, Yuv420]]:
    """Yield (seconds after the file's first picture, picture) from the container's present position.

    Pictures whose time in the stream's ticks is in `passed_over` are left out, and decoded only where others need them.
    """
    stream = container.streams.video[0]
    if not stream.codec_context.is_open:  # a second run over the same container keeps its threads
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
    normaliser = Normaliser(facts, stream)
    for packet in container.demux(stream):
        if passed_over is not None:
            # What nothing is predicted from need not be decoded to come by what follows.
            stream.codec_context.skip_frame = "NONREF" if packet.pts in passed_over else "DEFAULT"
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:  # one damaged packet; the count at the end tells whether it matters
            continue
        for frame in frames:
            if passed_over is None or frame.pts not in passed_over:
                yield from normaliser.push(frame)
    yield from normaliser.flush()


def read_frames(path: Path, indices: Sequence[int]) -> dict[int, Frame]:
    """Read the pictures with these indices as RGB, all in memory at once (`frames_at` holds one).

    Raises:
        VideoUnreadable: As `VideoReader`.
        IndexError: An index is past the last picture.
    """
    return dict(frames_at(path, indices))


def frames_at(path: Path, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
    """Yield (index, RGB) of the pictures with these indices in ascending order, as `pictures_at`."""
    for index, picture in pictures_at(path, indices):
        yield index, rgb_of(picture)


def pictures_at(path: Path, indices: Sequence[int]) -> Iterator[tuple[int, Yuv420]]:
    """Yield (index, picture) of the pictures with these indices in ascending order.

    Seeks to the keyframe before the next picture where that skips some, and passes over what nothing is predicted from.

    Raises:
        VideoUnreadable: As `VideoReader`, or one of the pictures does not decode.
        IndexError: An index is past the last picture.
    """
    path = Path(path)
    facts = probe_video(path)
    wanted = sorted(set(indices))
    if wanted and not 0 <= wanted[0] <= wanted[-1] < (facts.frame_count or 0):
        raise IndexError(f"{path} has {facts.frame_count} pictures; asked for {wanted[0]} to {wanted[-1]}")
    table = shown_packets(facts)
    with open_video(path) as container:
        whole = facts.interlaced or keeps_no_times(container)  # the deinterlacer looks at neighbours, too
        groups = [wanted] if whole else _groups(wanted, table.pts, table.keyframe_pts)
        for group in groups:
            missing = {
                _microseconds(float((table.pts[i] - table.pts[0]) * facts.time_base)): i for i in group
            }
            container.seek(table.pts[0 if whole else group[0]], stream=container.streams.video[0])
            unwanted = None if whole else set(table.pts) - {table.pts[i] for i in group}
            yield from _taken(container, facts, missing, unwanted)
            if missing:  # some containers seek past the keyframe asked for
                with open_video(path) as again:
                    yield from _taken(again, facts, missing)
            if missing:
                raise VideoUnreadable(
                    f"{path}: pictures {sorted(missing.values())} do not decode.",
                    remedy="Download or export the file again.",
                )


def _groups(wanted: list[int], pts: Sequence[int], keys: Sequence[int]) -> list[list[int]]:
    """Split the wanted indices where a keyframe lies between two of them: those runs are sought one by one."""
    groups: list[list[int]] = []
    for index in wanted:
        if groups and bisect.bisect_right(keys, pts[index]) == bisect.bisect_right(keys, pts[groups[-1][-1]]):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _taken(
    container: InputContainer, facts: VideoFacts, missing: dict[int, int], passed_over: Set[int] | None = None
) -> Iterator[tuple[int, Yuv420]]:
    """Decode on until every picture of `missing` (microseconds → index) is found; takes each out of it."""
    for pts_s, picture in decode_pictures(container, facts, 1, passed_over=passed_over):
        index = missing.pop(_microseconds(pts_s), None)
        if index is not None:
            yield index, picture
        if not missing:
            return


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
