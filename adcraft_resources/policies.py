"""The policy review of one variant: every text it puts before a viewer, judged by the market's rules.

Belongs here: which texts a variant carries, their counts against what a phone shows, and one verdict over all of
them. Does not: the rules (claims) or the hard limits a written set must keep (hook_sets).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from adcraft_resources.claims import Finding, check_market, claims_version, lint_copy, targeting_notes
from adcraft_resources.copy_limits import limits_of
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.hook_sets import HookSet, count_graphemes
from adcraft_resources.sections import Section

LABEL: Final = "product_label"
"""Field name of text that belongs to the filmed product."""
PICTURES: Final = "pictures"
"""Field name of other text read back from the pictures, and of what they show."""
PAIR_RULE: Final = "before_after_picture"
PAIR_DELTA_L: Final = {"beside": 3.0, "above": 3.0, "cut": 5.0}
"""L* by which two like views' skin differs at least in a before-and-after pair; filmed light varies from cut to cut."""
READING_VERSION: Final = "1"
"""Changes whenever the same pictures would be judged by other texts or pairs."""
FIELDS: Final = ("on_screen", "primary_text", "headline")


def _checked_market(value: str) -> str:
    try:
        return check_market(value) if value else value
    except ConfigInvalid as error:
        raise ValueError(str(error)) from error


Market = Annotated[str, AfterValidator(_checked_market)]
"""Code of a market whose advertising rules are known, or nothing: the rules of all."""


class PolicySettings(Section):
    """How texts are judged (config.json `policy`)."""

    pictures: Literal["off", "warn", "block"] = Field(
        default="warn",
        description="What a banned claim on the product's own label does: `block` rejects the variant, `warn` "
        "reports it. Other text in the pictures is judged like copy. `off` leaves pictures unread.",
    )


@dataclass(frozen=True, slots=True)
class PictureText:
    """Text seen in the pictures, and the frame and place it was read at (box: shares of the picture; None: unknown)."""

    text: str
    on_label: bool
    frame: int
    time_s: float
    box: tuple[float, float, float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The text and its place as plain JSON values."""
        return {
            "text": self.text,
            "frame": self.frame,
            "time_s": self.time_s,
            "box": self.box and list(self.box),
        }


@dataclass(frozen=True, slots=True)
class PicturePair:
    """Two like views of one scene: `beside` or `above` each other with a seam `at` a share, or across a `cut`.

    `skin_delta_l` is how much lighter skin is in the second; None where not both show a face.
    """

    kind: Literal["beside", "above", "cut"]
    frames: Sequence[int]
    time_s: float
    at: float | None
    skin_delta_l: float | None

    @property
    def is_comparison(self) -> bool:
        """Whether the views show skin before and after."""
        return self.skin_delta_l is not None and abs(self.skin_delta_l) >= PAIR_DELTA_L[self.kind]

    @property
    def told(self) -> str:
        """The find as a sentence."""
        frames = " and ".join(str(frame) for frame in self.frames)
        place = "on either side of a cut" if self.kind == "cut" else f"{self.kind} each other"
        skin = "" if self.skin_delta_l is None else f", skin {self.skin_delta_l:+.1f} L* in the second"
        return f"two like views {place} at {self.time_s:.1f} s (frame {frames}){skin}"

    def to_dict(self) -> dict[str, Any]:
        """The pair as plain JSON values."""
        return {
            **asdict(self),
            "frames": list(self.frames),
            "rule": PAIR_RULE,
            "comparison": self.is_comparison,
        }


@dataclass(frozen=True, slots=True)
class PolicyReview:
    """The findings on one variant by field, and what its audience must keep to."""

    language: str
    market: str
    texts: Mapping[str, Sequence[str]]
    findings: Mapping[str, Sequence[Finding]]
    targeting: Sequence[Mapping[str, Any]]
    pictures: str
    seen: Mapping[str, Sequence[PictureText]] = field(default_factory=dict)
    pairs: Sequence[PicturePair] = ()

    @property
    def blocked_by(self) -> list[str]:
        """Why the variant may not ship, a sentence per finding; empty when it may."""
        claims = [
            f"the {self._place(name, found)} makes a banned claim ({found.rule}): “{found.excerpt}”"
            for name, listed in self.findings.items()
            if name != LABEL or self.pictures == "block"
            for found in listed
            if found.severity == "block"
        ]
        shown = [
            f"the video shows {one.told}: a before-and-after pair" for one in self.pairs if one.is_comparison
        ]
        return [*claims, *shown]

    def _place(self, name: str, found: Finding) -> str:
        if name not in self.seen:
            return name.replace("_", " ")
        one = self.seen[name][found.text]
        return f"{'product label' if name == LABEL else 'picture'} at {one.time_s:.1f} s (frame {one.frame})"

    @property
    def verdict(self) -> Literal["pass", "warn", "block"]:
        """One word over all texts."""
        if self.blocked_by:
            return "block"
        return "warn" if any(self.findings.values()) or self.pairs else "pass"

    def to_dict(self) -> dict[str, Any]:
        """The review as plain JSON values."""
        return {
            "verdict": self.verdict,
            "rules": claims_version(),
            "market": self.market or "all",
            "language": self.language,
            "fields": [self._field(name) for name in self.texts],
            "pairs": [one.to_dict() for one in self.pairs],
            "targeting": [dict(note) for note in self.targeting],
        }

    def _field(self, name: str) -> dict[str, Any]:
        texts, findings = self.texts[name], self.findings[name]
        told: dict[str, Any] = {"field": name, "findings": [found.to_dict() for found in findings]}
        if name in self.seen:
            at = [self.seen[name][found.text].to_dict() for found in findings]
            merged = [{**place, **one} for one, place in zip(told["findings"], at, strict=True)]
            return {**told, "findings": merged, "texts": list(texts)}
        count = count_graphemes(texts[0])
        limit = limits_of(self.language)[name]
        return {**told, "characters": count, "limit": limit.most, "folded_in": limit.folded_in(count)}


def review_variant(
    hook: HookSet,
    *,
    product_type: str,
    market: str = "",
    read_back: Sequence[PictureText] = (),
    pairs: Sequence[PicturePair] = (),
    settings: PolicySettings | None = None,
) -> PolicyReview:
    """Review every text a variant carries.

    Args:
        hook: The words burnt in and posted.
        product_type: Decides the audience notes.
        market: Code of the market, or empty for the rules of all.
        read_back: What OCR read in the pictures: labels that stay, captions that were not removed.
        pairs: Like views that may be a before and an after.
        settings: What a claim on a label does.

    Raises:
        ConfigInvalid: There are no rules for that market.
    """
    pictures = (settings or PolicySettings()).pictures
    texts: dict[str, Sequence[str]] = {name: (getattr(hook, name),) for name in FIELDS}
    seen: dict[str, Sequence[PictureText]] = {}
    if pictures != "off":
        once = {(one.on_label, one.text.casefold()): one for one in reversed(read_back) if one.text.strip()}
        for name, on_label in ((LABEL, True), (PICTURES, False)):
            seen[name] = [one for one in reversed(once.values()) if one.on_label is on_label]
            texts[name] = tuple(one.text for one in seen[name])
    return PolicyReview(
        language=hook.language,
        market=market,
        texts=texts,
        findings={name: lint_copy(listed, hook.language, market) for name, listed in texts.items()},
        targeting=targeting_notes(product_type, market),
        pictures=pictures,
        seen=seen,
        pairs=tuple(pairs) if pictures != "off" else (),
    )
