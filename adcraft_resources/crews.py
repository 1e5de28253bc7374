"""Threads that the lanes of a clip share, so that costly pictures are made ahead of their turn.

Belongs here: working ahead in order, and sharing threads fairly. Does not: what is made of a picture (variant_lanes).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Made = TypeVar("Made")


class _OneThread:
    """Keeps OpenCV, whose count of threads is the process's, to one as long as any crew works."""

    def __init__(self) -> None:
        self._lock, self._before = threading.Lock(), 0
        self._crews: set[Crew] = set()

    def enter(self, crew: Crew) -> None:
        """Count a crew in, however many of its lanes ask."""
        with self._lock:
            if not self._crews:
                self._before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._crews.add(crew)

    def leave(self, crew: Crew) -> None:
        """Count a crew out; the last one gives OpenCV its threads back."""
        with self._lock:
            if crew in self._crews:
                self._crews.remove(crew)
                if not self._crews:
                    cv2.setNumThreads(self._before)


_ONE_THREAD = _OneThread()


class Crew:
    """As many threads as asked for, or as there are cores; they start with the first work.

    Every caller has one item in the making; who comes while threads are idle has more, so that a single lane may use
    all of them and many lanes share them. What waits is bounded by the threads, however long the clip is.
    """

    def __init__(self, threads: int = 0) -> None:
        count = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="crew")
        self._spare = threading.Semaphore(count)

    def ahead(self, items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
        """Yield each item with what is made of it, in order; an item that comes again at once is made once.

        Errors of `make` are raised in the item's place. Closing the iterator drops what was not begun.
        """
        # With all cores at work, threads of its own would wait for one another, busily.
        _ONE_THREAD.enter(self)
        waiting: deque[tuple[Item, Future[Made], bool]] = deque()
        latest: tuple[Item, Future[Made]] | None = None
        try:
            for item in items:
                if latest is None or latest[0] is not item:
                    latest = item, self._pool.submit(make, item)
                waiting.append((*latest, self._spare.acquire(blocking=False)))
                spare = waiting[-1][2]
                while waiting and (not spare or waiting[0][1].done()):
                    yield self._finish(waiting)
            while waiting:
                yield self._finish(waiting)
        finally:
            for _, future, lent in waiting:
                future.cancel()
                self._give_back(lent)

    def close(self) -> None:
        """End the threads; what was not begun is dropped."""
        self._pool.shutdown(cancel_futures=True)
        _ONE_THREAD.leave(self)

    def _finish(self, waiting: deque[tuple[Item, Future[Made], bool]]) -> tuple[Item, Made]:
        item, future, lent = waiting.popleft()
        try:
            return item, future.result()
        finally:
            self._give_back(lent)

    def _give_back(self, lent: bool) -> None:
        if lent:
            self._spare.release()
