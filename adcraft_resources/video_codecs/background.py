"""Work in a second thread beside the caller: codecs release the interpreter lock, so both cores stay busy.

Belongs here: bounded hand-over of items between two threads, errors carried across. Does not: codecs.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_END = object()
_POLL_S = 0.2  # how often a waiting thread looks whether the other side has gone


def prefetch(items: Callable[[], Iterable[Item]], *, depth: int = 4) -> Generator[Item]:
    """Yield what `items()` yields, made up to `depth` ahead in a background thread.

    An error raised while making an item is raised here in its place. Closing the iterator early stops the thread
    and closes the inner iterator before returning.
    """
    pipe: queue.Queue[object] = queue.Queue(depth)
    gone = threading.Event()

    def offer(item: object) -> bool:
        while not gone.is_set():
            with contextlib.suppress(queue.Full):
                pipe.put(item, timeout=_POLL_S)
                return True
        return False

    def fill() -> None:
        inner = iter(items())
        try:
            for item in inner:
                if not offer(item):
                    break
        except BaseException as error:
            offer(_Raised(error))
        finally:
            close = getattr(inner, "close", None)
            if close is not None:
                close()
            offer(_END)

    thread = threading.Thread(target=fill, name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := pipe.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        gone.set()
        thread.join()


class _Raised:
    """An error on its way to the other thread."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Consumer(Generic[Item]):
    """Hands items to `consume` in a background thread, at most `depth` waiting.

    The first error of `consume` is raised by the next `put` or by `finish`; items after it are dropped.
    """

    def __init__(self, consume: Callable[[Item], None], *, depth: int = 4) -> None:
        self._consume = consume
        self._pipe: queue.Queue[object] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._drain, name="consumer", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Queue `item`; waits while the queue is full."""
        self._raise_error()
        self._pipe.put(item)

    def finish(self) -> None:
        """Wait until every item is consumed, then raise the error there was, if any."""
        self.abandon()
        self._raise_error()

    def abandon(self) -> None:
        """Wait for the thread to end without raising."""
        if self._thread.is_alive():
            self._pipe.put(_END)
            self._thread.join()

    def _drain(self) -> None:
        while (item := self._pipe.get()) is not _END:
            if self._error is not None:
                continue
            try:
                self._consume(item)  # type: ignore[arg-type]
            except BaseException as error:
                self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
