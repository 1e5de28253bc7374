"""An x264 encoder that keeps as close to its pictures as a budget of bytes allows.

Belongs here: choosing effort and quality on trial, and correcting them on the way. Does not: files, sound.

Encoding what was coded before costs more bytes than the first coder spent, since its errors have to be kept too:
at equal quality 1.3 to 2 times an upload of good quality, up to 6 times a poor one (measured on the clips this was
built with). Effort buys bytes: x264's RDO sees which blocks the first coder skipped.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from adcraft_resources.video_codecs.facts import VideoFacts
from adcraft_resources.video_codecs.packets import PacketTable
from adcraft_resources.video_codecs.writing import STEADY_CODE

AIM = 1.8  # bytes per byte of the source's pictures a trial aims at, since it sees only the beginning
_AIM_RAISED = 1.7  # the same where crf has to rise: poor uploads are harder to foretell
LIMIT = 1.95  # what the whole clip is steered under; 2 is the promise
_TRIAL_PICTURES = 20  # the latest of ...
_HELD_PICTURES = 48  # ... the first pictures: overlays are often not there from the start
_TRIAL_BYTES = 64 << 20  # pictures held for the trial never take more than this
_MIN_TRIAL_PICTURES = 4
_SETTLE_S = 1.5  # an encoder runs at least this long before it is corrected
_WORST_CRF = 28.0
_CRF_PER_HALVING = 7.0  # crf steps that halve the bytes of such material; 6 by the quantiser's scale
_MARGIN_CRF = 0.5
_BETTER_CRF = 1.5  # spare bytes buy up to this much ...
_UNSURE_CRF = 1.0  # ... beyond what the trial may be wrong by
_TOLERATED = 0.02  # of the source's bytes: a foreseen overrun that is left to chance
_PAYS_KEYS = 3  # a new encoder must have so many coded-alone pictures' bytes before it to save on
_SHORT_S = 6.0  # a clip this short is over before a wrong trial is corrected: spare bytes stay unspent
_WORTH_LOWERING_KEYS = 6  # a new encoder costs a picture coded alone; so many must be left over to start one
_THOROUGH_GAIN_CRF = 1.5  # what the greater effort saves, in crf steps
_LIMITED, _FULL = 1, 2  # AVCOL_RANGE
_QUICK = "weightp=0:me=dia"
_LIGHT = f"{_QUICK}:partitions=i8x8,i4x4"  # a quarter less work; up to 12 % more bytes on the clips it was tried on
_LATE = f"{_QUICK}:subme=7:trellis=1"  # for a file begun with less: another count of references needs other headers
_THOROUGH = f"{_LATE}:ref=2"


@dataclass(frozen=True, slots=True)
class Choice:
    """How to encode: x264 parameters and constant rate factor."""

    params: str
    crf: float

    @property
    def options(self) -> dict[str, str]:
        """Options of libx264. `tune=psnr`: fidelity counts here, not looks. `stitchable`: headers free of crf."""
        return {
            "preset": "veryfast",
            "tune": "psnr",
            "crf": f"{self.crf:.2f}",
            "x264-params": f"{self.params}:stitchable=1{STEADY_CODE}",
        }


class ByteCurve:
    """Bytes of a source's pictures by their time in ticks from the first picture."""

    def __init__(self, table: PacketTable) -> None:
        self._times = [time - table.pts[0] for time in table.pts]
        self._sizes = table.sizes
        self._keys = {time - table.pts[0] for time in table.keyframe_pts}
        self.total = sum(table.sizes)
        self.key_count = max(1, len(self._keys))
        self.between_keys = sum(
            size for time, size in zip(self._times, self._sizes, strict=True) if time not in self._keys
        )

    def at(self, pts: int) -> int:
        """Bytes of the picture shown at `pts`."""
        return self._sizes[max(0, bisect.bisect_right(self._times, pts) - 1)]

    def is_key(self, pts: int) -> bool:
        """Whether the picture at `pts` is coded without others."""
        return pts in self._keys


@dataclass(slots=True)
class _Account:
    """Bytes spent and the source's bytes for the same pictures."""

    spent: int = 0
    source: int = 0

    def add(self, spent: int, source: int) -> None:
        self.spent += spent
        self.source += source


class FittedEncoder:
    """Encodes frames for `stream`, whose options it sets after a trial on the first frames.

    Stays at `crf` (or a little better) where the bytes allow, with the least of three efforts that does; otherwise
    raises it: for the whole clip by the trial, and later by a new encoder when the budget would be overrun.
    """

    def __init__(
        self, stream: VideoStream, facts: VideoFacts, table: PacketTable, *, crf: float, threads: int
    ) -> None:
        self._stream = stream
        self._facts = facts
        self._curve = ByteCurve(table)
        self._threads = threads
        self._best_crf = crf
        self._choice = Choice(_LIGHT, crf)
        self._encoder = stream.codec_context
        set_up(self._encoder, facts, threads)
        self._held: list[av.VideoFrame] = []
        picture_bytes = facts.width * facts.height * 3 // 2
        self._to_hold = max(_MIN_TRIAL_PICTURES, min(_HELD_PICTURES, _TRIAL_BYTES // picture_bytes))
        self._chosen = False
        self._all, self._recent = _Account(), _Account()
        self._began_at = 0
        self._key_bytes = 0
        self._last_dts: int | None = None

    def push(self, frame: av.VideoFrame) -> list[av.Packet]:
        """Take the next frame, its pts in ticks from the first picture; return finished packets."""
        if self._chosen:
            return self._corrected(frame.pts or 0) + self._encode(frame)
        self._held.append(frame)
        return self._begin() if len(self._held) == self._to_hold else []

    def flush(self) -> list[av.Packet]:
        """Return the remaining packets."""
        begun = [] if self._chosen else self._begin()
        return begun + self._encode(None)

    def _begin(self) -> list[av.Packet]:
        """Choose by trial, then encode what was held for it."""
        self._chosen = True
        held, self._held = self._held, []
        if held:
            self._choice = self._fitting_choice(held[-_TRIAL_PICTURES:])
            self._best_crf = min(self._best_crf, self._choice.crf)
        self._encoder.options = self._choice.options
        return [packet for frame in held for packet in self._encode(frame)]

    def _fitting_choice(self, frames: Sequence[av.VideoFrame]) -> Choice:
        """The least effort that keeps `crf` within the aim, spare bytes used; else the lowest crf that does."""
        choice, ratio = self._choice, math.inf
        for effort in (_LIGHT, _QUICK, _THOROUGH):
            choice = Choice(effort, self._best_crf)
            ratio = self._trial(frames, choice)
            if ratio <= AIM:
                break
        if ratio <= AIM and self._facts.duration_s < _SHORT_S:
            return choice
        if ratio <= AIM:
            spare = _CRF_PER_HALVING * math.log2(AIM / ratio) - _UNSURE_CRF
            return Choice(choice.params, choice.crf - min(_BETTER_CRF, max(0.0, spare)))
        while ratio > _AIM_RAISED and choice.crf < _WORST_CRF:
            step = max(0.5, _CRF_PER_HALVING * math.log2(ratio / _AIM_RAISED))
            choice = Choice(_THOROUGH, min(_WORST_CRF, choice.crf + step))
            ratio = self._trial(frames, choice)
        return choice

    def _trial(self, frames: Sequence[av.VideoFrame], choice: Choice) -> float:
        """Bytes the clip would take per byte of the source, judged by these first frames.

        Pictures coded alone and those coded from others are carried over apart: the first picture alone would
        outweigh all others.
        """
        encoder = self._new_encoder(choice)
        packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.encode(None)
        alone = max(packet.size for packet in packets if packet.is_keyframe)
        between = self._between(packets)
        if not between.source:
            return alone * self._curve.key_count / max(1, self._curve.total - self._curve.between_keys)
        spent = alone * self._curve.key_count + between.spent / between.source * self._curve.between_keys
        return spent / max(1, self._curve.total)

    def _between(self, packets: Iterable[av.Packet]) -> _Account:
        """The account of the pictures coded from others, here and in the source."""
        account = _Account()
        for packet in packets:
            if not packet.is_keyframe and not self._curve.is_key(packet.pts or 0):
                account.add(packet.size, self._curve.at(packet.pts or 0))
        return account

    def _new_encoder(self, choice: Choice) -> VideoCodecContext:
        encoder = av.CodecContext.create("libx264", "w")
        set_up(encoder, self._facts, self._threads)
        encoder.flags |= Flags.global_header
        encoder.options = choice.options
        return encoder

    def _encode(self, frame: av.VideoFrame | None) -> list[av.Packet]:
        """Encode, keep the accounts, and keep decode times rising where one encoder follows another."""
        packets = self._encoder.encode(frame)
        for packet in packets:
            packet.stream = self._stream
            if self._last_dts is not None and packet.dts is not None:
                packet.dts = max(packet.dts, self._last_dts + 1)
            self._last_dts = packet.dts
            self._key_bytes = packet.size if packet.is_keyframe else self._key_bytes
            self._all.add(packet.size, self._curve.at(packet.pts or 0))
        recent = self._between(packets)
        self._recent.add(recent.spent, recent.source)
        return packets

    def _corrected(self, pts: int) -> list[av.Packet]:
        """Go on with another encoder if this one would overrun the budget, or could spend clearly more."""
        if (pts - self._began_at) * self._facts.time_base < _SETTLE_S or not self._recent.source:
            return []
        choice = self._needed_choice()
        if choice is None:
            return []
        encoder = self._new_encoder(choice)
        encoder.open()
        if encoder.extradata != self._encoder.extradata:  # a decoder could not go on with these headers
            return []
        packets = self._encode(None)
        self._encoder, self._choice, self._began_at, self._recent = encoder, choice, pts, _Account()
        return packets

    def _needed_choice(self) -> Choice | None:
        """The choice that would use up the budget from here on, or None where a change would not pay."""
        remaining = max(1, self._curve.total - self._all.source)
        budget = LIMIT * self._curve.total - self._all.spent
        ratio = self._recent.spent / self._recent.source
        overrun = ratio * remaining - budget
        tolerated = min(self._key_bytes, _TOLERATED * self._curve.total)
        if -_WORTH_LOWERING_KEYS * self._key_bytes < overrun < tolerated:
            return None
        if overrun > 0 and ratio * remaining < _PAYS_KEYS * self._key_bytes:
            return None
        affordable = max(0.05, (budget - self._key_bytes) / remaining)
        crf = self._choice.crf + _MARGIN_CRF + _CRF_PER_HALVING * math.log2(ratio / affordable)
        if overrun > 0:
            begun_thorough = self._choice.params == _THOROUGH
            gained = 0.0 if begun_thorough or self._choice.params == _LATE else _THOROUGH_GAIN_CRF
            effort = _THOROUGH if begun_thorough else _LATE
            return Choice(effort, min(_WORST_CRF, max(self._choice.crf, crf - gained)))
        lower = max(self._best_crf, crf)
        return Choice(self._choice.params, lower) if lower < self._choice.crf - _MARGIN_CRF else None


def set_up(encoder: VideoCodecContext, facts: VideoFacts, threads: int) -> None:
    """Give an encoder the source's size, clock and colour tags."""
    encoder.width, encoder.height = facts.width, facts.height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = facts.time_base
    encoder.framerate = facts.fps
    encoder.sample_aspect_ratio = facts.sample_aspect
    encoder.thread_count = threads
    encoder.colorspace = facts.matrix_code
    encoder.color_range = _FULL if facts.range == "full" else _LIMITED
    encoder.color_primaries, encoder.color_trc = facts.primaries, facts.transfer
