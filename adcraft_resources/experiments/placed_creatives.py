"""Creatives that show each placement its own shape: the Marketing API's asset feed with customization rules.

Belongs here: the models of that form and filling them from a plan. Does not: creatives of one video and the opt-out of
edits (handover), or sending anything.

The form is that of "Placement Asset Customization" (Marketing API v25): at least two rules, each with a label that a
video of the feed carries, the last one empty for whatever no rule names; one description for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from adcraft_resources.experiments.handover import (
    ENHANCEMENTS,
    DegreesOfFreedom,
    Form,
    Name,
    OptOut,
)
from adcraft_resources.experiments.settings import ExperimentSettings
from adcraft_resources.hook_sets import MAX_HEADLINE_GRAPHEMES, MAX_PRIMARY_GRAPHEMES, count_graphemes
from adcraft_resources.store import to_json

PLACED_FILE: Final = "creatives_by_placement.json"
FacebookPosition = Literal[
    "feed", "marketplace", "video_feeds", "story", "facebook_reels", "search", "right_hand_column"
]
InstagramPosition = Literal[
    "stream", "story", "explore", "explore_home", "profile_feed", "ig_search", "reels"
]
_TALL, _PORTRAIT = (
    0.7,
    0.95,
)  # width over height: below, a shape fills a phone; below, it is a feed's portrait
_PLACES: Final[Mapping[str, Mapping[str, list[Any]]]] = {
    "tall": {"facebook_positions": ["story", "facebook_reels"], "instagram_positions": ["story", "reels"]},
    "portrait": {
        "facebook_positions": ["feed", "video_feeds"],
        "instagram_positions": ["stream", "explore", "explore_home", "profile_feed"],
    },
    "square": {
        "facebook_positions": ["marketplace", "search", "right_hand_column"],
        "instagram_positions": ["ig_search"],
    },
}
"""Where a shape of each kind is shown."""
_DEFAULT_ORDER: Final = ("square", "portrait", "tall")
"""Which shape is shown where no rule says: the one fewest places crop."""

Shape = tuple[str, int, int]
"""Name, width and height of a placement's files."""


class Label(Form):
    """Ties a rule to a video of the feed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,20}$")


class FeedVideo(Form):
    """A video of the feed; ids come from the account, after the upload."""

    video_id: str
    thumbnail_hash: str
    adlabels: list[Label] = Field(min_length=1)


class FeedText(Form):
    """A text of the feed."""

    text: str = Field(min_length=1)


class FeedLink(Form):
    """Where the button leads."""

    website_url: str


class CustomizationSpec(Form):
    """Placements a rule holds for; empty: all that no other rule names."""

    publisher_platforms: list[Literal["facebook", "instagram"]] | None = None
    facebook_positions: list[FacebookPosition] | None = None
    instagram_positions: list[InstagramPosition] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether this is the rule for the rest."""
        return not self.publisher_platforms


class Rule(Form):
    """Which video a group of placements shows."""

    customization_spec: CustomizationSpec
    video_label: Label
    priority: int = Field(ge=1)


class AssetFeed(Form):
    """The videos, texts and rules of one creative."""

    ad_formats: tuple[Literal["SINGLE_VIDEO"]] = ("SINGLE_VIDEO",)
    optimization_type: Literal["PLACEMENT"] = "PLACEMENT"
    videos: list[FeedVideo] = Field(min_length=1)
    bodies: list[FeedText] = Field(min_length=1, max_length=1)
    titles: list[FeedText] = Field(min_length=1, max_length=1)
    descriptions: list[FeedText] = Field(min_length=1, max_length=1)
    link_urls: list[FeedLink] = Field(min_length=1, max_length=1)
    call_to_action_types: list[str] = Field(min_length=1, max_length=5)
    asset_customization_rules: list[Rule] = Field(min_length=2)

    @model_validator(mode="after")
    def _holds_together(self) -> AssetFeed:
        labels = [label.name for video in self.videos for label in video.adlabels]
        rules = self.asset_customization_rules
        unknown = sorted({rule.video_label.name for rule in rules} - set(labels))
        if unknown:
            raise ValueError(f"no video carries the label {unknown[0]!r}")
        if [rule.priority for rule in rules] != list(range(1, len(rules) + 1)):
            raise ValueError("the rules' priorities must count up from 1")
        if [rule.customization_spec.is_empty for rule in rules] != [False] * (len(rules) - 1) + [True]:
            raise ValueError("the last rule, and no other, must be the one for all remaining placements")
        named = [
            (platform, place)
            for rule in rules
            for platform in ("facebook_positions", "instagram_positions")
            for place in getattr(rule.customization_spec, platform) or ()
        ]
        if len(named) != len(set(named)):
            raise ValueError("a placement is named by two rules")
        for field, texts, most in (
            ("title", self.titles, MAX_HEADLINE_GRAPHEMES),
            ("body", self.bodies, MAX_PRIMARY_GRAPHEMES),
        ):
            if count_graphemes(texts[0].text) > most:
                raise ValueError(
                    f"the {field} has {count_graphemes(texts[0].text)} characters; {most} are allowed"
                )
        return self


class Page(Form):
    """The page that speaks."""

    page_id: str


class PlacedCreative(Form):
    """The body of POST /act_<id>/adcreatives for one ad in several shapes."""

    name: Name
    object_story_spec: Page
    asset_feed_spec: AssetFeed
    degrees_of_freedom_spec: DegreesOfFreedom
    url_tags: str


def write_placed_creatives(
    folder: Path,
    plan: Mapping[str, Any],
    shapes: Sequence[Shape],
    descriptions: Mapping[str, str],
    settings: ExperimentSettings,
) -> None:
    """Write the payloads of a plan's cells; nothing where there is no test, or only one shape.

    Raises:
        ValidationError: A payload breaks its model; nothing is written then.
    """
    told = placed_creatives(plan, shapes, descriptions, settings)
    if told:
        values = [one.model_dump(mode="json", exclude_none=True) for one in told]
        (folder / PLACED_FILE).write_text(to_json(values), encoding="utf-8")


def placed_creatives(
    plan: Mapping[str, Any],
    shapes: Sequence[Shape],
    descriptions: Mapping[str, str],
    settings: ExperimentSettings,
) -> list[PlacedCreative]:
    """Return one creative per cell; `descriptions` are the link descriptions by ad name."""
    kinds = _kinds(shapes)
    if len(kinds) < 2:  # noqa: PLR2004  # the form asks for two rules; one shape needs none
        return []
    features = {name: OptOut() for name in ENHANCEMENTS}
    return [
        PlacedCreative(
            name=cell["name"],
            object_story_spec=Page(page_id=settings.page_id or "{{page_id}}"),
            asset_feed_spec=AssetFeed(
                videos=[_video(name, cell) for name in kinds.values()],
                bodies=[FeedText(text=cell["copy"]["primary_text"])],
                titles=[FeedText(text=cell["copy"]["headline"])],
                descriptions=[FeedText(text=descriptions[cell["name"]])],
                link_urls=[FeedLink(website_url=settings.landing_url or "{{landing_url}}")],
                call_to_action_types=[settings.call_to_action],
                asset_customization_rules=_rules(kinds),
            ),
            degrees_of_freedom_spec=DegreesOfFreedom(creative_features_spec=features),
            url_tags=cell["url_tags"],
        )
        for cell in plan["cells"]
    ]


def _kinds(shapes: Sequence[Shape]) -> dict[str, str]:
    """Return the name of the first shape of each kind: tall, portrait or square."""
    found: dict[str, str] = {}
    for name, width, height in shapes:
        ratio = width / height
        found.setdefault("tall" if ratio < _TALL else "portrait" if ratio < _PORTRAIT else "square", name)
    return found


def _video(shape: str, cell: Mapping[str, Any]) -> FeedVideo:
    return FeedVideo(
        video_id=f"{{{{video_id of {shape}/{cell['name']}.mp4}}}}",
        thumbnail_hash=f"{{{{image_hash of {shape}/{cell['name']}.jpg}}}}",
        adlabels=[Label(name=shape)],
    )


def _rules(kinds: Mapping[str, str]) -> list[Rule]:
    """Return a rule per kind of shape, and the one for all other placements last."""
    rest = next(kind for kind in _DEFAULT_ORDER if kind in kinds)
    specs = [
        (CustomizationSpec(publisher_platforms=["facebook", "instagram"], **_PLACES[kind]), name)
        for kind, name in kinds.items()
    ]
    return [
        Rule(customization_spec=spec, video_label=Label(name=name), priority=place)
        for place, (spec, name) in enumerate([*specs, (CustomizationSpec(), kinds[rest])], 1)
    ]
