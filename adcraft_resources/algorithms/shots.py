"""Shots: where a clip cuts from one camera take to the next, and which frames stand for a take.

Belongs here: cut decisions on thumbnails, choice of keyframes. Does not: decoding, stills.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.dissolves import DissolveDetector
from adcraft_resources.algorithms.values import Frame, Keyframe, Shot

_LONG_SIDE = 48  # pixels cuts are judged on: detail and noise are gone, composition is left
_REACH = (
    6  # a picture's parts may have moved this many of those pixels (an eighth of the picture) between frames
)
_COARSE_STEP, _FINE_STEP = 3, 2
_PATCH = 7  # side of the patch that must match
_CHANGED_LEVELS = 2.5  # a patch has changed when its best match is off by this many levels (coder noise) ...
_CHANGED_CONTRAST = 0.38  # ... plus this share of the pictures' contrast
_CUT_SHARE = 0.5  # share of the picture that is new at a cut; calibrated: ≥ 0.89 at cuts, ≤ 0.09 within takes
_SAME_SHARE = 0.35  # two pictures show the same take when less than this differs
_STAND_OUT = 1.6  # a cut's change against the median of its neighbours'; fast pans change evenly
_SIDE = 4  # frames on each side that a boundary is weighed against; a piece this short is a flash or a strobe
_DISSOLVE_APART = 12  # frames; a dissolve seen twice, or with a hard cut in it, is one boundary
_RECENT = 40  # frames whose times are remembered, more than a dissolve looks back
_SHARPER_WITHIN = 5  # frames a keyframe may move for sharpness
_REACH_SHARE = 6  # of the longest gap: how far one may move for what it shows
_NEARLY_SHARPEST = 0.6  # of the sharpest frame's sharpness that a frame must have to be proposed beside it

_Thumb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Look:
    """One frame as cuts are judged: its place, its thumbnail, and how much is new since the frame before."""

    index: int
    pts_s: float
    thumb: _Thumb
    change: float


class CutDetector:
    """Finds cuts in a stream of small frames; holds eight of them, and 33 thumbnails to see dissolves.

    A boundary is a hard cut when, after matching patches over an eighth of the picture, most of the picture is new,
    the change stands out from the frames around it (pans and shake do not), and no frame after it is like one
    before it (flashes return). A dissolve is cut where the new take outweighs the old.
    """

    def __init__(self) -> None:
        self._held: deque[_Look] = deque(maxlen=2 * _SIDE)
        self._recent: deque[tuple[int, float]] = deque(maxlen=_RECENT)
        self._dissolves = DissolveDetector(new_share)
        self._half_ways: list[tuple[int, float]] = []
        self._cuts: list[_Look] = []
        self._first: _Look | None = None
        self._last: _Look | None = None
        self._step_s = 0.0

    def push(self, index: int, pts_s: float, small_frame: Frame) -> None:
        """Take the next frame in order, RGB of any size; 96 pixels on the long side suffice."""
        thumb = _thumbnail(small_frame)
        change = 0.0
        if self._last is not None:
            change = new_share(self._last.thumb, thumb)
            self._step_s = pts_s - self._last.pts_s
        look = _Look(index, pts_s, thumb, change)
        self._first = self._first or look
        self._last = look
        self._held.append(look)
        self._recent.append((index, pts_s))
        ago = self._dissolves.push(thumb)
        if ago is not None:
            self._half_ways.append(self._recent[-1 - ago])
        if len(self._held) > _SIDE:
            self._judge(len(self._held) - _SIDE)

    def finish(self, *, duration_s: float | None = None) -> list[Shot]:
        """Judge the last frames and return the shots in order; together they hold every frame.

        The last shot ends at `duration_s`, or one frame after its last frame's time.
        """
        if self._first is None or self._last is None:
            return []
        for place in range(max(1, len(self._held) - _SIDE + 1), len(self._held)):
            self._judge(place)
        starts = [(self._first.index, self._first.pts_s), *self._boundaries()]
        end_s = self._last.pts_s + self._step_s if duration_s is None else duration_s
        ends = [*starts[1:], (self._last.index + 1, end_s)]
        return [
            Shot(first, following - 1, start_s, following_s)
            for (first, start_s), (following, following_s) in zip(starts, ends, strict=True)
        ]

    def _boundaries(self) -> list[tuple[int, float]]:
        """Hard cuts and the middles of dissolves, these only where no hard cut is near."""
        cuts = [(cut.index, cut.pts_s) for cut in self._cuts]
        runs: list[list[tuple[int, float]]] = []
        for place in sorted(self._half_ways):
            if runs and place[0] - runs[-1][-1][0] <= _DISSOLVE_APART:
                runs[-1].append(place)
            else:
                runs.append([place])
        middles = [run[len(run) // 2] for run in runs]
        soft = [
            middle for middle in middles if all(abs(middle[0] - cut[0]) > _DISSOLVE_APART for cut in cuts)
        ]
        return sorted([*cuts, *soft])

    def _judge(self, place: int) -> None:
        """Decide whether the held frame at `place` begins a shot."""
        held = list(self._held)
        look, others = held[place], [*held[:place], *held[place + 1 :]]
        if look.change < max(_CUT_SHARE, _STAND_OUT * statistics.median(other.change for other in others)):
            return
        pairs = product(held[:place], held[place:])
        if any(new_share(before.thumb, after.thumb) < _SAME_SHARE for before, after in pairs):
            return
        if self._cuts and look.index - self._cuts[-1].index < _SIDE:
            if look.change > self._cuts[-1].change:
                self._cuts[-1] = look
            return
        self._cuts.append(look)


def new_share(before: _Thumb, after: _Thumb) -> float:
    """Share of `after` whose patches match nowhere near in `before`, 0 to 1; thumbnails (h, w, 3) of one size.

    Block matching on 48 pixels: a patch is new when its best match is off by more than a floor plus a share of the
    pictures' contrast, so dark and flat scenes are judged by their own measure. Shifts are tried coarsely, and
    finely only where that leaves much new.
    """
    contrast = min(float(before.std()), float(after.std()))
    changed = _CHANGED_LEVELS + _CHANGED_CONTRAST * contrast
    if (
        3 * float(cv2.absdiff(before, after).mean()) < _SAME_SHARE * changed
    ):  # three channels: no larger share left
        return 0.0
    share = _unmatched(before, after, changed, _COARSE_STEP)
    return share if share < _SAME_SHARE else _unmatched(before, after, changed, _FINE_STEP)


def _unmatched(before: _Thumb, after: _Thumb, changed: float, step: int) -> float:
    """Share of patches off by more than `changed` levels at every shift, tried in steps."""
    height, width = after.shape[:2]
    around = cv2.copyMakeBorder(before, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_REPLICATE)
    best = np.full((height, width), 255, np.uint8)
    for dy in range(0, 2 * _REACH + 1, step):
        for dx in range(0, 2 * _REACH + 1, step):
            off = cv2.absdiff(around[dy : dy + height, dx : dx + width], after)
            patches = cv2.blur(off, (_PATCH, _PATCH), borderType=cv2.BORDER_REPLICATE)
            np.minimum(best, largest_channel(patches), out=best)
    return float((best > changed).mean())


def choose_keyframes(
    shots: Sequence[Shot],
    fps: Fraction | float,
    *,
    sharpness: Sequence[float] | None = None,
    max_gap_s: float = 2.0,
    pts_s: Sequence[float] | None = None,
) -> list[Keyframe]:
    """Choose the frames that stand for a clip: its first, then at least one per shot and per `max_gap_s`.

    A shot gives a frame near its start, one near its end and evenly spaced ones between; a shot shorter than a
    quarter of `max_gap_s` gives one. With `sharpness` (a value per frame, higher is sharper) each choice but the
    clip's first frame moves to the sharpest frame within a few of it.

    Args:
        shots: In order, together every frame of the clip.
        fps: Frames a second, to turn seconds into frames.
        sharpness: By frame, counted from the first shot's first.
        max_gap_s: Longest time between neighbouring keyframes of a shot.
        pts_s: Time of each frame, where the rate varies; else times are interpolated within the shot.
    """
    longest = max(1, int(max_gap_s * float(fps)))
    reach = 0 if sharpness is None else min(_SHARPER_WITHIN, longest // 6)
    chosen: list[Keyframe] = []
    for number, shot in enumerate(shots):
        for place in _places(shot, longest - 2 * reach, opens_clip=number == 0):
            frame = place
            if sharpness is not None and place != shots[0].first_frame:
                frame = _sharpest(sharpness, shots[0].first_frame, shot, place, reach)
            if not chosen or frame > chosen[-1].frame:
                chosen.append(Keyframe(frame, _time_of(shot, frame, shots[0].first_frame, pts_s), number))
    return chosen


def propose_keyframes(
    shots: Sequence[Shot],
    fps: Fraction | float,
    *,
    sharpness: Sequence[float],
    max_gap_s: float = 2.0,
    pts_s: Sequence[float] | None = None,
) -> list[list[Keyframe]]:
    """Propose frames for each place of a keyframe, to somebody who can tell which of them shows more.

    The clip's first frame stands alone. Elsewhere up to three are proposed, far enough apart to differ and none much
    softer than the sharpest. Whichever are chosen, they are in order and as near to one another as
    `choose_keyframes`' (whose arguments these are).
    """
    longest = max(1, int(max_gap_s * float(fps)))
    origin = shots[0].first_frame
    proposed: list[list[Keyframe]] = []
    for number, shot in enumerate(shots):
        places = _places(shot, longest - 2 * (longest // _REACH_SHARE), opens_clip=number == 0)
        nearest = min((b - a for a, b in pairwise(places)), default=longest)
        reach = min(longest // _REACH_SHARE, max(0, (nearest - 1) // 2))
        for place in places:
            frames = [place] if place == origin else _sharp_ones(sharpness, origin, shot, place, reach)
            keys = [Keyframe(frame, _time_of(shot, frame, origin, pts_s), number) for frame in frames]
            proposed.append([key for key in keys if not proposed or key.frame > proposed[-1][-1].frame])
            if not proposed[-1]:
                proposed.pop()
    return proposed


def _sharp_ones(sharpness: Sequence[float], origin: int, shot: Shot, place: int, reach: int) -> list[int]:
    """The sharpest frame of each third of the window around a place, but for those that are soft beside the best."""
    window = np.arange(max(shot.first_frame, place - reach), min(shot.last_frame, place + reach) + 1)
    thirds = [third for third in np.array_split(window, 3) if len(third)]
    best = [max(third.tolist(), key=lambda frame: sharpness[frame - origin]) for third in thirds]
    least = _NEARLY_SHARPEST * max(sharpness[frame - origin] for frame in best)
    return [frame for frame in best if sharpness[frame - origin] >= least]


def _places(shot: Shot, longest: int, *, opens_clip: bool) -> list[int]:
    """Frames spread over a shot, at most `longest` apart, a little inside its cuts (coders smear those)."""
    if shot.frame_count < max(2, longest // 4):
        return [shot.first_frame if opens_clip else shot.first_frame + shot.frame_count // 2]
    inset = min(2, shot.frame_count // 8)
    start = shot.first_frame + (0 if opens_clip else inset)
    end = shot.last_frame - inset
    steps = max(1, -(-(end - start) // longest))
    return [start + round(step * (end - start) / steps) for step in range(steps + 1)]


def _sharpest(sharpness: Sequence[float], origin: int, shot: Shot, place: int, reach: int) -> int:
    first, last = max(shot.first_frame, place - reach), min(shot.last_frame, place + reach)
    return max(range(first, last + 1), key=lambda frame: (sharpness[frame - origin], -abs(frame - place)))


def _time_of(shot: Shot, frame: int, origin: int, pts_s: Sequence[float] | None) -> float:
    if pts_s is not None:
        return pts_s[frame - origin]
    return shot.start_s + (shot.end_s - shot.start_s) * (frame - shot.first_frame) / shot.frame_count


def _thumbnail(frame: Frame) -> _Thumb:
    height, width = frame.shape[:2]
    scale = _LONG_SIDE / max(height, width)
    size = (max(_PATCH, round(width * scale)), max(_PATCH, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small, (3, 3), borderType=cv2.BORDER_REPLICATE), np.uint8)
