"""The delivered file: what ad platforms take, at a constant rate, with sound in sync.

Belongs here: the final encode. Does not: the mezzanine, checking the result (`inspection`).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from av.container import OutputContainer
from av.video.stream import VideoStream

from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.video_codecs.coded_sound import CodedSound, EncodedSound
from adcraft_resources.video_codecs.facts import probe_video
from adcraft_resources.video_codecs.pictures import av_frame_of, rgb_of, yuv_of
from adcraft_resources.video_codecs.writing import ENCODER_THREADS, STEADY_CODE, ThreadedWriter

Effort = Literal["fast", "balanced", "high"]
"""How hard an encoder tries to keep a picture in few bytes; the quality asked for is the same."""

GOP_S = 2
_PRESETS: Final[dict[Effort, str]] = {"fast": "superfast", "balanced": "veryfast", "high": "fast"}
_LOOKAHEAD = 5  # pictures; the preset's 10 take 33 MB more at 1080x1920, for 0.6 dB by 14 % bytes
_BT709 = 1
_LIMITED = 1


class DeliveryWriter(ThreadedWriter[Yuv420]):
    """Encodes pictures to H.264 High 4:2:0 8-bit BT.709 limited at a constant rate; a context manager.

    Closed groups of 2 s, index in front, AAC 48 kHz stereo made from `audio_source` and as long as the pictures
    (or `duration_s`, if given); what several files carry is coded once as a `CodedSound`. `max_bit_rate` (bit/s) caps
    the pictures' rate over a second. The file appears at `path` when the context ends without error.

    Raises:
        ValueError: A side is odd.
        VideoUnwritable: The encoder or the disk refused.
        VideoUnreadable: `audio_source` cannot be read.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: Fraction,
        audio_source: Path | CodedSound | None = None,
        duration_s: float | None = None,
        crf: float = 18,
        effort: Effort = "balanced",
        threads: int = 0,
        max_bit_rate: int | None = None,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"H.264 4:2:0 needs even sides, not {width}x{height}")
        self.path = Path(path)
        self._size = (height, width)
        self._fps = Fraction(fps)
        self._audio_source = audio_source
        self._duration_s = duration_s
        self._crf = crf
        self._preset = _PRESETS[effort]
        self._threads = threads or ENCODER_THREADS
        self._max_bit_rate = max_bit_rate
        self._written = 0
        self._sound: EncodedSound | None = None

    def write(self, picture: Yuv420) -> None:
        """Queue the next picture at the constant rate.

        Raises:
            ValueError: The picture has another size than the writer.
        """
        if picture.size != self._size:
            raise ValueError(f"picture is {picture.size}, the writer {self._size} (height, width)")
        self._queue(picture)

    def _open(self, output: OutputContainer) -> None:
        self._stream = self._add_video(output)
        if isinstance(self._audio_source, CodedSound):
            self._sound = EncodedSound(self._audio_source, output)
        elif self._audio_source is not None:
            facts = probe_video(self._audio_source)
            if facts.has_audio:
                self._sound = EncodedSound.of(self._audio_source, facts.start_s, output)

    def _close(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def _flush(self) -> None:
        self._file.container.mux(self._stream.encode(None))
        if self._sound is not None:
            pictures_s = float(self._written / self._fps)
            for packet in self._sound.finish(self._duration_s or pictures_s):
                self._file.container.mux(packet)

    def _encode(self, item: Yuv420) -> None:
        picture = item
        if picture.matrix != "bt709" or picture.range != "limited":
            picture = yuv_of(rgb_of(picture))
        frame = av_frame_of(picture)
        frame.pts = self._written
        frame.time_base = 1 / self._fps
        self._written += 1
        self._file.container.mux(self._stream.encode(frame))
        if self._sound is not None:
            for packet in self._sound.packets_until(float(self._written / self._fps)):
                self._file.container.mux(packet)

    def _add_video(self, output: OutputContainer) -> VideoStream:
        stream = output.add_stream("libx264", rate=self._fps)
        context = stream.codec_context
        context.height, context.width = self._size
        context.pix_fmt = "yuv420p"
        context.time_base = 1 / self._fps
        context.framerate = self._fps
        context.thread_count = self._threads
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        gop = max(1, round(GOP_S * self._fps))
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0"
        # x264's superfast leaves out macroblock trees, which save more bytes than they cost time.
        params += f":mbtree=1:rc-lookahead={_LOOKAHEAD}{STEADY_CODE}"
        if self._max_bit_rate is not None:
            kbit = self._max_bit_rate // 1000
            params += f":vbv-maxrate={kbit}:vbv-bufsize={kbit}"
        context.options = {
            "preset": self._preset,
            "crf": f"{self._crf:g}",
            "profile": "high",
            "x264-params": params,
        }
        return stream
