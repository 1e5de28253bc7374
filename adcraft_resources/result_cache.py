"""Results of models kept by what went in: content hash, model and parameters.

What the Ray script's cache actor did, but in the store, so that runs and machines share it. Belongs here:
finding and keeping results. Does not: what a result means.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from adcraft_resources.store import Bundle, BundleStore, digest_of

KIND = "results_cache"


class ResultCache(dg.ConfigurableResource):
    """A cache over the store, shared by all that share the store."""

    store: dg.ResourceDependency[BundleStore]

    def folder(
        self, name: str, identity: Mapping[str, Any], make: Callable[[Path], None]
    ) -> tuple[Bundle, bool]:
        """Return the files for `identity` and whether they were already there; `make` writes them otherwise.

        Args:
            name: Kind of result, such as `text_tracks`; a slug.
            identity: Everything the result depends on: content hash, model, version, parameters.
            make: Writes the files into the folder it is given.
        """
        return self.store.ensure(KIND, name, identity, lambda draft: make(draft.folder), point=False)

    def find(self, name: str, identity: Mapping[str, Any]) -> Bundle | None:
        """Return the files for `identity` if they are there."""
        return self.store.find(KIND, name, digest_of(identity))

    def value(self, name: str, identity: Mapping[str, Any], make: Callable[[], Any]) -> tuple[Any, bool]:
        """Return the JSON value for `identity` and whether it was already there."""

        def write(folder: Path) -> None:
            (folder / "value.json").write_text(json.dumps(make()), encoding="utf-8")

        bundle, hit = self.folder(name, identity, write)
        return bundle.read_json("value.json"), hit
