"""The mezzanine: near-lossless pictures between stages, beside the source's untouched sound.

Belongs here: writing the mezzanine, copying a clip packet by packet. Does not: the final encode (`delivery`).
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import av
import av.error
from av.container import OutputContainer

from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.video_codecs.coded_sound import EncodedSound
from adcraft_resources.video_codecs.facts import VideoFacts, shown_packets
from adcraft_resources.video_codecs.fitting import FittedEncoder
from adcraft_resources.video_codecs.pictures import av_frame_of
from adcraft_resources.video_codecs.sound import COPIED_CODECS, CopiedSound
from adcraft_resources.video_codecs.unfinished import UnfinishedFile
from adcraft_resources.video_codecs.writing import ThreadedWriter, unwritable

SOUND_LEAD_S = 0.5  # sound is muxed this far ahead of the pictures


class MezzanineWriter(ThreadedWriter[tuple[Yuv420, float]]):
    """Writes pictures near-losslessly at the source's own times; a context manager.

    The sound packets of `source` are copied, in the same offset to the first picture (a codec MP4 does not hold, such
    as PCM, becomes AAC). The file appears at `path`
    when the context ends without error. x264 runs in a thread of its own.

    Raises:
        VideoUnwritable: The encoder or the disk refused; raised by a later `write` or on leaving the context.
    """

    def __init__(
        self, path: Path, *, like: VideoFacts, source: Path, crf: float = 13, threads: int = 1
    ) -> None:
        self.path = Path(path)
        self._facts = like
        self._source = Path(source)
        self._crf = crf
        self._threads = threads  # two take more CPU and no less time: what fills the pictures is slower
        self._sound: CopiedSound | EncodedSound | None = None

    def write(self, picture: Yuv420, pts_s: float) -> None:
        """Queue the next picture, shown from `pts_s` seconds after the first.

        Raises:
            ValueError: The picture has another size than the facts say.
        """
        expected = (self._facts.height, self._facts.width)
        if picture.size != expected:
            raise ValueError(f"picture is {picture.size}, the mezzanine {expected} (height, width)")
        self._queue((picture, pts_s))

    def _open(self, output: OutputContainer) -> None:
        stream = output.add_stream("libx264", rate=self._facts.fps)
        stream.time_base = self._facts.time_base
        table = shown_packets(replace(self._facts, path=self._source))
        self._encoder = FittedEncoder(stream, self._facts, table, crf=self._crf, threads=self._threads)
        if self._facts.has_audio:
            carry = CopiedSound if self._facts.audio_codec in COPIED_CODECS else EncodedSound.of
            self._sound = carry(self._source, self._facts.start_s, output)

    def _close(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def _flush(self) -> None:
        self._file.container.mux(self._encoder.flush())
        if self._sound is not None:
            for packet in self._sound.finish(self._facts.duration_s):
                self._file.container.mux(packet)

    def _encode(self, item: tuple[Yuv420, float]) -> None:
        picture, pts_s = item
        frame = av_frame_of(picture)
        frame.time_base = self._facts.time_base
        frame.pts = round(pts_s / self._facts.time_base)
        packets = self._encoder.push(frame)
        if packets:
            self._file.container.mux(packets)
            self._mux_sound(pts_s + SOUND_LEAD_S)

    def _mux_sound(self, until_s: float) -> None:
        if self._sound is not None:
            for packet in self._sound.packets_until(until_s):
                self._file.container.mux(packet)


def stream_copy(source: Path, out: Path) -> None:
    """Write `source` unchanged: an MP4 byte for byte, another container's packets untouched into an MP4.

    Raises:
        VideoUnwritable: MP4 cannot hold the source's codecs, or the disk refused.
    """
    with av.open(str(source)) as container:
        same = "mp4" in container.format.name.split(",")
    if same:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f".{out.name}.part")
        shutil.copyfile(source, temporary)
        temporary.replace(out)
        return
    _remux(source, out)


def _remux(source: Path, out: Path) -> None:
    file = UnfinishedFile(out, {"movflags": "+faststart"})
    try:
        with av.open(str(source)) as container:
            kept = [*container.streams.video[:1], *container.streams.audio[:1]]
            targets = {stream.index: file.container.add_stream_from_template(stream) for stream in kept}
            for packet in container.demux(kept):
                if packet.dts is not None:
                    packet.stream = targets[packet.stream.index]
                    file.container.mux(packet)
        file.publish()
    except (av.error.FFmpegError, OSError) as error:
        raise unwritable(out, error) from error
    finally:
        file.discard()
