"""The lint of ad copy: which claims a text makes that it may not make.

Belongs here: reading the rules (prompts/claims.json) and applying them to texts, whoever wrote them. Does not:
the rules themselves, length limits (hook_sets), all texts of a variant together (policies), or what happens to a
text that breaks a rule (copywriters, ranking).

A word list finds what it was taught; the README tells how much it finds of lines it was not taught. Tamil and Arabic
rules are few and unmeasured. A person still reads the copy.
"""

from __future__ import annotations

import bisect
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final, Literal

import regex

from adcraft_resources.errors import ConfigInvalid

Severity = Literal["block", "warn"]
EVERYWHERE: Final = "*"

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
# Signs that stand for a letter between two Latin letters: "wh1tening".
_SIGNS: Final = dict(zip("013457@$", "oieastas", strict=True))
_SIGN: Final = regex.compile(r"(?<=[a-z])[013457@$](?=[a-z])")
# Letters set apart, four or more: "w h i t e n i n g"; what stands between them is dropped.
_APART: Final = regex.compile(r"(?<![\p{L}\p{M}\p{N}])[a-z](?:([ .*_\-])[a-z](?![\p{L}\p{M}\p{N}])){3,}")
_DRAWN_OUT: Final = regex.compile(r"([a-z])\1{2,}")  # "fairrrr"


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim found in `texts[text]`.

    `span` counts its characters, end excluded, and cuts no grapheme cluster; `clusters` is the same in clusters, as
    a reader counts. `excerpt` shows it in context. `rewording` is a whole line that may be said in its place.
    """

    rule: str
    severity: Severity
    text: int
    span: tuple[int, int]
    clusters: tuple[int, int]
    excerpt: str
    why: str
    source: str
    suggestion: str
    rewording: str

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON values."""
        return {**asdict(self), "span": list(self.span), "clusters": list(self.clusters)}


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    severity: Severity
    markets: frozenset[str]
    why: str
    source: str
    suggestion: dict[str, str]
    instead: dict[str, str]
    pattern: regex.Pattern[str]
    unless: regex.Pattern[str] | None


def lint_copy(texts: str | Sequence[str], language: str = "en", market: str = "") -> list[Finding]:
    """Every banned or risky claim in `texts`, by text and position.

    All languages' rules are tried on every text, since ads mix languages; `language` (BCP 47) only chooses the
    language of the suggestion, English where there is none. `market` leaves out the rules of other markets; without
    one, all rules hold.

    Raises:
        ConfigInvalid: There are no rules for that market.
    """
    if market:
        check_market(market)
    rules = [rule for rule in _load_rules() if not market or rule.markets & {EVERYWHERE, market}]
    lines = [texts] if isinstance(texts, str) else list(texts)
    return [
        finding for index, line in enumerate(lines) for finding in _findings_of(line, index, language, rules)
    ]


def check_market(market: str) -> str:
    """Return `market`; ConfigInvalid lists the known ones where it is none of them."""
    known = markets()
    if market not in known:
        told = ", ".join(f"{code} ({name})" for code, name in known.items())
        raise ConfigInvalid(
            f"There are no advertising rules for the market {market!r}.",
            remedy=f"Known: {told}; leave it out to apply the rules of all.",
        )
    return market


def markets() -> dict[str, str]:
    """Names of the markets the rules know, by code."""
    return dict(_load_data()["markets"])


def targeting_notes(product_type: str, market: str = "") -> list[dict[str, Any]]:
    """What the ad set's audience must keep to for such a product, such as a minimum age; each with its source."""
    words = set(product_type.lower().replace("-", "_").split("_"))
    return [
        {name: note[name] for name in ("id", "minimum_age", "why", "source")}
        for note in _load_data()["targeting"]
        if words & set(note["product_types"]) and (not market or note["market"] in {EVERYWHERE, market})
    ]


def blocking(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that forbid shipping."""
    return [finding for finding in findings if finding.severity == "block"]


def claims_version() -> str:
    """Version of the rules, for digests and manifests."""
    return str(_load_data()["version"])


def _findings_of(line: str, index: int, language: str, rules: Sequence[_Rule]) -> list[Finding]:
    folded, origins = _fold(line)
    found: list[Finding] = []
    borders = _cluster_borders(line)
    for rule in rules:
        excused = [] if rule.unless is None else [match.span() for match in rule.unless.finditer(folded)]
        for match in rule.pattern.finditer(folded):
            start, end = match.span()
            if any(start < until and since < end for since, until in excused):
                continue
            clusters = (
                bisect.bisect_right(borders, origins[start]) - 1,
                bisect.bisect_left(borders, origins[end - 1] + 1),
            )
            span = borders[clusters[0]], borders[clusters[1]]
            found.append(
                Finding(
                    rule=rule.id,
                    severity=rule.severity,
                    text=index,
                    span=span,
                    clusters=clusters,
                    excerpt=_excerpt(line, span),
                    why=rule.why,
                    source=rule.source,
                    suggestion=rule.suggestion.get(language, rule.suggestion["en"]),
                    rewording=rule.instead.get(language, rule.instead["en"]),
                )
            )
    return sorted(found, key=lambda finding: (finding.span, finding.rule))


def _cluster_borders(line: str) -> list[int]:
    """Where grapheme clusters begin in `line`, and its end."""
    return [0, *(match.end() for match in regex.finditer(r"\X", line))]


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
    return _undisguised("".join(letters), origins)


def _undisguised(folded: str, origins: list[int]) -> tuple[str, list[int]]:
    """A folded text with letters set apart joined, signs read as letters, and drawn-out letters short."""
    dropped = {at for match in _APART.finditer(folded) for at in match.starts(1)}
    joined = "".join(char for at, char in enumerate(folded) if at not in dropped)
    kept = [origin for at, origin in enumerate(origins) if at not in dropped]
    read = _SIGN.sub(lambda match: _SIGNS[match[0]], joined)
    long = {at for match in _DRAWN_OUT.finditer(read) for at in range(match.start() + 1, match.end())}
    short = "".join(char for at, char in enumerate(read) if at not in long)
    return short, [origin for at, origin in enumerate(kept) if at not in long]


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
            markets=frozenset(rule["markets"]),
            why=rule["why"],
            source=rule["source"],
            suggestion=rule["suggestion"],
            instead=rule["instead"],
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
