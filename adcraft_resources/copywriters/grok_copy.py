"""Hook sets written by Grok: what is asked, how the answer is judged, one round of repair.

Belongs here: prompts filled in, the fence around untrusted data, reading answers. Does not: the network
(grok_wire), the rules a set must keep (review), the words of the prompts (prompts/grok_hooks.json).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adcraft_resources.copywriters.grok_wire import GrokWire
from adcraft_resources.copywriters.languages import CopyLanguage, language_of
from adcraft_resources.copywriters.review import Review, clean_copy, hook_id
from adcraft_resources.copywriters.templates import load_prompts
from adcraft_resources.errors import CopyRefused
from adcraft_resources.hook_sets import (
    MAX_HEADLINE_GRAPHEMES,
    MAX_HOOK_GRAPHEMES,
    MAX_HOOK_WORDS,
    MAX_PRIMARY_GRAPHEMES,
    CopyBrief,
    HookSet,
)

MAX_SETS: Final = 40
MAX_LINE: Final = 200
MAX_LINES: Final = 40
_MAX_SHOWN_FAULTS: Final = 20
_FIELDS: Final = ("on_screen", "primary_text", "headline", "principle", "language")


@dataclass(frozen=True, slots=True)
class Refused:
    """A set that was not accepted: its hook as shown to a person, and why."""

    shown: str
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return f"“{self.shown}”: {' '.join(self.faults)}"


def ask_for_hooks(wire: GrokWire, brief: CopyBrief, count: int) -> list[HookSet]:
    """Write `count` distinct sets; those refused are asked for once more, with the reasons.

    Raises:
        CopyRefused: After the repair round there are still too few sets.
        ModelUnavailable: X.AI refuses the key, the model or the request.
        ModelUnreachable: X.AI does not answer.
    """
    if not 1 <= count <= MAX_SETS:
        raise CopyRefused(f"{count} hook sets were asked for.", remedy=f"Ask for 1 to {MAX_SETS}.")
    language = language_of(brief.language)
    review = Review.of(language, brief.ad_text)
    messages = opening_messages(brief, count)
    answer, refused = _round(wire, messages, review, count)
    if len(review.accepted) < count:
        messages += [{"role": "assistant", "content": answer}, _repair(review, refused, count)]
        _, again = _round(wire, messages, review, count)
        refused = again or refused
    if len(review.accepted) < count:
        reasons = "; ".join(str(item) for item in refused[:3]) or "too few sets were written"
        raise CopyRefused(
            f"{wire.settings.model} wrote {len(review.accepted)} of {count} hook sets that keep the rules: {reasons}",
            remedy="Run again, ask for fewer, or remove XAI_API_KEY to write from templates.",
        )
    return review.accepted[:count]


def opening_messages(brief: CopyBrief, count: int) -> list[dict[str, str]]:
    """The system and user messages for `brief`; all data about the ad stands inside one fence."""
    prompts, language = load_prompts("grok_hooks"), language_of(brief.language)
    data = _fenced_data(brief)
    # The fence is made from the data, so nothing inside can close it.
    mark = hashlib.sha256(data.encode()).hexdigest()[:12]
    principles = load_prompts("principles")["principles"]
    values = {
        "count": str(count),
        "language": language.tag,
        "language_name": language.name,
        "product_type": clean_copy(brief.product_type, 60).replace("_", " "),
        "max_hook_words": str(MAX_HOOK_WORDS),
        "max_hook_chars": str(MAX_HOOK_GRAPHEMES),
        "max_primary": str(MAX_PRIMARY_GRAPHEMES),
        "max_headline": str(MAX_HEADLINE_GRAPHEMES),
        "principles": " ".join(f"{item['id']}: {item['instruction']}" for item in principles),
        "claims": " ".join(f"{rule['id']}: {rule['why']}" for rule in load_prompts("claims")["rules"]),
        "fence_open": f"<old_ad_{mark}>",
        "fence_close": f"</old_ad_{mark}>",
        "data": data,
    }
    return [
        {"role": "system", "content": fill_lines(prompts["system"], values)},
        {"role": "user", "content": fill_lines(prompts["user"], values)},
    ]


def answer_schema(language: CopyLanguage) -> dict[str, Any]:
    """JSON schema of an answer, strict: every field required, none besides."""
    principles = [item["id"] for item in load_prompts("principles")["principles"]]
    properties: dict[str, Any] = {name: {"type": "string"} for name in _FIELDS}
    properties["principle"]["enum"] = principles
    properties["language"]["enum"] = [language.tag]
    one = {
        "type": "object",
        "properties": properties,
        "required": list(_FIELDS),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"sets": {"type": "array", "items": one}},
        "required": ["sets"],
        "additionalProperties": False,
    }


def _round(
    wire: GrokWire, messages: list[dict[str, str]], review: Review, count: int
) -> tuple[str, list[Refused]]:
    """Ask once and admit what is good: the answer's text, and what was refused with the reasons."""
    choice = wire.ask(messages, answer_schema(review.language)).choices[0]
    if choice.message.refusal:
        raise CopyRefused(
            f"{wire.settings.model} declined to write: {clean_copy(choice.message.refusal, MAX_LINE)}",
            remedy="Look at the product's name and the old ad's text, or write from templates.",
        )
    text = choice.message.content or ""
    sets = _read_sets(text)
    if sets is None:
        why = "was cut off" if choice.finish_reason == "length" else "is no JSON of the schema"
        return clean_copy(text, 2000), [Refused(clean_copy(text, 40), (f"The answer {why}.",))]
    refused = []
    for entry in sets[: 2 * MAX_SETS]:
        if len(review.accepted) == count:
            break
        if (fault := _admit(entry, review, wire.settings.model)) is not None:
            refused.append(fault)
    return text, refused


def _read_sets(text: str) -> list[Any] | None:
    """The list under "sets", or None where the text is not such JSON."""
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    sets = answer.get("sets") if isinstance(answer, dict) else None
    return sets if isinstance(sets, list) else None


def _admit(entry: Any, review: Review, model: str) -> Refused | None:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in _FIELDS):
        return Refused(clean_copy(str(entry), 40), (f"A set needs the texts {', '.join(_FIELDS)}.",))
    on_screen, primary, headline = (clean_copy(entry[name], 1000) for name in _FIELDS[:3])
    hook = HookSet(
        id=hook_id(review.language.tag, on_screen, primary, headline),
        on_screen=on_screen,
        primary_text=primary,
        headline=headline,
        language=entry["language"],
        source=model,
        principle=entry["principle"],
    )
    faults = (
        review.admit(hook) if hook.principle in _principles() else ["The principle is not one of the list."]
    )
    return Refused(clean_copy(on_screen, 60), tuple(faults)) if faults else None


def _principles() -> frozenset[str]:
    return frozenset(item["id"] for item in load_prompts("principles")["principles"])


def _repair(review: Review, refused: Sequence[Refused], count: int) -> dict[str, str]:
    values = {
        "good": str(len(review.accepted)),
        "count": str(count - len(review.accepted)),
        "language": review.language.tag,
        "language_name": review.language.name,
        "faults": "\n".join(f"- {item}" for item in refused[:_MAX_SHOWN_FAULTS])
        or "- Too few sets were written.",
        "accepted": json.dumps([hook.on_screen for hook in review.accepted], ensure_ascii=False),
    }
    return {"role": "user", "content": fill_lines(load_prompts("grok_hooks")["repair"], values)}


def _fenced_data(brief: CopyBrief) -> str:
    """What is known of the ad as JSON: control characters gone, lines and their number bounded, no tags."""

    def lines(texts: Sequence[str]) -> list[str]:
        cleaned = (
            clean_copy(text, MAX_LINE).replace("<", "‹").replace(">", "›") for text in texts[:MAX_LINES]
        )
        return [line for line in cleaned if line]

    data = {
        "product_name": next(iter(lines([brief.product_name])), ""),
        "market": next(iter(lines([brief.market])), ""),
        "old_ad_said": lines(brief.ad_text),
        "keyframes_show": lines(brief.captions),
    }
    return json.dumps(data, ensure_ascii=False, indent=1)


def fill_lines(lines: Sequence[str], values: dict[str, str]) -> str:
    """The prompt's lines with {names} filled in once; braces inside the values stay as they are."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: values.get(match[1], match[0]), "\n".join(lines))
