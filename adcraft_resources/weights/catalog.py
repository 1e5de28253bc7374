"""The checkpoints adcraft knows: licence, size, which files of theirs are used.

Belongs here: facts about published weights. Does not: fetching them.
"""

from __future__ import annotations

from dataclasses import dataclass

APACHE = "Apache-2.0"
FLUX_DEV = "FLUX.1 [dev] Non-Commercial License"
FLUX2_NC = "FLUX Non-Commercial License v2.1"
UNKNOWN = "unknown"
ALIASES = {"ViT-SO400M-14-SigLIP-384": "google/siglip-so400m-patch14-384"}
"""open_clip's names for weights that transformers reads under the publisher's own."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published set of weights.

    `name` is its repository on the hub, `revision` a commit or branch ("" = what was pulled, else `main`). `skipped`
    are file patterns that are never needed. `duties` are what its licence asks of whoever runs it.
    """

    name: str
    licence: str = UNKNOWN
    about: str = ""
    size_gb: float = 0.0
    gated: bool = False
    revision: str = ""
    skipped: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether the licence allows commercial work without asking."""
        return self.licence == APACHE

    @property
    def asks_for_filter(self) -> bool:
        """Whether its licence asks for a content filter or review of outputs; unknown licences are taken to."""
        return self.licence == UNKNOWN or FILTER_DUTY in self.duties

    @property
    def label(self) -> str:
        """Name and revision, as digests hold them."""
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def folder_name(self) -> str:
        """Folder of the weights below the weights folder."""
        return self.name.replace("/", "--")


_SINGLE_FILES = (
    "*.gguf",
    "*.onnx",
    "*.msgpack",
    "*.h5",
    "*.bin",
    "*.pt",
    "*.pth",
    "flux*.safetensors",
    "ae.safetensors",
)
FILTER_DUTY = "content filter or review of outputs"
DISCLOSURE_DUTY = "disclosure that media are made by AI, where law asks it"
_DEV_DUTIES = (FILTER_DUTY, DISCLOSURE_DUTY)

_FLUX = "black-forest-labs/"


def _flux(name: str, licence: str, about: str, size_gb: float) -> Checkpoint:
    duties = () if licence == APACHE else _DEV_DUTIES
    return Checkpoint(
        _FLUX + name, licence, about, size_gb, licence != APACHE, skipped=_SINGLE_FILES, duties=duties
    )


CATALOG: dict[str, Checkpoint] = {
    one.name: one
    for one in (
        _flux("FLUX.2-klein-4B", APACHE, "restyles and fills (default)", 16.0),
        _flux("FLUX.1-schnell", APACHE, "restyles, four steps", 33.7),
        _flux("FLUX.1-dev", FLUX_DEV, "restyles, 28 steps", 33.7),
        _flux("FLUX.1-Fill-dev", FLUX_DEV, "fills", 33.7),
        _flux("FLUX.2-klein-9B", FLUX2_NC, "restyles and fills", 35.0),
        Checkpoint("Qwen/Qwen2-VL-7B-Instruct", APACHE, "judges text (default)", 16.6),
        Checkpoint("Qwen/Qwen2-VL-2B-Instruct", APACHE, "judges text, smaller", 4.4),
        Checkpoint("google/siglip-so400m-patch14-384", APACHE, "scores pictures (default)", 3.5),
    )
}


def checkpoint_named(text: str) -> Checkpoint:
    """Return the checkpoint of a config value NAME or NAME@REVISION; an unknown name has an unknown licence."""
    name, _, revision = text.partition("@")
    name = ALIASES.get(name, name)
    known = CATALOG.get(name, Checkpoint(name))
    return Checkpoint(
        name, known.licence, known.about, known.size_gb, known.gated, revision, known.skipped, known.duties
    )
