"""Models of one process share its device by turn, and are loaded once.

Belongs here: who is on the device. Does not: loading or running anything.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

import torch

from adcraft_resources.models.devices import empty_cache, free_bytes
from adcraft_resources.models.turns import TURN


class Closable(Protocol):
    """A model that can leave the device."""

    def close(self) -> None:
        """Free everything it holds."""


Model = TypeVar("Model", bound=Closable)


class Shelf:
    """Keeps loaded models; the one used longest ago leaves when another needs the room."""

    def __init__(self) -> None:
        self._models: OrderedDict[Hashable, Closable] = OrderedDict()
        self._lock = threading.RLock()

    def take(self, key: Hashable, load: Callable[[], Model], *, needs: int, device: torch.device) -> Model:
        """Return the model of `key`, loading it first where it is not here.

        Args:
            key: What makes it this model: checkpoint, precision, device.
            load: Loads it.
            needs: Bytes it takes with its work.
            device: Where it goes.
        """
        with TURN, self._lock:  # a model at work is never closed to make room
            if key not in self._models:
                self.make_room(needs, device)
                self._models[key] = load()
            self._models.move_to_end(key)
            found: Any = self._models[key]
            return found

    def clear(self) -> None:
        """Close every model."""
        with TURN, self._lock:
            while self._models:
                self._models.popitem(last=False)[1].close()
            empty_cache()

    def make_room(self, needs: int, device: torch.device) -> None:
        """Close models, the one used longest ago first, until so many bytes are free or none is left."""
        with TURN, self._lock:
            while self._models and free_bytes(device) < needs:
                self._models.popitem(last=False)[1].close()
                empty_cache()

    def __len__(self) -> int:
        """How many models are loaded."""
        return len(self._models)


SHELF = Shelf()
"""The one of this process: resources are copied by Dagster, models must not be."""
