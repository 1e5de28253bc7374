"""The review every written set passes, whoever wrote it.

Belongs here: one verdict from limits, language, links, duplicates and banned claims, as sentences a writer can
act on. Does not: writing, asking a model again, or the rules of claims.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import regex

from adcraft_resources.claims import blocking, lint_copy
from adcraft_resources.copywriters.languages import MIN_SCRIPT_SHARE, CopyLanguage, script_share
from adcraft_resources.hook_sets import TEXT_NAMES, HookSet, fold_copy, limit_faults

_LINK: Final = regex.compile(
    r"https?:|www\.|\b[\w-]+\.(?:com|in|net|org|co|io|shop|store|xyz|ru|cn|link|app|me)\b|@\w|#\w|(?:\+?\d[\s().-]?){8,}",
    regex.IGNORECASE,
)
_CONTROL: Final = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\u200b\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]")


def hook_id(language: str, on_screen: str, primary_text: str, headline: str) -> str:
    """Id of a set by its words: the same copy keeps its id in every run, whatever its place."""
    joined = "\x1f".join((language, on_screen, primary_text, headline))
    return "h" + hashlib.sha256(joined.encode()).hexdigest()[:6]


def clean_copy(text: str, limit: int) -> str:
    """`text` on one line without control or direction characters, at most `limit` characters long."""
    return " ".join(_CONTROL.sub(" ", text).split())[:limit].rstrip()


@dataclass(slots=True)
class Review:
    """Accepts sets one by one and remembers them, so that no two are the same to a reader.

    `worn` are lines the old ad already used, folded by `fold_copy`.
    """

    language: CopyLanguage
    worn: frozenset[str] = frozenset()
    accepted: list[HookSet] = field(default_factory=list)

    @classmethod
    def of(cls, language: CopyLanguage, old_lines: Iterable[str]) -> Review:
        """A review that refuses the `old_lines` of the ad as hooks."""
        return cls(language, frozenset(filter(None, map(fold_copy, old_lines))))

    def admit(self, hook: HookSet) -> list[str]:
        """Take `hook` in and return no faults, or leave it out and return every fault as a sentence."""
        faults = self.faults_of(hook)
        if not faults:
            self.accepted.append(hook)
        return faults

    def faults_of(self, hook: HookSet) -> list[str]:
        """Everything wrong with `hook`, each as a sentence."""
        return [
            *limit_faults(*hook.texts),
            *self._language_faults(hook),
            *self._repeat_faults(hook),
            *(
                f"The {name} holds a link, handle, hashtag or phone number."
                for name, text in zip(TEXT_NAMES, hook.texts, strict=True)
                if _LINK.search(text)
            ),
            *(
                f"The {TEXT_NAMES[found.text]} makes a banned claim ({found.rule}): “{found.excerpt}”."
                f" {found.suggestion}"
                for found in blocking(lint_copy(hook.texts))
            ),
        ]

    def _language_faults(self, hook: HookSet) -> list[str]:
        faults = [
            f"The {name} is not written in {self.language.name}."
            for name, text in zip(TEXT_NAMES, hook.texts, strict=True)
            if script_share(text, self.language) < MIN_SCRIPT_SHARE
        ]
        if hook.language != self.language.tag:
            faults.append(f"The language is given as {hook.language!r}, not {self.language.tag!r}.")
        return faults

    def _repeat_faults(self, hook: HookSet) -> list[str]:
        hook_line, post = fold_copy(hook.on_screen), fold_copy(hook.primary_text)
        faults = []
        if hook_line in self.worn:
            faults.append("The on-screen hook repeats a line of the old ad.")
        if any(hook_line == fold_copy(other.on_screen) for other in self.accepted):
            faults.append("The on-screen hook repeats another set's.")
        if any(post == fold_copy(other.primary_text) for other in self.accepted):
            faults.append("The primary text repeats another set's.")
        return faults
