"""Grok as a script: answers in the shape of X.AI's, and a transport that plays them and keeps what was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2

from adcraft_resources.copywriters import GrokCopywriter
from adcraft_resources.hook_sets import CopyBrief

KEY = "xai-SECRETSECRETSECRETSECRETSECRET1234"
SOAP = CopyBrief("turmeric_kojic_soap", "Haldi Glow", seed=7)
Answer = Callable[[dict[str, Any]], httpx2.Response]


def written(*sets: dict[str, str] | str, usage: dict[str, Any] | None = None) -> httpx2.Response:
    return completion(json.dumps({"sets": list(sets)}), usage=usage)


def completion(content: str, *, usage: dict[str, Any] | None = None, **message: Any) -> httpx2.Response:
    return httpx2.Response(
        200,
        json={
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "grok-4",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": content, **message},
                }
            ],
            "usage": usage or {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1300},
        },
    )


def a_set(number: int = 1, **changed: str) -> dict[str, str]:
    return {
        "on_screen": f"Golden lather number {number}",
        "primary_text": f"Soft foam, warm spice, take {number}.",
        "headline": "Turmeric for the shower",
        "principle": "curiosity_gap",
        "language": "en",
    } | changed


class Wire:
    """A transport that answers from a script and keeps what was sent."""

    def __init__(self, *answers: httpx2.Response | Exception | Answer) -> None:
        self.answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(json.loads(request.content))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(self.sent[-1]) if callable(answer) else answer


def grok(wire: Wire, **changed: Any) -> GrokCopywriter:
    writer = GrokCopywriter(api_key=KEY, **({"backoff_s": 0.001} | changed))
    return writer.over(httpx2.MockTransport(wire))
