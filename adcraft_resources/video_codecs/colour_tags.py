"""Colour as tagged: matrix, range, primaries and transfer of a decoded frame (code points of ITU-T H.273).

Belongs here: reading tags and what custom says where they are missing. Does not: converting.
"""

from __future__ import annotations

from dataclasses import dataclass

import av

from adcraft_resources.algorithms.values import Matrix, Range

HD_LINES = 720  # untagged video below this many lines is BT.601 by custom, from there on BT.709
_FULL = 2  # AVCOL_RANGE_JPEG
_RGB, _BT709, _BT601, _SMPTE240 = 0, 1, 6, 7
_BT601_KINDS = {4, 5, _BT601}
_BT2020_PRIMARIES = 9
_BT2020_MATRICES = {9, 10}
_HDR_TRANSFERS = {16, 18}  # PQ, HLG


@dataclass(frozen=True, slots=True)
class ColourTags:
    """What the pictures handed out are to be tagged with, and how to read them where the source is untagged."""

    matrix: Matrix
    range: Range
    matrix_code: int
    primaries: int
    transfer: int


def tags_of(frame: av.VideoFrame) -> ColourTags:
    """Tags of the pictures made from frames like this: its own, or BT.709's where they have to be converted."""
    matrix = matrix_of(frame)
    full = int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")
    range_: Range = "full" if full and not frame.format.is_rgb else "limited"
    if is_wide(frame):
        return ColourTags(matrix, range_, _BT709, _BT709, _BT709)
    code = int(frame.colorspace)
    if code == _RGB:
        code = _BT709 if matrix == "bt709" else _BT601
    return ColourTags(matrix, range_, code, int(frame.color_primaries), int(frame.color_trc))


def is_wide(frame: av.VideoFrame) -> bool:
    """Whether a frame is BT.2020 or HDR, which 8-bit 4:2:0 in BT.709 cannot hold unconverted."""
    return (
        int(frame.colorspace) in _BT2020_MATRICES
        or int(frame.color_primaries) == _BT2020_PRIMARIES
        or int(frame.color_trc) in _HDR_TRANSFERS
    )


def matrix_of(frame: av.VideoFrame) -> Matrix:
    """The colour matrix a frame's tag names; untagged and RGB frames go by their number of lines."""
    code = int(frame.colorspace)
    if code in {_BT709, _SMPTE240} or is_wide(
        frame
    ):  # BT.709 and its forerunner; BT.2020 and HDR are converted to it
        return "bt709"
    if code in _BT601_KINDS:
        return "bt601"
    return "bt709" if frame.height >= HD_LINES else "bt601"
