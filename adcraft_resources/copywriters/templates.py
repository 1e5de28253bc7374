"""Hook sets without a model: the template files, read and drawn from.

Belongs here: choosing among the lines of prompts/hooks_*.json and putting the product's name in. Does not: the
lines, or the review they pass like any other copy.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from adcraft_resources.claims import blocking, lint_copy
from adcraft_resources.copywriters.languages import language_of
from adcraft_resources.copywriters.review import Review, clean_copy, hook_id
from adcraft_resources.errors import CopyRefused
from adcraft_resources.hook_sets import MAX_HEADLINE_GRAPHEMES, CopyBrief, HookSet, count_graphemes

GENERIC: Final = "generic"
_NAME_LIMIT: Final = 200
_SENTENCE_START: Final = re.compile(r"(?:^|(?<=[.?!] ))[a-z]")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Sets drawn from templates, with every note on what could not be as asked."""

    hooks: list[HookSet]
    notes: tuple[str, ...]


def load_prompts(name: str) -> dict[str, Any]:
    """The prompt file `name` (without ".json") of this package."""
    return _load(name)


def templates_version(product_type: str) -> str:
    """Version of the templates that serve `product_type`."""
    return str(_file_for(product_type)["version"])


def draw_hooks(brief: CopyBrief, count: int) -> Drawn:
    """Draw up to `count` distinct sets; the same brief draws the same sets.

    The first sets differ in principle as far as the principles go. Lines the old ad used on screen are left out.

    Raises:
        CopyRefused: There are no templates in the brief's language, or `count` is not positive.
    """
    if count < 1:
        raise CopyRefused(f"{count} hook sets were asked for.", remedy="Ask for at least one.")
    language = language_of(brief.language)
    templates = _file_for(brief.product_type)
    texts = templates["languages"].get(language.tag)
    if texts is None:
        raise CopyRefused(
            f"The templates for {templates['product_type']!r} hold nothing in {language.name}.",
            remedy=f"Use one of {', '.join(templates['languages'])}, or set XAI_API_KEY to have Grok write.",
        )
    name, notes = _name_of(brief, texts["plain_name"])
    if templates["product_type"] != brief.product_type:
        notes.append(f"No templates for the product type {brief.product_type!r}; the generic ones serve.")
    review = Review.of(language, brief.ad_text)
    for entry in _spread(texts["sets"], f"{brief.seed}:{brief.product_type}:{language.tag}"):
        if len(review.accepted) == count:
            break
        _admit(review, entry, name, texts["plain_name"])
    if len(review.accepted) < count:
        notes.append(f"{count} sets were asked for; the templates hold {len(review.accepted)} that fit.")
    return Drawn(review.accepted, tuple(notes))


def _admit(review: Review, entry: dict[str, str], name: str, plain_name: str) -> None:
    """Admit the template with the product's name, or with the plain one where the name makes it too long."""
    for used in dict.fromkeys((name, plain_name)):
        texts = [
            _SENTENCE_START.sub(lambda match: match[0].upper(), entry[part].replace("{name}", used))
            for part in ("on_screen", "primary_text", "headline")
        ]
        hook = HookSet(
            id=hook_id(review.language.tag, *texts),
            on_screen=texts[0],
            primary_text=texts[1],
            headline=texts[2],
            language=review.language.tag,
            source="template",
            principle=entry["principle"],
        )
        if not review.admit(hook):
            return


def _name_of(brief: CopyBrief, plain_name: str) -> tuple[str, list[str]]:
    name = clean_copy(brief.product_name, _NAME_LIMIT)
    if not name:
        return plain_name, []
    if count_graphemes(name) > MAX_HEADLINE_GRAPHEMES:
        return plain_name, [
            f"The product's name is longer than {MAX_HEADLINE_GRAPHEMES} characters; left out."
        ]
    claims = blocking(lint_copy(name))
    if claims:
        return plain_name, [
            f"The product's name makes a banned claim ({claims[0].rule}); left out of the copy."
        ]
    return name, []


def _spread(entries: Sequence[dict[str, str]], seed: str) -> list[dict[str, str]]:
    """`entries` shuffled by `seed`, one of each principle before the second of any."""
    chance = random.Random(seed)  # noqa: S311 - drawing lines is no secret
    shuffled = list(entries)
    chance.shuffle(shuffled)
    turns: dict[str, int] = {}
    keyed = []
    for place, entry in enumerate(shuffled):
        turn = turns.get(entry["principle"], 0)
        turns[entry["principle"]] = turn + 1
        keyed.append((turn, place, entry))
    return [entry for _, _, entry in sorted(keyed, key=lambda item: item[:2])]


def _file_for(product_type: str) -> dict[str, Any]:
    return _load(_name_for(product_type))


@lru_cache(maxsize=256)
def _name_for(product_type: str) -> str:
    slug = product_type.strip().lower().replace("-", "_")
    known = re.fullmatch(r"[a-z0-9_]{1,60}", slug) and _file(f"hooks_{slug}").is_file()
    return f"hooks_{slug if known else GENERIC}"


def _file(name: str) -> Any:
    return resources.files("adcraft_resources").joinpath("prompts", f"{name}.json")


@lru_cache(maxsize=32)
def _load(name: str) -> dict[str, Any]:
    return json.loads(_file(name).read_text(encoding="utf-8"))
