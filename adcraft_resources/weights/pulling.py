"""Fetching weights from a hub: at one commit, resumable, checked against the hub's hashes.

Belongs here: the order of steps and their errors; huggingface_hub speaks to the hub. Does not: licences of ads.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft_resources.errors import ModelUnavailable, ModelUnreachable
from adcraft_resources.weights.catalog import Checkpoint
from adcraft_resources.weights.local import LocalWeights, find_local, read_local

TOKEN, ENDPOINT, OFFLINE = "HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"
SPARE_BYTES = 1 << 30
_CHUNK = 1 << 22
OnFile = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub; `hash` is `sha256:…` of its bytes, or `git:…`, git's own hash of a small file."""

    name: str
    size: int
    hash: str


@dataclass(frozen=True)
class HubFetcher:
    """The hub, as the environment says: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE."""

    endpoint: str | None = None
    token: str | None = None
    offline: bool = False

    @classmethod
    def from_environment(cls) -> HubFetcher:
        """The hub of the environment's variables."""
        offline = os.environ.get(OFFLINE, "").strip().lower() in {"1", "true", "yes", "on"}
        return cls(os.environ.get(ENDPOINT) or None, os.environ.get(TOKEN) or None, offline)

    def list_files(self, checkpoint: Checkpoint) -> tuple[str, list[RemoteFile]]:
        """Return the commit and files of a checkpoint's revision; ModelUnavailable or ModelUnreachable otherwise."""
        api = _hub().HfApi(endpoint=self.endpoint, token=self.token or False)
        info = self._asked(
            checkpoint,
            lambda: api.model_info(
                checkpoint.name, revision=checkpoint.revision or None, files_metadata=True
            ),
        )
        return str(info.sha), [
            _remote(one) for one in info.siblings or [] if _wanted(one.rfilename, checkpoint)
        ]

    def fetch(self, checkpoint: Checkpoint, revision: str, name: str, folder: Path) -> None:
        """Bring one file into `folder`, going on where an earlier try ended."""
        self._asked(
            checkpoint,
            lambda: _hub().hf_hub_download(
                checkpoint.name,
                name,
                revision=revision,
                local_dir=folder,
                endpoint=self.endpoint,
                token=self.token or False,
            ),
        )

    def _asked(self, checkpoint: Checkpoint, ask: Callable[[], Any]) -> Any:
        errors = _hub().errors
        try:
            return ask()
        except errors.GatedRepoError as error:
            remedy = (
                f"Accept the licence on the hub's page of {checkpoint.name} and set {TOKEN} to your token."
            )
            raise ModelUnavailable(f"{checkpoint.name} is gated.", remedy=remedy) from error
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
            remedy = f"Check its name and revision; a private one needs {TOKEN}."
            raise ModelUnavailable(f"the hub has no {checkpoint.label}.", remedy=remedy) from error
        except OSError as error:  # what the hub's client raises for connections, time-outs and refusals
            raise ModelUnreachable(
                f"{checkpoint.name} can't be fetched: {error}.",
                remedy="Run it again; it goes on where it stopped.",
            ) from error


def pull(
    weights: Path, checkpoint: Checkpoint, hub: HubFetcher, on_file: OnFile | None = None
) -> LocalWeights:
    """Fetch a checkpoint into `weights` and prove it; what is there already is not fetched again.

    Args:
        weights: The weights folder.
        checkpoint: Its revision decides the commit; none means the hub's main branch, then kept.
        hub: Where from.
        on_file: Told each file's name and size before it is fetched.

    Raises:
        ModelUnavailable: Offline and not here, no such checkpoint, gated without a token, no room, or a wrong hash.
        ModelUnreachable: The hub did not answer; trying again may help.
    """
    if hub.offline:
        return find_local(weights, checkpoint)
    revision, files = hub.list_files(checkpoint)
    folder = weights / checkpoint.folder_name
    folder.mkdir(parents=True, exist_ok=True)
    kept = read_local(weights, checkpoint)
    missing = [one for one in files if not _is_here(folder, one, kept, revision)]
    _check_room(folder, missing)
    for one in missing:
        if on_file is not None:
            on_file(one.name, one.size)
        hub.fetch(checkpoint, revision, one.name, folder)
        _prove(folder, one)
    pulled = LocalWeights(folder, revision, {one.name: (one.size, one.hash) for one in files})
    pulled.write(checkpoint)
    return pulled


def verify(weights: Path, checkpoint: Checkpoint) -> LocalWeights:
    """Read every file of pulled weights and compare it with its hash; ModelUnavailable names the first that differs."""
    found = find_local(weights, checkpoint)
    for name, (size, value) in found.files.items():
        _prove(found.folder, RemoteFile(name, size, value))
    return found


def hash_of(path: Path, like: str) -> str:
    """Return a file's hash in the manner of `like`: `sha256:…` or `git:…`."""
    if like.startswith("git:"):
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    return f"{like.partition(':')[0]}:{digest.hexdigest()}"


def _is_here(folder: Path, one: RemoteFile, kept: LocalWeights | None, revision: str) -> bool:
    path = folder / one.name
    if not path.is_file() or path.stat().st_size != one.size:
        return False
    proved = (
        kept is not None and kept.revision == revision and kept.files.get(one.name) == (one.size, one.hash)
    )
    return proved or hash_of(path, one.hash) == one.hash


def _prove(folder: Path, one: RemoteFile) -> None:
    path = folder / one.name
    size = path.stat().st_size if path.is_file() else -1
    if size != one.size or hash_of(path, one.hash) != one.hash:
        path.unlink(missing_ok=True)
        raise ModelUnavailable(
            f"{path} is not what the hub says it is ({size} bytes, {one.size} expected; or another hash).",
            remedy="It was deleted; run adcraft weights pull again.",
        )


def _check_room(folder: Path, missing: list[RemoteFile]) -> None:
    needed, free = sum(one.size for one in missing), shutil.disk_usage(folder).free
    if missing and free < needed + SPARE_BYTES:
        raise ModelUnavailable(
            f"{folder} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB are to be fetched.",
            remedy="Free some space or set models.weights to a larger disk.",
        )


def _wanted(name: str, checkpoint: Checkpoint) -> bool:
    top = "/" not in name
    return not (top and any(fnmatch.fnmatch(name, pattern) for pattern in checkpoint.skipped))


def _remote(sibling: Any) -> RemoteFile:
    large = sibling.lfs
    value = (
        f"sha256:{large['sha256'] if isinstance(large, dict) else large.sha256}"
        if large
        else f"git:{sibling.blob_id}"
    )
    return RemoteFile(sibling.rfilename, int(sibling.size), value)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ModelUnavailable(
            "huggingface_hub is not installed.", remedy='Install the extra: pip install "adcraft[gpu]"'
        ) from error
    return huggingface_hub
