"""The wire to X.AI: one question, one answer, retried while that can help.

Belongs here: the openai client, time limits, retries, what a call cost, and keeping the key out of every message.
Does not: what is asked or how an answer is judged (grok_copy).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx2

from adcraft_resources.copywriters.review import clean_copy
from adcraft_resources.copywriters.templates import load_prompts
from adcraft_resources.errors import AdcraftError, ModelUnavailable, ModelUnreachable

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

MAX_ANSWER_BYTES: Final = 2_000_000
_TRANSIENT_STATUS: Final = frozenset({408, 409, 425, 429, *range(500, 600)})
_DETAIL_LIMIT: Final = 200
_MAX_PAUSE_S: Final = 30.0
_KEY_PIECES: Final = (12, 8)  # servers echo the ends of a key they refuse


@dataclass(frozen=True, slots=True)
class WireSettings:
    """Where and how patiently to ask; the key is never shown."""

    model: str
    base_url: str
    api_key: str = field(repr=False)
    timeout_s: float = 60.0
    deadline_s: float = 180.0
    attempts: int = 4
    backoff_s: float = 1.0
    max_output_tokens: int = 8000


@dataclass(slots=True)
class Spent:
    """What the calls so far took: requests sent and tokens billed."""

    model: str
    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def add(self, completion: ChatCompletion) -> None:
        """Count the tokens of one answer; reasoning is billed as output, inside or beside the completion."""
        usage = completion.usage
        if usage is None:
            return
        details = usage.prompt_tokens_details
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += (details.cached_tokens or 0) if details else 0
        self.completion_tokens += max(usage.completion_tokens, usage.total_tokens - usage.prompt_tokens)

    @property
    def usd(self) -> float | None:
        """Cost in US dollars by the price table, or None for a model it does not list."""
        price = load_prompts("grok_prices")["models"].get(self.model)
        if price is None:
            return None
        fresh = self.prompt_tokens - self.cached_tokens
        million = fresh * price["input"] + self.cached_tokens * price["cached_input"]
        return round((million + self.completion_tokens * price["output"]) / 1e6, 6)

    def to_dict(self, seconds: float) -> dict[str, Any]:
        """The record that goes into a manifest."""
        return {
            "model": self.model,
            "requests": self.requests,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "usd": self.usd,
            "seconds": round(seconds, 3),
        }


class _Busy(ModelUnreachable):
    """One attempt that failed in a way that may pass; `pause_s` is what the server asked to wait."""

    def __init__(self, message: str, *, pause_s: float = 0.0) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class GrokWire:
    """A conversation's wire; `until` bounds all its calls together, pauses included.

    Args:
        settings: Where to ask.
        transport: Replaces the network in tests.
        seed: Of the jitter, so that runs repeat.
    """

    def __init__(
        self, settings: WireSettings, transport: httpx2.BaseTransport | None = None, *, seed: int = 0
    ) -> None:
        self.settings = settings
        self.spent = Spent(settings.model)
        self._began = time.monotonic()
        self._until = self._began + settings.deadline_s
        self._chance = random.Random(seed)  # noqa: S311 - jitter is no secret
        self._transport = _BoundedTransport(transport or httpx2.HTTPTransport(), self._until)

    def __enter__(self) -> GrokWire:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.shut()

    @property
    def usage(self) -> dict[str, Any]:
        """What the calls so far took."""
        return self.spent.to_dict(time.monotonic() - self._began)

    def ask(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> ChatCompletion:
        """One answer to `messages` that follows the JSON `schema`.

        Raises:
            ModelUnavailable: The key, the model or the request was refused; asking again will not help.
            ModelUnreachable: No answer came within the attempts and the deadline.
        """
        fault = _Busy("it was not asked.")
        for attempt in range(1, self.settings.attempts + 1):
            self.spent.requests += 1
            try:
                answer = self._ask_once(messages, schema)
            except _Busy as error:
                fault = error
                if not self._rest(attempt, error.pause_s):
                    break
            else:
                self.spent.add(answer)
                return answer
        raise ModelUnreachable(
            f"X.AI gave no answer after {self.spent.requests} requests: {fault.message}",
            remedy="Try again later, or remove XAI_API_KEY to write from templates.",
        )

    def _rest(self, attempt: int, asked_s: float) -> bool:
        """Wait before the next attempt; False when none is left or the deadline would pass."""
        if attempt >= self.settings.attempts:
            return False
        backoff = self.settings.backoff_s * 2.0 ** (attempt - 1) * (0.5 + self._chance.random())
        pause_s = min(max(backoff, asked_s), _MAX_PAUSE_S)
        if time.monotonic() + pause_s >= self._until:
            return False
        time.sleep(pause_s)
        return True

    def _ask_once(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> ChatCompletion:
        import openai
        from openai.types.chat import ChatCompletion

        left_s = max(0.05, self._until - time.monotonic())
        timeout = httpx2.Timeout(min(self.settings.timeout_s, left_s))
        try:
            with httpx2.Client(transport=self._transport, timeout=timeout) as http:
                client = openai.OpenAI(
                    api_key=self.settings.api_key,
                    base_url=self.settings.base_url,
                    max_retries=0,  # ours know the deadline
                    http_client=http,
                )
                answer: object = client.chat.completions.create(
                    model=self.settings.model,
                    messages=messages,  # pyright: ignore[reportArgumentType]
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "hook_sets", "schema": schema, "strict": True},
                    },
                    max_completion_tokens=self.settings.max_output_tokens,
                    timeout=timeout,
                )
        except openai.APIStatusError as error:
            raise self._refusal(error.status_code, str(error), error.response.headers) from None
        except (openai.APIError, httpx2.HTTPError, ValueError) as error:
            raise _Busy(self._shown(f"{type(error).__name__}: {error}")) from None
        if not isinstance(answer, ChatCompletion) or not answer.choices:
            raise _Busy("the answer is no chat completion.")
        return answer

    def _refusal(self, status: int, detail: str, headers: httpx2.Headers) -> AdcraftError:
        shown = self._shown(detail)
        if status in _TRANSIENT_STATUS:
            return _Busy(f"status {status}: {shown}", pause_s=_retry_after_s(headers))
        if status in {401, 403}:
            remedy = "Set XAI_API_KEY to a valid key of console.x.ai, or remove it to write from templates."
            return ModelUnavailable(f"X.AI refused the key (status {status}): {shown}", remedy=remedy)
        remedy = 'Check "models": {"grok": …} in config.json.'
        return ModelUnavailable(
            f"X.AI refused the request for {self.settings.model!r} (status {status}): {shown}", remedy=remedy
        )

    def _shown(self, text: str) -> str:
        """`text` fit for a log: without the key or most of it, on one line, short."""
        key = self.settings.api_key
        for size in (len(key), *_KEY_PIECES):
            if len(key) < size:
                continue
            text = text.replace(key[:size], "***").replace(key[-size:], "***")
        return clean_copy(text, _DETAIL_LIMIT)


def _retry_after_s(headers: httpx2.Headers) -> float:
    try:
        seconds = float(headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


class _BoundedStream(httpx2.SyncByteStream):
    """A body that may neither drip past the deadline nor grow without end."""

    def __init__(self, inner: httpx2.SyncByteStream, until: float) -> None:
        self._inner, self._until = inner, until

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._inner:
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise httpx2.ReadError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > self._until:
                raise httpx2.ReadTimeout("the answer did not end in time")
            yield part

    def close(self) -> None:
        self._inner.close()


class _BoundedTransport(httpx2.BaseTransport):
    def __init__(self, inner: httpx2.BaseTransport, until: float) -> None:
        self._inner, self._until = inner, until

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = self._inner.handle_request(request)
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _BoundedStream(response.stream, self._until)
        return response

    def close(self) -> None:
        """Stay open: the client of each call closes its transport, and the next call needs it."""

    def shut(self) -> None:
        self._inner.close()
