"""Bundles on this machine's file system or on a volume mounted into every pod.

Belongs here: reading texts, publishing by one rename, moving the pointer by another. Does not: remote places.
"""

import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft_resources.store.bundles import to_json
from adcraft_resources.store.manifests import MANIFEST, POINTER, is_whole, parse_manifest


@dataclass(frozen=True)
class LocalShelf:
    """A store in a folder; readers use the files where they lie."""

    base: Path

    @property
    def drafts(self) -> Path:
        """Where drafts grow: on the same file system, so that a rename publishes them."""
        return self.base / ".drafts"

    @property
    def working(self) -> Path:
        """Where unfinished work is kept."""
        return self.base

    def read_text(self, name: str) -> str | None:
        """Return the text of a file, None when there is none."""
        # Plain text for a path, since a night reads twenty files an ad and Path objects took a fifth of its time.
        try:
            with open(f"{self.base}/{name}", encoding="utf-8") as file:  # noqa: PTH123
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def list_pointed(self, kind: str) -> list[str]:
        """Return the keys under `kind` that have a pointer."""
        try:
            return [child.name for child in (self.base / kind).iterdir() if (child / POINTER).exists()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def point(self, name: str, text: str) -> None:
        """Replace the pointer `name` in one piece."""
        beside = self.base / Path(name).parent / f".{POINTER}.{uuid.uuid4().hex}"
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, self.base / name)  # noqa: PTH105  (atomic by contract)

    def publish(self, scratch: Path, name: str, manifest: Mapping[str, Any]) -> None:
        """Make a finished draft the bundle `name`; a whole one that is there already stays."""
        (scratch / MANIFEST).write_text(to_json(manifest), encoding="utf-8")
        final = self.base / name
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists() and not self._holds(name):
            shutil.rmtree(final)  # a bundle somebody damaged: the same digest is made anew
        try:
            scratch.rename(final)
        except OSError:
            if not self._holds(name):
                raise

    def fetch(self, name: str, manifest: Mapping[str, Any]) -> Path:
        """Return the folder of a bundle's files."""
        return self.base / name

    def _holds(self, name: str) -> bool:
        manifest = parse_manifest(self.read_text(f"{name}/{MANIFEST}"))
        return manifest is not None and is_whole(self.base / name, manifest)
