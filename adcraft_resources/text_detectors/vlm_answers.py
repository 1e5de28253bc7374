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
MAX_TEXTS = 40
MAX_AREA = 600_000  # of a million: whole pictures are no boxes
MAX_OFF = 20  # thousandths outside the picture
_FENCE = re.compile(r"^```[a-z]*\n?|\n?```$")
_OBJECT = re.compile(r"\{[^{}]*\}", re.DOTALL)
_TRAILING = re.compile(r",\s*([\]}])")


Kind = Literal["overlay", "label"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model said of one box."""

    id: int
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A text the model found by itself; `box` is left, top, right, bottom in thousandths of the picture."""

    box: tuple[int, int, int, int]
    kind: Kind
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


def parse_texts(answer: str) -> list[SpokenText]:
    """Return the texts an answer lists with their boxes; whatever breaks the grammar is left out.

    Repaired as by `parse_judgements`; sides may be fractions or strings of digits, and a little outside the picture.
    Refused: boxes of other than four numbers, without area, outside the picture or nearly all of it; other kinds; a
    box said again.
    """
    found: dict[tuple[int, int, int, int], SpokenText] = {}
    for entry in _objects(answer):
        box = _box(entry.get("box")) if isinstance(entry, dict) else None
        kind = _kind(entry) if box is not None else None
        if box is None or kind is None or len(found) >= MAX_TEXTS:
            continue
        found.setdefault(box, SpokenText(box, kind, _words(entry)))
    return list(found.values())


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
    number, kind = entry.get("id"), _kind(entry)
    if isinstance(number, str) and number.strip().isdigit():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or number not in ids:
        return None
    return None if kind is None else Judgement(number, kind, _words(entry))


def _kind(entry: dict[str, Any]) -> Kind | None:
    said = entry.get("kind")
    said = said.strip().lower() if isinstance(said, str) else said
    return None if said not in ("overlay", "label") else "overlay" if said == "overlay" else "label"


def _words(entry: dict[str, Any]) -> str:
    text = entry.get("text", "")
    return " ".join(text.split())[:MAX_TEXT] if isinstance(text, str) else ""


def _box(said: Any) -> tuple[int, int, int, int] | None:
    if not isinstance(said, list) or len(said) != 4:  # noqa: PLR2004 - sides
        return None
    sides = [_side(one) for one in said]
    if None in sides:
        return None
    left, top, right, bottom = (min(1000, max(0, side)) for side in sides if side is not None)
    if right <= left or bottom <= top or (right - left) * (bottom - top) > MAX_AREA:
        return None
    return left, top, right, bottom


def _side(said: Any) -> int | None:
    """A side in thousandths; a model that is a little off the picture is taken at its word."""
    if isinstance(said, str) and said.strip().isdigit():
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not -MAX_OFF <= said <= 1000 + MAX_OFF:
        return None
    return round(said)
