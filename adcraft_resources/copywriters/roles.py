"""Who writes the words of a variant: templates on any machine, Grok where there is a key.

Belongs here: the `Copywriter` role and its two makers. Does not: the records and limits (hook_sets), banned
claims (claims), template lines (prompts/hooks_*.json), the conversation with Grok (grok_copy, grok_wire).
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from adcraft_resources.claims import claims_version
from adcraft_resources.copywriters.templates import draw_hooks, load_prompts, templates_version
from adcraft_resources.errors import AdcraftError, ModelUnavailable
from adcraft_resources.hook_sets import CopyBrief, CopyResult

if TYPE_CHECKING:
    import httpx2

    from adcraft_resources.copywriters.grok_wire import GrokWire

METHOD_VERSION = "1"


class Copywriter(dg.ConfigurableResource, ABC):
    """Writes sets of hook, primary text and headline for one ad."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever the same brief may give other words."""

    @abstractmethod
    def write(self, brief: CopyBrief, count: int) -> CopyResult:
        """Write `count` distinct sets that keep the limits and make no banned claim.

        Templates may hold fewer; the result's notes then say so.

        Raises:
            CopyRefused: No such sets can be written for this brief.
            ModelUnavailable: The model refuses the key or the request.
            ModelUnreachable: The model does not answer; trying again may help.
        """

    def second_opinion(
        self, texts: Mapping[str, Mapping[str, str]], product_type: str, market: str
    ) -> dict[str, list[str]] | None:
        """Return objections to the texts (variant → field → text) by variant, or None where nobody can be asked.

        The rules decide; this is for a person to read beside them.

        Raises:
            ModelUnavailable: The model refuses the key or the request.
            ModelUnreachable: The model does not answer; trying again may help.
        """
        return None


class EmbeddedCopywriter(Copywriter):
    """Draws from templates per product type and language; no model, no key, no network."""

    @property
    def version(self) -> str:
        """Of the method, the template files and the claim rules."""
        files = [templates_version("generic"), templates_version("turmeric_kojic_soap")]
        return "-".join([METHOD_VERSION, *files, claims_version()])

    def write(self, brief: CopyBrief, count: int) -> CopyResult:
        """Draw `count` sets; the same brief gives the same sets."""
        began = time.perf_counter()
        drawn = draw_hooks(brief, count)
        usage = {**_NOTHING_SPENT, "seconds": round(time.perf_counter() - began, 4)}
        return CopyResult(drawn.hooks, usage, "template", drawn.notes)


class GrokCopywriter(Copywriter):
    """Asks Grok for all sets in one call, reviews each, and has refused ones written anew once.

    The old ad's text is sent as fenced data. Templates stand in only where `fallback_to_templates` says so.
    """

    api_key: str = Field(
        default="", repr=False, description="Key of X.AI, from the environment (XAI_API_KEY)."
    )
    model: str = Field(default="grok-4", description="Model name at X.AI.")
    base_url: str = Field(default="https://api.x.ai/v1", description="Where the API answers.")
    timeout_s: float = Field(default=60.0, gt=0, description="Longest wait for one answer, in seconds.")
    deadline_s: float = Field(
        default=180.0, gt=0, description="Longest time for all calls of one brief, in seconds."
    )
    attempts: int = Field(default=4, ge=1, description="Calls per answer when X.AI is busy or fails.")
    backoff_s: float = Field(
        default=1.0, ge=0, description="First pause before another attempt, in seconds; doubles."
    )
    fallback_to_templates: bool = Field(
        default=False, description="Write from templates when Grok fails, and say so in the result's notes."
    )
    _transport: Any = PrivateAttr(default=None)

    @property
    def version(self) -> str:
        """Of the method, the model, the prompts and the claim rules."""
        return "-".join([METHOD_VERSION, self.model, load_prompts("grok_hooks")["version"], claims_version()])

    def over(self, transport: "httpx2.BaseTransport") -> "GrokCopywriter":
        """The same writer on another wire: the seam for tests and proxies."""
        writer = type(self)(**self.model_dump())
        writer._transport = transport  # noqa: SLF001 - its own kind
        return writer

    def write(self, brief: CopyBrief, count: int) -> CopyResult:
        """Have Grok write `count` sets; see `Copywriter.write` for what is raised."""
        try:
            return self._ask(brief, count)
        except AdcraftError as error:
            if not self.fallback_to_templates:
                raise
            drawn = EmbeddedCopywriter().write(brief, count)
            note = f"Written from templates, because Grok failed: {error.message}"
            return CopyResult(drawn.hooks, drawn.usage, drawn.source, (note, *drawn.notes))

    def _ask(self, brief: CopyBrief, count: int) -> CopyResult:
        from adcraft_resources.copywriters.grok_copy import ask_for_hooks

        with self._wire(brief.seed) as wire:
            hooks = ask_for_hooks(wire, brief, count)
            return CopyResult(hooks, wire.usage, self.model)

    def second_opinion(
        self, texts: Mapping[str, Mapping[str, str]], product_type: str, market: str
    ) -> dict[str, list[str]] | None:
        """Ask Grok, in one call; see `Copywriter.second_opinion`."""
        from adcraft_resources.copywriters.second_opinion import ask_opinion

        with self._wire(0) as wire:
            return ask_opinion(wire, texts, product_type, market)

    def _wire(self, seed: int) -> "GrokWire":
        from adcraft_resources.copywriters.grok_wire import GrokWire, WireSettings

        if not self.api_key.strip():
            raise ModelUnavailable(
                "There is no key for X.AI.", remedy="Set XAI_API_KEY in .env, or write from templates."
            )
        settings = WireSettings(
            model=self.model,
            base_url=self.base_url,
            api_key=self.api_key.strip(),
            timeout_s=self.timeout_s,
            deadline_s=self.deadline_s,
            attempts=self.attempts,
            backoff_s=self.backoff_s,
        )
        return GrokWire(settings, self._transport, seed=seed)


_NOTHING_SPENT = {"model": "template", "requests": 0, "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
