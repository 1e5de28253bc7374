"""Telling a chat or an incident tool: one POST of JSON to the address in ADCRAFT_WEBHOOK_URL.

Belongs here: the address, the message and its sending. Does not: what is worth telling.
"""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib import error, request
from urllib.parse import urlsplit

VARIABLE = "ADCRAFT_WEBHOOK_URL"
TIMEOUT_S = 10


def tell(text: str, facts: Mapping[str, Any]) -> str:
    """Send `text` with its facts; return what became of it, without the address, which may hold a secret.

    The body is `{"text": ..., "adcraft": {...}}`: Slack, Mattermost, Teams' and Google's relays show `text`.
    Nobody is told where the variable is unset, and a webhook that fails never fails what it tells of.
    """
    address = os.environ.get(VARIABLE, "").strip()
    if not address:
        return f"nobody told: {VARIABLE} is not set"
    if urlsplit(address).scheme not in {"http", "https"}:
        return f"nobody told: {VARIABLE} is no http or https address"
    body = json.dumps({"text": text, "adcraft": dict(facts)}, default=str).encode()
    asked = request.Request(address, body, {"Content-Type": "application/json", "User-Agent": "adcraft"})  # noqa: S310
    try:
        with request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310  (http or https, checked above)
            return f"told: HTTP {answer.status}"
    except error.HTTPError as fault:
        return f"the webhook refused: HTTP {fault.code}"
    except (OSError, ValueError) as fault:
        return f"the webhook could not be reached: {type(fault).__name__}"
