"""One call of a model at a time: threads that work on several ads share engines.

Belongs here: the one lock. Does not: anything else.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
TURN = threading.RLock()
"""Held by whoever uses the device. Hold it from taking a model off the shelf until it has answered: nobody else can
make room by closing it in between."""


def one_at_a_time(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Have calls of the method, of whatever engine, wait for one another: they share one device."""

    @functools.wraps(method)
    def waiting(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with TURN:
            return method(*args, **kwargs)

    return waiting
