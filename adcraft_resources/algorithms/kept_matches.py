"""What was matched once in a clip, for all looks that ride on the same keys.

Belongs here: finding each match once, whoever asks first, within a bound of memory. Does not: matching
(flow_carrying.py).

Looks of one ad go through its frames more than once, each time in order. So what fills the memory first stays, and
what comes later is kept only for those who go side by side: to throw out the oldest would leave a second pass nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Found = TypeVar("Found")

_MOST = 1200  # matches: 20 s of 30 frames with two keys each; 0.75 MB each for a 9:16 ad
_NEAR = 96


class Matches(Generic[Found]):
    """Up to `most` matches kept for good, and the `near` latest others."""

    def __init__(self, most: int = _MOST, near: int = _NEAR) -> None:
        self._most, self._near = most, near
        self._kept: dict[Hashable, Future[Found]] = {}
        self._latest: OrderedDict[Hashable, Future[Found]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """Return the match of `key`; who comes while it is being found waits for it. Errors of `find` are not kept."""
        with self._lock:
            known = self._kept.get(key) or self._latest.get(key)
            mine: Future[Found] = Future()
            if known is None:
                self._remember(key, mine)
        if known is not None:
            return known.result()
        try:
            found = find()
        except BaseException as error:
            self._forget(key)
            mine.set_exception(error)
            raise
        mine.set_result(found)
        return found

    def _remember(self, key: Hashable, future: Future[Found]) -> None:
        if len(self._kept) < self._most:
            self._kept[key] = future
            return
        self._latest[key] = future
        while len(self._latest) > self._near:
            self._latest.popitem(last=False)

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._latest.pop(key, None)
