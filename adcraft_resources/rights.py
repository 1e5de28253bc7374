"""Whose marks may be removed: telling a watermark from a caption, and asking for the right to take it off.

Belongs here: what looks like a watermark, and the refusal. Does not: finding or removing text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from adcraft_resources.algorithms.values import TextTrack, TextTracks
from adcraft_resources.errors import RightsUnstated

LIFE_SHARE: Final = 0.9  # of the clip: captions come and go, marks stay
CORNER: Final = (0.34, 0.25)  # share of width and height, from a corner, in which its middle lies
AREA: Final = 0.05  # of the frame at most: larger is an end card or a banner
UNSTATED: Final = "unstated"


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark-like track and a frame that shows it well."""

    track: TextTrack
    frame: int


def find_watermarks(tracks: TextTracks) -> list[Mark]:
    """Return the overlay tracks that look like a mark of whose footage it is: small, in a corner, all along."""
    return [
        Mark(track, (track.first_frame + track.last_frame) // 2)
        for track in tracks.overlays
        if _lives(track) >= LIFE_SHARE * tracks.frame_count and _is_in_a_corner(track, tracks.size)
    ]


def check_rights(key: str, rights: str, marks: Iterable[Mark]) -> None:
    """Raise where watermark-like text would be removed and nobody said whose footage it is.

    Raises:
        RightsUnstated: Names the texts and frames.
    """
    found = list(marks)
    if rights != UNSTATED or not found:
        return
    told = "; ".join(
        f"“{mark.track.text or 'a mark'}” (track {mark.track.id}, see frame {mark.frame})" for mark in found
    )
    raise RightsUnstated(
        f"{key} carries what looks like a watermark: {told}. It stays until somebody says whose footage this is.",
        remedy='Set "rights" of the product to "owned" or "licensed" in config.json if it is; '
        "or put the mark's region under `exclude` of the video to keep it.",
    )


def _lives(track: TextTrack) -> int:
    return track.last_frame - track.first_frame + 1


def _is_in_a_corner(track: TextTrack, size: tuple[int, int]) -> bool:
    """Whether the middle of the track's outline lies near a corner at every frame known, and it is small."""
    height, width = size
    if not track.quads:
        return False
    corners = np.array([quad for _, quad in track.quads], np.float64).reshape(len(track.quads), -1, 2)
    low, high = corners.min(axis=1), corners.max(axis=1)
    middle = (low + high) / 2 / (width, height)
    away = np.minimum(middle, 1 - middle)  # share of the way in from the nearest edge
    area = ((high - low).prod(axis=1) / (width * height)).max()
    return bool((away <= CORNER).all() and area <= AREA)
