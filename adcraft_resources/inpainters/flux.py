"""The inpainter of the gpu profile: FLUX makes up what no frame reveals.

Belongs here: cutting out what FLUX sees, and joining its answer to the picture. Does not: time (`base`), FLUX itself.
"""

import json
from functools import lru_cache
from importlib import resources

import dagster as dg
import numpy as np

from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.inpainters.base import Inpainter

METHOD = "1"
SEED = 7
CONTEXT = 0.75  # of the hole's sides, seen around it
LEAST_CONTEXT_PX = 96


class FluxInpainter(Inpainter):
    """Fills a hole with FLUX, in tone with its rim; nothing outside the mask changes."""

    flux: dg.ResourceDependency[FluxRuntime]

    @property
    def version(self) -> str:
        """Of the method, the prompt and the checkpoint."""
        return f"{METHOD} {_prompt()[1]} {self.flux.version}"

    def fill(self, frame: Frame, mask: Mask) -> Frame:
        """Return the still with masked pixels made up; see `Inpainter.fill`."""
        if not mask.any() or mask.all():
            return frame.copy()
        top, bottom, left, right = _around(mask)
        part, hole = frame[top:bottom, left:right], mask[top:bottom, left:right]
        # The model sees its own picture as a reference, so the text must be gone from it before.
        calm = np.clip(push_pull(part, ~hole) + 0.5, 0, 255).astype(np.uint8)
        calm = np.where(hole[..., None], calm, part)
        made = self.flux.engine().fill(calm, hole, self.flux.prompts([_prompt()[0]])[0], SEED)
        filled = frame.copy()
        filled[top:bottom, left:right][hole] = _toned(made, part, hole)[hole]
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
def _prompt() -> tuple[str, str]:
    text = resources.files("adcraft_resources").joinpath("prompts/flux_fill.json").read_text(encoding="utf-8")
    told = json.loads(text)
    return told["prompt"], told["version"]
