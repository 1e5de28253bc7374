"""Looks carried from keyframes that FLUX restyled: the stylist of the gpu profile.

Belongs here: which keys are restyled, in what order, and keeping them. Does not: FLUX itself (flux_runtime), the role
and the styles (stylists), carrying a look to other frames (algorithms).
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import dagster as dg
import numpy as np
from pydantic import Field

from adcraft_resources.algorithms.flow_carrying import Carrier, scene_motion, texture_of
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.propagated_looks import PropagatedLook
from adcraft_resources.algorithms.values import Frame, Keyframe, Shot
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import digest_of
from adcraft_resources.stylists import EmbeddedStylist, ImageStylist, Style
from adcraft_resources.thumbnails import read_picture

if TYPE_CHECKING:
    from adcraft_resources.models.flux_engine import Restyle

METHOD = "1"
PICTURE = "key.png"
Keys = Sequence[tuple[Keyframe, Frame]]


class FluxStylist(ImageStylist):
    """Restyles cleaned keyframes with FLUX and carries each look to the other frames.

    Variants go side by side: a batch is one keyframe in several variants, whose picture is encoded once. Finished keys
    are kept, so that a run that was stopped goes on where it was.
    """

    flux: dg.ResourceDependency[FluxRuntime]
    cache: dg.ResourceDependency[ResultCache]
    most_keys: int = Field(default=8, ge=1, description="Keyframes restyled for each variant.")
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
        """The looks of several variants, restyled in lockstep."""
        chosen = choose_keys(keys, self.most_keys)
        if not chosen:
            return EmbeddedStylist().develop_all(asked, keys, shots)
        prompts = self.flux.prompts([style.diffusion.prompt for style, _ in asked.values()]) if asked else []
        read = dict(zip(asked, prompts, strict=True))
        pairs: dict[str, list[KeyPair]] = {name: [] for name in asked}
        shot_before = None
        for key, frame in chosen:
            guided = self.guide and key.shot == shot_before
            requests = {
                name: self._request(style, seed, frame, read[name], pairs[name][-1] if guided else None)
                for name, (style, seed) in asked.items()
            }
            for name, styled in self._restyled(requests, asked).items():
                pairs[name].append(KeyPair(key.frame, frame, styled))
            shot_before = key.shot
        return {
            name: PropagatedLook(pairs[name], shots, style.grain, seed)
            for name, (style, seed) in asked.items()
        }

    def _request(
        self, style: Style, seed: int, frame: Frame, prompt: Any, before: KeyPair | None
    ) -> "Restyle":
        from adcraft_resources.models.flux_engine import Restyle

        told = style.diffusion
        guide = None if before is None else moved_to(frame, before)
        return Restyle(frame, prompt, style.seed_for(seed), told.strength, told.guidance, guide)

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


def choose_keys(keys: Keys, most: int) -> list[tuple[Keyframe, Frame]]:
    """Return at most `most` keys in order: first keys of shots while there is room, then spread over the rest."""
    ordered = sorted(keys, key=lambda one: one[0].frame)
    if len(ordered) <= most:
        return ordered
    firsts = [at for at, (key, _) in enumerate(ordered) if at == 0 or ordered[at - 1][0].shot != key.shot]
    picked = set(firsts[:most])
    rest = [at for at in range(len(ordered)) if at not in picked]
    room = most - len(picked)
    picked |= {rest[round(i)] for i in np.linspace(0, len(rest) - 1, room)} if room else set()
    return [ordered[at] for at in sorted(picked)]


def moved_to(frame: Frame, before: KeyPair) -> Frame:
    """The restyled key of earlier, moved along the scene's motion; the frame itself where it cannot be followed."""
    change = before.styled.astype(np.float32) - before.source
    motion = np.vstack([scene_motion(frame, before.source), (0.0, 0.0, 1.0)])
    carried = Carrier().blend(frame, [(texture_of(before.index, before.source, change), motion, 1.0)])
    return np.clip(np.rint(frame + carried), 0, 255).astype(np.uint8)


def _hash_of(frame: Frame) -> str:
    data = np.ascontiguousarray(frame)
    return hashlib.blake2b(data.data, digest_size=16, person=str(data.shape).encode()[:16]).hexdigest()
