"""Keeping the process small: freed pictures go back to the system.

Belongs here: how the C library is asked to. Does not: what is allocated.
"""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
LARGE_BYTES = 4 << 20  # float planes from 1080x1920 on
ARENAS = 2
KEPT_BYTES = (
    32 << 20
)  # free at the end of a pool: given back and fetched anew for every picture, it costs page faults


def share_arenas() -> None:
    """Have all threads take memory from two pools, and map what is large on its own.

    By default glibc keeps the freed blocks of every thread apart; on a 10 s ad of 1080x1920 that kept 0.3 GB. A block
    mapped on its own goes back at once, but every mapping is zeroed page by page: with all pictures mapped, a tenth to
    a quarter of the CPU time went there. What is free at a pool's end is kept up to a bound for the same reason: once
    the mapping threshold is set, glibc would give all but 128 KiB back. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_ARENA_MAX, ARENAS)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def return_freed_pictures() -> None:
    """Give freed memory back to the system; called where a stage is done with a clip."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
