"""What is handed to a media buyer, as records.

Belongs here: the records, and the one text that is made here. Does not: files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcraft_resources.copy_limits import limits_of
from adcraft_resources.hook_sets import count_graphemes, split_graphemes
from adcraft_resources.placements import Placement


@dataclass(frozen=True)
class HandoffVariant:
    """A variant: its one name (file stem, ad name, utm_content), its words, and its files by shape.

    `copy` has on_screen, primary_text, headline, description and language; `policy` the review's record; `notes` by
    shape what a person should look at, `looks` its picture; `disclosure` how it was made.
    """

    name: str
    rank: int
    score: float
    copy: Mapping[str, str]
    policy: Mapping[str, Any]
    files: Mapping[str, tuple[Path, Path]]
    notes: Mapping[str, Sequence[str]]
    disclosure: Mapping[str, Any]
    figures: Mapping[str, Mapping[str, Any]]
    looks: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class HandoffAd:
    """The variants of one source ad in rank order, and the plan of their test."""

    video: str
    variants: Sequence[HandoffVariant]
    plan: Mapping[str, Any]


@dataclass(frozen=True)
class Handoff:
    """A product's ads with the shapes they come in; `licences` are rows of what they were made with."""

    product: str
    product_name: str
    experiment: str
    placements: Sequence[Placement]
    ads: Sequence[HandoffAd]
    licences: Sequence[Mapping[str, str]]


def description_of(product_name: str, language: str = "en") -> str:
    """Return the link description: the product's name, cut between words to what a phone shows of its script.

    A name claims nothing, so it needs no review of its own.
    """
    most = limits_of(language)["description"].everywhere
    if count_graphemes(product_name) <= most:
        return product_name
    kept = ""
    for word in product_name.split():
        longer = f"{kept} {word}".strip()
        if count_graphemes(longer) > most:
            break
        kept = longer
    return kept.rstrip(" &,-") or "".join(split_graphemes(product_name)[:most])
