"""What a media buyer uploads: a bulk sheet and the Marketing API's creative payloads, checked before they are written.

Belongs here: the models of both forms and filling them from a plan. Does not: sending anything. The sheet's column
names are those of Ads Manager's import template; every automatic enhancement is opted out of, since Meta retired the
bundle that covered them all (v22): a cell edited by the platform is another cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adcraft_resources.experiments.plan import FILE
from adcraft_resources.experiments.settings import ExperimentSettings
from adcraft_resources.hook_sets import MAX_HEADLINE_GRAPHEMES, MAX_PRIMARY_GRAPHEMES, count_graphemes
from adcraft_resources.store import to_json

BULK_FILE: Final = "bulk_upload.csv"
CREATIVES_FILE: Final = "creatives.json"
ENHANCEMENTS: Final = (
    "adapt_to_placement",
    "add_text_overlay",
    "advantage_plus_creative",
    "audio",
    "creative_stickers",
    "cv_transformation",
    "description_automation",
    "dynamic_partner_content",
    "enhance_cta",
    "feed_caption_optimization",
    "generate_cta",
    "ig_video_native_subtitle",
    "image_animation",
    "image_auto_crop",
    "image_background_gen",
    "image_brightness_and_contrast",
    "image_enhancement",
    "image_templates",
    "image_text_translation",
    "image_touchups",
    "image_uncrop",
    "inline_comment",
    "media_order",
    "media_type_automation",
    "music_generation",
    "pac_relaxation",
    "product_browsing",
    "product_extensions",
    "profile_card",
    "replace_media_text",
    "reveal_details_over_time",
    "show_destination_blurbs",
    "show_summary",
    "site_extensions",
    "text_formatting_optimization",
    "text_optimizations",
    "text_translation",
    "translate_voiceover",
    "video_auto_crop",
    "video_filtering",
    "video_highlights",
    "video_to_image",
    "video_uncrop",
)
"""Automatic edits an account may be offered (names as creatives use them in v22 to v25); check on an API update."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,120}$")]


class Form(BaseModel):
    """A form that takes no field it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


COLUMNS: Final = {
    "campaign_name": "Campaign Name",
    "campaign_status": "Campaign Status",
    "adset_name": "Ad Set Name",
    "adset_status": "Ad Set Run Status",
    "age_min": "Age Min",
    "ad_name": "Ad Name",
    "ad_status": "Ad Status",
    "title": "Title",
    "body": "Body",
    "link": "Link",
    "call_to_action": "Call to Action",
    "video_file": "Video File Name",
    "image_file": "Image File Name",
    "url_tags": "URL Tags",
}
"""Names of the sheet's columns, as Ads Manager's import template has them."""


class BulkRow(Form):
    """One ad of the bulk sheet; read and written by the names of `COLUMNS`."""

    model_config = ConfigDict(alias_generator=COLUMNS.__getitem__)

    campaign_name: Name
    campaign_status: Literal["PAUSED"] = Field(default="PAUSED")
    adset_name: Name
    adset_status: Literal["PAUSED"] = Field(default="PAUSED")
    age_min: int = Field(ge=13, le=65)
    ad_name: Name
    ad_status: Literal["PAUSED"] = Field(default="PAUSED")
    title: str = Field(min_length=1)
    body: str = Field(min_length=1)
    link: str
    call_to_action: str
    video_file: str = Field(pattern=r"^[a-z0-9_-]+\.mp4$")
    image_file: str = Field(pattern=r"^[a-z0-9_-]+\.jpg$")
    url_tags: str = Field(pattern=r"^utm_source=")

    @model_validator(mode="after")
    def _holds_together(self) -> BulkRow:
        if self.video_file != f"{self.ad_name}.mp4":
            raise ValueError(f"the ad {self.ad_name!r} and its file {self.video_file!r} have different names")
        for field, text, limit in (
            ("Title", self.title, MAX_HEADLINE_GRAPHEMES),
            ("Body", self.body, MAX_PRIMARY_GRAPHEMES),
        ):
            if count_graphemes(text) > limit:
                raise ValueError(f"{field} has {count_graphemes(text)} characters; {limit} are allowed")
        return self


class OptOut(Form):
    """The choice not to have a creative edited."""

    enroll_status: Literal["OPT_OUT"] = "OPT_OUT"


class LinkValue(Form):
    """Where the button leads."""

    link: str


class CallToAction(Form):
    """The ad's button."""

    type: str
    value: LinkValue


class VideoData(Form):
    """The video of a creative; ids come from the account, after the upload."""

    video_id: str
    image_hash: str
    title: str
    message: str
    call_to_action: CallToAction


class ObjectStorySpec(Form):
    """The post behind an ad."""

    page_id: str
    video_data: VideoData


class DegreesOfFreedom(Form):
    """What Meta may change: nothing."""

    creative_features_spec: dict[str, OptOut]

    @model_validator(mode="after")
    def _leaves_nothing_to_chance(self) -> DegreesOfFreedom:
        missing = sorted(set(ENHANCEMENTS) - set(self.creative_features_spec))
        if missing:
            raise ValueError(f"not opted out of: {', '.join(missing)}")
        return self


class CreativePayload(Form):
    """The body of POST /act_<id>/adcreatives."""

    name: Name
    object_story_spec: ObjectStorySpec
    degrees_of_freedom_spec: DegreesOfFreedom
    url_tags: str


def write_handover(folder: Path, plan: Mapping[str, Any], settings: ExperimentSettings) -> None:
    """Write the plan into `folder`, and its sheet and payloads when it is ready.

    `{{...}}` in the payloads stands for what only the account knows: ids of page, video and poster.

    Raises:
        ValidationError: A row or payload breaks its model; nothing is written then.
    """
    rows = bulk_rows(plan, settings)
    payloads = creative_payloads(plan, settings)
    (folder / FILE).write_text(to_json(plan), encoding="utf-8")
    if not rows:
        return
    (folder / BULK_FILE).write_text(
        _as_sheet(rows), encoding="utf-8-sig"
    )  # spreadsheets need the mark for Hindi
    told = [payload.model_dump(mode="json") for payload in payloads]
    (folder / CREATIVES_FILE).write_text(to_json(told), encoding="utf-8")


def bulk_rows(plan: Mapping[str, Any], settings: ExperimentSettings) -> list[BulkRow]:
    """Return the sheet's rows, an ad set per cell and an ad in each, all paused."""
    age = max((int(note["minimum_age"]) for note in plan["audience"]), default=18)
    return [
        BulkRow(
            campaign_name=plan["campaign_name"],
            adset_name=cell["adset_name"],
            age_min=age,
            ad_name=cell["name"],
            title=cell["copy"]["headline"],
            body=cell["copy"]["primary_text"],
            link=settings.landing_url,
            call_to_action=settings.call_to_action,
            video_file=cell["file"],
            image_file=cell["poster"],
            url_tags=cell["url_tags"],
        )
        for cell in plan["cells"]
    ]


def creative_payloads(plan: Mapping[str, Any], settings: ExperimentSettings) -> list[CreativePayload]:
    """Return one creative per cell with every automatic enhancement opted out."""
    features = {name: OptOut() for name in ENHANCEMENTS}
    return [
        CreativePayload(
            name=cell["name"],
            object_story_spec=ObjectStorySpec(
                page_id=settings.page_id or "{{page_id}}",
                video_data=VideoData(
                    video_id=f"{{{{video_id of {cell['file']}}}}}",
                    image_hash=f"{{{{image_hash of {cell['poster']}}}}}",
                    title=cell["copy"]["headline"],
                    message=cell["copy"]["primary_text"],
                    call_to_action=CallToAction(
                        type=settings.call_to_action,
                        value=LinkValue(link=settings.landing_url or "{{landing_url}}"),
                    ),
                ),
            ),
            degrees_of_freedom_spec=DegreesOfFreedom(creative_features_spec=features),
            url_tags=cell["url_tags"],
        )
        for cell in plan["cells"]
    ]


def _as_sheet(rows: list[BulkRow]) -> str:
    text = io.StringIO()
    told = [row.model_dump(by_alias=True) for row in rows]
    writer = csv.DictWriter(text, list(told[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in told)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Return a cell no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
