"""Who looks at what a generative model is asked for and makes, before anybody else sees it.

Belongs here: the `ContentFilter` role and its makers. Does not: which checkpoints ask for one (weights.catalog), what
follows from an objection (flux_stylist, inpainters), the lines and words themselves (prompts/content_filter.json).

Some licences ask their users for a filter or for review of outputs. A zero-shot filter finds what it has lines for and
errs both ways; it cannot tell what infringes somebody's rights. A person still looks.
"""

import json
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, ClassVar

import dagster as dg
import numpy as np
import regex
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.siglip_runtime import SiglipRuntime

METHOD = "1"


class ContentFilter(dg.ConfigurableResource, ABC):
    """Objects to prompts and pictures."""

    looks: ClassVar[bool] = True
    """Whether anything is looked at."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever the same picture may meet another answer; names the filter in manifests."""

    @abstractmethod
    def object_to_prompt(self, prompt: str) -> str:
        """Return why a prompt must not be asked, or nothing."""

    @abstractmethod
    def object_to(self, frames: Sequence[Frame]) -> list[str]:
        """Return for each picture why it must not be used, or nothing."""


class NoContentFilter(ContentFilter):
    """Objects to nothing: no licence asks for a filter, or people review what is made."""

    looks: ClassVar[bool] = False
    why: str = Field(default="none: the licence asks for none", description="Told in manifests.")

    @property
    def version(self) -> str:
        """What stands in its place."""
        return self.why

    def object_to_prompt(self, prompt: str) -> str:
        """Nothing."""
        return ""

    def object_to(self, frames: Sequence[Frame]) -> list[str]:
        """Nothing, for each."""
        return [""] * len(frames)


class SiglipContentFilter(ContentFilter):
    """Words of the prompt, and SigLIP's opinion of the picture.

    A picture is refused where a line of a category is likelier than every everyday line by the margin, in logits.
    """

    checkpoint: str = Field(description="NAME or NAME@REVISION of a SigLIP.")
    weights: str = Field(description="Folder of pulled weights.")
    device: str = "auto"
    margin: float | None = Field(default=None, description="In place of the published one.")
    _spoken: dict[str, NDArray[np.float32]] = PrivateAttr(default_factory=dict)

    @property
    def version(self) -> str:
        """Of the method, the weights and the lines."""
        told = "" if self.margin is None else f" margin {self.margin:g}"
        return f"SiglipContentFilter {METHOD} {self.checkpoint} {_rules()['version']}{told}"

    def object_to_prompt(self, prompt: str) -> str:
        """Return the first category with a word in the prompt."""
        folded = fold_text(prompt)
        for category, pattern in _patterns().items():
            found = pattern.search(folded)
            if found is not None:
                return f"{category}: the prompt says {found[0]!r}"
        return ""

    def object_to(self, frames: Sequence[Frame]) -> list[str]:
        """Return for each picture the category it is likeliest of, where that is likelier than anything everyday."""
        if not frames:
            return []
        margins = self.margins(frames)
        limit = _rules()["margin"] if self.margin is None else self.margin
        names = list(margins)
        table = np.stack([margins[name] for name in names], axis=1)
        worst = table.argmax(axis=1)
        return [
            f"{names[at]}: SigLIP takes the picture for it by {row[at]:.2f} logits (limit {limit:g})"
            if row[at] > limit
            else ""
            for row, at in zip(table, worst, strict=True)
        ]

    def margins(self, frames: Sequence[Frame]) -> dict[str, NDArray[np.float32]]:
        """Return by category how far each picture's best line of it stands over its best everyday line, in logits."""
        runtime = self._runtime()
        seen = runtime.embed_pictures(frames)
        everyday = (seen @ self._lines("everyday").T).max(axis=1)
        scale = np.float32(runtime.scale())
        return {
            name: scale * ((seen @ self._lines(name).T).max(axis=1) - everyday)
            for name in _rules()["categories"]
        }

    def _lines(self, name: str) -> NDArray[np.float32]:
        if name not in self._spoken:
            rules = _rules()
            texts = rules["everyday"] if name == "everyday" else rules["categories"][name]["seen"]
            self._spoken[name] = self._runtime().embed_texts(texts)
        return self._spoken[name]

    def _runtime(self) -> SiglipRuntime:
        return SiglipRuntime(self.checkpoint, self.weights, self.device)


def fold_text(text: str) -> str:
    """Return text in lower case, in compatibility form, without marks that cannot be seen."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")


@lru_cache(maxsize=1)
def _rules() -> dict[str, Any]:
    folder = resources.files("adcraft_resources")
    return json.loads(folder.joinpath("prompts/content_filter.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _patterns() -> dict[str, regex.Pattern[str]]:
    return {
        name: regex.compile(r"(?<!\w)(?:" + "|".join(rule["words"]) + r")(?!\w)")
        for name, rule in _rules()["categories"].items()
    }
