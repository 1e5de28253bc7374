"""The human gate: which variants people let out, kept in a file beside config.json.

Belongs here: reading, writing and judging approvals. Does not: exporting (deliveries).

The file maps a key to what is approved: `"all"`, a list of variant ids, or, as `adcraft approve` writes it, ids with
the digest of the very rendering that was looked at; a variant rendered anew then asks for approval anew.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adcraft_assets.partitions import Catalog
from adcraft_assets.settings import Settings
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.exports import locked, write_whole
from adcraft_resources.gates import Verdict
from adcraft_resources.store import to_json

FILE = "approvals.json"
GATE = "ranked_outputs_are_approved"
Entry = str | list[str] | dict[str, str]
_FILE = TypeAdapter(dict[str, Entry])


@dataclass(frozen=True)
class Approvals:
    """What may go out.

    Attributes:
        required: Whether anything needs approval at all.
        entries: What people approved, by key.
    """

    required: bool
    entries: Mapping[str, Entry]

    def passing(self, key: str, ranked: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the ids of the ranked variants that may be exported, in rank order."""
        entry = self.entries.get(key, [])
        if not self.required or entry == "all":
            return [one["id"] for one in ranked]
        if isinstance(entry, dict):
            return [one["id"] for one in ranked if entry.get(one["id"]) == one["digest"]]
        return [one["id"] for one in ranked if one["id"] in entry]

    def verdict(self, key: str, ranked: Sequence[Mapping[str, Any]]) -> Verdict:
        """Return the gate's verdict on an ad's variants, as the UI shows it."""
        if not self.required:
            return Verdict(GATE, True, "approval is off, every variant goes out", {"approval": "off"})
        passing = self.passing(key, ranked)
        waiting = [one["id"] for one in ranked if one["id"] not in passing]
        reason = f"{len(passing)} of {len(ranked)} variants are approved"
        if waiting:
            reason += f"; approve the others with: adcraft approve {key}"
        return Verdict(GATE, bool(passing), reason, {"approved": passing, "waiting": waiting})


def approvals_path(catalog: Catalog) -> Path:
    """Return the approval file of a config."""
    return catalog.folder / FILE


def approvals_of(catalog: Catalog, settings: Settings) -> Approvals:
    """Return what may go out under a config; ConfigInvalid when the approval file can't be read."""
    required = settings.approval == "required"
    return Approvals(required, read_approvals(approvals_path(catalog)) if required else {})


def read_approvals(path: Path) -> dict[str, Entry]:
    """Return the entries of an approval file, none where there is no file; ConfigInvalid names what is wrong."""
    try:
        entries = _FILE.validate_python(json.loads(path.read_text(encoding="utf-8")), strict=True)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigInvalid(
            f"{path} can't be read as approvals: {str(error).splitlines()[0]}.",
            remedy='Write {"product__video": "all"} or a list of variant ids, or use adcraft approve.',
        ) from error
    wrong = [key for key, entry in entries.items() if isinstance(entry, str) and entry != "all"]
    if wrong:
        raise ConfigInvalid(f"{path}: {wrong[0]} is {entries[wrong[0]]!r}.", remedy='Write "all" or a list.')
    return entries


def approve(path: Path, key: str, variants: Iterable[Mapping[str, Any]]) -> None:
    """Add variants of an ad to the approval file, with the digests of the renderings that were looked at."""
    with locked(path.with_name(f".{path.name}.lock")):
        entries = read_approvals(path)
        before = entries.get(key, {})
        if before == "all":
            return
        kept = before if isinstance(before, dict) else {}
        entries[key] = {**kept, **{one["id"]: one["digest"] for one in variants}}
        write_whole(path, to_json(entries))


def approved_digests(catalog: Catalog) -> dict[str, set[str]]:
    """Return the digests by key that were approved, which retention keeps; ConfigInvalid for a broken file."""
    entries = read_approvals(approvals_path(catalog))
    return {key: set(entry.values()) for key, entry in entries.items() if isinstance(entry, dict)}
