"""The policy review of one variant: every text it puts before a viewer, judged by the market's rules.

Belongs here: which texts a variant carries, their counts against what a phone shows, and one verdict over all of
them. Does not: the rules (claims) or the hard limits a written set must keep (hook_sets).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from adcraft_resources.claims import Finding, check_market, claims_version, lint_copy, targeting_notes
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.hook_sets import (
    MAX_HEADLINE_GRAPHEMES,
    MAX_HOOK_GRAPHEMES,
    MAX_PRIMARY_GRAPHEMES,
    HookSet,
    count_graphemes,
)
from adcraft_resources.sections import Section

PICTURES: Final = "pictures"
"""Field name of the texts read back from the pictures."""
FIELDS: Final = ("on_screen", "primary_text", "headline")
_LIMITS: Final = {
    "on_screen": MAX_HOOK_GRAPHEMES,
    "primary_text": MAX_PRIMARY_GRAPHEMES,
    "headline": MAX_HEADLINE_GRAPHEMES,
}
VISIBLE: Final = {"primary_text": {"feed": 125, "reels": 72}, "headline": {"feed": 27}}
"""Characters shown before a phone folds the rest away, by placement."""


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
        description="What a banned claim read from the pictures does, such as one on the product's own label: "
        "`block` rejects the variant, `warn` reports it, `off` leaves pictures unread.",
    )


@dataclass(frozen=True, slots=True)
class PolicyReview:
    """The findings on one variant by field, and what its audience must keep to."""

    language: str
    market: str
    texts: Mapping[str, Sequence[str]]
    findings: Mapping[str, Sequence[Finding]]
    targeting: Sequence[Mapping[str, Any]]
    pictures: str

    @property
    def blocked_by(self) -> list[str]:
        """Why the variant may not ship, a sentence per finding; empty when it may."""
        return [
            f"the {field.replace('_', ' ')} makes a banned claim ({found.rule}): “{found.excerpt}”"
            for field, listed in self.findings.items()
            if field != PICTURES or self.pictures == "block"
            for found in listed
            if found.severity == "block"
        ]

    @property
    def verdict(self) -> Literal["pass", "warn", "block"]:
        """One word over all texts."""
        if self.blocked_by:
            return "block"
        return "warn" if any(self.findings.values()) else "pass"

    def to_dict(self) -> dict[str, Any]:
        """The review as plain JSON values."""
        return {
            "verdict": self.verdict,
            "rules": claims_version(),
            "market": self.market or "all",
            "language": self.language,
            "fields": [self._field(name) for name in self.texts],
            "targeting": [dict(note) for note in self.targeting],
        }

    def _field(self, name: str) -> dict[str, Any]:
        texts, findings = self.texts[name], self.findings[name]
        told: dict[str, Any] = {"field": name, "findings": [found.to_dict() for found in findings]}
        if name == PICTURES:
            return {**told, "texts": list(texts)}
        count = count_graphemes(texts[0])
        folded = [place for place, shown in VISIBLE.get(name, {}).items() if count > shown]
        return {**told, "characters": count, "limit": _LIMITS[name], "folded_in": folded}


def review_variant(
    hook: HookSet,
    *,
    product_type: str,
    market: str = "",
    read_back: Sequence[str] = (),
    settings: PolicySettings | None = None,
) -> PolicyReview:
    """Review every text a variant carries.

    Args:
        hook: The words burnt in and posted.
        product_type: Decides the audience notes.
        market: Code of the market, or empty for the rules of all.
        read_back: What OCR read in the pictures: labels that stay, captions that were not removed.
        settings: What a claim in the pictures does.

    Raises:
        ConfigInvalid: There are no rules for that market.
    """
    pictures = (settings or PolicySettings()).pictures
    texts: dict[str, Sequence[str]] = {name: (getattr(hook, name),) for name in FIELDS}
    if pictures != "off":
        texts[PICTURES] = tuple(dict.fromkeys(text for text in read_back if text.strip()))
    return PolicyReview(
        language=hook.language,
        market=market,
        texts=texts,
        findings={name: lint_copy(listed, hook.language, market) for name, listed in texts.items()},
        targeting=targeting_notes(product_type, market),
        pictures=pictures,
    )
