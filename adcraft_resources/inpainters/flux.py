"""The inpainter of the gpu profile: FLUX makes up what no frame reveals.

Belongs here: cutting out what FLUX sees, and joining its answer to the picture. Does not: time (`base`), FLUX itself.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

import dagster as dg
import numpy as np
from pydantic import PrivateAttr

from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.values import Frame, Mask, Shot, TextTracks
from adcraft_resources.content_filters import ContentFilter
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.inpainters.base import Inpainter
from adcraft_resources.inpainters.removal_report import RemovalReport

log = logging.getLogger(__name__)

METHOD = "2"
SEED = 7
CONTEXT = 0.75  # of the hole's sides, seen around it
LEAST_CONTEXT_PX = 96


class FluxInpainter(Inpainter):
    """Fills a hole with FLUX, in tone with its rim; nothing outside the mask changes."""

    flux: dg.ResourceDependency[FluxRuntime]
    content_filter: dg.ResourceDependency[ContentFilter]
    _refusals: list[str] = PrivateAttr(default_factory=list)

    @property
    def version(self) -> str:
        """Of the method, the prompt and the checkpoint, and of the filter where one looks."""
        asked = f"{METHOD} {fill_prompt()[1]} {self.flux.version}"
        return f"{asked} {self.content_filter.version}" if self.content_filter.looks else asked

    @property
    def filtered_by(self) -> str:
        """The content filter, or what stands in its place."""
        return self.content_filter.version

    def clean(
        self,
        source: Path,
        tracks: TextTracks,
        shots: Sequence[Shot],
        out: Path,
        *,
        on_frame: Callable[[int], None] | None = None,
    ) -> RemovalReport:
        """As `Inpainter.clean`; where a filter looks, the figures say how many fills it refused."""
        self._refusals.clear()
        report = super().clean(source, tracks, shots, out, on_frame=on_frame)
        if not self.content_filter.looks:
            return report
        return replace(report, figures={**report.figures, "fills_refused": len(self._refusals)})

    def fill(self, frame: Frame, mask: Mask) -> Frame:
        """Return the still with masked pixels made up; see `Inpainter.fill`.

        Where the content filter objects to what FLUX made, the hole is continued from its rim instead.
        """
        if not mask.any() or mask.all():
            return frame.copy()
        top, bottom, left, right = _around(mask)
        part, hole = frame[top:bottom, left:right], mask[top:bottom, left:right]
        # The model sees its own picture as a reference, so the text must be gone from it before.
        calm = np.clip(push_pull(part, ~hole) + 0.5, 0, 255).astype(np.uint8)
        calm = np.where(hole[..., None], calm, part)
        made = self.flux.fill(calm, hole, fill_prompt()[0], SEED)
        shown = np.where(hole[..., None], _toned(made, part, hole), part)
        objection = self.content_filter.object_to([shown])[0]
        if objection:
            log.warning("a fill was refused, the calm one stays: %s", objection)
            self._refusals.append(objection)
            shown = calm
        filled = frame.copy()
        filled[top:bottom, left:right][hole] = shown[hole]
        return filled


def _around(mask: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    bounds = []
    for found, whole in ((rows, mask.shape[0]), (columns, mask.shape[1])):
        first, last = int(found[0]), int(found[-1]) + 1
        margin = max(LEAST_CONTEXT_PX, round(CONTEXT * (last - first)))
        bounds += [max(0, first - margin), min(whole, last + margin)]
    return bounds[0], bounds[1], bounds[2], bounds[3]


def _toned(made: Frame, part: Frame, hole: Mask) -> Frame:
    """The made-up picture with its tone bent to meet the known pixels at the rim (a membrane over the hole)."""
    known = ~hole
    off = part.astype(np.float32) - made
    return np.clip(made + push_pull(off, known) + 0.5, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def fill_prompt() -> tuple[str, str]:
    """Return what every fill is asked for, and the version of these words."""
    text = resources.files("adcraft_resources").joinpath("prompts/flux_fill.json").read_text(encoding="utf-8")
    told = json.loads(text)
    return told["prompt"], told["version"]
