"""How long copy may be, per field and language, in characters as a reader counts them (grapheme clusters).

Belongs here: what a phone shows before it folds the rest away, and the most a field takes. Does not: counting
(hook_sets), or judging a set (copywriters.review, policies).

A phone folds text by its width. The figures platforms publish are for Latin letters; a Tamil cluster is nearly twice
as wide, so fewer of them are shown. The most a field takes is a count and the same in every language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adcraft_resources.hook_sets import (
    MAX_HEADLINE_GRAPHEMES,
    MAX_HOOK_GRAPHEMES,
    MAX_PRIMARY_GRAPHEMES,
)

MAX_DESCRIPTION_GRAPHEMES: Final = 27
"""What a phone shows of a link description in Latin letters; adcraft writes no longer one."""
_LATIN: Final = "en"
WIDTHS_EM: Final = {"en": 0.480, "hi": 0.565, "hi-Latn": 0.487, "ta": 0.985, "ar": 0.438}
"""Mean width of a cluster in our copy, set in Noto Sans."""
_SHOWN: Final = {
    "on_screen": {},
    "primary_text": {"feed": 125, "reels": 72},
    "headline": {"feed": 27},
    "description": {"feed": MAX_DESCRIPTION_GRAPHEMES},
}
_MOST: Final = {
    "on_screen": MAX_HOOK_GRAPHEMES,
    "primary_text": MAX_PRIMARY_GRAPHEMES,
    "headline": MAX_HEADLINE_GRAPHEMES,
    "description": MAX_DESCRIPTION_GRAPHEMES,
}


@dataclass(frozen=True, slots=True)
class FieldLimit:
    """What a field takes at `most`, and what of it is `shown` by placement."""

    most: int
    shown: Mapping[str, int]

    @property
    def everywhere(self) -> int:
        """The length that no placement folds."""
        return min([*self.shown.values(), self.most])

    def folded_in(self, count: int) -> list[str]:
        """The placements that fold a text of `count` characters."""
        return [place for place, shown in self.shown.items() if count > shown]


def limits_of(language: str) -> dict[str, FieldLimit]:
    """Return the limits of every field in a language (BCP 47); of one we have no figure for, those of Latin letters."""
    known = language if language in WIDTHS_EM else language.split("-", maxsplit=1)[0]
    wider = max(1.0, WIDTHS_EM.get(known, WIDTHS_EM[_LATIN]) / WIDTHS_EM[_LATIN])
    return {
        field: FieldLimit(most, {place: round(count / wider) for place, count in _SHOWN[field].items()})
        for field, most in _MOST.items()
    }
