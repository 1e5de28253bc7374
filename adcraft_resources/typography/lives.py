"""How long a hook stays: time to read it, its entry and exit, and the cuts it should not outlive.

Belongs here: arithmetic on seconds and pictures. Does not: drawing, or what is shown meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ENTRY_S: Final = 8 / 30
EXIT_S: Final = 6 / 30
MIN_SHOWN_S: Final = 1.2
WORDS_PER_S: Final = 3.0
_LEAST_EXIT_S: Final = 0.1  # a shorter one is a flaw, no movement
_TICK_EARLY: Final = 0.49  # of a tick that a picture may be shown before its time
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class HookLife:
    """When a hook is gone, how much of that its exit takes, and the cuts it lies over; seconds shown."""

    end_s: float
    exit_s: float = EXIT_S
    over_cuts_s: tuple[float, ...] = ()

    @classmethod
    def of(cls, words: int, clip_s: float, cuts_s: Sequence[float] = ()) -> HookLife:
        """Return the life of a hook of `words`.

        It can be read at 3 words a second, and for at least 1.2 s. With the time of its entry and its exit on top it
        would outlive a cut that is near; then it leaves before that cut, and with the cut where its time to be
        read lasts as long. Over a cut that comes earlier still it stays.

        Args:
            words: How many there are to read.
            clip_s: Length of the video: a hook ends with it.
            cuts_s: When other shots begin, ascending.
        """
        reading = max(MIN_SHOWN_S, words / WORDS_PER_S)
        free_s = ENTRY_S + reading + EXIT_S
        ends = (at for at in (*cuts_s, clip_s) if reading - _ROUNDING <= at < free_s)
        end = min(next(ends, free_s), clip_s)
        spare = min(EXIT_S, max(0.0, end - reading))
        return cls(end, spare, tuple(at for at in cuts_s if at < end - _ROUNDING))

    def ticks(self, fps: float) -> int:
        """Pictures with the hook at a rate: none of those that come after a cut it leaves at."""
        return max(1, math.ceil(self.end_s * fps - _TICK_EARLY))

    def exit_ticks(self, fps: float) -> int:
        """Pictures its leaving takes; none where it goes with the cut."""
        return math.floor(self.exit_s * fps + _ROUNDING) if self.exit_s >= _LEAST_EXIT_S else 0
