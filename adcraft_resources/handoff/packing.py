"""One file instead of a folder: the zip, whole or not at all, the same bytes for the same files.

Belongs here: packing. Does not: what is packed.
"""

from __future__ import annotations

import shutil
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adcraft_resources.errors import FolderTaken

_STORED: Final = {".mp4", ".jpg", ".zip"}  # packed already
_EPOCH: Final = (2020, 1, 1, 0, 0, 0)


def export_zip(target: Path, fingerprint: str, fill: Callable[[Path], None]) -> bool:
    """Make `target` a zip of what `fill` writes, unless it already is; return whether it was written.

    The fingerprint is kept as the archive's comment.

    Raises:
        FolderTaken: What stands there was not packed here; it is left as it is.
    """
    if zip_is_fresh(target, fingerprint):
        return False
    if target.exists() and _comment(target) is None:
        raise FolderTaken(
            f"{target} is something adcraft did not put there, and would be replaced.",
            remedy="Move it away, or name another place with --out.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}~")
    folder = target.with_name(f".{target.stem}.{uuid.uuid4().hex}~")
    folder.mkdir()
    try:
        fill(folder)
        with zipfile.ZipFile(beside, "w") as archive:
            archive.comment = _MARK + fingerprint.encode()
            for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                _add(archive, path, f"{target.stem}/{path.relative_to(folder).as_posix()}")
        beside.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        beside.unlink(missing_ok=True)
    return True


def zip_is_fresh(target: Path, fingerprint: str) -> bool:
    """Return whether a zip holds what this fingerprint names."""
    return _comment(target) == fingerprint


_MARK: Final = b"adcraft "


def _comment(target: Path) -> str | None:
    """Return the fingerprint a zip carries, or None when it is none of ours."""
    try:
        with zipfile.ZipFile(target) as archive:
            comment = archive.comment
    except (OSError, zipfile.BadZipFile):
        return None
    return comment.removeprefix(_MARK).decode() if comment.startswith(_MARK) else None


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_STORED if path.suffix in _STORED else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with archive.open(entry, "w", force_zip64=True) as out, path.open("rb") as source:
        shutil.copyfileobj(source, out)
