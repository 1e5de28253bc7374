"""Looks carried from keyframes that FLUX restyled: the stylist of the gpu profile.

Belongs here: from styles to restyled keys and looks, and keeping the keys. Does not: their order (key_chains), FLUX
itself (flux_runtime), the role and the styles (stylists), carrying a look to other frames (algorithms).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import dagster as dg
import numpy as np
from pydantic import Field

from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.propagated_looks import PropagatedLook
from adcraft_resources.algorithms.values import Frame, Shot
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.key_chains import Keys, Wanted, choose_keys, in_turn, restyle_keys
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import digest_of
from adcraft_resources.stylists import EmbeddedStylist, ImageStylist, Style
from adcraft_resources.thumbnails import read_picture

if TYPE_CHECKING:
    from adcraft_resources.models.flux_engine import Restyle

METHOD = "1"
PICTURE = "key.png"


class FluxStylist(ImageStylist):
    """Restyles cleaned keyframes with FLUX and carries each look to the other frames.

    Variants go side by side: a batch is one keyframe in several variants, whose picture is encoded once. Finished keys
    are kept, so that a run that was stopped goes on where it was.
    """

    rides: ClassVar[bool] = True
    flux: dg.ResourceDependency[FluxRuntime]
    cache: dg.ResourceDependency[ResultCache]
    most_keys: int = Field(default=8, ge=1, description="Keyframes restyled for each variant.")
    together: int = Field(default=2, ge=1, description="Variants restyled in step before they are rendered.")
    guide: bool = Field(
        default=True, description="Show FLUX the shot's previous key, restyled and moved to this one."
    )

    @property
    def version(self) -> str:
        """Of the method, the checkpoint and how it is asked."""
        return f"{METHOD} {self.flux.version} {self.most_keys} {self.guide}"

    def develop(self, style: Style, keys: Keys, shots: Sequence[Shot], seed: int) -> Look:
        """The look of one variant."""
        return self.develop_all({style.name: (style, seed)}, keys, shots)[style.name]

    def develop_all(
        self, asked: Mapping[str, tuple[Style, int]], keys: Keys, shots: Sequence[Shot]
    ) -> dict[str, Look]:
        """The looks of several variants, restyled in step."""
        chosen = choose_keys(keys, self.most_keys)
        if not chosen:
            return EmbeddedStylist().develop_all(asked, keys, shots)
        read = self.flux.prompts([style.diffusion.prompt for style, _ in asked.values()]) if asked else []
        wanted = {
            name: Wanted(prompt, style.seed_for(seed), style.diffusion.strength, style.diffusion.guidance)
            for (name, (style, seed)), prompt in zip(asked.items(), read, strict=True)
        }
        pairs = restyle_keys(
            chosen, wanted, lambda requests: self._restyled(requests, asked), guide=self.guide
        )
        return {
            name: PropagatedLook(pairs[name], shots, style.grain, seed)
            for name, (style, seed) in asked.items()
        }

    def develop_in_turn(
        self, asked: Mapping[str, tuple[Style, int]], keys: Keys, shots: Sequence[Shot]
    ) -> Iterator[dict[str, Look]]:
        """Looks as they are finished, `together` at a time, so that they can be rendered while others are made."""
        names = list(asked)
        self.flux.prompts([style.diffusion.prompt for style, _ in asked.values()])  # in one reading, kept
        groups = [names[at : at + self.together] for at in range(0, len(names), self.together)]
        return in_turn(
            groups, lambda group: self.develop_all({name: asked[name] for name in group}, keys, shots)
        )

    def _restyled(
        self, requests: "Mapping[str, Restyle]", asked: Mapping[str, tuple[Style, int]]
    ) -> dict[str, Frame]:
        """Restyled pictures by variant: kept ones, the others made together and kept."""
        marks = {name: self._identity(request, asked[name][0]) for name, request in requests.items()}
        kept = {name: self.cache.find("restyled-keys", mark) for name, mark in marks.items()}
        missing = [name for name, bundle in kept.items() if bundle is None]
        made = dict(zip(missing, self._make([requests[name] for name in missing]), strict=True))
        for name, picture in made.items():

            def write(folder: Path, picture: Frame = picture) -> None:
                cv2.imwrite(str(folder / PICTURE), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

            self.cache.folder("restyled-keys", marks[name], write)
        found = {
            name: read_picture(bundle.file(PICTURE)) for name, bundle in kept.items() if bundle is not None
        }
        return {name: (found | made)[name] for name in requests}

    def _make(self, requests: "Sequence[Restyle]") -> list[Frame]:
        return self.flux.engine().restyle(requests) if requests else []

    def _identity(self, request: "Restyle", style: Style) -> dict[str, Any]:
        return {
            "frame": _hash_of(request.frame),
            "guide": None if request.guide is None else _hash_of(request.guide),
            "diffusion": digest_of(style.diffusion.model_dump(mode="json")),
            "seed": request.seed,
            "flux": self.flux.version,
            "method": METHOD,
        }


def _hash_of(frame: Frame) -> str:
    data = np.ascontiguousarray(frame)
    return hashlib.blake2b(data.data, digest_size=16, person=str(data.shape).encode()[:16]).hexdigest()
