"""Profiles: which implementation plays each role. The only room that names concrete roles.

Belongs here: model settings and the tables from profile to resources, with their secrets from the environment.
Does not: what a role does.
"""

import os
from collections.abc import Callable
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from adcraft_resources.copywriters import Copywriter, EmbeddedCopywriter, GrokCopywriter
from adcraft_resources.encoders import EmbeddedEncoder
from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.inpainters import EmbeddedInpainter
from adcraft_resources.sections import Section
from adcraft_resources.stylists import EmbeddedStylist
from adcraft_resources.text_detectors import EmbeddedTextDetector

Profile = Literal["embedded", "gpu"]
GROK_KEY = "XAI_API_KEY"
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
    grok: str = Field("grok-4", description="Model of X.AI that writes hooks when XAI_API_KEY is set.")


def resources_for(profile: Profile, models: ModelSettings) -> dict[str, Any]:
    """Return the roles of a profile by resource key.

    Raises:
        ModelUnavailable: The profile is not part of this version.
    """
    return _PROFILES[profile](models)


def _embedded(models: ModelSettings) -> dict[str, dg.ConfigurableResource]:
    return {
        "text_detector": EmbeddedTextDetector(),
        "inpainter": EmbeddedInpainter(),
        "stylist": EmbeddedStylist(),
        "encoder": EmbeddedEncoder(),
        "copywriter": _copywriter(models),
    }


def _gpu(models: ModelSettings) -> dict[str, dg.ConfigurableResource]:
    raise ModelUnavailable(
        "The gpu profile (FLUX, SigLIP, Qwen2-VL) is not part of this version.",
        remedy='Set "profile": "embedded" in config.json.',
    )


def _copywriter(models: ModelSettings) -> Copywriter:
    # A key that is set but empty, as in a copied .env, is no key.
    if os.environ.get(GROK_KEY, "").strip():
        return GrokCopywriter(api_key=dg.EnvVar(GROK_KEY), model=models.grok)
    return EmbeddedCopywriter()


_PROFILES: dict[Profile, Callable[[ModelSettings], dict[str, Any]]] = {"embedded": _embedded, "gpu": _gpu}
