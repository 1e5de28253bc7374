"""The languages copy is written in: their tags, names and scripts.

Belongs here: reading a language tag and telling whether a text is written in its script. Does not: fonts and
shaping (typography) or the copy itself.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from adcraft_resources.errors import CopyRefused

MIN_SCRIPT_SHARE: Final = 0.6  # brand names keep their own script


@dataclass(frozen=True, slots=True)
class CopyLanguage:
    """A language by BCP 47 `tag`, its English `name` and the Unicode name prefix of its letters."""

    tag: str
    name: str
    script: str


LANGUAGES: Final = {
    language.tag: language
    for language in (
        CopyLanguage("en", "English", "LATIN"),
        CopyLanguage("hi", "Hindi in Devanagari", "DEVANAGARI"),
        CopyLanguage("hi-Latn", "Hinglish (Hindi in Latin letters)", "LATIN"),
        CopyLanguage("ta", "Tamil", "TAMIL"),
        CopyLanguage("ar", "Arabic", "ARABIC"),
    )
}
_ALIASES: Final = {
    "english": "en",
    "hindi": "hi",
    "hinglish": "hi-Latn",
    "hi-en": "hi-Latn",
    "tamil": "ta",
    "arabic": "ar",
}


def language_of(tag: str) -> CopyLanguage:
    """The language of a tag such as "en-IN", "hi_IN", "hi-Latn-IN" or "Hinglish".

    Raises:
        CopyRefused: Nobody here writes that language.
    """
    folded = tag.strip().replace("_", "-").lower()
    parts = folded.split("-")
    script = "-Latn" if parts[0] == "hi" and "latn" in parts[1:] else ""
    found = LANGUAGES.get(_ALIASES.get(folded, "")) or LANGUAGES.get(parts[0] + script)
    if found is None:
        raise CopyRefused(
            f"No copy can be written in the language {tag!r}.",
            remedy=f"Set the product's language to one of: {', '.join(LANGUAGES)}.",
        )
    return found


def script_share(text: str, language: CopyLanguage) -> float:
    """Share of the letters of `text` that belong to the script of `language`; 1.0 where there are no letters."""
    letters = [char for char in text if unicodedata.category(char)[0] == "L"]
    if not letters:
        return 1.0
    return sum(unicodedata.name(char, "").startswith(language.script) for char in letters) / len(letters)
