"""Which checkpoints the roles use: the `models` section of config.json.

Belongs here: names of profiles and checkpoints. Does not: loading any of them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from adcraft_resources.sections import Section

Profile = Literal["embedded", "gpu"]
KLEIN = "black-forest-labs/FLUX.2-klein-4B"


class FluxModels(Section):
    """FLUX checkpoints by job."""

    style: str = KLEIN
    fill: str = KLEIN


class ModelSettings(Section):
    """Checkpoints of the gpu profile, and the language model both profiles use when its key is set."""

    flux: FluxModels = FluxModels()
    siglip: str = "ViT-SO400M-14-SigLIP-384"
    qwen2_vl: str = "Qwen/Qwen2-VL-7B-Instruct"
    grok: str = Field(
        default="grok-4", description="Model of X.AI that writes hooks when XAI_API_KEY is set."
    )
