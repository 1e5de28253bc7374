"""Removal through a whole file in one streaming pass: look ahead by a chunk, fill, write behind.

Belongs here: the order of pictures, and who works in which thread. Does not: what a fill is.

Two readers walk the file, a chunk apart: holding window crops and decoding twice is far smaller than holding
whole pictures, and decoding is the cheapest stage. The first reader and the fills run in the caller's thread;
the second reader, the patching and the encoder run beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.mask_windows import Chunk
from adcraft_resources.algorithms.still_fills import FillStill
from adcraft_resources.inpainters.chunk_removal import ChunkRemoval, Masks
from adcraft_resources.video_codecs import MezzanineWriter, TimedPicture, VideoReader
from adcraft_resources.video_codecs.background import Consumer

OnFrame = Callable[[int], None]
OnSource = Callable[[int, NDArray[np.uint8]], None]


@dataclass(frozen=True)
class Emission:
    """Pictures up to and including frame `until` may be written, those of `chunk` patched."""

    until: int | None
    chunk: ChunkRemoval | None


def remove_streaming(
    source: Path,
    out: Path,
    masks: Masks,
    chunks: Sequence[Chunk],
    fill_still: FillStill,
    *,
    crf: float,
    on_chunk: Callable[[ChunkRemoval], None],
    on_source: OnSource | None = None,
    on_frame: OnFrame | None = None,
) -> int:
    """Write `source` with all chunks filled to `out`; return the number of pictures written.

    `on_chunk` sees each chunk after it was filled, `on_source` each picture's luma before it is patched, `on_frame`
    the index of each picture written.
    """
    with VideoReader(source) as ahead, VideoReader(source) as behind:
        facts = ahead.facts
        with MezzanineWriter(out, like=facts, source=source, crf=crf) as writer:
            tail = _Tail(behind.pictures(), writer, on_source, on_frame)
            consumer: Consumer[Emission] = Consumer(tail.emit, depth=1)
            try:
                for chunk in _filled_chunks(ahead, masks, chunks, (facts.height, facts.width), fill_still):
                    on_chunk(chunk)
                    consumer.put(Emission(chunk.plan.last, chunk))
                consumer.put(Emission(None, None))
                consumer.finish()
            finally:
                consumer.abandon()
                tail.close()
    return tail.written


def _filled_chunks(
    reader: VideoReader,
    masks: Masks,
    plans: Sequence[Chunk],
    size: tuple[int, int],
    fill_still: FillStill,
) -> Iterator[ChunkRemoval]:
    waiting = list(plans)
    opened: list[ChunkRemoval] = []
    pictures = reader.pictures()
    try:
        for item in pictures:
            while waiting and waiting[0].before <= item.index:
                opened.append(ChunkRemoval(waiting.pop(0), masks, size))
            for chunk in opened:
                if item.index <= chunk.plan.after:
                    chunk.see(item.index, item.picture)
            while opened and item.index >= opened[0].plan.after:
                yield _finish(opened, fill_still)
            if not waiting and not opened:
                return
    finally:
        pictures.close()  # type: ignore[attr-defined]


def _finish(opened: list[ChunkRemoval], fill_still: FillStill) -> ChunkRemoval:
    chunk = opened.pop(0)
    chunk.fill(fill_still)
    for follower in opened:
        if follower.plan.before == chunk.plan.last and follower.plan.before < follower.plan.first:
            follower.adopt_clean(chunk.plan.last, chunk.clean_tail())
    return chunk


class _Tail:
    """The end of the line: second reader, patch, encoder."""

    def __init__(
        self,
        pictures: Iterator[TimedPicture],
        writer: MezzanineWriter,
        on_source: OnSource | None,
        on_frame: OnFrame | None,
    ) -> None:
        self.written = 0
        self._pictures = pictures
        self._writer = writer
        self._on_source = on_source
        self._on_frame = on_frame

    def emit(self, emission: Emission) -> None:
        if emission.until is not None and self.written > emission.until:
            return
        for item in self._pictures:
            chunk = emission.chunk
            if self._on_source is not None:
                self._on_source(item.index, item.picture.y)
            if chunk is not None and chunk.plan.first <= item.index <= chunk.plan.last:
                chunk.patch(item.index, item.picture)
            self._writer.write(item.picture, item.pts_s)
            self.written += 1
            if self._on_frame is not None:
                self._on_frame(item.index)
            if item.index == emission.until:
                return

    def close(self) -> None:
        self._pictures.close()  # type: ignore[attr-defined]
