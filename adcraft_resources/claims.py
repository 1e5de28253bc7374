"""The lint of ad copy: which claims a text makes that it may not make.

Belongs here: reading the rules (prompts/claims.json) and applying them to texts, whoever wrote them. Does not:
the rules themselves, length limits (hook_sets), or what happens to a text that breaks one (copywriters, gates).

A word list finds what it was taught: on 121 lines written before the rules were tuned to them, English, Hindi and
Hinglish, it found 55 of 69 banned claims and flagged none of the 52 harmless lines. Tamil and Arabic rules are few and
unmeasured. A person still reads the copy.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final, Literal

import regex

Severity = Literal["block", "warn"]

_SEPARATOR: Final = r"(?:[^\p{L}\p{M}\p{N}.!?।\[\]]{1,4})"
_WORD: Final = r"[\p{L}\p{M}\p{N}]+(?:[.'][\p{L}\p{M}\p{N}]+)*%?"
_NOT_AFTER_WORD: Final = r"(?<![\p{L}\p{M}\p{N}])"
_NOT_BEFORE_WORD: Final = r"(?![\p{L}\p{M}\p{N}])"
_NOTATION: Final = regex.compile(
    r"\[[^\]]*\]|\{(?P<macro>[a-z_]+)\}|\s?<(?P<gap>\d)>\s?|(?P<space>\s)|(?P<rest>~)"
)
_EXCERPT_MARGIN: Final = 24

# Marks that spell the same word: the Devanagari nukta, Arabic vowel signs and the Arabic stretch.
_DROPPED: Final = frozenset("\u093c\u0640" + "".join(chr(code) for code in range(0x064B, 0x0653)))
_SAME: Final = {"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "’": "'", "‘": "'", "ँ": "ं", "‐": "-", "‑": "-"}
# Letters of other alphabets that look Latin: an easy way around a word list.
_LOOKALIKES: Final = dict(zip("аеорсухіѕԁɡαοⅼ", "aeopcyxisdgaol", strict=True))


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim found: `span` counts characters of `texts[text]`, end excluded; `excerpt` shows it in context."""

    rule: str
    severity: Severity
    text: int
    span: tuple[int, int]
    excerpt: str
    why: str
    suggestion: str

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON values."""
        return {**asdict(self), "span": list(self.span)}


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    severity: Severity
    why: str
    suggestion: dict[str, str]
    pattern: regex.Pattern[str]
    unless: regex.Pattern[str] | None


def lint_copy(texts: str | Sequence[str], language: str = "en") -> list[Finding]:
    """Every banned or risky claim in `texts`, by text and position.

    All languages' rules are tried on every text, since ads mix languages; `language` (BCP 47) only chooses the
    language of the suggestion, English where there is none.
    """
    lines = [texts] if isinstance(texts, str) else list(texts)
    return [finding for index, line in enumerate(lines) for finding in _findings_of(line, index, language)]


def blocking(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that forbid shipping."""
    return [finding for finding in findings if finding.severity == "block"]


def claims_version() -> str:
    """Version of the rules, for digests and manifests."""
    return str(_load_data()["version"])


def _findings_of(line: str, index: int, language: str) -> list[Finding]:
    folded, origins = _fold(line)
    found: list[Finding] = []
    for rule in _load_rules():
        excused = [] if rule.unless is None else [match.span() for match in rule.unless.finditer(folded)]
        for match in rule.pattern.finditer(folded):
            start, end = match.span()
            if any(start < until and since < end for since, until in excused):
                continue
            span = origins[start], origins[end - 1] + 1
            suggestion = rule.suggestion.get(language, rule.suggestion["en"])
            found.append(
                Finding(rule.id, rule.severity, index, span, _excerpt(line, span), rule.why, suggestion)
            )
    return sorted(found, key=lambda finding: (finding.span, finding.rule))


def _fold(text: str) -> tuple[str, list[int]]:
    """`text` as the patterns see it, and for each of its characters the index it came from."""
    letters: list[str] = []
    origins: list[int] = []
    for index, char in enumerate(text):
        for part in unicodedata.normalize("NFKC", char).casefold():
            if part in _DROPPED or unicodedata.category(part) == "Cf":
                continue
            letters.append(_LOOKALIKES.get(part, _SAME.get(part, part)))
            origins.append(index)
    return "".join(letters), origins


def _excerpt(line: str, span: tuple[int, int]) -> str:
    start, end = max(0, span[0] - _EXCERPT_MARGIN), min(len(line), span[1] + _EXCERPT_MARGIN)
    middle = " ".join(line[start:end].split())
    return f"{'…' if start else ''}{middle}{'…' if end < len(line) else ''}"


@lru_cache(maxsize=1)
def _load_data() -> dict[str, Any]:
    text = resources.files("adcraft_resources").joinpath("prompts/claims.json").read_text(encoding="utf-8")
    return json.loads(text)


@lru_cache(maxsize=1)
def _load_rules() -> tuple[_Rule, ...]:
    data = _load_data()
    macros, prefixes = data["macros"], data["prefixes"]
    return tuple(
        _Rule(
            id=rule["id"],
            severity=rule["severity"],
            why=rule["why"],
            suggestion=rule["suggestion"],
            pattern=_compile(rule["patterns"], macros, prefixes),
            unless=_compile({"": rule["unless"]}, macros, prefixes) if rule["unless"] else None,
        )
        for rule in data["rules"]
    )


def _compile(
    patterns: dict[str, list[str]], macros: dict[str, str], prefixes: dict[str, str]
) -> regex.Pattern[str]:
    branches = [
        prefixes.get(language, "") + f"(?:{_expand(pattern, macros)})"
        for language, listed in patterns.items()
        for pattern in listed
    ]
    return regex.compile(f"{_NOT_AFTER_WORD}(?:{'|'.join(branches)}){_NOT_BEFORE_WORD}")


def _expand(pattern: str, macros: dict[str, str]) -> str:
    """A pattern of the rule file as a regular expression; its notation is described in the file itself."""

    def replace(match: regex.Match[str]) -> str:
        if match["macro"]:
            return _expand(macros[match["macro"]], macros)
        if match["gap"]:
            return rf"{_SEPARATOR}(?:{_WORD}{_SEPARATOR}){{0,{match['gap']}}}"
        if match["space"]:
            return _SEPARATOR
        return r"[\p{L}\p{M}]*" if match["rest"] else match[0]

    folded = "".join(
        _SAME.get(char, char) for char in unicodedata.normalize("NFKC", pattern) if char not in _DROPPED
    )
    return _NOTATION.sub(replace, folded)
