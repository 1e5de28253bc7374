"""Telling a chat or an incident tool: one POST of JSON to the address in ADCRAFT_WEBHOOK_URL.

Belongs here: the address, the message and its sending. Does not: what is worth telling.
"""

import http.client
import json
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib import error, request
from urllib.parse import urlsplit

VARIABLE = "ADCRAFT_WEBHOOK_URL"
TIMEOUT_S = 10
TRIES = 3
PAUSE_S = 2.0
"""Before the second try; the third waits twice as long."""
_TOO_MANY, _MOVED, _BROKEN = 429, range(300, 400), range(500, 600)


class _StandFast(request.HTTPRedirectHandler):
    """Follows no redirect: a POST would become a GET without its body, and still be answered with 200."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        """Return no request, so that the redirect itself is the answer."""


def tell(
    text: str, facts: Mapping[str, Any], *, pause_s: float = PAUSE_S, timeout_s: float = TIMEOUT_S
) -> str:
    """Send `text` with its facts; return what became of it, without the address, which may hold a secret.

    The body is `{"text": ..., "adcraft": {...}}`: Slack, Mattermost, Teams' and Google's relays show `text`.
    Faults that may pass are tried again. Nobody is told where the variable is unset, and a webhook that fails never
    fails what it tells of.

    Args:
        text: For people.
        facts: For programs.
        pause_s: Before the second try.
        timeout_s: Of each try.
    """
    address = os.environ.get(VARIABLE, "").strip()
    if not address:
        return f"nobody told: {VARIABLE} is not set"
    if urlsplit(address).scheme not in {"http", "https"}:
        return f"nobody told: {VARIABLE} is no http or https address"
    body = json.dumps({"text": text, "adcraft": dict(facts)}, default=str).encode()
    told, passing = "", True
    for number in range(TRIES):
        time.sleep(pause_s * number)
        told, passing = _post(address, body, timeout_s)
        if not passing:
            break
    return told


def _post(address: str, body: bytes, timeout_s: float) -> tuple[str, bool]:
    """Return what became of one try, and whether another may help."""
    try:
        asked = request.Request(  # noqa: S310  (http or https, checked by the caller)
            address, body, {"Content-Type": "application/json", "User-Agent": "adcraft"}
        )
        with request.build_opener(_StandFast).open(asked, timeout=timeout_s) as answer:
            return f"told: HTTP {answer.status}", False
    except error.HTTPError as fault:
        if fault.code in _MOVED:
            return f"the webhook moved: HTTP {fault.code}; put its new address into {VARIABLE}", False
        return f"the webhook refused: HTTP {fault.code}", fault.code in {_TOO_MANY, *_BROKEN}
    except (ValueError, http.client.InvalidURL) as fault:
        return f"the webhook could not be reached: {type(fault).__name__}", False
    except (OSError, http.client.HTTPException) as fault:
        cause = fault.reason if isinstance(fault, error.URLError) else fault
        name = type(cause if isinstance(cause, Exception) else fault).__name__
        return f"the webhook could not be reached: {name}", True
