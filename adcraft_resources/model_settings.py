"""Which checkpoints the roles use and how they run: the `models` section of config.json.

Belongs here: names of profiles and checkpoints, and the switches between quality, speed and memory. Does not: loading.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from adcraft_resources.sections import Section

Profile = Literal["embedded", "gpu"]
KLEIN = "black-forest-labs/FLUX.2-klein-4B"


class FluxModels(Section):
    """FLUX checkpoints by job, and how they run."""

    style: str = Field(default=KLEIN, description="Restyles keyframes. NAME or NAME@REVISION.")
    fill: str = Field(default=KLEIN, description="Fills what no frame reveals. NAME or NAME@REVISION.")
    precision: Literal["auto", "bf16", "fp8"] = Field(
        default="auto",
        description="auto: fp8 on Ada and Hopper, bf16 elsewhere. fp8 is faster and a little coarser.",
    )
    computed: float = Field(
        default=1.0,
        gt=0.3,
        le=1,
        description="Share of denoising steps that are computed, the rest foreseen: faster below 1, at some quality.",
    )
    memory: Literal["resident", "offload"] = Field(
        default="resident",
        description="offload keeps blocks in RAM and brings them over: slow, for small cards.",
    )
    content_filter: Literal["licence", "always", "review"] = Field(
        default="licence",
        description="licence: prompts and pictures are filtered where the checkpoint's licence asks for it (or is "
        "unknown). always: for every checkpoint. review: people look instead, which takes approval: required.",
    )
    guide: bool = Field(
        default=True, description="Show the model the shot's previous restyled keyframe, moved to this one."
    )


class ModelSettings(Section):
    """Checkpoints of the gpu profile, and the language model both profiles use when its key is set."""

    flux: FluxModels = FluxModels()
    siglip: str = Field(
        default="ViT-SO400M-14-SigLIP-384",
        description="Scores pictures. An open_clip or hub name, or NAME@REVISION.",
    )
    qwen2_vl: str = Field(
        default="Qwen/Qwen2-VL-7B-Instruct", description="Judges text. NAME or NAME@REVISION."
    )
    text: Literal["detector", "vlm"] = Field(
        default="detector",
        description="Who finds text: detector, PP-OCR proposes and qwen2_vl judges; vlm, qwen2_vl alone.",
    )
    grok: str = Field(
        default="grok-4", description="Model of X.AI that writes hooks when XAI_API_KEY is set."
    )
    weights: str = Field(
        default=".adcraft/weights", description="Folder (relative to config.json) of downloaded weights."
    )
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cuda, cuda:N or cpu."
    )
    compiled: bool = Field(
        default=True,
        description="Compile FLUX for the GPU once; kept beside the weights for later processes.",
    )
    area: int = Field(
        default=1 << 20, ge=4096, le=1 << 21, description="Pixels of a picture FLUX works at, about."
    )
