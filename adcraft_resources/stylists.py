"""The stylist: turns cleaned keyframes and a style into a look for every frame.

Belongs here: styles as data, the role and its implementations. Does not: the arithmetic of looks (algorithms), which
style a variant gets (variants), decoding and encoding.
"""

import hashlib
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources
from typing import ClassVar, Literal

import dagster as dg
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, field_validator

from adcraft_resources.algorithms.grade_parts import Grade
from adcraft_resources.algorithms.grading import bake_cube
from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.light import Light
from adcraft_resources.algorithms.look_fitting import change_between, fit_grade
from adcraft_resources.algorithms.looks import GradedLook, Look, RefusedLook
from adcraft_resources.algorithms.skin import MIN_SKIN_PIXELS, skin_mask
from adcraft_resources.algorithms.values import Frame, Keyframe, Mask, Shot
from adcraft_resources.claims import lint_copy
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.faces import find_faces
from adcraft_resources.sections import Section

GENERIC = "generic"
_KEYS_TRIED = 3  # keys a look is fitted on, spread over the clip
_FACES_TRIED = 3  # and keys that show a face
_SKINS_KEPT = 96  # frames whose skin is remembered
_KEEPING = threading.Lock()
_PAIRED = re.compile(
    r"(?i)\b(?:split[- ]?screen|diptych|side[- ]by[- ]side|two panels|comparison (?:shot|photo|image))\b"
)


class Diffusion(Section):
    """How the same style is asked of a diffusion model (FLUX image-to-image on cleaned keyframes)."""

    prompt: str = Field(min_length=20)
    negative_prompt: str = Field(min_length=5)
    strength: float = Field(
        gt=0, lt=1, description="Share of the noise schedule run: how far it may leave the frame."
    )
    guidance: float = Field(default=3.5, ge=0)
    seed: Literal["variant", "style"] = Field(
        default="variant",
        description="`variant`: the plan's seed; `style`: one seed wherever the style is used.",
    )

    @field_validator("prompt")
    @classmethod
    def _shows_one_state(cls, prompt: str) -> str:
        """Refuse a prompt for a before-and-after pair: a model would make up the "after"."""
        found = [one.excerpt for one in lint_copy(prompt) if one.rule == "before_after"]
        found += [match[0] for match in _PAIRED.finditer(prompt)]
        if found:
            raise ValueError(f"it asks for a before-and-after pair: {found[0]!r}")
        return prompt


class Style(Section):
    """One look as data. The grade and the diffusion prompt of a file are two ways to the same intent."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    title: str
    intent: str = Field(description="What the look is for, in a sentence.")
    products: dict[str, int] = Field(description="Product type: place in that type's default order.")
    grade: Grade
    light: Light = Light()
    grain: Grain = Grain()
    diffusion: Diffusion

    def seed_for(self, seed: int) -> int:
        """The seed a diffusion model gets for a variant planned with `seed`."""
        return (
            seed
            if self.diffusion.seed == "variant"
            else int(hashlib.sha256(self.name.encode()).hexdigest()[:8], 16)
        )


@lru_cache(maxsize=1)
def load_styles() -> dict[str, Style]:
    """Every style of the `styles` folder by name, in name order. ConfigInvalid names a file at fault."""
    folder = resources.files("adcraft_resources").joinpath("styles")
    styles = {}
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".json"):
            styles[entry.name.removesuffix(".json")] = _read_style(
                entry.name, entry.read_text(encoding="utf-8")
            )
    return styles


def _read_style(file_name: str, text: str) -> Style:
    try:
        style = Style.model_validate_json(text)
    except ValueError as error:
        raise ConfigInvalid(
            f"The style file {file_name} is wrong: {error}", remedy="Correct the file."
        ) from error
    if f"{style.name}.json" != file_name:
        raise ConfigInvalid(
            f"The style file {file_name} names its style {style.name!r}.", remedy="Rename one of them."
        )
    return style


def styles_for(product_type: str) -> list[str]:
    """Names of the styles made for a product type, best first; the generic set for a type nobody designed for."""
    styles = load_styles().values()
    wanted = product_type if any(product_type in style.products for style in styles) else GENERIC
    chosen = [style for style in styles if wanted in style.products]
    return [style.name for style in sorted(chosen, key=lambda style: (style.products[wanted], style.name))]


class ImageStylist(dg.ConfigurableResource, ABC):
    """Develops a style into a look for one clip."""

    at_once: ClassVar[int] = 1
    """Ads whose variants may be rendered side by side."""
    rides: ClassVar[bool] = False
    """Whether looks ride on the scene and so ask for the camera's path."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever the same arguments may give another look."""

    @property
    def filtered_by(self) -> str:
        """Which content filter looks at what a model makes; nothing where no model makes anything."""
        return ""

    @abstractmethod
    def develop(
        self, style: Style, keys: Sequence[tuple[Keyframe, Frame]], shots: Sequence[Shot], seed: int
    ) -> Look:
        """Make the look of `style` for a clip known by its cleaned keyframes and shots.

        The same arguments give the same look. Without keys the look is that of the style's data alone.
        """

    def develop_all(
        self,
        asked: Mapping[str, tuple[Style, int]],
        keys: Sequence[tuple[Keyframe, Frame]],
        shots: Sequence[Shot],
    ) -> dict[str, Look]:
        """Develop several looks (name → style and seed) of one clip; who can, works on them side by side."""
        return {name: self.develop(style, keys, shots, seed) for name, (style, seed) in asked.items()}

    def develop_in_turn(
        self,
        asked: Mapping[str, tuple[Style, int]],
        keys: Sequence[tuple[Keyframe, Frame]],
        shots: Sequence[Shot],
    ) -> Iterator[Mapping[str, Look | RefusedLook]]:
        """Looks, or refusals, in groups as they are finished; where that takes no time, all of them at once."""
        yield self.develop_all(asked, keys, shots)


class EmbeddedStylist(ImageStylist):
    """Designed grades, fitted to the clip by arithmetic: no weights, no network."""

    at_once: ClassVar[int] = 2  # fitting looks and ranking keep little more than a core busy

    @property
    def version(self) -> str:
        """Of the grade's arithmetic."""
        return "grade-5"

    _skins: dict[bytes, NDArray[np.uint8] | None] = PrivateAttr(
        default_factory=dict
    )  # one clip's keys serve many styles

    def develop(
        self, style: Style, keys: Sequence[tuple[Keyframe, Frame]], shots: Sequence[Shot], seed: int
    ) -> Look:
        """The style's grade, pushed or held back until skin and structure lie inside their limits on the keys."""
        frames = [frame for _, frame in keys]
        # Whoever shows a face must be among the keys tried: the gate measures skin wherever it is seen.
        faced = [frame for frame in frames if self._skin_of(frame) is not None]
        tried = [*_spread(faced, _FACES_TRIED), *_spread(frames, _KEYS_TRIED)]
        samples = [(frame, self._skin_of(frame)) for frame in tried]
        fitted = fit_grade(style.grade, style.light, samples, motion=_motion(keys))
        return GradedLook(bake_cube(fitted.grade), fitted.light, style.grain, seed, figures=fitted.figures())

    def develop_all(
        self,
        asked: Mapping[str, tuple[Style, int]],
        keys: Sequence[tuple[Keyframe, Frame]],
        shots: Sequence[Shot],
    ) -> dict[str, Look]:
        """As `develop`: faces are searched, and styles fitted, on all cores."""
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fit") as pool:
            list(pool.map(self._skin_of, [frame for _, frame in keys]))
            styles = ((style, seed) for style, seed in asked.values())
            looks = pool.map(lambda one: self.develop(one[0], keys, shots, one[1]), styles)
            return dict(zip(asked, looks, strict=True))

    def _skin_of(self, frame: Frame) -> Mask | None:
        """The frame's skin, None for none worth measuring; what was found is kept as bits."""
        digest = hashlib.blake2b(np.ascontiguousarray(frame).data, digest_size=16).digest()
        try:
            bits = self._skins[digest]
        except KeyError:
            mask = skin_mask(frame, find_faces(frame))
            bits = np.packbits(mask) if int(mask.sum()) >= MIN_SKIN_PIXELS else None
            with _KEEPING:
                while len(self._skins) >= _SKINS_KEPT:
                    self._skins.pop(next(iter(self._skins)))
                self._skins[digest] = bits
        if bits is None:
            return None
        height, width = frame.shape[:2]
        return np.unpackbits(bits, count=height * width).reshape(height, width).view(np.bool_)


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """At most `count` of the frames, evenly spread."""
    chosen = sorted({round(at) for at in np.linspace(0, len(frames) - 1, min(count, len(frames)))})
    return [frames[i] for i in chosen]


def _motion(keys: Sequence[tuple[Keyframe, Frame]]) -> float:
    """The largest change between keys of one shot."""
    by_shot: dict[int, list[Frame]] = {}
    for key, frame in keys:
        by_shot.setdefault(key.shot, []).append(frame)
    return max((change_between(frames) for frames in by_shot.values()), default=0.0)
