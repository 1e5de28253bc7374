"""Bundles and drafts: what readers get and what makers fill.

Belongs here: the two values and the text of JSON files. Does not: finding or publishing them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcraft_resources.errors import StoreDamaged


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
    dropped: bool = False
    """Set by whoever finds that there is nothing to publish."""

    def write_json(self, name: str, value: Any) -> Path:
        """Write `value` as a JSON file of the bundle."""
        path = self.folder / name
        path.write_text(to_json(value), encoding="utf-8")
        return path


def to_json(value: Any) -> str:
    """Return readable, stable JSON text."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"
