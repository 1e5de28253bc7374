"""config.json → frozen settings.

Belongs here: reading and checking the file, and the sections no other room owns. Does not: the sections of
single rooms (they stand beside the code that uses them) and the environment.
"""

import hashlib
import json
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from adcraft_assets.cluster_settings import ClusterSettings
from adcraft_assets.refresh_settings import RefreshSettings
from adcraft_resources.downloads import DownloadSettings
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.gates import GateSettings
from adcraft_resources.model_settings import ModelSettings, Profile
from adcraft_resources.policies import Market, PolicySettings
from adcraft_resources.rankings import RankingSettings
from adcraft_resources.retention import RetentionSettings
from adcraft_resources.sections import Section
from adcraft_resources.text_detectors import Region
from adcraft_resources.variants import VariantSettings

SLUG = re.compile(r"^[a-z0-9][a-z0-9-]{0,40}$")
SLUG_CHARS = 41
URL_HASH_CHARS = 6
LONGEST_SHOWN = 120
TYPE = re.compile(r"^[a-z0-9][a-z0-9_]{0,60}$")


def slug_of(text: str, *, room: int = SLUG_CHARS) -> str:
    """Return the slug nearest to `text`, at most `room` characters; `x` when nothing of it can stay."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:room].strip("-")
    return slug or "x"


def id_of_url(url: str) -> str:
    """Return the id of a video named by nothing but its URL: slug of the file stem and 6 hex of sha256(URL)."""
    stem = PurePosixPath(unquote(urlsplit(url).path) or urlsplit(url).netloc).stem
    mark = hashlib.sha256(url.encode()).hexdigest()[:URL_HASH_CHARS]
    return f"{slug_of(stem, room=SLUG_CHARS - URL_HASH_CHARS - 1)}-{mark}"


def _checked_slug(value: str) -> str:
    if not SLUG.match(value):
        raise ValueError(
            f"{value!r} is no slug; allowed are a-z, 0-9 and '-', at most 41 characters, for example {slug_of(value)!r}"
        )
    return value


def _checked_type(value: str) -> str:
    if not TYPE.match(value):
        raise ValueError(f"{value!r} is no product type; use an identifier such as turmeric_kojic_soap")
    return value


def _checked_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error
    return value


Slug = Annotated[str, AfterValidator(_checked_slug)]
ProductType = Annotated[str, AfterValidator(_checked_type)]
Pattern = Annotated[str, AfterValidator(_checked_pattern)]


class Video(Section):
    """One source ad; in config.json also a bare URL."""

    id: Slug = Field(default="", description="Slug; by default made of the URL.", validate_default=False)
    url: str = Field(
        min_length=1, description="http(s) URL, file path (relative to config.json) or sample://NAME."
    )
    disabled: bool = Field(
        default=False, description="Retires the video: its data stay, nothing new is made."
    )
    include: tuple[Region, ...] = Field(default=(), description="Regions always treated as overlay.")
    exclude: tuple[Region, ...] = Field(default=(), description="Regions never touched.")

    @model_validator(mode="before")
    @classmethod
    def _from_bare_url(cls, value: Any) -> Any:
        value = {"url": value} if isinstance(value, str) else value
        if (
            isinstance(value, dict)
            and "id" not in value
            and isinstance(value.get("url"), str)
            and value["url"]
        ):
            value = {**value, "id": id_of_url(value["url"])}
        return value


class ProductSpecific(Section):
    """What the product is, in the Ray script's words."""

    type: ProductType = "generic"


def _with_bare_urls(schema: dict[str, Any]) -> None:
    """Tell editors that a video may also be a bare URL."""
    videos = schema["properties"]["videos"]
    videos["items"] = {"anyOf": [videos["items"], {"type": "string", "minLength": 1}]}


class Product(Section):
    """A product and its source ads."""

    model_config = ConfigDict(json_schema_extra=_with_bare_urls)

    id: Slug
    name: str = Field(default="", description="As it is written in ads; by default made of the type.")
    product_specific: ProductSpecific = ProductSpecific()
    protected_text: tuple[Pattern, ...] = Field(
        default=(), description="Text matching one of these patterns always stays."
    )
    language: str = Field(
        default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$", description="Language of hooks and copy."
    )
    market: Market = Field(
        default="", description="Market whose advertising rules hold; empty applies the rules of all."
    )
    rights: Literal["owned", "licensed", "unstated"] = "unstated"
    videos: tuple[Video, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Product":
        _refuse_twins([video.id for video in self.videos], f"videos of product {self.id!r}")
        return self

    @property
    def type(self) -> str:
        """The product type, which chooses styles, prompts and templates."""
        return self.product_specific.type

    @property
    def spoken_name(self) -> str:
        """The product's name in copy."""
        return self.name or self.type.replace("_", " ")


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
    quality_preset: Literal["fast", "balanced", "high"] = "balanced"
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
    def _products_are_unique(self) -> "Settings":
        _refuse_twins([product.id for product in self.products], "products")
        return self


def _refuse_twins(ids: list[str], where: str) -> None:
    twins = sorted({name for name in ids if ids.count(name) > 1})
    if twins:
        raise ValueError(f"{where}: the id {twins[0]!r} is there more than once; give each its own id")


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
        raise ConfigInvalid(f"{path} is no UTF-8 text.", remedy="Save it as UTF-8.") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigInvalid(f"{path} is no JSON: {error}.", remedy="Mend it there.") from error
    return parse_settings(value, origin=str(path))


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
