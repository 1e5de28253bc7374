"""The inpainter of the embedded profile: arithmetic only, no weights.

Belongs here: filling one still. Does not: time (`base`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.inpainters.base import Inpainter


class EmbeddedInpainter(Inpainter):
    """Continues the surroundings smoothly under the mask."""

    at_once: ClassVar[int] = 2  # one keeps little more than a core busy

    @property
    def version(self) -> str:
        """Of the method."""
        return "8"

    def fill(self, frame: Frame, mask: Mask) -> Frame:
        """Return the still with masked pixels continued from around; see `Inpainter.fill`."""
        if not mask.any() or mask.all():
            return frame.copy()
        smooth = np.clip(push_pull(frame, ~mask) + 0.5, 0, 255).astype(np.uint8)
        return np.where(mask[..., None], smooth, frame)
