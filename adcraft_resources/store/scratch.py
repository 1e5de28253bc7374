"""Scratch folders: where drafts grow, and the sweeping of those that killed processes left behind.

Belongs here: making and sweeping them. Does not: publishing what is in them.
"""

import os
import shutil
import socket
import time
import uuid
from pathlib import Path

from adcraft_resources.processes import is_there

ABANDONED_S = 24 * 3600
"""A draft of another machine untouched for so long belongs to a pod that is gone: no step may run that long."""


def new_scratch(parent: Path) -> Path:
    """Return a new scratch folder under `parent`, after sweeping what dead processes left there."""
    parent.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname()
    _sweep(parent, host)
    scratch = parent / f"{host}~{os.getpid()}~{uuid.uuid4().hex}"
    scratch.mkdir()
    return scratch


def _sweep(parent: Path, host: str) -> None:
    for left in parent.glob("*~*~*"):
        owner, pid, _ = left.name.rsplit("~", 2)
        dead = not is_there(int(pid)) if owner == host else _is_abandoned(left)
        if dead:
            shutil.rmtree(left, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    """Return whether nothing in a folder of another machine changed for long; a shared volume keeps those."""
    try:
        newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except FileNotFoundError:
        return False
    return time.time() - newest > ABANDONED_S
