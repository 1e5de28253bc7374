"""Manifests and pointers: the two small files that say what a bundle holds and which one is current.

Belongs here: their names, what they say, whether files agree with them. Does not: reading or writing places.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adcraft_resources.errors import StoreDamaged
from adcraft_resources.store.bundles import to_json
from adcraft_resources.store.digests import sha256_of

MANIFEST = "manifest.json"
POINTER = "current.json"


def inventory(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and sha256 of every file under `folder`, by its name there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in files
    }


def is_whole(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Return whether every file the manifest names lies in `folder` in its full size."""
    for name, facts in manifest.get("files", {}).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != facts["bytes"]:
            return False
    return "files" in manifest and folder.is_dir()


def parse_manifest(text: str | None) -> Mapping[str, Any] | None:
    """Return a manifest, or None for a missing or torn one: such a bundle was never published."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def parse_pointer(text: str | None, *, place: str) -> str | None:
    """Return the digest a pointer names, None for no pointer; StoreDamaged for one nobody can read."""
    if text is None:
        return None
    try:
        return str(json.loads(text)["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamaged(
            f"The pointer of {place} is not readable: {error}.",
            remedy="Delete that current.json and materialize the partition again.",
        ) from error


def pointer_text(digest: str) -> str:
    """Return the text of a pointer."""
    return to_json({"digest": digest})
