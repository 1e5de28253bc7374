"""The packets of a video stream: when each picture shows, what it weighs, and whether all that was promised is there.

Belongs here: demuxing without decoding. Does not: facts, pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.video_codecs.containers import keeps_no_times, time_base_of

MISSING_SHARE = 0.02  # more pictures than this short of the container's promise: the file is cut off
_COUNT_TICKS = {"avi"}  # formats whose headers count empty pictures too
_MISSING_S = 1.0  # where it promises only a length: this and a tenth of it


@dataclass(frozen=True)
class PacketTable:
    """The video packets that are shown: sorted `pts` in stream ticks, their `sizes` in bytes, keyframes' times."""

    pts: tuple[int, ...]
    sizes: tuple[int, ...]
    keyframe_pts: tuple[int, ...]
    last_duration: int

    def since(self, pts: int) -> PacketTable:
        """The table without pictures before `pts`: those a recording begun between keyframes cannot decode."""
        kept = [(time, size) for time, size in zip(self.pts, self.sizes, strict=True) if time >= pts]
        if len(kept) in {0, len(self.pts)}:
            return self
        times, sizes = zip(*kept, strict=True)
        return PacketTable(
            times, sizes, tuple(key for key in self.keyframe_pts if key >= pts), self.last_duration
        )


def read_packet_table(container: InputContainer, path: Path) -> PacketTable:
    """Demux to the end; refuses a file that ends before what its header promises."""
    stream, untimed = container.streams.video[0], keeps_no_times(container)
    shown: list[tuple[int, int]] = []
    keys: list[int] = []
    last_duration = seen = 0
    try:
        for packet in container.demux(stream):
            time = packet.dts if untimed or packet.pts is None else packet.pts
            if packet.is_corrupt or time is None:
                continue
            seen += 1
            if packet.is_discard or packet.size == 0:  # hidden by an edit list; AVI's word for "as before"
                continue
            shown.append((time, packet.size))
            last_duration = packet.duration or last_duration
            if packet.is_keyframe:
                keys.append(time)
    except av.error.FFmpegError as error:
        raise cut_off(path, f"reading stopped after {seen} pictures ({error.strerror})") from error
    _check_complete(container, path, stream, seen, [time for time, _ in shown])
    shown.sort()
    pts, sizes = zip(*shown, strict=True)
    return PacketTable(pts, sizes, tuple(sorted(keys)), last_duration)


def _check_complete(
    container: InputContainer,
    path: Path,
    stream: VideoStream,
    seen: int,
    pts: Sequence[int],
) -> None:
    """Compare what was read with what the header promises: pictures where it counts them, else duration."""
    if not pts:
        raise cut_off(path, "it holds no picture")
    counted = stream.frames and container.format.name not in _COUNT_TICKS
    if counted and seen < stream.frames * (1 - MISSING_SHARE):
        raise cut_off(path, f"its header promises {stream.frames} pictures, {seen} are there")
    if counted or container.duration is None:
        return
    promised_s = container.duration / av.time_base
    end_s = float(max(pts) * time_base_of(stream))  # Matroska promises the end, others the length: both hold
    if end_s < promised_s * 0.9 - _MISSING_S:
        raise cut_off(path, f"its header promises {promised_s:.1f} s, pictures end at {end_s:.1f} s")


def cut_off(path: Path, fault: str) -> VideoUnreadable:
    """The error for a file that is not all there."""
    return VideoUnreadable(
        f"{path} is cut off or damaged: {fault}.", remedy="Download or export the file again."
    )
