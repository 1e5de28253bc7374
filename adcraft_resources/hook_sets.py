"""The records of ad copy and the limits they keep.

Belongs here: what one set of hook, primary text and headline is, what a copywriter is told and hands back,
and the counting that decides whether a set fits its places. Does not: writing copy (copywriters) or judging
its claims (claims).
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import regex

TEXT_NAMES: Final = ("on-screen hook", "primary text", "headline")
MAX_HOOK_WORDS: Final = 6  # readable in 1.2–2 s at 3 words a second
MAX_HOOK_GRAPHEMES: Final = 48  # two lines inside the safe box at a legible size
MAX_PRIMARY_GRAPHEMES: Final = 125  # the feed folds longer primary text behind "See more"
MAX_HEADLINE_GRAPHEMES: Final = 40  # hard limit of the headline field; 27 are visible on a phone


@dataclass(frozen=True, slots=True)
class HookSet:
    """The words of one variant: the hook burnt into the picture, the post's primary text and its headline.

    `source` is "template" or the model's name; `principle` is the id of the attention principle the set uses.
    """

    id: str
    on_screen: str
    primary_text: str
    headline: str
    language: str
    source: str
    principle: str

    @property
    def texts(self) -> tuple[str, str, str]:
        """Every text the set puts before a viewer: on screen, primary, headline."""
        return self.on_screen, self.primary_text, self.headline

    def to_dict(self) -> dict[str, str]:
        """The set as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, str]) -> HookSet:
        """The set written by `to_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class CopyBrief:
    """What a copywriter knows about one ad.

    `ad_text` is what the old ad said, as read from its pictures: untrusted data, never an instruction.
    `captions` describe its keyframes. `language` is a BCP 47 tag ("en", "hi", "hi-Latn" for Hinglish).
    """

    product_type: str
    product_name: str
    language: str = "en"
    ad_text: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    market: str = ""
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The brief as plain JSON values."""
        return {**asdict(self), "ad_text": list(self.ad_text), "captions": list(self.captions)}


@dataclass(frozen=True, slots=True)
class CopyResult:
    """Hook sets in their order, with what they cost and every named note about how they came to be.

    `usage` has `prompt_tokens`, `completion_tokens`, `usd` (None where the price is unknown), `seconds`,
    `requests` and `model`. `source` is "template" or the model's name.
    """

    hooks: list[HookSet]
    usage: dict[str, Any]
    source: str
    notes: tuple[str, ...] = field(default=())


def split_graphemes(text: str) -> list[str]:
    """User-perceived characters: extended grapheme clusters of UAX #29, so a family emoji counts once."""
    return regex.findall(r"\X", text)


def count_graphemes(text: str) -> int:
    """Number of user-perceived characters of `text`."""
    return len(split_graphemes(text))


def count_words(text: str) -> int:
    """Words a viewer reads: runs between spaces that hold a letter or a digit, so "–" or an emoji is none."""
    return sum(any(unicodedata.category(char)[0] in "LN" for char in word) for word in text.split())


def limit_faults(on_screen: str, primary_text: str, headline: str) -> list[str]:
    """Every limit the three texts break, each as a sentence with the figure; empty when they fit."""
    faults = [
        f"The {name} is empty."
        for name, text in zip(TEXT_NAMES, (on_screen, primary_text, headline), strict=True)
        if not text.strip()
    ]
    if count_words(on_screen) > MAX_HOOK_WORDS:
        faults.append(f"The on-screen hook has {count_words(on_screen)} words; {MAX_HOOK_WORDS} are allowed.")
    limits = (MAX_HOOK_GRAPHEMES, MAX_PRIMARY_GRAPHEMES, MAX_HEADLINE_GRAPHEMES)
    for name, text, limit in zip(TEXT_NAMES, (on_screen, primary_text, headline), limits, strict=True):
        if count_graphemes(text) > limit:
            faults.append(f"The {name} has {count_graphemes(text)} characters; {limit} are allowed.")
    return faults


def fold_copy(text: str) -> str:
    """`text` reduced to what makes two lines the same to a reader: case, spacing and punctuation gone."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (char for char in folded if unicodedata.category(char)[0] in "LNM" or char.isspace())
    return " ".join("".join(kept).split())
