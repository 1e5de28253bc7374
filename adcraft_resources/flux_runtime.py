"""FLUX as a resource: one checkpoint, loaded once a process, its prompts read once and kept in the store.

Belongs here: from configuration to an engine. Does not: what pictures are asked of it (stylists, inpainters), torch
before it is needed.
"""

# pyright: reportMissingImports=false

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import dagster as dg
from pydantic import Field

from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import Bundle
from adcraft_resources.weights import checkpoint_named, find_local

if TYPE_CHECKING:
    from adcraft_resources.models.engine_values import EngineSettings, PromptEmbedding, Restyle
    from adcraft_resources.models.flux_engine import FluxEngine
    from adcraft_resources.models.look_painting import DevicePainter

VERSION = "1"
WORKING_BYTES = 4 << 30  # one picture through transformer and VAE, and what the driver takes
EMBEDDING = "embedding.safetensors"


class FluxRuntime(dg.ConfigurableResource):
    """A FLUX checkpoint on this machine; nothing is loaded before the first picture."""

    cache: dg.ResourceDependency[ResultCache]
    checkpoint: str = Field(description="NAME or NAME@REVISION.")
    weights: str = Field(description="Folder of pulled weights.")
    precision: Literal["auto", "bf16", "fp8", "fp32"] = "auto"
    computed: float = 1.0
    memory: Literal["resident", "offload"] = "resident"
    device: str = "auto"
    compiled: bool = True
    area: int = 1 << 20
    foreseen: list[str] = Field(
        default_factory=list,
        description="Prompts read along with the first one: the text encoders, as large as the rest, load but once.",
    )

    @property
    def version(self) -> str:
        """Of the method, the weights and whatever else changes pictures."""
        return f"{VERSION} {self.checkpoint} {self.precision} {self.computed:g} {self.area}"

    def engine(self) -> "FluxEngine":
        """Return the engine, loading it where this process has not yet.

        Raises:
            ModelUnavailable: The weights are not here, damaged, or fit no GPU.
        """
        from adcraft_resources.models.devices import pick_device
        from adcraft_resources.models.flux_loading import load_engine
        from adcraft_resources.models.shelf import SHELF

        folder = self._folder()
        needs = WORKING_BYTES + sum(
            one.stat().st_size for one in (folder / "transformer").glob("*.safetensors")
        )
        settings = self._settings()
        key = ("flux", str(folder), settings)
        return SHELF.take(
            key, lambda: load_engine(folder, settings), needs=needs, device=pick_device(self.device)
        )

    def restyle(self, requests: "Sequence[Restyle]") -> list[Frame]:
        """Return the pictures restyled, holding the device no longer than the model needs it."""
        from adcraft_resources.models.flux_engine import finish
        from adcraft_resources.models.turns import TURN

        with TURN:
            made = self.engine().restyle_small(requests)
        return finish(made, requests)

    def fill(self, frame: Frame, mask: Mask, prompt: str, seed: int) -> Frame:
        """Return the picture with the masked pixels made up."""
        from adcraft_resources.models.turns import TURN

        read = self.prompts([prompt])[0]
        with TURN:
            return self.engine().fill(frame, mask, read, seed)

    def painter(self) -> "DevicePainter | None":
        """Return who carries one clip's looks on the GPU; None without a GPU."""
        from adcraft_resources.models.devices import pick_device
        from adcraft_resources.models.look_painting import DevicePainter

        device = pick_device(self.device)
        return DevicePainter(device) if device.type == "cuda" else None

    def prompts(self, texts: Sequence[str]) -> "list[PromptEmbedding]":
        """Return the texts as the transformer reads them; each is read once for all who share the store."""
        found = {text: self._kept(text) for text in dict.fromkeys(texts)}
        missing = [text for text, bundle in found.items() if bundle is None]
        if missing:
            soon = [text for text in self.foreseen if text not in found and self._kept(text) is None]
            found.update(self._read([*missing, *soon]))
        return [self._loaded(found[text]) for text in texts]

    def _read(self, texts: Sequence[str]) -> dict[str, Bundle]:
        from safetensors.torch import save_file

        from adcraft_resources.models.devices import pick_device
        from adcraft_resources.models.flux_loading import encoder_bytes, read_prompts
        from adcraft_resources.models.shelf import SHELF
        from adcraft_resources.models.turns import TURN

        folder = self._folder()
        with TURN:
            SHELF.make_room(encoder_bytes(folder), pick_device(self.device))
            read = read_prompts(folder, texts, self._settings())
        made = {}
        for text, embedding in zip(texts, read, strict=True):

            def write(folder: Path, embedding: "PromptEmbedding" = embedding) -> None:
                save_file(embedding.to_dict(), folder / EMBEDDING)

            made[text], _ = self.cache.folder("prompt-embeddings", self._identity(text), write)
        return made

    def _kept(self, text: str) -> Bundle | None:
        return self.cache.find("prompt-embeddings", self._identity(text))

    def _identity(self, text: str) -> dict[str, str]:
        return {"prompt": text, "checkpoint": self.checkpoint, "version": VERSION}

    def _loaded(self, bundle: Bundle | None) -> "PromptEmbedding":
        from safetensors.torch import load_file

        from adcraft_resources.models.engine_values import PromptEmbedding

        assert bundle is not None  # noqa: S101 - found or read above
        return PromptEmbedding.from_dict(load_file(bundle.file(EMBEDDING)))

    def _folder(self) -> Path:
        return find_local(Path(self.weights), checkpoint_named(self.checkpoint)).folder

    def _settings(self) -> "EngineSettings":
        from adcraft_resources.models.engine_values import EngineSettings

        return EngineSettings(
            device=self.device,
            precision=self.precision,
            compiled=self.compiled,
            computed=self.computed,
            area=self.area,
            memory=self.memory,
            artifacts=Path(self.weights) / "compiled",
        )
