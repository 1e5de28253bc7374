"""Rates and clocks: the delivered rate, and which picture shows at each tick of it.

Belongs here: arithmetic on times. Does not: files, pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

from adcraft_resources.video_codecs.facts import VideoFacts
from adcraft_resources.video_codecs.pictures import TimedFrame, TimedPicture

MAX_RATE = Fraction(30)
_STANDARD = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30))
_LOWEST = Fraction(10)
_EARLIEST = 0.49  # a tie goes to the earlier picture

Item = TypeVar("Item")
Timed = TypeVar("Timed", TimedPicture, TimedFrame)


def delivery_rate(facts: VideoFacts) -> Fraction:
    """The constant rate to deliver at: ≤ 30, faster sources divided evenly (60 → 30, 50 → 25).

    A variable source takes the nearest standard rate.
    """
    rate = facts.fps
    divided = rate / -(-rate // MAX_RATE)
    if facts.variable_rate:
        return min(_STANDARD, key=lambda standard: abs(standard - rate))
    return max(divided, _LOWEST)


def resample_times(
    pts_s: Iterable[float], fps: Fraction, *, duration_s: float | None = None
) -> Iterator[int]:
    """Yield, for every tick of `fps`, the index of the source picture shown at it; streaming.

    A picture shows from the tick nearest to its time (counted from the first picture's) until the next picture's,
    but never more than half of the interval before it early: jitter of less than half a tick changes nothing, a
    doubled rate gives every other picture, and a long still keeps its length.

    Args:
        pts_s: Ascending times in seconds.
        fps: Constant rate of the ticks.
        duration_s: Length to fill; without it the last picture shows for one tick.
    """
    for index, _ in _shown_at_ticks(((time, None) for time in pts_s), fps, duration_s):
        yield index


def at_constant_rate(
    items: Iterable[Timed], fps: Fraction, *, duration_s: float | None = None
) -> Iterator[Timed]:
    """Yield, for every tick of `fps`, the `TimedPicture` or `TimedFrame` shown at it (see `resample_times`).

    One item is held at a time; a repeated one is the same object again.
    """
    for _, item in _shown_at_ticks(((item.pts_s, item) for item in items), fps, duration_s):
        yield item


def shown_at_constant_rate(
    pairs: Iterable[tuple[float, Item]], fps: Fraction, *, duration_s: float | None = None
) -> Iterator[Item]:
    """As `at_constant_rate` for (second shown, item)."""
    for _, item in _shown_at_ticks(pairs, fps, duration_s):
        yield item


def _shown_at_ticks(
    timed: Iterable[tuple[float, Item]], fps: Fraction, duration_s: float | None
) -> Iterator[tuple[int, Item]]:
    pairs = iter(timed)
    start = next(pairs, None)
    if start is None:
        return
    first, shown = start
    before, index, tick = first, 0, 0
    for time, item in pairs:
        early = _EARLIEST * min(1 / float(fps), time - before)
        while float(tick / fps) < time - first - early:
            yield index, shown
            tick += 1
        before, index, shown = time, index + 1, item
    ticks = tick + 1 if duration_s is None else max(1, round(duration_s * fps))
    for _ in range(ticks - tick):
        yield index, shown
