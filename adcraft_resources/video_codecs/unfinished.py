"""Files that appear at their final name whole or not at all.

Belongs here: the temporary name beside the target, the atomic rename, the removal on failure.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from uuid import uuid4

import av
import av.error


class UnfinishedFile:
    """An output container under a temporary name in the target's folder, which is made if missing."""

    def __init__(self, path: Path, options: dict[str, str]) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex[:8]}.part")
        self.container = av.open(str(self._temporary), "w", format="mp4", options=options)

    def publish(self) -> None:
        """Close the container and give the file its name, in place of one that is there."""
        self.container.close()
        self._temporary.replace(self.path)

    def discard(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self.container.close()
        self._temporary.unlink(missing_ok=True)
