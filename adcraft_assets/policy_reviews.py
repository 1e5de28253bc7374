"""The policy review of an ad's variants: their words, and what was seen in their pictures.

Belongs here: gathering what a review is made of, keeping the frame it objects to. Does not: rules, or reading pictures
(adcraft_resources.picture_reviews).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from adcraft_assets.identities import rejection_of
from adcraft_assets.partitions import Ad
from adcraft_assets.settings import Settings
from adcraft_resources.algorithms.values import TextTracks
from adcraft_resources.cleaning import MEZZANINE
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
    cleaned: Bundle
    fps: float
    known: dict[str, PolicyReview] = field(default_factory=dict)

    @cached_property
    def labels(self) -> TextTracks:
        """The ad's texts; those that stay tell a label's words from others."""
        return load_tracks(self.masks.path)

    def review(self, variant: Bundle) -> PolicyReview:
        """Judge every text a variant carries, once; its pictures only where no gate has rejected it already."""
        if variant.digest not in self.known:
            self.known[variant.digest] = self._judge(variant)
        return self.known[variant.digest]

    def _judge(self, variant: Bundle) -> PolicyReview:
        hook = HookSet.from_dict(dict(variant.manifest["plan"]["hook"]))
        texts, pairs = (), ()
        if self.settings.policy.pictures != "off" and not rejection_of(variant.figures, self.settings.gates):
            order = Programme.of_variant(variant.figures)
            seen = self._look_at(variant, order)
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

    def _look_at(self, variant: Bundle, order: Programme) -> Mapping[str, Any]:
        """Return what is seen in a variant's pictures.

        Formulas bring no words and no pair into a picture: where they alone painted, the cleaned ad is looked at,
        once for all its variants.
        """
        shots = [(one.start_s, one.end_s) for one in read_shot_list(self.shots).shots]
        if "style" in variant.manifest["ai_disclosure"]["generative_steps"]:
            spans, video = order.shown_spans(shots), variant.file(VIDEO)
            sha256 = variant.manifest["files"][VIDEO]["sha256"]
            return look_at_pictures(self.cache, self.detector, video, spans, sha256=sha256)
        sha256 = self.cleaned.manifest["files"][MEZZANINE]["sha256"]
        video = self.cleaned.file(MEZZANINE)
        seen = look_at_pictures(self.cache, self.detector, video, shots, sha256=sha256)
        return as_shown(seen, order, self.fps, float(Fraction(variant.figures["probe"]["fps"])))

    def show(self, variants: Iterable[tuple[str, Bundle]], folder: Path) -> None:
        """Keep the frame in which a variant's pictures make a claim or show a pair."""
        for name, variant in variants:
            shown = show_findings(variant.file(VIDEO), self.review(variant).to_dict())
            if shown is not None:
                write_picture(shown, folder / claim_picture(name))


def as_shown(seen: Mapping[str, Any], order: Programme, fps: float, shown_fps: float) -> dict[str, Any]:
    """Return what was seen in a video as a programme of it shows it; what is left out in front was not seen.

    Args:
        seen: As `look_at_pictures` gave it for the whole video.
        order: What is shown of the video.
        fps: The video's frames a second.
        shown_fps: Those of the file that shows it.
    """

    def shown(frame: int) -> int:
        return round(order.shown_s(frame / fps) * shown_fps)

    lines = [
        {**line, "frame": shown(line["frame"]), "time_s": round(order.shown_s(line["frame"] / fps), 3)}
        for line in seen["lines"]
        if line["frame"] >= order.start_frame
    ]
    pairs = [
        {
            **pair,
            "frames": [*map(shown, pair["frames"])],
            "time_s": round(order.shown_s(pair["frames"][-1] / fps), 3),
        }
        for pair in seen["pairs"]
        if min(pair["frames"]) >= order.start_frame
    ]
    return {"lines": lines, "pairs": pairs}


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
