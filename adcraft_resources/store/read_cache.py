"""The read-through cache: local copies of remote bundles, checked, bounded, shared by the processes of a node.

Belongs here: keeping copies and making room. Does not: where copies come from.
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft_resources.store.manifests import is_whole

USED = ".used"
LIKELY_IN_USE_S = 3 * 3600
"""A copy touched within this time may be read by a running step and is never thrown out."""
LEFT_BEHIND_S = 24 * 3600


@dataclass(frozen=True)
class ReadCache:
    """Copies of bundles under `base`, at most `most_bytes` of them that nobody used lately."""

    base: Path
    most_bytes: int

    def get(self, name: str, manifest: Mapping[str, Any], fill: Callable[[Path], None]) -> Path:
        """Return the folder of a whole copy of `name`; `fill` writes the files when there is none.

        Two processes that miss at once both fetch; the first rename wins and the other copy is thrown away.
        """
        local = self.base / name
        if not is_whole(local, manifest):
            scratch = self.base / f".fetch-{uuid.uuid4().hex}"
            scratch.mkdir(parents=True)
            try:
                fill(scratch)
                self._keep(scratch, local, manifest)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        self._touch(local)
        return local

    def adopt(self, name: str, folder: Path, manifest: Mapping[str, Any]) -> None:
        """Take a folder just published as the copy of `name`, so that its maker does not fetch it back."""
        scratch = self.base / f".fetch-{uuid.uuid4().hex}"
        self.base.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, scratch)
        try:
            self._keep(scratch, self.base / name, manifest)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _keep(self, scratch: Path, local: Path, manifest: Mapping[str, Any]) -> None:
        local.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if is_whole(local, manifest):
                return
            shutil.rmtree(local, ignore_errors=True)
            scratch.rename(local)
            self._touch(local)
            self._make_room()

    def _touch(self, local: Path) -> None:
        mark = local.parent / f"{USED}-{local.name}"
        if local.is_dir():
            mark.touch()

    def _make_room(self) -> None:
        """Throw out the copies used longest ago until the rest fits."""
        copies = sorted(self._copies())
        total = sum(size for _, size, _ in copies)
        for used_s, size, local in copies:
            if total <= self.most_bytes or time.time() - used_s < LIKELY_IN_USE_S:
                return
            shutil.rmtree(local, ignore_errors=True)
            (local.parent / f"{USED}-{local.name}").unlink(missing_ok=True)
            total -= size

    def _copies(self) -> Iterator[tuple[float, int, Path]]:
        """Yield last use, size and folder of every copy; sweep unfinished ones of dead processes."""
        for left in self.base.glob(".fetch-*"):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND_S:
                shutil.rmtree(left, ignore_errors=True)
        for mark in self.base.glob(f"*/*/{USED}-*"):
            local = mark.parent / mark.name.removeprefix(f"{USED}-")
            size = sum(path.stat().st_size for path in local.rglob("*") if path.is_file())
            yield mark.stat().st_mtime, size, local

    @contextmanager
    def _locked(self) -> Iterator[None]:
        handle = os.open(self.base / ".lock", os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
