"""The file a source grows in: `<key>.part`, with `<key>.part.json` saying what it is the beginning of.

Belongs here: writing, resuming, locking and finishing that file, and the limits of size and disk.
Does not: the network. Both files outlive the process, so that a killed download goes on where it stopped.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from adcraft_resources.downloads.file_types import HEAD_BYTES, FileType, require_video
from adcraft_resources.downloads.values import MEGABYTE
from adcraft_resources.errors import SourceRefused, SourceUnreachable, VideoUnwritable

_BLOCK = 1 << 20
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Validator:
    """What proves that a resumed download is still of the same bytes: a strong ETag or a date."""

    identity: str
    etag: str | None
    last_modified: str | None

    @property
    def if_range(self) -> str | None:
        """The value of the If-Range header; None where the server gave nothing to go by."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified


class PartialFile:
    """A growing file, locked against other processes; a context manager that closes it.

    After `open`, `size` bytes are on disk already and `validator` says of what; 0 and None on a new one.

    Raises (all methods):
        SourceRefused: The source is over `max_mb`.
        VideoUnwritable: The disk is full or the folder cannot be written.
    """

    def __init__(self, folder: Path, key: str, *, name: str, max_mb: int) -> None:
        self.path = folder / f"{key}.part"
        self.validator: Validator | None = None
        self.size = 0
        self._note = folder / f"{key}.part.json"
        self._name = name
        self._max_mb = max_mb
        self._file = -1
        self._sha = hashlib.sha256()
        self._head = b""
        self._checked = False

    def open(self) -> Self:
        """Open and lock the file, reading what is there (which takes a second per 2 GB).

        Raises:
            SourceUnreachable: Another process is fetching it right now.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open_locked(self.path)
        except BlockingIOError:
            raise SourceUnreachable(
                f"{self._name} is being fetched by another process.", remedy="Wait for it, then run again."
            ) from None
        except OSError as fault:
            raise self._unwritable(fault) from None
        self._recall()
        return self

    def __enter__(self) -> Self:
        """Open the file unless it is open."""
        return self if self._file >= 0 else self.open()

    def __exit__(self, *_: object) -> None:
        """Close; the part stays for the next try."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _recall(self) -> None:
        try:
            self.validator = Validator(**json.loads(self._note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            self.restart(None)
            return
        for block in iter(lambda: os.read(self._file, _BLOCK), b""):
            self._take(block)

    def _take(self, block: bytes) -> None:
        self._sha.update(block)
        self.size += len(block)
        if len(self._head) < HEAD_BYTES:
            self._head += block[: HEAD_BYTES - len(self._head)]

    def restart(self, validator: Validator | None) -> None:
        """Forget the bytes so far and note what the next ones belong to."""
        self.validator, self.size, self._head, self._checked = validator, 0, b"", False
        self._sha = hashlib.sha256()
        try:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            if validator is None:
                self._note.unlink(missing_ok=True)
            else:
                self._note.write_text(json.dumps(asdict(validator)), "utf-8")
        except OSError as fault:
            raise self._unwritable(fault) from None

    def expect(self, total: int | None) -> None:
        """Check a size the server or the disk announces before any byte is moved."""
        if total is None:
            return
        self._check_size(total)
        free = shutil.disk_usage(self.path.parent).free
        if total - self.size > free:
            raise VideoUnwritable(
                f"{self._name} needs {_mb(total - self.size)} MB, and {self.path.parent} has {_mb(free)} MB left.",
                remedy="Free some disk space or move the store.",
            )

    def write(self, block: bytes) -> None:
        """Append bytes; refuses as soon as the first ones show that this is no video."""
        self._check_size(self.size + len(block))
        self._take(block)
        if not self._checked and len(self._head) >= HEAD_BYTES:
            require_video(self._head, self._name)
            self._checked = True
        try:
            view = memoryview(block)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as fault:
            raise self._unwritable(fault) from None

    def _check_size(self, size: int) -> None:
        if size > self._max_mb * MEGABYTE:
            raise SourceRefused(
                f"{self._name} is larger than {self._max_mb} MB.",
                remedy="Raise download.max_mb if you want it, or export the ad smaller.",
            )

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes so far."""
        return self._sha.hexdigest()

    def file_type(self) -> FileType:
        """Type of the bytes so far; raises SourceRefused for what is no video."""
        return require_video(self._head, self._name)

    def finish(self, target: Path) -> None:
        """Move the whole file to `target`, replacing what is there at once."""
        try:
            os.fsync(self._file)
            self.path.replace(target)
            self._note.unlink(missing_ok=True)
        except OSError as fault:
            raise self._unwritable(fault) from None

    def discard(self) -> None:
        """Remove the part and its note: what they begin will never be wanted."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _unwritable(self, fault: OSError) -> VideoUnwritable:
        if fault.errno in _DISK_FULL:
            self.discard()  # a part that cannot grow only keeps the disk full
            return VideoUnwritable(
                f"The disk is full: {self._name} did not fit after {_mb(self.size)} MB in {self.path.parent}.",
                remedy="Free some disk space or move the store.",
            )
        return VideoUnwritable(
            f"{self.path} cannot be written ({fault.strerror}).",
            remedy="Check the folder and its permissions.",
        )


def _mb(size: int) -> str:
    return f"{size / MEGABYTE:.1f}"


def _open_locked(path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            now = path.stat() if path.exists() else None
        except OSError:
            os.close(file)
            raise
        if now and os.path.samestat(now, os.fstat(file)):
            return file
        os.close(file)  # its last owner finished it between our open and our lock: take the new one
