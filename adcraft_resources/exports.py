"""Folders under `results/`: derived from the store, swapped whole, remade when missing or stale.

Belongs here: when a folder is stale and how it is replaced. Does not: what is in it.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from adcraft_resources.errors import FolderTaken
from adcraft_resources.store import to_json

MARK = ".adcraft.json"
"""File of an exported folder: the fingerprint of what it shows and the sizes of its files."""


def export_folder(target: Path, fingerprint: str, fill: Callable[[Path], None]) -> bool:
    """Make `target` hold what `fill` writes, unless it already does; return whether it was written.

    The folder is filled beside its place and swapped in whole, so a reader never sees half of it.

    Args:
        target: The folder.
        fingerprint: Identity of the content; the same fingerprint with all files there means nothing to do.
        fill: Writes the content into the folder it is given.

    Raises:
        FolderTaken: What stands there was not exported by this function; it is left as it is.
    """
    if is_fresh(target, fingerprint):
        return False
    _refuse_foreign(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{target.name}.*~"):
        shutil.rmtree(left, ignore_errors=True)
    beside = target.parent / f".{target.name}.{uuid.uuid4().hex}~"
    beside.mkdir()
    try:
        fill(beside)
        (beside / MARK).write_text(
            to_json({"fingerprint": fingerprint, "files": _sizes(beside)}), encoding="utf-8"
        )
        if target.exists():
            old = target.parent / f".{target.name}.{uuid.uuid4().hex}~"
            target.rename(old)
            beside.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}~")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file for the block; another process waits. Released by the system if this one dies."""
    import fcntl  # not on Windows, where nothing else of adcraft imports it

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file of the store; a link would let an edit under `results/` change the store."""
    shutil.copyfile(source, target)
    os.utime(target)


def _refuse_foreign(target: Path) -> None:
    """Raise FolderTaken when swapping `target` would delete somebody else's files."""
    is_ours = (target / MARK).is_file()
    if target.exists() and not is_ours and not (target.is_dir() and not any(target.iterdir())):
        raise FolderTaken(
            f"{target} holds something adcraft did not put there, and would be replaced.",
            remedy="Move it away, or name another folder for the results.",
        )


def is_fresh(target: Path, fingerprint: str) -> bool:
    """Return whether a folder shows this fingerprint and has all its files."""
    try:
        mark: dict[str, Any] = json.loads((target / MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return mark.get("fingerprint") == fingerprint and mark.get("files") == _sizes(target)


def _sizes(folder: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for place, _, names in os.walk(folder):
        below = Path(place).relative_to(folder).as_posix()
        for name in names:
            if name != MARK:
                told = name if below == "." else f"{below}/{name}"
                with suppress(FileNotFoundError):  # somebody's link to nowhere, or a file that just left
                    sizes[told] = os.stat(f"{place}/{name}").st_size  # noqa: PTH116
    return dict(sorted(sizes.items()))
