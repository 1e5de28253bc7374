"""Looks carried from keyframes that FLUX restyled: the stylist of the gpu profile.

Belongs here: from styles to restyled keys and looks, and what becomes of those a content filter refuses. Does not:
making and keeping keys (restyled_keys), their order (key_chains), FLUX itself (flux_runtime), the role and the styles
(stylists), carrying a look to other frames (algorithms).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

import dagster as dg
from pydantic import Field

from adcraft_resources.algorithms.looks import Look, RefusedLook
from adcraft_resources.algorithms.propagated_looks import Carriage
from adcraft_resources.algorithms.values import Shot
from adcraft_resources.content_filters import ContentFilter
from adcraft_resources.errors import ContentRefused
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.key_chains import Keys, Wanted, choose_keys, in_turn, restyle_keys
from adcraft_resources.restyled_keys import METHOD, KeyMaker
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.stylists import EmbeddedStylist, ImageStylist, Style

CARRIED: Final = "4"
"""Changes whenever the same keys would give another look."""

Asked = Mapping[str, tuple[Style, int]]


class FluxStylist(ImageStylist):
    """Restyles cleaned keyframes with FLUX and carries each look to the other frames.

    Variants go side by side: a batch is one keyframe in several variants, whose picture is encoded once. Finished keys
    are kept, so that a run that was stopped goes on where it was. A variant whose prompt or key the content filter
    refuses has no look; the others go on.
    """

    rides: ClassVar[bool] = True
    flux: dg.ResourceDependency[FluxRuntime]
    cache: dg.ResourceDependency[ResultCache]
    content_filter: dg.ResourceDependency[ContentFilter]
    most_keys: int = Field(default=8, ge=1, description="Keyframes restyled for each variant.")
    together: int = Field(default=2, ge=1, description="Variants restyled in step before they are rendered.")
    guide: bool = Field(
        default=True, description="Show FLUX the shot's previous key, restyled and moved to this one."
    )

    @property
    def version(self) -> str:
        """Of the method, the checkpoint and how it is asked, and of the filter where one looks."""
        asked = f"{METHOD} {CARRIED} {self.flux.version} {self.most_keys} {self.guide}"
        return f"{asked} {self.content_filter.version}" if self.content_filter.looks else asked

    @property
    def filtered_by(self) -> str:
        """The content filter, or what stands in its place."""
        return self.content_filter.version

    def develop(self, style: Style, keys: Keys, shots: Sequence[Shot], seed: int) -> Look:
        """The look of one variant; ContentRefused where the filter objects."""
        return self.develop_all({style.name: (style, seed)}, keys, shots)[style.name]

    def develop_all(self, asked: Asked, keys: Keys, shots: Sequence[Shot]) -> dict[str, Look]:
        """The looks of several variants, restyled in step; ContentRefused names the first that is refused."""
        looks: dict[str, Look] = {}
        for name, look in self._developed(asked, keys, shots, Carriage(self.flux.painter())).items():
            if isinstance(look, RefusedLook):
                raise ContentRefused(
                    f"{name}: {look.reason}.", remedy="Change its style's prompt, or leave the style out."
                )
            looks[name] = look
        return looks

    def develop_in_turn(
        self, asked: Asked, keys: Keys, shots: Sequence[Shot]
    ) -> Iterator[dict[str, Look | RefusedLook]]:
        """Looks as they are finished, `together` at a time, so that they can be rendered while others are made."""
        refused = self._refused_prompts(asked)
        names = [name for name in asked if name not in refused]
        # in one reading, kept
        self.flux.prompts([asked[name][0].diffusion.prompt for name in names])
        if refused:
            yield {name: RefusedLook(reason) for name, reason in refused.items()}
        carriage = Carriage(self.flux.painter())
        groups = [names[at : at + self.together] for at in range(0, len(names), self.together)]
        yield from in_turn(
            groups,
            lambda group: self._developed({name: asked[name] for name in group}, keys, shots, carriage),
        )

    def _developed(
        self, asked: Asked, keys: Keys, shots: Sequence[Shot], carriage: Carriage
    ) -> dict[str, Look | RefusedLook]:
        """Looks, or why there is none, in the order asked for."""
        chosen = choose_keys(keys, self.most_keys)
        if not chosen:
            return dict(EmbeddedStylist().develop_all(asked, keys, shots))
        refused = self._refused_prompts(asked)
        allowed = {name: one for name, one in asked.items() if name not in refused}
        dumped = {name: style.diffusion.model_dump(mode="json") for name, (style, _) in allowed.items()}
        maker = KeyMaker(self.flux, self.cache, self.content_filter, dumped)
        pairs = restyle_keys(chosen, self._wanted(allowed), maker.make, guide=self.guide)
        refused |= maker.objections
        return {
            name: RefusedLook(refused[name])
            if name in refused
            else carriage.look(pairs[name], shots, style.grain, seed)
            for name, (style, seed) in asked.items()
        }

    def _wanted(self, asked: Asked) -> dict[str, Wanted]:
        read = self.flux.prompts([style.diffusion.prompt for style, _ in asked.values()]) if asked else []
        return {
            name: Wanted(prompt, style.seed_for(seed), style.diffusion.strength, style.diffusion.guidance)
            for (name, (style, seed)), prompt in zip(asked.items(), read, strict=True)
        }

    def _refused_prompts(self, asked: Asked) -> dict[str, str]:
        said = {
            name: self.content_filter.object_to_prompt(style.diffusion.prompt)
            for name, (style, _) in asked.items()
        }
        return {name: objection for name, objection in said.items() if objection}
