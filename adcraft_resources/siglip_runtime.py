"""SigLIP as whoever judges pictures uses it: loaded once a process, taking its turn on the device.

Belongs here: from a checkpoint's name to vectors. Does not: prompts and what follows from them (encoders,
content_filters), torch before it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.weights import checkpoint_named, find_local

if TYPE_CHECKING:
    from adcraft_resources.models.siglip import SiglipEngine

BYTES: Final = 3 << 30  # both towers in bf16 and a small batch; a large one is chosen by what is free


@dataclass(frozen=True)
class SiglipRuntime:
    """A SigLIP checkpoint on this machine; nothing is loaded before the first picture or sentence.

    Raises ModelUnavailable where the weights are not here.
    """

    checkpoint: str
    weights: str
    device: str = "auto"

    def embed_pictures(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        """Return unit vectors (n, d) of pictures."""
        from adcraft_resources.models.turns import TURN

        with TURN:  # nobody makes room for another model between finding this one and using it
            return self._engine().embed_pictures(frames)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (n, d) of sentences."""
        from adcraft_resources.models.turns import TURN

        with TURN:
            return self._engine().embed_texts(texts)

    def scale(self) -> float:
        """How the checkpoint multiplies a cosine to make a logit of it."""
        from adcraft_resources.models.turns import TURN

        with TURN:
            return self._engine().scale

    def _engine(self) -> SiglipEngine:
        from adcraft_resources.models.devices import pick_device
        from adcraft_resources.models.engine_values import EngineSettings
        from adcraft_resources.models.shelf import SHELF
        from adcraft_resources.models.siglip import SiglipEngine

        folder = find_local(Path(self.weights), checkpoint_named(self.checkpoint)).folder
        settings = EngineSettings(device=self.device)
        key = ("siglip", str(folder), settings)
        return SHELF.take(
            key, lambda: SiglipEngine.load(folder, settings), needs=BYTES, device=pick_device(self.device)
        )
