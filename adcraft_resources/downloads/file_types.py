"""Telling what a file is from its first bytes, and refusing kindly what is no video.

Belongs here: signatures of formats. Does not: the server's Content-Type (it is often wrong), decoding.
Playlists are refused because a decoder would follow the addresses inside them, past every check of this package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adcraft_resources.errors import SourceRefused

HEAD_BYTES = 4096
_TS_PACKET = 188


@dataclass(frozen=True, slots=True)
class FileType:
    """What a file is: a suffix and content type for videos, a remedy for everything else."""

    name: str
    suffix: str = ""
    content_type: str = ""
    remedy: str = ""

    @property
    def is_video(self) -> bool:
        """Whether adcraft can take it."""
        return bool(self.suffix)


_EXPORT = "Give the address of a video file (mp4, mov, webm, mkv, avi or ts)."
_CONVERT = "Convert it to mp4 (H.264) first."

MP4 = FileType("an MP4 video", ".mp4", "video/mp4")
MOV = FileType("a QuickTime video", ".mov", "video/quicktime")
WEBM = FileType("a WebM video", ".webm", "video/webm")
MKV = FileType("a Matroska video", ".mkv", "video/x-matroska")
AVI = FileType("an AVI video", ".avi", "video/x-msvideo")
TS = FileType("an MPEG transport stream", ".ts", "video/mp2t")

_EMPTY = FileType("empty (0 bytes)", remedy="Export or upload the video again.")
_PAGE = FileType(
    "a web page (HTML)",
    remedy="The address leads to a page, a login or an expired link; use the direct download link of the video.",
)
_PLAYLIST = FileType(
    "a playlist, not a video",
    remedy="Playlists are not followed; download the video as one mp4 and name that.",
)
_IMAGE = FileType("a picture", remedy=_EXPORT)
_AUDIO = FileType("an audio file", remedy=_EXPORT)
_OTHER_VIDEO = FileType("a video in a container adcraft does not read", remedy=_CONVERT)
_ARCHIVE = FileType("an archive", remedy="Unpack it and give the address of the video inside.")
_UNKNOWN = FileType("of an unknown type", remedy=_EXPORT)

_SIGNATURES: tuple[tuple[int, bytes, FileType], ...] = (
    (0, b"\x89PNG", FileType("a PNG picture", remedy=_EXPORT)),
    (0, b"\xff\xd8\xff", FileType("a JPEG picture", remedy=_EXPORT)),
    (0, b"GIF8", FileType("a GIF picture", remedy=_CONVERT)),
    (0, b"BM", FileType("a BMP picture", remedy=_EXPORT)),
    (0, b"II*\0", _IMAGE),
    (0, b"MM\0*", _IMAGE),
    (8, b"WEBP", FileType("a WebP picture", remedy=_EXPORT)),
    (8, b"WAVE", _AUDIO),
    (8, b"AVI ", AVI),
    (0, b"ID3", _AUDIO),
    (0, b"\xff\xfb", _AUDIO),
    (0, b"fLaC", _AUDIO),
    (0, b"OggS", _OTHER_VIDEO),
    (0, b"FLV\x01", _OTHER_VIDEO),
    (0, b"\x30\x26\xb2\x75", _OTHER_VIDEO),
    (0, b"\0\0\x01\xba", _OTHER_VIDEO),
    (0, b"\0\0\x01\xb3", _OTHER_VIDEO),
    (0, b"PK\x03\x04", _ARCHIVE),
    (0, b"7z\xbc\xaf", _ARCHIVE),
    (0, b"Rar!", _ARCHIVE),
    (
        0,
        b"\x1f\x8b",
        FileType("gzip-compressed", remedy="Have the server send the video as it is, uncompressed."),
    ),
    (0, b"%PDF", FileType("a PDF document", remedy=_EXPORT)),
)
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILL_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_TEXT = FileType("a text", remedy=_EXPORT)
_TEXTS: tuple[tuple[tuple[bytes, ...], FileType], ...] = (
    ((b"<!doctype html", b"<head", b"<body", b"<!--", b"<script"), _PAGE),
    ((b"<",), FileType("an XML text (often a storage service's error message)", remedy=_EXPORT)),
    ((b"{", b"["), FileType("a JSON text (often an API's answer or error)", remedy=_EXPORT)),
    (
        (b"version https://git-lfs",),
        FileType("a Git LFS pointer", remedy="Run git lfs pull, or give the address of the file itself."),
    ),
)
_CONTROL_BYTES = frozenset(range(32)) - frozenset(b"\t\r\n")
_PLAYLISTS = re.compile(rb"#EXTM3U|<MPD|ffconcat|\[playlist\]|v=0\r?\n", re.IGNORECASE)


def sniff_file_type(head: bytes) -> FileType:
    """Tell a file's type from its first bytes (HEAD_BYTES of them, or the whole file when it is shorter)."""
    if not head:
        return _EMPTY
    for offset, mark, found in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return found
    return _sniff_iso_media(head) or _sniff_streams(head) or _sniff_text(head) or _UNKNOWN


def _sniff_iso_media(head: bytes) -> FileType | None:
    kind, brand = head[4:8], head[8:12]
    if kind == b"ftyp":
        if brand in _STILL_BRANDS:
            return FileType("a HEIC or AVIF picture", remedy=_EXPORT)
        if brand in {b"M4A ", b"M4B "}:
            return _AUDIO
        return MOV if brand == b"qt  " else MP4
    return MOV if kind in _QUICKTIME_ATOMS else None


def _sniff_streams(head: bytes) -> FileType | None:
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in head[:64] else MKV
    for first, step in ((0, _TS_PACKET), (4, _TS_PACKET + 4)):  # 192-byte packets carry a time stamp first
        marks = head[first : first + 4 * step : step]
        if len(head) > first + 2 * step and set(marks) == {0x47}:
            return TS
    return None


def _sniff_text(head: bytes) -> FileType | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024]
    low = start.lower()
    if _PLAYLISTS.match(start) or (low.startswith(b"<?xml") and b"<mpd" in low):
        return _PLAYLIST
    if b"<html" in low:
        return _PAGE
    for marks, found in _TEXTS:
        if low.startswith(marks):
            return found
    return _TEXT if low and not set(low) & _CONTROL_BYTES else None


def require_video(head: bytes, name: str) -> FileType:
    """Return the type of a video file.

    Raises:
        SourceRefused: It is something else; the message says what, and what to do.
    """
    found = sniff_file_type(head)
    if not found.is_video:
        raise SourceRefused(f"{name} is {found.name}.", remedy=found.remedy)
    return found
