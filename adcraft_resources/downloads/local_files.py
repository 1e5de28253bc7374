"""Taking in a video from the disk: a copy that later edits of the original cannot reach.

Belongs here: opening only regular files, copying with the same limits as a download. Does not: the network.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adcraft_resources.downloads.partial_files import PartialFile
from adcraft_resources.errors import AdcraftError, SourceMissing, SourceRefused, SourceUnreachable

_BLOCK = 1 << 20
_KINDS = (
    (stat.S_ISDIR, "a folder", "List its video files one by one."),
    (stat.S_ISFIFO, "a named pipe", "Give a regular file."),
    (stat.S_ISSOCK, "a socket", "Give a regular file."),
    (stat.S_ISCHR, "a device", "Give a regular file."),
    (stat.S_ISBLK, "a device", "Give a regular file."),
)


def copy_local_file(
    path: Path, part: PartialFile, *, timeout_s: float, on_bytes: Callable[[int, int | None], None]
) -> None:
    """Copy the regular file `path` into `part`.

    Raises:
        SourceMissing: There is no such file.
        SourceRefused: It is a link, folder, pipe or device, not readable, or too large.
        SourceUnreachable: It changed while it was copied, or took longer than `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    part.restart(None)
    with _regular_file(path) as file:
        before = os.fstat(file)
        part.expect(before.st_size)
        try:
            for block in iter(lambda: os.read(file, _BLOCK), b""):
                part.write(block)
                on_bytes(part.size, before.st_size)
                if time.monotonic() > deadline:
                    raise SourceUnreachable(
                        f"{path} took longer than {timeout_s:g} s to read.",
                        remedy="Raise download.timeout_s.",
                    )
        except OSError as fault:
            raise SourceUnreachable(
                f"{path} broke off while read ({fault.strerror}).", remedy="Check its disk."
            ) from None
        after = os.fstat(file)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise SourceUnreachable(f"{path} changed while it was read.", remedy="Run again once it is written.")


@contextmanager
def _regular_file(path: Path) -> Iterator[int]:
    try:
        # O_NONBLOCK: opening a pipe without a writer would wait for ever.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as fault:
        raise _refused_open(path, fault) from None
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise _refused_kind(path, mode)
        yield file
    finally:
        os.close(file)


def _refused_open(path: Path, fault: OSError) -> AdcraftError:
    if fault.errno in {errno.ENOENT, errno.ENOTDIR}:
        return SourceMissing(
            f"{path} does not exist.", remedy="Check the path; it starts at config.json's folder."
        )
    if path.is_symlink():
        return SourceRefused(f"{path} is a symbolic link.", remedy="Name the file it leads to.")
    if fault.errno == errno.ENXIO:
        return _refused_kind(path, path.lstat().st_mode)
    return SourceRefused(f"{path} cannot be opened ({fault.strerror}).", remedy="Check its permissions.")


def _refused_kind(path: Path, mode: int) -> SourceRefused:
    for is_kind, name, remedy in _KINDS:
        if is_kind(mode):
            return SourceRefused(f"{path} is {name}, not a file.", remedy=remedy)
    return SourceRefused(f"{path} is no regular file.", remedy="Give a regular file.")
