"""The policy review of an ad's variants: their words, and what was seen in their pictures.

Belongs here: gathering what a review is made of, keeping the frame it objects to. Does not: rules, or reading pictures
(adcraft_resources.picture_reviews).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from adcraft_assets.identities import rejection_of
from adcraft_assets.partitions import Ad
from adcraft_assets.settings import Settings
from adcraft_resources.algorithms.values import TextTracks
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.picture_reviews import look_at_pictures, pairs_of, show_findings, texts_of
from adcraft_resources.policies import PolicyReview, review_variant
from adcraft_resources.programmes import Programme
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.shot_lists import read_shot_list
from adcraft_resources.store import Bundle
from adcraft_resources.text_detectors import TextDetector, load_tracks
from adcraft_resources.thumbnails import write_picture
from adcraft_resources.variant_lanes import VIDEO


@dataclass(frozen=True)
class Reviewer:
    """Reviews the variants of one ad; `fps` are the source's frames a second, by which its text tracks count."""

    cache: ResultCache
    detector: TextDetector
    ad: Ad
    settings: Settings
    shots: Bundle
    masks: Bundle
    fps: float

    @cached_property
    def labels(self) -> TextTracks:
        """The ad's texts; those that stay tell a label's words from others."""
        return load_tracks(self.masks.path)

    def review(self, variant: Bundle) -> PolicyReview:
        """Judge every text a variant carries; its pictures are looked at where no gate has rejected it already."""
        hook = HookSet.from_dict(dict(variant.manifest["plan"]["hook"]))
        texts, pairs = (), ()
        if self.settings.policy.pictures != "off" and not rejection_of(variant.figures, self.settings.gates):
            sha256 = variant.manifest["files"][VIDEO]["sha256"]
            order = Programme.of_variant(variant.figures)
            spans = order.shown_spans((one.start_s, one.end_s) for one in read_shot_list(self.shots).shots)
            seen = look_at_pictures(self.cache, self.detector, variant.file(VIDEO), spans, sha256=sha256)
            texts = texts_of(
                seen["lines"], hook.on_screen, self.labels, self.fps, order.start_s - order.lead_s
            )
            pairs = pairs_of(seen["pairs"])
        return review_variant(
            hook,
            product_type=self.ad.product.type,
            market=self.ad.product.market,
            read_back=texts,
            pairs=pairs,
            settings=self.settings.policy,
        )

    def show(self, variants: Iterable[tuple[str, Bundle]], folder: Path) -> None:
        """Keep the frame in which a variant's pictures make a claim or show a pair."""
        for name, variant in variants:
            shown = show_findings(variant.file(VIDEO), self.review(variant).to_dict())
            if shown is not None:
                write_picture(shown, folder / claim_picture(name))


def claim_picture(variant: str) -> str:
    """Return the name of the picture that shows what the rules object to in a variant's pictures."""
    return f"claim_{variant}.jpg"


def claims_told(review: Mapping[str, Any], fields: Sequence[str] = ()) -> list[str]:
    """Return the findings of a review as sentences, of all its fields or of those named."""
    return [
        f"{told['field'].replace('_', ' ')}{_when(one)}: {one['rule']} ({one['severity']}), “{one['excerpt']}”"
        for told in review.get("fields", ())
        if not fields or told["field"] in fields
        for one in told["findings"]
    ]


def _when(found: Mapping[str, Any]) -> str:
    return f" at {found['time_s']:.1f} s" if "time_s" in found else ""
