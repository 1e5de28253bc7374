"""A second reader for copy that is about to be uploaded: a language model's objections, beside the rules' verdict.

Belongs here: asking, and believing only what quotes the text it objects to. Does not: the rules (claims), which alone
decide, or the network (grok_wire).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from adcraft_resources.copywriters.grok_copy import fill_lines
from adcraft_resources.copywriters.grok_wire import GrokWire
from adcraft_resources.copywriters.review import clean_copy
from adcraft_resources.copywriters.templates import load_prompts

Texts = Mapping[str, Mapping[str, str]]
"""Name of a variant → field → text."""

PROMPT: Final = "second_opinion"
MAX_TEXT: Final = 300
MAX_WHY: Final = 200
MOST_OBJECTIONS: Final = 5
"""Shown of one variant."""
_PARTS: Final = ("variant", "field", "quote", "why")
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "objections": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in _PARTS},
                "required": [*_PARTS],
                "additionalProperties": False,
            },
        }
    },
    "required": ["objections"],
    "additionalProperties": False,
}


def ask_opinion(wire: GrokWire, texts: Texts, product_type: str, market: str) -> dict[str, list[str]]:
    """Return a model's objections by variant, as sentences; a variant without any is not named.

    Raises:
        ModelUnavailable: X.AI refuses the key, the model or the request.
        ModelUnreachable: X.AI does not answer.
    """
    answer = wire.ask(messages_of(texts, product_type, market), SCHEMA)
    return objections_of(answer.choices[0].message.content or "", texts)


def messages_of(texts: Texts, product_type: str, market: str) -> list[dict[str, str]]:
    """The system and user messages; the texts stand inside a fence made from them, which they cannot close."""
    cleaned = {
        name: {
            field: clean_copy(text, MAX_TEXT).replace("<", "‹").replace(">", "›")
            for field, text in told.items()
        }
        for name, told in texts.items()
    }
    data = json.dumps(cleaned, ensure_ascii=False)
    mark = hashlib.sha256(data.encode()).hexdigest()[:12]
    prompts = load_prompts(PROMPT)
    values = {
        "product_type": clean_copy(product_type, 60).replace("_", " "),
        "market": market or "any",
        "fence_open": f"<copy_{mark}>",
        "fence_close": f"</copy_{mark}>",
        "data": data,
    }
    return [{"role": role, "content": fill_lines(prompts[role], values)} for role in ("system", "user")]


def objections_of(content: str, texts: Texts) -> dict[str, list[str]]:
    """Read an answer: objections to words that are not there, or to variants nobody asked about, are dropped."""
    try:
        listed = json.loads(content)["objections"]
    except (ValueError, KeyError, TypeError):
        return {}
    told: dict[str, list[str]] = {}
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in _PARTS):
            continue
        quote, field = clean_copy(one["quote"], MAX_TEXT), one["field"]
        if not quote or quote.casefold() not in texts.get(one["variant"], {}).get(field, "").casefold():
            continue
        found = told.setdefault(one["variant"], [])
        if len(found) < MOST_OBJECTIONS:
            why = clean_copy(one["why"], MAX_WHY)
            found.append(f"second reader on the {field.replace('_', ' ')} “{quote}”: {why}")
    return told
