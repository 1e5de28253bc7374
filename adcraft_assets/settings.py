"""config.json → frozen settings.

Belongs here: reading and checking the file, and the sections no other room owns. Does not: the sections of
single rooms (they stand beside the code that uses them) and the environment.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from adcraft_assets.cluster_settings import ClusterSettings
from adcraft_assets.product_settings import Product, ProductType, refuse_twins, slug_of
from adcraft_assets.refresh_settings import RefreshSettings
from adcraft_resources.downloads import DownloadSettings
from adcraft_resources.errors import ConfigInvalid, ConfigUnreadable
from adcraft_resources.experiments import ExperimentSettings
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.gates import GateSettings
from adcraft_resources.model_settings import ModelSettings, Profile
from adcraft_resources.performance import PerformanceSettings
from adcraft_resources.placements import PlacementSettings
from adcraft_resources.policies import PolicySettings
from adcraft_resources.rankings import RankingSettings
from adcraft_resources.retention import RetentionSettings
from adcraft_resources.sections import Section
from adcraft_resources.signing import SigningSettings
from adcraft_resources.variants import VariantSettings
from adcraft_resources.video_codecs import Effort

LONGEST_SHOWN = 120


class BatchSettings(Section):
    """How much work goes together."""

    max_partitions_per_run: int = Field(default=8, ge=1, le=256)
    frames: int | Literal["auto"] = "auto"


def _first_frame(value: Any) -> Any:
    return {"enabled": value} if isinstance(value, bool) else value


def _with_schema_key(schema: dict[str, Any]) -> None:
    """Let a config name its schema."""
    schema["properties"]["$schema"] = {"type": "string"}


class Settings(Section):
    """All of config.json."""

    model_config = ConfigDict(json_schema_extra=_with_schema_key)

    profile: Profile = "embedded"
    store: str = Field(
        default=".adcraft/store", description="Folder (relative to config.json) or URL of the store."
    )
    results: str = Field(default="results", description="Folder of the finished variants.")
    variants_per_video: int = Field(default=4, ge=1, le=32)
    quality_preset: Effort = Field(
        default="balanced",
        description="How hard variants' encoders try, and how many keyframes FLUX restyles.",
    )
    gpu_count: int = Field(default=1, ge=0)
    batch: BatchSettings = BatchSettings()
    products: tuple[Product, ...] = Field(min_length=1)
    styles: dict[ProductType, tuple[str, ...]] = Field(
        default={}, description="Style names by product type, in order."
    )
    variants: VariantSettings = VariantSettings()
    rank_by: Literal["score", "ssim"] = "score"
    ranking: RankingSettings = RankingSettings()
    approval: Literal["off", "required"] = "off"
    first_frame_optimizer: Annotated[FirstFrameSettings, BeforeValidator(_first_frame)] = FirstFrameSettings()
    models: ModelSettings = ModelSettings()
    license_accepted: tuple[str, ...] = ()
    gates: GateSettings = GateSettings()
    policy: PolicySettings = PolicySettings()
    placements: PlacementSettings = PlacementSettings()
    c2pa: SigningSettings = SigningSettings()
    experiment: ExperimentSettings = ExperimentSettings()
    performance: PerformanceSettings = PerformanceSettings()
    download: DownloadSettings = DownloadSettings()
    refresh: RefreshSettings = RefreshSettings()
    retention: RetentionSettings = RetentionSettings()
    cluster: ClusterSettings = ClusterSettings()

    @model_validator(mode="before")
    @classmethod
    def _from_the_ray_script(cls, value: Any) -> Any:
        """Accept the Ray script's flat form: `videos` (or `video_urls`) and `product_specific` at the top."""
        if not isinstance(value, dict) or "products" in value:
            return value
        flat = dict(value)
        flat.pop("$schema", None)
        videos = flat.pop("videos", None) or flat.pop("video_urls", None)
        if videos is None:
            return value
        specific = flat.pop("product_specific", {"type": "generic"})
        kind = specific.get("type", "generic") if isinstance(specific, dict) else "generic"
        return {
            **flat,
            "products": [{"id": slug_of(str(kind)), "product_specific": specific, "videos": videos}],
        }

    @model_validator(mode="before")
    @classmethod
    def _without_schema(cls, value: Any) -> Any:
        return {k: v for k, v in value.items() if k != "$schema"} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _somebody_looks(self) -> "Settings":
        if self.models.flux.content_filter == "review" and self.approval != "required":
            raise ValueError(
                'models.flux.content_filter "review" takes "approval": "required", so that people look'
            )
        return self

    @model_validator(mode="after")
    def _products_are_unique(self) -> "Settings":
        refuse_twins([product.id for product in self.products], "products")
        return self


def parse_settings(value: Any, *, origin: str) -> Settings:
    """Return the settings of a parsed config; ConfigInvalid lists every fault with path, value and what is allowed."""
    try:
        return Settings.model_validate(value)
    except ValidationError as error:
        faults = "\n".join(f"  {_told(fault)}" for fault in error.errors())
        raise ConfigInvalid(
            f"{origin} is not valid:\n{faults}", remedy="\nMend the file and run again."
        ) from error


def load_settings(path: Path) -> Settings:
    """Return the settings of a config file; ConfigInvalid names the file, the place and the remedy."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigInvalid(
            f"{path} can't be read: {error.strerror}.", remedy="Name a config file with --config."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigUnreadable(f"{path} is no UTF-8 text.", remedy="Save it as UTF-8.") from error
    return _settings_of(text, str(path))


@lru_cache(maxsize=4)
def _settings_of(text: str, origin: str) -> Settings:
    """Return the settings of a text; a run asks for each of its ads, and a catalogue of thousands takes a while."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigUnreadable(f"{origin} is no JSON: {error}.", remedy="Mend it there.") from error
    return parse_settings(value, origin=origin)


def _told(fault: Any) -> str:
    path = (
        "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
        or "(top)"
    )
    if fault["type"] == "extra_forbidden":
        return f"{path}: unknown key; allowed here: {', '.join(_allowed_keys(fault['loc']))}"
    shown = json.dumps(fault.get("input"), default=str, ensure_ascii=False)
    message = fault["msg"].removeprefix("Value error, ")
    return f"{path}: {message}" + (
        f" (got {shown})" if len(shown) <= LONGEST_SHOWN and fault["type"] != "missing" else ""
    )


def _allowed_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed beside the unknown key at `loc`, read off the JSON schema."""
    schema = Settings.model_json_schema()
    node: dict[str, Any] = schema
    for part in loc[:-1]:
        node = _resolved(node, schema)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
    return sorted(set(_resolved(node, schema).get("properties", {})) - {"$schema"})


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for choice in ("allOf", "anyOf"):
        if choice in node:
            node = node[choice][0]
    if "$ref" in node:
        return schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node
