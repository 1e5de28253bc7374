"""Restyled keyframes, one step for several variants: kept ones found, the others made, all of them looked at.

Belongs here: what makes two of them the same, keeping them, and what a content filter said of them. Does not: the
order of steps (key_chains), looks (flux_stylist).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.content_filters import ContentFilter
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import digest_of
from adcraft_resources.thumbnails import read_picture

if TYPE_CHECKING:
    from adcraft_resources.models.engine_values import Restyle

METHOD: Final = "1"
PICTURE: Final = "key.png"


@dataclass
class KeyMaker:
    """Makes keys for some variants; `objections` says of each refused one why."""

    flux: FluxRuntime
    cache: ResultCache
    content_filter: ContentFilter
    diffusion: Mapping[str, Mapping[str, Any]]
    """Variant → how its style asks the model."""
    objections: dict[str, str] = field(default_factory=dict)

    def make(self, requests: Mapping[str, Restyle]) -> dict[str, Frame]:
        """Return the restyled pictures by variant, without those that are refused.

        A picture is looked at before it is kept, so what is refused lies nowhere; what was said of it is kept.
        """
        marks = {name: self._identity(name, request) for name, request in requests.items()}
        said = {name: self._said(mark) for name, mark in marks.items()}
        wanted = [name for name in requests if not self._refuse(name, said[name])]
        found = {name: picture for name in wanted if (picture := self._kept(marks[name])) is not None}
        missing = [name for name in wanted if name not in found]
        made = dict(zip(missing, self._made([requests[name] for name in missing]), strict=True))
        unseen = [name for name in wanted if said[name] is None]
        told = self.content_filter.object_to([(found | made)[name] for name in unseen])
        for name, objection in zip(unseen, told, strict=True):
            self._say(marks[name], objection)
            self._refuse(name, objection)
        passed = [name for name in wanted if name not in self.objections]
        for name in passed:
            if name in made:
                self._keep(marks[name], made[name])
        return {name: (found | made)[name] for name in passed}

    def _refuse(self, name: str, objection: str | None) -> bool:
        if objection:
            self.objections.setdefault(name, objection)
        return bool(objection)

    def _made(self, requests: Sequence[Restyle]) -> list[Frame]:
        return self.flux.restyle(requests) if requests else []

    def _said(self, mark: Mapping[str, Any]) -> str | None:
        """What the filter said of this picture before; None where it has not looked."""
        if not self.content_filter.looks:
            return ""
        kept = self.cache.find("content-verdicts", self._verdict_of(mark))
        return None if kept is None else str(kept.read_json("value.json"))

    def _say(self, mark: Mapping[str, Any], objection: str) -> None:
        self.cache.value("content-verdicts", self._verdict_of(mark), lambda: objection)

    def _verdict_of(self, mark: Mapping[str, Any]) -> dict[str, Any]:
        return {**mark, "filter": self.content_filter.version}

    def _kept(self, mark: Mapping[str, Any]) -> Frame | None:
        bundle = self.cache.find("restyled-keys", mark)
        return None if bundle is None else read_picture(bundle.file(PICTURE))

    def _keep(self, mark: Mapping[str, Any], picture: Frame) -> None:
        def write(folder: Path) -> None:
            cv2.imwrite(str(folder / PICTURE), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

        self.cache.folder("restyled-keys", mark, write)

    def _identity(self, name: str, request: Restyle) -> dict[str, Any]:
        return {
            "frame": _hash_of(request.frame),
            "guide": None if request.guide is None else _hash_of(request.guide),
            "diffusion": digest_of(self.diffusion[name]),
            "seed": request.seed,
            "flux": self.flux.version,
            "method": METHOD,
        }


def _hash_of(frame: Frame) -> str:
    data = np.ascontiguousarray(frame)
    return hashlib.blake2b(data.data, digest_size=16, person=str(data.shape).encode()[:16]).hexdigest()
