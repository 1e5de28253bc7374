"""Who judges how well pictures suit a product, and describes them for comparison.

Belongs here: the `ImageEncoder` role and its embedded maker. Does not: the formulas (algorithms.appeal), palettes
and prompts (prompts/appeal.json), or what follows from a score (ranking).
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, ClassVar

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.appeal import (
    DESCRIPTOR_SIZE,
    Palette,
    Swatch,
    describe_picture,
    palette_fit,
    subject_prominence,
    tone_quality,
)
from adcraft_resources.algorithms.values import Frame

GENERIC = "generic"


class ImageEncoder(dg.ConfigurableResource, ABC):
    """Scores pictures against a product type's prompt set and turns them into comparable vectors.

    `scorer` names the method in manifests and galleries; a heuristic says so.
    """

    scorer: ClassVar[str]

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever the same picture may get another score or vector."""

    @abstractmethod
    def score(self, frames: Sequence[Frame], product_type: str) -> list[float]:
        """Fit of each RGB (h, w, 3) frame to the product type, 0..1; unknown types are scored as generic."""

    @abstractmethod
    def embed(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        """One unit vector a frame, (n, d); equal-looking frames have a cosine near 1."""


class EmbeddedEncoder(ImageEncoder):
    """Formulas instead of a model: palette fit, tone and prominence. A heuristic, and named so.

    score = 0.5 · palette fit + 0.25 · tone quality + 0.25 · subject prominence, each as documented in
    `algorithms.appeal`. It knows colours and light, not what is shown.
    """

    scorer: ClassVar[str] = "heuristic"

    @property
    def version(self) -> str:
        """Of the formulas and the palettes."""
        return f"heuristic-1-{_load_appeal()['version']}"

    def score(self, frames: Sequence[Frame], product_type: str) -> list[float]:
        """Weighted mean of the three formulas for each frame."""
        palette = _palette_of(product_type)
        return [
            round(
                0.5 * palette_fit(frame, palette)
                + 0.25 * tone_quality(frame)
                + 0.25 * subject_prominence(frame),
                4,
            )
            for frame in frames
        ]

    def embed(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        """Colour and layout descriptors, (n, 211)."""
        if not frames:
            return np.zeros((0, DESCRIPTOR_SIZE), np.float32)
        return np.stack([describe_picture(frame) for frame in frames])


@lru_cache(maxsize=1)
def _load_appeal() -> dict[str, Any]:
    text = resources.files("adcraft_resources").joinpath("prompts/appeal.json").read_text(encoding="utf-8")
    return json.loads(text)


@lru_cache(maxsize=32)
def _palette_of(product_type: str) -> Palette:
    types = _load_appeal()["product_types"]
    chosen = types.get(product_type, types[GENERIC])

    def swatches(name: str) -> tuple[Swatch, ...]:
        return tuple(Swatch(tuple(entry["lab"]), entry["spread"], entry["weight"]) for entry in chosen[name])

    return Palette(wanted=swatches("palette"), against=swatches("against"))
