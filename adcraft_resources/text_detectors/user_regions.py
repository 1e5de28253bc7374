"""Regions a user names: what is taken out of the masks, what is added to them.

Belongs here: applying include and exclude to finished tracks. Does not: the records (findings), detection.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from adcraft_resources.algorithms.text_boxes import Box, box_overlap
from adcraft_resources.algorithms.values import MaskSpan, Quad, TextTrack, TextTracks
from adcraft_resources.text_detectors.findings import Region


def apply_regions(
    tracks: TextTracks, times_s: Sequence[float], include: Sequence[Region], exclude: Sequence[Region]
) -> TextTracks:
    """Return `tracks` with the included regions added whole and the excluded ones left alone.

    Args:
        tracks: As detected.
        times_s: The time of each frame.
        include: Removed whatever stands there.
        exclude: Never touched; stronger than `include`.
    """
    size = tracks.size
    wanted = [_included(region, len(tracks.tracks) + k, size, times_s) for k, region in enumerate(include)]
    everything = [*tracks.tracks, *(track for track in wanted if track is not None)]
    for region in exclude:
        frames = _frames(region, times_s)
        if frames is not None:
            everything = [_without(track, region.box(size), frames) for track in everything]
    return TextTracks(size, tracks.frame_count, tuple(everything))


def _frames(region: Region, times_s: Sequence[float]) -> tuple[int, int] | None:
    """Return the first and last frame of a region's time, or None where the clip has none there."""
    first = bisect.bisect_left(times_s, region.from_s)
    last = (len(times_s) if region.to_s is None else bisect.bisect_left(times_s, region.to_s)) - 1
    return (first, last) if first <= last else None


def _included(
    region: Region, number: int, size: tuple[int, int], times_s: Sequence[float]
) -> TextTrack | None:
    frames = _frames(region, times_s)
    if frames is None:
        return None
    left, top, right, bottom = region.box(size)
    quad: Quad = ((left, top), (right, top), (right, bottom), (left, bottom))
    span = MaskSpan(*frames, left, top, np.ones((bottom - top, right - left), np.bool_))
    reason = "the settings ask for this region to be removed"
    return TextTrack(number, "overlay", reason, "", 1.0, *frames, quads=((frames[0], quad),), spans=(span,))


def _without(track: TextTrack, box: Box, frames: tuple[int, int]) -> TextTrack:
    """Return the track with the region cut out of its masks; a label where nothing is left."""
    if track.kind != "overlay":
        return track
    spans = tuple(piece for span in track.spans for piece in _cut_span(span, box, frames))
    if spans:
        return replace(track, spans=spans)
    return replace(track, kind="label", reason="the settings exclude the region where it stands", spans=())


def _cut_span(span: MaskSpan, box: Box, frames: tuple[int, int]) -> Iterable[MaskSpan]:
    height, width = span.bitmap.shape
    place = (span.x, span.y, span.x + width, span.y + height)
    first, last = max(span.first_frame, frames[0]), min(span.last_frame, frames[1])
    if first > last or box_overlap(place, box) == 0:
        yield span
        return
    if span.first_frame < first:
        yield replace(span, last_frame=first - 1)
    rest = span.bitmap.copy()
    rest[
        max(0, box[1] - span.y) : max(0, box[3] - span.y), max(0, box[0] - span.x) : max(0, box[2] - span.x)
    ] = False
    if rest.any():
        yield replace(span, first_frame=first, last_frame=last, bitmap=rest)
    if last < span.last_frame:
        yield replace(span, first_frame=last + 1)
