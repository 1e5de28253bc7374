"""Weights that lie on this machine: where, which revision, which files.

Belongs here: the record written beside pulled weights, and finding them. Does not: fetching (pulling).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.weights.catalog import Checkpoint

RECORD = "adcraft-weights.json"


@dataclass(frozen=True, slots=True)
class LocalWeights:
    """Pulled weights: their folder, the commit they came from, and name → (size, hash) of every file."""

    folder: Path
    revision: str
    files: dict[str, tuple[int, str]]

    def write(self, checkpoint: Checkpoint) -> None:
        """Keep the record; weights without one count as not pulled."""
        told: dict[str, Any] = {
            "name": checkpoint.name,
            "licence": checkpoint.licence,
            "revision": self.revision,
            "files": {name: {"size": size, "hash": value} for name, (size, value) in self.files.items()},
        }
        draft = self.folder / f".{RECORD}"
        draft.write_text(json.dumps(told, indent=1), encoding="utf-8")
        draft.replace(self.folder / RECORD)


def read_local(weights: Path, checkpoint: Checkpoint) -> LocalWeights | None:
    """Return the weights if they were pulled whole, at the revision asked for where one is named."""
    folder = weights / checkpoint.folder_name
    try:
        told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = {name: (int(one["size"]), str(one["hash"])) for name, one in told["files"].items()}
        found = LocalWeights(folder, str(told["revision"]), files)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if checkpoint.revision and not found.revision.startswith(checkpoint.revision):
        return None
    return found


def find_local(weights: Path, checkpoint: Checkpoint) -> LocalWeights:
    """Return pulled weights; ModelUnavailable says how to get them."""
    found = read_local(weights, checkpoint)
    if found is None:
        raise ModelUnavailable(
            f"the weights of {checkpoint.label} are not in {weights}.",
            remedy="Run: adcraft weights pull (or use the embedded profile, which needs none).",
        )
    gone = next((name for name in found.files if not (found.folder / name).is_file()), None)
    if gone is not None:
        raise ModelUnavailable(
            f"{found.folder} lacks {gone}, which was pulled with {checkpoint.label}.",
            remedy="Run: adcraft weights pull",
        )
    return found
