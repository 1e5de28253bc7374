"""The store as a resource: finding, making and publishing bundles wherever they lie.

Belongs here: the rules of bundles, the same for every place. Does not: how a place reads and writes (the shelves).
"""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from upath import UPath

from adcraft_resources.errors import StoreDamaged
from adcraft_resources.store.bundles import Bundle, Draft
from adcraft_resources.store.digests import digest_of
from adcraft_resources.store.local_shelf import LocalShelf
from adcraft_resources.store.manifests import (
    MANIFEST,
    POINTER,
    inventory,
    is_whole,
    parse_manifest,
    parse_pointer,
    pointer_text,
)
from adcraft_resources.store.read_cache import ReadCache
from adcraft_resources.store.remote_shelf import RemoteShelf, TornError
from adcraft_resources.store.scratch import new_scratch

GIB = 1 << 30
log = logging.getLogger(__name__)


class BundleStore(dg.ConfigurableResource):
    """Bundles in a local folder, on a shared volume, or in an object store (`s3://`, whatever fsspec knows).

    Attributes:
        base: Where the store lies, a path or URL.
        cache: Local folder for copies of remote bundles; a folder of the temporary directory by default.
        cache_gb: Room for copies that were not used lately.
    """

    base: str
    cache: str = ""
    cache_gb: float = 50.0

    @property
    def root(self) -> UPath:
        """The store's root."""
        return UPath(self.base)

    @property
    def is_local(self) -> bool:
        """Whether bundles lie on this machine's file system."""
        return self.root.protocol in ("", "file", "local")

    @property
    def _shelf(self) -> LocalShelf | RemoteShelf:
        if "://" not in self.base:
            return LocalShelf(Path(self.base))  # asked ten times an ad when thousands are compared
        if self.is_local:
            return LocalShelf(Path(str(self.root)))
        temporary, mark = Path(tempfile.gettempdir()), digest_of(self.base)
        cache = Path(self.cache or temporary / "adcraft-cache") / mark
        return RemoteShelf(
            self.base.rstrip("/"),
            ReadCache(cache, int(self.cache_gb * GIB)),
            drafts=temporary / "adcraft-drafts",
            working=temporary / f"adcraft-{mark}",
        )

    def current_digest(self, kind: str, key: str) -> str | None:
        """Return the digest the pointer names, or None."""
        text = self._shelf.read_text(f"{kind}/{key}/{POINTER}")
        return parse_pointer(text, place=f"{kind}/{key} in {self.base}")

    def current(self, kind: str, key: str) -> Bundle | None:
        """Return the current bundle, or None when there is none whole."""
        digest = self.current_digest(kind, key)
        return None if digest is None else self.find(kind, key, digest)

    def find(self, kind: str, key: str, digest: str) -> Bundle | None:
        """Return the bundle with this digest if it is whole, else None."""
        shelf, name = self._shelf, f"{kind}/{key}/{digest}"
        manifest = parse_manifest(shelf.read_text(f"{name}/{MANIFEST}"))
        if manifest is None:
            return None
        try:
            local = shelf.fetch(name, manifest)
        except (FileNotFoundError, TornError) as error:
            # The store lost or garbled a file: the bundle counts as missing and is made anew.
            log.warning("%s in %s is damaged: %s", name, self.base, error)
            return None
        return Bundle(kind, key, digest, local, manifest) if is_whole(local, manifest) else None

    def list_keys(self, kind: str) -> list[str]:
        """Return the keys that have a current bundle of this kind, sorted."""
        return sorted(self._shelf.list_pointed(kind))

    def manifest(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """Return the current manifest without fetching files, or None."""
        digest = self.current_digest(kind, key)
        return None if digest is None else self.manifest_of(kind, key, digest)

    def manifest_of(self, kind: str, key: str, digest: str) -> Mapping[str, Any] | None:
        """Return a bundle's manifest without fetching files or asking whether they are whole, or None."""
        return parse_manifest(self._shelf.read_text(f"{kind}/{key}/{digest}/{MANIFEST}"))

    def point_to(self, kind: str, key: str, digest: str) -> None:
        """Make `digest` the current bundle, atomically."""
        self._shelf.point(f"{kind}/{key}/{POINTER}", pointer_text(digest))

    @contextmanager
    def draft(
        self, kind: str, key: str, digest: str, manifest: Mapping[str, Any], *, point: bool = True
    ) -> Iterator[Draft]:
        """Make a bundle: the block writes files, its end publishes them; an exception, or `dropped`, leaves no trace.

        Args:
            kind: Asset or kind of result.
            key: Partition key or other name.
            digest: Identity of the bundle, from `digest_of`.
            manifest: First fields of the manifest; the block may add to `draft.manifest`.
            point: Whether the bundle becomes the current one.
        """
        scratch = new_scratch(self._shelf.drafts)
        draft = Draft(scratch, {"kind": kind, "key": key, "digest": digest, **manifest})
        try:
            began = time.monotonic()
            yield draft
            if draft.dropped:
                return
            draft.manifest["seconds"] = round(time.monotonic() - began, 3)
            draft.manifest["files"] = inventory(scratch)
            draft.manifest["made_at"] = datetime.now(UTC).isoformat(timespec="seconds")
            self._shelf.publish(scratch, f"{kind}/{key}/{digest}", draft.manifest)
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
        folder = self._shelf.working / f".{name}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
