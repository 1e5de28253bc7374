"""Bundles in an object store: files first, in parts and side by side, the manifest last, the pointer as one object.

Credentials are whatever the store's own library finds: environment, service account, instance role; none is in the
config. Belongs here: moving files to and from the object store and trying again. Does not: local copies (read_cache).
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec

from adcraft_resources.errors import StoreRefused, StoreUnreachable
from adcraft_resources.store.bundles import to_json
from adcraft_resources.store.digests import sha256_of
from adcraft_resources.store.manifests import MANIFEST, POINTER
from adcraft_resources.store.read_cache import ReadCache

PART_BYTES = 8 << 20
SIDE_BY_SIDE = 8
TRIES = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
S3 = ("s3://", "s3a://")
WITHOUT_FOLDERS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory")
S3_OPTIONS = {
    "config_kwargs": {
        "connect_timeout": 10,
        "read_timeout": 60,
        "retries": {"mode": "standard", "total_max_attempts": 1},  # s3fs tries 5 times, and so do we
    },
}
log = logging.getLogger(__name__)


class TornError(Exception):
    """Bytes of the store do not match the manifest, however often they are fetched."""


@dataclass(frozen=True)
class RemoteShelf:
    """A store under a URL; readers get checked copies out of the cache."""

    url: str
    cache: ReadCache
    drafts: Path
    working: Path

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system and the store's root in it, without its listings cache: pods write behind our back."""
        options = S3_OPTIONS if self.url.startswith(S3) else {}
        system, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **options)
        return system, root.rstrip("/")

    def read_text(self, name: str) -> str | None:
        """Return the text of an object, None when there is none."""
        system, root = self._place
        try:
            return self._try(f"read {name}", lambda: system.cat_file(f"{root}/{name}")).decode("utf-8")
        except FileNotFoundError:
            return None

    def list_pointed(self, kind: str) -> list[str]:
        """Return the keys under `kind` that have a pointer."""
        system, root = self._place
        found = self._try(f"list {kind}", lambda: system.glob(f"{root}/{kind}/*/{POINTER}"))
        return [path.rstrip("/").split("/")[-2] for path in found]

    def point(self, name: str, text: str) -> None:
        """Replace the pointer `name`; object stores replace an object in one piece."""
        self._write_text(name, text)

    def publish(self, scratch: Path, name: str, manifest: Mapping[str, Any]) -> None:
        """Upload a finished draft as the bundle `name`; its manifest, written last, makes it visible.

        A process that dies on the way leaves objects no reader looks at; the next try writes the same names.
        """
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(lambda file: self._upload(scratch / file, f"{name}/{file}"), manifest["files"]))
        self._write_text(f"{name}/{MANIFEST}", to_json(manifest))
        self.cache.adopt(name, scratch, manifest)

    def fetch(self, name: str, manifest: Mapping[str, Any]) -> Path:
        """Return a local folder with the bundle's files, each checked against the manifest's sha256."""
        return self.cache.get(name, manifest, lambda folder: self._download(name, manifest, folder))

    def _upload(self, source: Path, name: str) -> None:
        system, target = self._folder_for(name)
        parts = {"chunksize": PART_BYTES} if self.url.startswith(S3) else {}
        self._write(name, lambda: system.put_file(str(source), target, **parts))

    def _write_text(self, name: str, text: str) -> None:
        system, target = self._folder_for(name)
        self._write(name, lambda: system.pipe_file(target, text.encode("utf-8")))

    def _folder_for(self, name: str) -> tuple[Any, str]:
        """Return the file system and the full name of an object, after making its folder where there are folders."""
        system, root = self._place
        target = f"{root}/{name}"
        if self.url.split("://")[0] not in WITHOUT_FOLDERS:
            system.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        return system, target

    def _write(self, name: str, send: Callable[[], Any]) -> None:
        try:
            self._try(f"write {name}", send)
        except FileNotFoundError as error:
            raise StoreRefused(
                f"{self.url}: there is no place to write {name} to: {error}.", remedy="Make the bucket first."
            ) from error

    def _download(self, name: str, manifest: Mapping[str, Any], folder: Path) -> None:
        def one(file: str) -> None:
            facts, target = manifest["files"][file], folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            self._try(f"read {name}/{file}", lambda: self._get(f"{name}/{file}", target, facts))

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(one, manifest["files"]))

    def _get(self, name: str, target: Path, facts: Mapping[str, Any]) -> None:
        system, root = self._place
        system.get_file(f"{root}/{name}", str(target))
        if target.stat().st_size != facts["bytes"] or sha256_of(target) != facts["sha256"]:
            raise TornError(f"{name} came with other bytes than its manifest says")

    def _try(self, what: str, do: Callable[[], Any]) -> Any:
        """Return what `do` returns, after as many tries as it takes; what is missing or forbidden is not tried again.

        Raises:
            FileNotFoundError: There is no such object.
            StoreRefused: Access is refused.
            StoreUnreachable: Every try failed.
            TornError: Every try brought bytes that do not match the manifest.
        """
        for tried in range(1, TRIES + 1):
            try:
                return do()
            except FileNotFoundError:
                raise
            except PermissionError as error:
                raise StoreRefused(
                    f"{self.url} refuses to {what}: {error}.",
                    remedy="Give the pod's service account, or the credentials of its environment, access to it.",
                ) from error
            except Exception as error:
                # Object stores' libraries share no base class for what a network does; all of it is tried again.
                if tried == TRIES:
                    raise self._given_up(what, error) from error
                pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**tried) * random.uniform(0.5, 1)  # noqa: S311
                log.warning("%s: could not %s (%s); again in %.1f s", self.url, what, error, pause)
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _given_up(self, what: str, error: Exception) -> Exception:
        if isinstance(error, TornError):
            return error
        return StoreUnreachable(
            f"{self.url}: could not {what} in {TRIES} tries; the last said: {error!r}.",
            remedy="The step tries again by itself; look at the store's health and the network policy.",
        )
