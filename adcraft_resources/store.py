"""The store: immutable bundles of files, published whole, with a pointer to the current one.

`<base>/<kind>/<key>/<digest>/` holds a bundle's files and, written last, `manifest.json`;
`<base>/<kind>/<key>/current.json` names the current digest and is replaced atomically. A reader sees a
whole bundle or none. Belongs here: publishing, finding and fetching bundles. Does not: what is in them.
"""

import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from upath import UPath

from adcraft_resources.errors import StoreDamaged

MANIFEST = "manifest.json"
POINTER = "current.json"
CHUNK_BYTES = 1 << 20
DIGEST_CHARS = 24  # 96 bits: no collision among any number of bundles a team will ever make


def digest_of(value: Any) -> str:
    """Return the digest of a JSON-able value; equal values give equal digests on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARS]


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


@dataclass(frozen=True)
class Bundle:
    """A published bundle, its files on a local `path`."""

    kind: str
    key: str
    digest: str
    path: Path
    manifest: Mapping[str, Any]

    @property
    def figures(self) -> Mapping[str, Any]:
        """The measured figures of the manifest."""
        return self.manifest.get("figures", {})

    def file(self, name: str) -> Path:
        """Return the path of a file of the bundle; StoreDamaged if it is not there."""
        path = self.path / name
        if not path.is_file():
            raise StoreDamaged(
                f"{self.kind} of {self.key} lacks {name}.", remedy="Materialize it again; it will be remade."
            )
        return path

    def read_json(self, name: str) -> Any:
        """Return the parsed JSON file `name`."""
        return json.loads(self.file(name).read_text(encoding="utf-8"))


@dataclass
class Draft:
    """A bundle being made: write files under `folder`, then let the `with` block end."""

    folder: Path
    manifest: dict[str, Any]
    published: Bundle | None = None

    def write_json(self, name: str, value: Any) -> Path:
        """Write `value` as a JSON file of the bundle."""
        path = self.folder / name
        path.write_text(to_json(value), encoding="utf-8")
        return path


def to_json(value: Any) -> str:
    """Return readable, stable JSON text."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"


class BundleStore(dg.ConfigurableResource):
    """Bundles over any file system universal-pathlib knows: a local folder, `memory://`, `s3://`.

    Attributes:
        base: Where the store lies, a path or URL.
        cache: Local folder for copies of remote bundles; a folder of the temporary directory by default.
    """

    base: str
    cache: str = ""

    @property
    def root(self) -> UPath:
        """The store's root."""
        return UPath(self.base)

    @property
    def is_local(self) -> bool:
        """Whether bundles lie on this machine's file system."""
        return self.root.protocol in ("", "file", "local")

    def current_digest(self, kind: str, key: str) -> str | None:
        """Return the digest the pointer names, or None."""
        try:
            return json.loads((self.root / kind / key / POINTER).read_text(encoding="utf-8"))["digest"]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError) as error:
            raise StoreDamaged(
                f"The pointer of {kind}/{key} in {self.base} is not readable: {error}.",
                remedy="Delete that current.json and materialize the partition again.",
            ) from error

    def current(self, kind: str, key: str) -> Bundle | None:
        """Return the current bundle, or None when there is none whole."""
        digest = self.current_digest(kind, key)
        return None if digest is None else self.find(kind, key, digest)

    def find(self, kind: str, key: str, digest: str) -> Bundle | None:
        """Return the bundle with this digest if it is whole, else None."""
        remote = self.root / kind / key / digest
        try:
            manifest = json.loads((remote / MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        local = Path(str(remote)) if self.is_local else self._fetch(remote, kind, key, digest, manifest)
        if not _is_whole(local, manifest):
            return None
        return Bundle(kind, key, digest, local, manifest)

    def list_keys(self, kind: str) -> list[str]:
        """Return the keys that have a current bundle of this kind, sorted."""
        folder = self.root / kind
        try:
            return sorted(child.name for child in folder.iterdir() if (child / POINTER).exists())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def manifest(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """Return the current manifest without fetching files, or None."""
        digest = self.current_digest(kind, key)
        return None if digest is None else self.manifest_of(kind, key, digest)

    def manifest_of(self, kind: str, key: str, digest: str) -> Mapping[str, Any] | None:
        """Return a bundle's manifest without fetching files or asking whether they are whole, or None."""
        try:
            return json.loads((self.root / kind / key / digest / MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def point_to(self, kind: str, key: str, digest: str) -> None:
        """Make `digest` the current bundle, atomically."""
        pointer = self.root / kind / key / POINTER
        text = to_json({"digest": digest})
        if not self.is_local:
            pointer.write_text(text, encoding="utf-8")  # object stores replace an object in one piece
            return
        beside = Path(str(pointer.parent)) / f".{POINTER}.{uuid.uuid4().hex}"
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, str(pointer))  # noqa: PTH105  (a UPath has no local replace)

    @contextmanager
    def draft(
        self, kind: str, key: str, digest: str, manifest: Mapping[str, Any], *, point: bool = True
    ) -> Iterator[Draft]:
        """Make a bundle: the block writes files, its end publishes them; an exception leaves no trace.

        Args:
            kind: Asset or kind of result.
            key: Partition key or other name.
            digest: Identity of the bundle, from `digest_of`.
            manifest: First fields of the manifest; the block may add to `draft.manifest`.
            point: Whether the bundle becomes the current one.
        """
        scratch = self._scratch()
        draft = Draft(scratch, {"kind": kind, "key": key, "digest": digest, **manifest})
        try:
            began = time.monotonic()
            yield draft
            draft.manifest["seconds"] = round(time.monotonic() - began, 3)
            draft.manifest["files"] = _inventory(scratch)
            draft.manifest["made_at"] = datetime.now(UTC).isoformat(timespec="seconds")
            self._publish(scratch, kind, key, digest, draft.manifest)
            if point:
                self.point_to(kind, key, digest)
            draft.published = self.find(kind, key, digest)
            if draft.published is None:
                raise StoreDamaged(f"{kind} of {key} vanished while it was published.", remedy="Run again.")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def ensure(
        self,
        kind: str,
        key: str,
        identity: Mapping[str, Any],
        make: Callable[[Draft], None],
        *,
        point: bool = True,
    ) -> tuple[Bundle, bool]:
        """Return the bundle of `identity` and whether it was there already; `make` fills a draft otherwise.

        Args:
            kind: Asset or kind of result.
            key: Partition key or other name.
            identity: All the bundle depends on: digests of inputs, parameters, code version.
            make: Writes files and adds to the manifest.
            point: Whether the bundle becomes the current one.
        """
        digest = digest_of(identity)
        kept = self.find(kind, key, digest)
        if kept is None:
            with self.draft(kind, key, digest, {"identity": dict(identity)}, point=point) as draft:
                make(draft)
            if draft.published is None:
                raise AssertionError("a draft that ended well is published")
            return draft.published, False
        if point and self.current_digest(kind, key) != digest:
            self.point_to(kind, key, digest)
        return kept, True

    def working_folder(self, name: str) -> Path:
        """Return a local folder for unfinished work that the next run may go on with; readers never look there."""
        parent = (
            Path(str(self.root))
            if self.is_local
            else Path(tempfile.gettempdir()) / f"adcraft-{digest_of(self.base)}"
        )
        folder = parent / f".{name}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _scratch(self) -> Path:
        """Return a new scratch folder; sweep those that killed processes of this machine left behind."""
        parent = (
            Path(str(self.root)) / ".drafts"
            if self.is_local
            else Path(tempfile.gettempdir()) / "adcraft-drafts"
        )
        parent.mkdir(parents=True, exist_ok=True)
        host = socket.gethostname()
        for left in parent.glob(f"{host}~*"):
            pid = left.name.split("~")[1]
            if not _is_alive(int(pid)):
                shutil.rmtree(left, ignore_errors=True)
        scratch = parent / f"{host}~{os.getpid()}~{uuid.uuid4().hex}"
        scratch.mkdir()
        return scratch

    def _publish(self, scratch: Path, kind: str, key: str, digest: str, manifest: dict[str, Any]) -> None:
        target = self.root / kind / key / digest
        if self.is_local:
            (scratch / MANIFEST).write_text(to_json(manifest), encoding="utf-8")
            final = Path(str(target))
            final.parent.mkdir(parents=True, exist_ok=True)
            if final.exists() and self.find(kind, key, digest) is None:
                shutil.rmtree(final)  # a bundle somebody damaged: the same digest is made anew
            try:
                scratch.rename(final)
            except OSError:
                if self.find(kind, key, digest) is None:
                    raise
            return
        target.mkdir(parents=True, exist_ok=True)
        for name in manifest["files"]:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with (scratch / name).open("rb") as source, path.open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK_BYTES)
        (target / MANIFEST).write_text(to_json(manifest), encoding="utf-8")

    def _fetch(self, remote: UPath, kind: str, key: str, digest: str, manifest: Mapping[str, Any]) -> Path:
        base = (
            Path(self.cache)
            if self.cache
            else Path(tempfile.gettempdir()) / "adcraft-cache" / digest_of(self.base)
        )
        local = base / kind / key / digest
        if _is_whole(local, manifest):
            return local
        scratch = base / f".fetch-{uuid.uuid4().hex}"
        scratch.mkdir(parents=True)
        try:
            for name in manifest["files"]:
                (scratch / name).parent.mkdir(parents=True, exist_ok=True)
                with (remote / name).open("rb") as source, (scratch / name).open("wb") as out:
                    shutil.copyfileobj(source, out, CHUNK_BYTES)
            local.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(local, ignore_errors=True)
            scratch.rename(local)
        except FileNotFoundError:
            return local  # the caller finds it not whole and takes the bundle as missing
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return local


def _inventory(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in files
    }


def _is_whole(folder: Path, manifest: Mapping[str, Any]) -> bool:
    for name, facts in manifest.get("files", {}).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != facts["bytes"]:
            return False
    return "files" in manifest and folder.is_dir()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
