"""Who judges how well pictures suit a product, and describes them for comparison.

Belongs here: the `ImageEncoder` role and its two makers. Does not: the formulas (algorithms.appeal), palettes
and prompts (prompts/appeal.json), or what follows from a score (ranking).
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from importlib import resources
from typing import Any, ClassVar

import dagster as dg
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

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
from adcraft_resources.siglip_runtime import SiglipRuntime

GENERIC = "generic"


class ImageEncoder(dg.ConfigurableResource, ABC):
    """Scores pictures against a product type's prompt set and turns them into comparable vectors.

    `scorer` names the method in manifests and galleries; a heuristic says so.
    """

    scorer: ClassVar[str]
    chooses: ClassVar[bool] = False
    """Whether frames are worth choosing by its scores: a model knows what it sees, a formula does not."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever the same picture may get another score or vector."""

    @abstractmethod
    def score(self, frames: Sequence[Frame], product_type: str) -> list[float]:
        """Fit of each RGB (h, w, 3) frame to the product type, 0..1; unknown types are scored as generic."""

    def chooser(self, product_type: str) -> Callable[[Sequence[Frame]], list[float]] | None:
        """Scores to choose frames of a product's ad by; None where they are not worth it."""
        return partial(self.score, product_type=product_type) if self.chooses else None

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


class SiglipEncoder(ImageEncoder):
    """SigLIP: how much nearer a picture is to what a good ad shows than to what a poor one does.

    score = logistic(temperature · (mean cosine to the good prompts − mean cosine to the poor ones)): a margin, since
    a raw cosine says little. Prompts per product type, versioned, in prompts/siglip_prompts.json.
    """

    scorer: ClassVar[str] = "siglip"
    chooses: ClassVar[bool] = True
    checkpoint: str = Field(description="NAME or NAME@REVISION.")
    weights: str = Field(description="Folder of pulled weights.")
    device: str = "auto"
    _spoken: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = PrivateAttr(default_factory=dict)

    @property
    def version(self) -> str:
        """Of the method, the weights and the prompts."""
        return f"siglip-1 {self.checkpoint} {_load_prompts()['version']}"

    def score(self, frames: Sequence[Frame], product_type: str) -> list[float]:
        """Margin of each frame between good and poor prompts, through a logistic."""
        if not frames:
            return []
        good, poor = self._prompts_of(product_type)
        seen = self.embed(frames)
        margins = (seen @ good.T).mean(axis=1) - (seen @ poor.T).mean(axis=1)
        return [round(float(one), 4) for one in 1 / (1 + np.exp(-_load_prompts()["temperature"] * margins))]

    def embed(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        """SigLIP's picture vectors, (n, 1152) for so400m."""
        return self._runtime().embed_pictures(frames)

    def _prompts_of(self, product_type: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if product_type not in self._spoken:
            types = _load_prompts()["product_types"]
            chosen = types.get(product_type, types[GENERIC])
            sides = ([text for texts in chosen[side].values() for text in texts] for side in ("good", "poor"))
            good, poor = (self._runtime().embed_texts(texts) for texts in sides)
            self._spoken[product_type] = good, poor
        return self._spoken[product_type]

    def _runtime(self) -> SiglipRuntime:
        return SiglipRuntime(self.checkpoint, self.weights, self.device)


@lru_cache(maxsize=1)
def _load_prompts() -> dict[str, Any]:
    folder = resources.files("adcraft_resources")
    return json.loads(folder.joinpath("prompts/siglip_prompts.json").read_text(encoding="utf-8"))


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
