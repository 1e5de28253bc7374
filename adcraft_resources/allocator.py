"""Keeping the process small: freed pictures go back to the system.

Belongs here: one setting of the C library. Does not: what is allocated.
"""

from __future__ import annotations

import ctypes
import platform

M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
PICTURE_BYTES = 1 << 20
ARENAS = 2


def return_freed_pictures() -> None:
    """Have glibc map every block of a picture's size on its own, so that freeing it shrinks the process.

    By default glibc raises that threshold to 32 MB as a program goes on and keeps the freed blocks of every thread;
    on a 10 s ad of 1080×1920 that kept 0.3 GB. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, PICTURE_BYTES)
        libc.mallopt(M_ARENA_MAX, ARENAS)
