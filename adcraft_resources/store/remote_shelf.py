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

from adcraft_resources.errors import StoreDamaged, StoreUnreachable
from adcraft_resources.store.bundles import to_json
from adcraft_resources.store.digests import sha256_of
from adcraft_resources.store.manifests import MANIFEST, POINTER
from adcraft_resources.store.read_cache import ReadCache

PART_BYTES = 8 << 20
SIDE_BY_SIDE = 8
TRIES = 5
LONGEST_PAUSE_S = 20.0
S3_OPTIONS = {
    "config_kwargs": {
        "connect_timeout": 10,
        "read_timeout": 60,
        "retries": {"mode": "standard", "max_attempts": 4},
    },
}
log = logging.getLogger(__name__)


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
        protocol = self.url.split("://")[0]
        options = S3_OPTIONS if protocol in ("s3", "s3a") else {}
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
        self._write(name, text)

    def publish(self, scratch: Path, name: str, manifest: Mapping[str, Any]) -> None:
        """Upload a finished draft as the bundle `name`; its manifest, written last, makes it visible.

        A process that dies on the way leaves objects no reader looks at; the next try writes the same names.
        """
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(lambda file: self._upload(scratch / file, f"{name}/{file}"), manifest["files"]))
        self._write(f"{name}/{MANIFEST}", to_json(manifest))
        self.cache.adopt(name, scratch, manifest)

    def fetch(self, name: str, manifest: Mapping[str, Any]) -> Path:
        """Return a local folder with the bundle's files, each checked against the manifest's sha256."""
        return self.cache.get(name, manifest, lambda folder: self._download(name, manifest, folder))

    def _upload(self, source: Path, name: str) -> None:
        system, root = self._place
        target = f"{root}/{name}"
        parts = {"chunksize": PART_BYTES} if hasattr(system, "_call_s3") else {}

        def send() -> None:
            system.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            system.put_file(str(source), target, **parts)

        self._try(f"write {name}", send)

    def _write(self, name: str, text: str) -> None:
        system, root = self._place
        target = f"{root}/{name}"

        def send() -> None:
            system.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            system.pipe_file(target, text.encode("utf-8"))

        self._try(f"write {name}", send)

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
            raise _TornError(f"{name} came with other bytes than its manifest says")

    def _try(self, what: str, do: Callable[[], Any]) -> Any:
        """Return what `do` returns, after as many tries as it takes; what is missing or forbidden is not tried again.

        Raises:
            FileNotFoundError: There is no such object.
            StoreUnreachable: Every try failed.
            StoreDamaged: Every try brought bytes that do not match the manifest, or access is refused.
        """
        for tried in range(1, TRIES + 1):
            try:
                return do()
            except FileNotFoundError:
                raise
            except PermissionError as error:
                raise StoreDamaged(
                    f"{self.url} refuses to {what}: {error}.",
                    remedy="Give the pod's service account, or the credentials of its environment, access to it.",
                ) from error
            except Exception as error:
                # Object stores' libraries share no base class for what a network does; all of it is tried again.
                if tried == TRIES:
                    raise self._given_up(what, error) from error
                pause = min(LONGEST_PAUSE_S, 0.5 * 2**tried) * random.uniform(0.5, 1)  # noqa: S311
                log.warning("%s: could not %s (%s); again in %.1f s", self.url, what, error, pause)
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _given_up(self, what: str, error: Exception) -> Exception:
        if isinstance(error, _TornError):
            return StoreDamaged(
                f"{error}.", remedy="Materialize the partition again; the bundle will be remade."
            )
        return StoreUnreachable(
            f"{self.url}: could not {what} in {TRIES} tries; the last said: {error!r}.",
            remedy="The step tries again by itself; look at the store's health and the network policy.",
        )


class _TornError(Exception):
    """A transfer ended with the wrong bytes."""
