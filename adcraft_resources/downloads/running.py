"""Running a coroutine to its end from code that is not asynchronous.

Belongs here: the thread and the loop. Does not: what runs in them.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def run_in_thread(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run a coroutine in a new thread's own loop, whether or not this thread runs a loop already.

    Context variables are carried over. An interrupt of the waiting thread cancels the work before it is raised.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def main() -> _Result:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        return await work()

    def body() -> _Result:
        return asyncio.run(main())

    with ThreadPoolExecutor(1, "adcraft-downloads") as thread:
        future = thread.submit(contextvars.copy_context().run, body)
        try:
            return future.result()
        except BaseException:
            if running and not future.done():
                loop, task = running[0]
                if task:
                    loop.call_soon_threadsafe(task.cancel)
            raise
