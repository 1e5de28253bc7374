"""What a vision model answered, read by a strict grammar: repaired where that is safe, refused where it is not.

Belongs here: the grammar. Does not: asking (vlm), or what follows from an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

MAX_TEXT = 200
MAX_SENTENCE = 240
_FENCE = re.compile(r"^```[a-z]*\n?|\n?```$")
_OBJECT = re.compile(r"\{[^{}]*\}", re.DOTALL)
_TRAILING = re.compile(r",\s*([\]}])")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model said of one box."""

    id: int
    kind: Literal["overlay", "label"]
    text: str


def parse_judgements(answer: str, ids: Collection[int]) -> dict[int, Judgement]:
    """Return the judgements of an answer by id; whatever breaks the grammar is left out.

    Repaired: text around the list, code fences, commas before a bracket, an answer cut off in the middle (its whole
    objects count), ids as strings. Refused: other kinds, ids that were not asked, ids said twice with different kinds.
    """
    found: dict[int, Judgement] = {}
    contradicted: set[int] = set()
    for entry in _objects(answer):
        judged = _judgement(entry, ids)
        if judged is None:
            continue
        if judged.id in found and found[judged.id].kind != judged.kind:
            contradicted.add(judged.id)
        found.setdefault(judged.id, judged)
    return {number: one for number, one in found.items() if number not in contradicted}


def parse_sentence(answer: str) -> str:
    """Return the first sentence of a description as one clean line; empty where there is none."""
    line = " ".join(_FENCE.sub("", answer.strip()).split())
    line = "".join(character for character in line if character.isprintable()).strip("\"'` ")
    return line[:MAX_SENTENCE]


def _objects(answer: str) -> list[Any]:
    text = _TRAILING.sub(r"\1", _FENCE.sub("", answer.strip()))
    start, end = text.find("["), text.rfind("]")
    if 0 <= start < end:
        try:
            whole = json.loads(text[start : end + 1])
        except ValueError:
            pass
        else:
            return whole if isinstance(whole, list) else []
    parts = []
    for match in _OBJECT.finditer(text):
        try:
            parts.append(json.loads(match[0]))
        except ValueError:
            continue
    return parts


def _judgement(entry: Any, ids: Collection[int]) -> Judgement | None:
    if not isinstance(entry, dict):
        return None
    number, kind, text = entry.get("id"), entry.get("kind"), entry.get("text", "")
    if isinstance(number, str) and number.strip().isdigit():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or number not in ids:
        return None
    kind = kind.strip().lower() if isinstance(kind, str) else kind
    if kind not in ("overlay", "label"):
        return None
    words = " ".join(text.split())[:MAX_TEXT] if isinstance(text, str) else ""
    return Judgement(number, "overlay" if kind == "overlay" else "label", words)
