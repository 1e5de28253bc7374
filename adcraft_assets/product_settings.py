"""The products section of config.json: what is advertised, and its source ads.

Belongs here: products, videos, and the slugs that name them. Does not: any other section.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from adcraft_resources.policies import Market
from adcraft_resources.sections import Section
from adcraft_resources.text_detectors import Region

SLUG = re.compile(r"^[a-z0-9][a-z0-9-]{0,40}$")
SLUG_CHARS = 41
URL_HASH_CHARS = 6
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
    rights: Literal["owned", "licensed", "unstated"] = Field(
        default="unstated",
        description="Whose footage it is. While unstated, watermark-like text is not removed but refused.",
    )
    videos: tuple[Video, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Product":
        refuse_twins([video.id for video in self.videos], f"videos of product {self.id!r}")
        return self

    @property
    def type(self) -> str:
        """The product type, which chooses styles, prompts and templates."""
        return self.product_specific.type

    @property
    def spoken_name(self) -> str:
        """The product's name in copy."""
        return self.name or self.type.replace("_", " ")


def refuse_twins(ids: Iterable[str], where: str) -> None:
    """Raise ValueError naming the first id that is there twice."""
    twins = sorted(name for name, count in Counter(ids).items() if count > 1)
    if twins:
        raise ValueError(f"{where}: the id {twins[0]!r} is there more than once; give each its own id")
