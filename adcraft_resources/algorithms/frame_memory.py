"""The last frames of a clip, by index, with the cuts among them.

Belongs here: a ring of frames. Does not: what is looked for in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from adcraft_resources.algorithms.values import Yuv420

Numbered = tuple[int, Yuv420]


class FrameMemory:
    """The last `length` frames; `cuts` are the first frames of shots."""

    def __init__(self, length: int, cuts: Iterable[int]) -> None:
        self.cuts = frozenset(cuts)
        self.length = length
        self._ring: deque[Numbered] = deque(maxlen=length)

    def push(self, index: int, picture: Yuv420) -> None:
        """Remember the next frame; indices go up by one."""
        self._ring.append((index, picture))

    @property
    def now(self) -> int:
        """The latest index, -1 before the first."""
        return self._ring[-1][0] if self._ring else -1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames, (0, 0) before the first."""
        return self._ring[-1][1].size if self._ring else (0, 0)

    def picture(self, index: int) -> Yuv420 | None:
        """Return a frame, or None where it is not remembered."""
        place = index - self._ring[0][0] if self._ring else -1
        return self._ring[place][1] if 0 <= place < len(self._ring) else None

    def after(self, index: int) -> list[Numbered]:
        """Return the frames after `index`, forwards."""
        return [item for item in self._ring if item[0] > index]

    def before(self, index: int) -> list[Numbered]:
        """Return the frames before `index`, backwards."""
        return [item for item in reversed(self._ring) if item[0] < index]

    def first_in_shot(self, index: int) -> int:
        """Return the earliest remembered frame of the shot that shows `index`."""
        oldest = self._ring[0][0] if self._ring else index
        return max([oldest, *(cut for cut in self.cuts if cut <= index)])

    def last_in_shot(self, index: int) -> int:
        """Return the latest remembered frame of the shot that shows `index`."""
        return min([self.now, *(cut - 1 for cut in self.cuts if cut > index)])

    def cut_between(self, a: int, b: int) -> bool:
        """Say whether a cut lies between two frames."""
        return any(cut in self.cuts for cut in range(min(a, b) + 1, max(a, b) + 1))

    def pair(self, a: int, b: int) -> tuple[Yuv420, Yuv420] | None:
        """Return two frames of one shot, or None."""
        first, second = self.picture(a), self.picture(b)
        return None if first is None or second is None or self.cut_between(a, b) else (first, second)
