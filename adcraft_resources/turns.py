"""Turns for work that memory allows only so much of at a time.

Belongs here: letting work of a known size begin. Does not: threads, what the work is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PIXELS_AT_ONCE: Final = 2 * 720 * 1280
"""Of ads cleaned or rendered side by side: larger ones would take over 1.5 GB together."""


class Turns:
    """Lets work begin while all that is at work stays within `budget`; what is larger than that has its turn alone."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._taken = 0
        self._free = threading.Condition()

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Wait for a turn of `size`, hold it for the block."""
        with self._free:
            self._free.wait_for(lambda: self._taken == 0 or self._taken + size <= self._budget)
            self._taken += size
        try:
            yield
        finally:
            with self._free:
                self._taken -= size
                self._free.notify_all()
