"""What a page of the gallery is told: plain records, with paths relative to the page's folder.

Belongs here: the records. Does not: how a page looks (page, index), writing it (gallery) or choosing
what is shown (the ranking asset).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PartBar:
    """One part of a score: `value` 0..1 or None where it was not measured; `weight` is its share of the score, 0..1."""

    title: str
    value: float | None
    sentence: str
    weight: float = 0.0
    formula: str = ""
    evidence: tuple[tuple[bool, str], ...] = ()
    """Rules with whether each holds and why."""


@dataclass(frozen=True, slots=True)
class GateCard:
    """What a gate says; `figures` are (name, measured, asked) in words."""

    title: str
    passed: bool
    reason: str
    figures: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class VariantCard:
    """One delivered variant.

    `video`, `poster` and `before` are paths relative to the page; `before` is the source's still of the same moment.
    `plan` lists the factors the variant was planned with, as (name, value).
    """

    id: str
    rank: int
    score: float
    title: str
    video: str
    poster: str
    before: str = ""
    intent: str = ""
    on_screen: str = ""
    primary_text: str = ""
    headline: str = ""
    language: str = "en"
    written_by: str = "template"
    principle: str = ""
    ssim: float | None = None
    parts: tuple[PartBar, ...] = ()
    gates: tuple[GateCard, ...] = ()
    plan: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedCard:
    """A variant that is not delivered, and why; `kind` is "gate", "duplicate" or "spare"."""

    id: str
    title: str
    reason: str
    kind: str = "gate"
    score: float | None = None
    poster: str = ""


@dataclass(frozen=True, slots=True)
class StillCard:
    """A keyframe of the source."""

    path: str
    pts_s: float
    caption: str = ""


@dataclass(frozen=True, slots=True)
class TextRow:
    """A text found in the source: `removed` or kept, when it was on screen, why, and how it was filled."""

    text: str
    removed: bool
    from_s: float
    to_s: float
    reason: str
    method: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class GalleryModel:
    """Everything on one ad's page. Texts may hold anything; they are escaped. Paths are relative to the page.

    `facts` are short (name, value) pairs for the header; `source_video` is shown as the "before" player where given,
    else each variant's `before` still is. `scorer` names what judged fit to the product.
    """

    product: str
    video: str
    asked: int
    variants: tuple[VariantCard, ...]
    rejected: tuple[RejectedCard, ...] = ()
    keyframes: tuple[StillCard, ...] = ()
    texts: tuple[TextRow, ...] = ()
    gates: tuple[GateCard, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    source_video: str = ""
    source_poster: str = ""
    rank_by: str = "score"
    scorer: str = "heuristic"
    made_at: str = ""
    index: str = ""
    """Link to the page over all ads, or ""."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One ad on the page over all ads; `page` and `posters` are relative to that page's folder."""

    product: str
    video: str
    page: str
    delivered: int
    asked: int
    best_score: float | None = None
    posters: tuple[str, ...] = ()
    best_hook: str = ""
    language: str = "en"
    made_at: str = ""
    state: Literal["made", "failed", "waiting"] = "made"
    note: str = ""
    """Why it is not made, or a warning."""
