"""Retention: which generations of the store may go, and letting them go.

Belongs here: the retention section of config.json, what is protected, deleting. Does not: publishing or pointing.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from adcraft_resources.result_cache import KIND as CACHE
from adcraft_resources.sections import Section
from adcraft_resources.store import BundleStore
from adcraft_resources.store.digests import DIGEST_CHARS
from adcraft_resources.store.manifests import MANIFEST

DIGEST = re.compile(rf"^[0-9a-f]{{{DIGEST_CHARS}}}$")
YOUNGEST = timedelta(days=1)
"""Nothing younger is pruned: a run may just be making what will point to it."""


class RetentionSettings(Section):
    """How long old generations stay."""

    generations: int = Field(default=3, ge=1, description="Most generations kept of each stage of a video.")
    days: int = Field(default=30, ge=1, description="Days an old generation is kept at most.")
    max_gb: float | None = Field(
        default=None, gt=0, description="Size of the store above which the oldest generations go early."
    )


@dataclass(frozen=True, slots=True)
class Generation:
    """One bundle of the store."""

    kind: str
    key: str
    digest: str
    made_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Pruning:
    """What a pruning took away, or would take away."""

    removed: tuple[Generation, ...]
    kept: int
    kept_bytes: int

    @property
    def removed_bytes(self) -> int:
        """Bytes freed."""
        return sum(one.size_bytes for one in self.removed)


@dataclass(frozen=True, slots=True)
class _Pile:
    """All generations of one key over all kinds, with what each points to."""

    generations: Mapping[str, Generation]
    references: Mapping[str, frozenset[str]]
    pointed: frozenset[str]

    def closure(self, roots: set[str]) -> set[str]:
        """Return the roots and all they point to, directly or not."""
        reached, pending = set[str](), [root for root in roots if root in self.generations]
        while pending:
            digest = pending.pop()
            if digest not in reached:
                reached.add(digest)
                pending.extend(self.references[digest] - reached)
        return reached

    def recent(self, policy: RetentionSettings, now: datetime) -> set[str]:
        """Return the generations the policy keeps by count and age, and the very young ones."""
        kept: set[str] = set()
        ranks: dict[str, int] = {}
        for one in sorted(self.generations.values(), key=lambda one: one.made_at, reverse=True):
            age = now - one.made_at
            rank = ranks[one.kind] = ranks.get(one.kind, 0) + 1
            # Variants and cached results have no pointer: variants stay as long as what names them, results by age.
            counts = one.kind in self.pointed and rank <= policy.generations
            in_time = age <= timedelta(days=policy.days)
            if age < YOUNGEST or (in_time and (counts or one.kind == CACHE)):
                kept.add(one.digest)
        return kept


def prune(
    store: BundleStore,
    policy: RetentionSettings,
    approved: Mapping[str, set[str]],
    *,
    now: datetime | None = None,
    dry_run: bool = False,
) -> Pruning:
    """Remove the generations the policy no longer keeps; never what a current or approved manifest points to.

    Args:
        store: The store.
        policy: How many, how old, how large.
        approved: Digests by key that people approved; they and what they point to stay.
        now: The time ages are counted from; by default the present.
        dry_run: Only say what would go.
    """
    now = now or datetime.now(UTC)
    going: list[Generation] = []
    spare: list[Generation] = []
    kept, kept_bytes = 0, 0
    for key, kinds in _keys(store):
        pile, current = _read_pile(store, key, kinds)
        safe = pile.closure(current | approved.get(key, set()))
        staying = safe | pile.closure(pile.recent(policy, now))
        for digest, one in pile.generations.items():
            if digest not in staying:
                going.append(one)
                continue
            kept, kept_bytes = kept + 1, kept_bytes + one.size_bytes
            if digest not in safe and now - one.made_at >= YOUNGEST:
                spare.append(one)
    limit = None if policy.max_gb is None else policy.max_gb * 1e9
    for one in sorted(spare, key=lambda one: one.made_at):
        if limit is None or kept_bytes <= limit:
            break
        going.append(one)
        kept, kept_bytes = kept - 1, kept_bytes - one.size_bytes
    removed = [one for one in going if dry_run or _remove(store, one)]
    return Pruning(tuple(removed), kept, kept_bytes)


def generations_of(store: BundleStore, kind: str, key: str) -> list[Generation]:
    """Return the generations of a stage of a video, the newest first."""
    found = [_generation(kind, key, digest, told) for digest, told in _manifests(store, kind, key)]
    return sorted(found, key=lambda one: one.made_at, reverse=True)


def _keys(store: BundleStore) -> Iterator[tuple[str, list[str]]]:
    """Yield each key of the store with the kinds that hold something of it."""
    found: dict[str, list[str]] = {}
    for kind in _folders(store, ""):
        for key in _folders(store, kind):
            found.setdefault(key, []).append(kind)
    yield from found.items()


def _read_pile(store: BundleStore, key: str, kinds: list[str]) -> tuple[_Pile, set[str]]:
    """Return a key's generations and the digests its pointers name."""
    generations, told_of = {}, {}
    current, pointed = set[str](), set[str]()
    for kind in kinds:
        digest = store.current_digest(kind, key)
        if digest is not None:
            current.add(digest)
            pointed.add(kind)
        for name, manifest in _manifests(store, kind, key):
            generations[name] = _generation(kind, key, name, manifest)
            told_of[name] = manifest
    references = {
        name: frozenset(_digests_in(manifest) & generations.keys() - {name})
        for name, manifest in told_of.items()
    }
    return _Pile(generations, references, frozenset(pointed)), current


def _manifests(store: BundleStore, kind: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in _folders(store, f"{kind}/{key}"):
        manifest = store.manifest_of(kind, key, name) if DIGEST.match(name) else None
        if manifest is not None:
            yield name, manifest


def _generation(kind: str, key: str, digest: str, manifest: Mapping[str, Any]) -> Generation:
    size = sum(facts["bytes"] for facts in manifest.get("files", {}).values())
    return Generation(kind, key, digest, datetime.fromisoformat(manifest["made_at"]), size)


def _digests_in(value: Any) -> set[str]:
    """Return every string of a manifest that looks like a bundle's digest, wherever it stands."""
    found, pending = set[str](), [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            if len(one) == DIGEST_CHARS and DIGEST.match(one):
                found.add(one)
        elif isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return found


def _folders(store: BundleStore, place: str) -> list[str]:
    """Return the names of the folders under a place of the store; unfinished work (dotted) is left out."""
    folder = Path(str(store.root / place)) if store.is_local else store.root / place
    try:
        return [one.name for one in folder.iterdir() if not one.name.startswith(".") and one.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove(store: BundleStore, one: Generation) -> bool:
    """Remove a generation whole; return whether it went. One that has just become current again stays."""
    if store.current_digest(one.kind, one.key) == one.digest:
        return False
    place = store.root / one.kind / one.key / one.digest
    if not store.is_local:
        (place / MANIFEST).unlink(missing_ok=True)  # without its manifest a reader takes it as missing
        place.fs.rm(place.path, recursive=True)
        return True
    trash = Path(str(store.root)) / ".trash"
    trash.mkdir(exist_ok=True)
    gone = trash / uuid.uuid4().hex
    try:
        Path(str(place)).rename(gone)
    except FileNotFoundError:
        return False
    shutil.rmtree(gone, ignore_errors=True)
    return True
