"""What variants were made with, and under which licence: weights, models in packages, fonts, codecs.

Belongs here: the rows. Does not: refusing what nobody may use (licences).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adcraft_resources.model_settings import ModelSettings, Profile
from adcraft_resources.weights.catalog import checkpoint_named

DISCLOSED_BY: Final = "IPTC digital source type in the XMP of every video and thumbnail"
_ALWAYS = (
    ("PP-OCR (rapidocr)", "finds and reads text", "Apache-2.0", "yes"),
    ("haarcascade_frontalface_alt (OpenCV)", "finds faces", "Intel licence, BSD style", "yes"),
    ("Noto fonts", "letters of hooks", "SIL OFL 1.1", "yes"),
    (
        "FFmpeg with x264 (PyAV)",
        "reads and writes video",
        "GPL-2.0-or-later",
        "yes; it binds who hands the program on",
    ),
)


def licence_rows(profile: Profile, models: ModelSettings, copy_by: set[str]) -> list[dict[str, str]]:
    """Return a row for each thing used.

    Args:
        profile: Of the config: weights are used by `gpu` alone.
        models: The checkpoints.
        copy_by: Who wrote words: "template" or names of models.
    """
    rows = [_row(*one) for one in _ALWAYS]
    if profile == "gpu":
        uses: Mapping[str, str] = {
            models.flux.style: "restyles keyframes",
            models.flux.fill: "fills what no frame reveals",
            models.siglip: "scores pictures",
            models.qwen2_vl: "judges text",
        }
        for name, use in uses.items():
            found = checkpoint_named(name)
            free = "yes" if found.is_free else "only by the licence you accepted in license_accepted"
            duties = f"; asks for {', '.join(found.duties)}: {_met(models)}" if found.duties else ""
            rows.append(_row(found.label, use, found.licence, free + duties))
    rows += [
        _row(name, "writes hooks and copy", "the service's terms", "by your contract with the service")
        for name in sorted(copy_by - {"template"})
    ]
    return rows


def models_used(
    models: ModelSettings,
    generative: Sequence[str],
    copy_by: str,
    filtered_by: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return use, name, licence and duties of the generative models behind a variant, and how the duties are met.

    Args:
        models: The checkpoints of the config.
        generative: Uses that a model served: "style", "removal".
        copy_by: "template" or the name of the model that wrote.
        filtered_by: Use → the content filter that looked at what was made.
    """
    told = []
    for use, name in (("style", models.flux.style), ("removal", models.flux.fill)):
        if use in generative:
            found = checkpoint_named(name)
            told.append(
                {
                    "use": use,
                    "name": found.label,
                    "licence": found.licence,
                    "duties": list(found.duties),
                    "content_filter": (filtered_by or {}).get(use, ""),
                    "disclosed_by": DISCLOSED_BY,
                }
            )
    if copy_by != "template":
        told.append({"use": "copy", "name": copy_by, "licence": "the service's terms", "duties": []})
    return told


def _met(models: ModelSettings) -> str:
    who = "people's review" if models.flux.content_filter == "review" else "filtered by SigLIP"
    return f"{who}, disclosed in XMP"


def _row(what: str, use: str, licence: str, commercial: str) -> dict[str, str]:
    return {"what": what, "used for": use, "licence": licence, "commercial use": commercial}
