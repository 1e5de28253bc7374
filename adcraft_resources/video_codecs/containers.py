"""Opening files: the refusal of what is no video says what the file is instead.

Belongs here: opening for reading, sniffing. Does not: facts of streams, decoding.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import Container, InputContainer
from av.stream import Disposition, Stream

from adcraft_resources.errors import VideoUnreadable

_STILL_FORMATS = ("png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe", "image2")


def open_video(path: Path) -> InputContainer:
    """Open a file that has a video stream.

    Raises:
        VideoUnreadable: No such file, empty, not a media file, cut off before its index, or without video.
    """
    if not path.is_file():
        raise VideoUnreadable(f"{path} does not exist.", remedy="Check the path.")
    if path.stat().st_size == 0:
        raise VideoUnreadable(f"{path} is empty (0 bytes).", remedy="Download or export the file again.")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise _not_a_video(path, error) from error
    if not _has_pictures(container):
        kinds = ", ".join(stream.type for stream in container.streams) or "nothing"
        container.close()
        raise VideoUnreadable(
            f"{path} holds no video stream (only {kinds}).", remedy="Give a file with a picture track."
        )
    return container


def open_media(path: Path) -> InputContainer:
    """Open a file already known to be a media file, for its sound.

    Raises:
        VideoUnreadable: It cannot be opened.
    """
    try:
        return av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise _not_a_video(path, error) from error


def seconds_of(frame: av.VideoFrame | av.AudioFrame) -> float:
    """Time of a decoded frame in its container; 0 where none is given."""
    return 0.0 if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)


def keeps_no_times(container: Container) -> bool:
    """Whether a container orders pictures by decoding only, so that times of a stream with B-pictures are made up."""
    return container.format.name == "avi"


def time_base_of(stream: Stream) -> Fraction:
    """Seconds a tick of the stream lasts; containers without one count in 1/90000."""
    return stream.time_base or Fraction(1, 90000)


def _has_pictures(container: InputContainer) -> bool:
    if container.format.name in _STILL_FORMATS or not container.streams.video:
        return False
    return not container.streams.video[0].disposition & Disposition.attached_pic


def _not_a_video(path: Path, error: Exception) -> VideoUnreadable:
    with path.open("rb") as file:
        head = file.read(512)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")):
        return VideoUnreadable(
            f"{path} is a web page, not a video.", remedy="Give the address of the video file itself."
        )
    if b"ftyp" in head[:16]:
        return VideoUnreadable(
            f"{path} is an MP4 that ends before its index (moov) or whose index is damaged.",
            remedy="It was cut off: download or export the file again.",
        )
    return VideoUnreadable(
        f"{path} is not a video that can be opened ({error}).",
        remedy="Export it as MP4 (H.264) and try again.",
    )
