"""Profiles: which implementation plays each role. The only room that names concrete roles.

Belongs here: model settings and the tables from profile to resources, with their secrets from the environment.
Does not: what a role does.
"""

import os
from collections.abc import Callable
from typing import Any

import dagster as dg

from adcraft_resources.copywriters import Copywriter, EmbeddedCopywriter, GrokCopywriter
from adcraft_resources.encoders import EmbeddedEncoder
from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.inpainters import EmbeddedInpainter
from adcraft_resources.model_settings import ModelSettings, Profile
from adcraft_resources.stylists import EmbeddedStylist
from adcraft_resources.text_detectors import EmbeddedTextDetector

GROK_KEY = "XAI_API_KEY"


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


def _gpu(_: ModelSettings) -> dict[str, dg.ConfigurableResource]:
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
