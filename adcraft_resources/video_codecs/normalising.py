"""From what a decoder hands out to upright, even, progressive 8-bit 4:2:0 pictures with times from 0.

Belongs here: deinterlacing, pixel formats, turn, time origin of one stream. Does not: files, threads.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error
import av.filter
import av.filter.graph
from av.filter.graph import Graph
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.video_codecs.colour_tags import is_wide
from adcraft_resources.video_codecs.containers import keeps_no_times, seconds_of
from adcraft_resources.video_codecs.facts import VideoFacts
from adcraft_resources.video_codecs.orientation import Turn, turned
from adcraft_resources.video_codecs.pictures import picture_of

_PLANAR = ("yuv420p", "yuvj420p")
_BT709 = 1
_SWS_BT2020 = 9
_SWS_SOURCE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: _SWS_BT2020, 10: _SWS_BT2020}  # H.273 matrix → swscale's


class Normaliser:
    """Turns decoded frames of one stream into (seconds after the first picture, picture)."""

    def __init__(self, facts: VideoFacts, stream: VideoStream) -> None:
        self._facts = facts
        self._by_turn = keeps_no_times(stream.container)
        self._finished_count = 0
        # Read once: a frame whose side data is looked at refers to itself and lives until the collector runs.
        self._turn = Turn(facts.rotation_deg // 90, facts.mirrored)
        self._reformatter = VideoReformatter()
        self._graph = _deinterlacer(stream) if facts.interlaced else None

    def push(self, frame: av.VideoFrame) -> Iterator[tuple[float, Yuv420]]:
        """Take a decoded frame; yield what is ready."""
        if self._graph is None:
            yield self._finished(frame)
            return
        self._graph.vpush(frame)
        yield from self._filtered(self._graph)

    def flush(self) -> Iterator[tuple[float, Yuv420]]:
        """Yield what the deinterlacer still holds."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._filtered(self._graph)

    def _filtered(self, graph: Graph) -> Iterator[tuple[float, Yuv420]]:
        while True:
            try:
                frame = graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield self._finished(frame)

    def _finished(self, frame: av.VideoFrame) -> tuple[float, Yuv420]:
        seconds = self._seconds(frame)
        if frame.format.name not in _PLANAR or is_wide(frame):
            frame = self._converted(frame)
        return seconds, turned(picture_of(frame, self._facts.matrix, self._facts.range), self._turn)

    def _seconds(self, frame: av.VideoFrame) -> float:
        """Time after the first picture; where the container keeps none, the frame's turn at the average rate."""
        self._finished_count += 1
        if self._by_turn or frame.pts is None:
            return float((self._finished_count - 1) / self._facts.fps)
        return seconds_of(frame) - self._facts.start_s

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        wide = {"dst_color_primaries": _BT709, "dst_color_trc": _BT709} if is_wide(frame) else {}
        target = 1 if self._facts.matrix == "bt709" else 5
        range_ = 2 if self._facts.range == "full" else 1
        return self._reformatter.reformat(
            frame,
            format="yuv420p",
            interpolation="BICUBIC",
            src_colorspace=_SWS_SOURCE.get(int(frame.colorspace), target),
            dst_colorspace=target,
            src_color_range=int(frame.color_range) or range_,
            dst_color_range=range_,
            **wide,
        )


def _deinterlacer(stream: VideoStream) -> Graph:
    """One progressive picture per frame (bwdif), frames not flagged interlaced left as they are."""
    graph = Graph()
    source = graph.add_buffer(template=stream)
    bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph
