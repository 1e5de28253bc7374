"""When to try again, and how long to wait before.

Belongs here: what counts as passing trouble, the waits between tries. Does not: making the tries.
Waits grow by two with "equal jitter" (half fixed, half random), so that many clients do not come back as one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import SystemRandom

from adcraft_resources.errors import SourceUnreachable

PASSING_STATUSES = frozenset({408, 425, 429, *range(500, 600)})
_WORTHWHILE_BYTES = 1 << 18  # a try that brought this much more than any before it is not counted


class PassingTrouble(SourceUnreachable):
    """One try failed in a way that the next may not; `wait_s` is what the server asked for."""

    def __init__(self, message: str, *, remedy: str = "", wait_s: float = 0.0) -> None:
        super().__init__(message, remedy=remedy)
        self.wait_s = wait_s


def read_retry_after(value: str | None, now: datetime) -> float:
    """Seconds that a Retry-After header asks to wait, from a number or a date; 0 where it says nothing."""
    if not value:
        return 0.0
    if value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


@dataclass
class Patience:
    """Counts the tries of one source and says how long to wait for the next.

    Args:
        tries: Fruitless tries before giving up.
        backoff_s: First wait, doubled each time.
        longest_wait_s: No wait is longer, whatever the server asks.
    """

    tries: int
    backoff_s: float
    longest_wait_s: float
    made: int = 0
    fruitless: int = 0
    best: int = field(default=0, repr=False)

    def next_wait(self, trouble: PassingTrouble, bytes_here: int) -> float | None:
        """Return the seconds to wait before the next try, or None when it is time to give up."""
        if bytes_here >= self.best + _WORTHWHILE_BYTES:
            self.fruitless = 0
        self.best = max(self.best, bytes_here)
        self.fruitless += 1
        if self.fruitless >= self.tries:
            return None
        wait = self.backoff_s * 2.0 ** (self.fruitless - 1)
        wait *= SystemRandom().uniform(0.5, 1.0)
        return min(max(wait, trouble.wait_s), self.longest_wait_s)
