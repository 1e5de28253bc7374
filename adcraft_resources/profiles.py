"""Profiles: which implementation plays each role. The only room that names concrete roles.

Belongs here: model settings and the tables from profile to resources, with their secrets from the environment.
Does not: what a role does.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from adcraft_resources.content_filters import ContentFilter, NoContentFilter, SiglipContentFilter
from adcraft_resources.copywriters import Copywriter, EmbeddedCopywriter, GrokCopywriter
from adcraft_resources.encoders import EmbeddedEncoder, SiglipEncoder
from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.flux_stylist import FluxStylist
from adcraft_resources.inpainters import EmbeddedInpainter, FluxInpainter, fill_prompt
from adcraft_resources.model_settings import ModelSettings, Profile
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.stylists import EmbeddedStylist, load_styles
from adcraft_resources.text_detectors import EmbeddedTextDetector, Qwen2VLTextDetector
from adcraft_resources.weights import Checkpoint, checkpoint_named, refuse_unlicensed

GROK_KEY = "XAI_API_KEY"


KEYS = {"fast": 4, "balanced": 8, "high": 12}
"""Keyframes FLUX restyles for a variant, by quality preset."""


@dataclass(frozen=True)
class Site:
    """What the gpu profile must know beside its models.

    `folder` is where relative paths start, `cache` where results of models are shared, `accepted` the checkpoints whose
    licence somebody accepted, `quality` a preset.
    """

    folder: Path
    cache: ResultCache
    accepted: tuple[str, ...] = ()
    quality: str = "balanced"


def resources_for(profile: Profile, models: ModelSettings, site: Site | None = None) -> dict[str, Any]:
    """Return the roles of a profile by resource key.

    Raises:
        ConfigInvalid: A checkpoint's licence does not allow commercial work and was not accepted.
        ModelUnavailable: The gpu profile was asked for without a site, as by commands that work on one file.
    """
    if profile == "embedded":
        return _embedded(models)
    if site is None:
        raise ModelUnavailable(
            "this command runs the embedded profile only.", remedy='Set "profile": "embedded" in config.json.'
        )
    return _gpu(models, site)


def checkpoints_of(models: ModelSettings) -> list[Checkpoint]:
    """Return the checkpoints the gpu profile uses, each once."""
    texts = (models.flux.style, models.flux.fill, models.qwen2_vl, models.siglip)
    return [checkpoint_named(text) for text in dict.fromkeys(texts)]


def weights_folder(models: ModelSettings, folder: Path) -> Path:
    """Return where weights lie, for a config in `folder`."""
    return (folder / models.weights).resolve()


def _embedded(models: ModelSettings) -> dict[str, dg.ConfigurableResource]:
    return {
        "text_detector": EmbeddedTextDetector(),
        "inpainter": EmbeddedInpainter(),
        "stylist": EmbeddedStylist(),
        "encoder": EmbeddedEncoder(),
        "copywriter": _copywriter(models),
    }


def _gpu(models: ModelSettings, site: Site) -> dict[str, dg.ConfigurableResource]:
    for checkpoint in checkpoints_of(models):
        refuse_unlicensed(checkpoint, site.accepted)
    weights = str(weights_folder(models, site.folder))

    def flux(checkpoint: str) -> FluxRuntime:
        return FluxRuntime(
            cache=site.cache,
            checkpoint=checkpoint,
            weights=weights,
            precision=models.flux.precision,
            computed=models.flux.computed,
            memory=models.flux.memory,
            device=models.device,
            compiled=models.compiled,
            area=models.area,
            foreseen=[fill_prompt()[0], *(style.diffusion.prompt for style in load_styles().values())],
        )

    return {
        "text_detector": Qwen2VLTextDetector(
            checkpoint=models.qwen2_vl, weights=weights, device=models.device, alone=models.text == "vlm"
        ),
        "inpainter": FluxInpainter(
            flux=flux(models.flux.fill), content_filter=_filter_of(models.flux.fill, models, weights)
        ),
        "stylist": FluxStylist(
            flux=flux(models.flux.style),
            cache=site.cache,
            content_filter=_filter_of(models.flux.style, models, weights),
            most_keys=KEYS[site.quality],
            guide=models.flux.guide,
        ),
        "encoder": SiglipEncoder(checkpoint=models.siglip, weights=weights, device=models.device),
        "copywriter": _copywriter(models),
    }


def _filter_of(checkpoint: str, models: ModelSettings, weights: str) -> ContentFilter:
    """Return the content filter a checkpoint runs with: what its licence asks for is on unless people review."""
    asked = checkpoint_named(checkpoint).asks_for_filter
    if models.flux.content_filter == "always" or (asked and models.flux.content_filter == "licence"):
        return SiglipContentFilter(checkpoint=models.siglip, weights=weights, device=models.device)
    return NoContentFilter(why="people, before anything is let out") if asked else NoContentFilter()


def _copywriter(models: ModelSettings) -> Copywriter:
    # A key that is set but empty, as in a copied .env, is no key.
    if os.environ.get(GROK_KEY, "").strip():
        return GrokCopywriter(api_key=dg.EnvVar(GROK_KEY), model=models.grok)
    return EmbeddedCopywriter()
