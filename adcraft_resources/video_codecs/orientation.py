"""The way a picture is to be held: the display matrix of phones and editors.

Belongs here: reading the matrix, turning planes. Does not: decoding.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import av
import cv2
from av.sidedata.sidedata import SideData, Type

from adcraft_resources.algorithms.values import Yuv420

_CV_TURNS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True, slots=True)
class Turn:
    """Mirror left to right first (`mirrored`), then turn clockwise by `quarter_turns` quarters."""

    quarter_turns: int = 0
    mirrored: bool = False


def turn_of(frame: av.VideoFrame) -> Turn:
    """Read the turn that shows `frame` upright (ISO/IEC 14496-12 §8.3.2 matrix, 16.16 fixed point)."""
    for side_data in frame.side_data:
        if isinstance(side_data, SideData) and side_data.type == Type.DISPLAYMATRIX:
            a, b, _, c, d, *_ = struct.unpack("<9i", bytes(side_data)[:36])
            mirrored = a * d - b * c < 0
            if mirrored:
                a, b = -a, -b
            return Turn(round(math.degrees(math.atan2(b, a)) / 90) % 4, mirrored)
    return Turn()


def turned(picture: Yuv420, turn: Turn) -> Yuv420:
    """The picture as it is to be shown."""
    if turn == Turn():
        return picture
    planes = [picture.y, picture.u, picture.v]
    if turn.mirrored:
        planes = [cv2.flip(plane, 1) for plane in planes]
    if turn.quarter_turns:
        planes = [cv2.rotate(plane, _CV_TURNS[turn.quarter_turns]) for plane in planes]
    return Yuv420(planes[0], planes[1], planes[2], picture.matrix, picture.range)  # type: ignore[arg-type]
