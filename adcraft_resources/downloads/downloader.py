"""The downloader: many sources at once, each on its own, none touching another's fate.

Belongs here: the resource, its limits, the order of one source's steps.
Does not: the web (web_fetching.py, http_sources.py), files (partial_files.py, local_files.py).
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import aiohttp
import dagster as dg
from aiohttp.abc import AbstractResolver
from pydantic import Field
from yarl import URL

from adcraft_resources.downloads.addresses import Address, allow_every_address, refusal_of
from adcraft_resources.downloads.http_sources import WebAnswer, WebRequest
from adcraft_resources.downloads.local_files import copy_local_file
from adcraft_resources.downloads.partial_files import PartialFile
from adcraft_resources.downloads.running import run_in_thread
from adcraft_resources.downloads.urls import (
    LocalSource,
    SampleSource,
    WebSource,
    identify_url,
    parse_source,
    parse_web_url,
    redact_url,
)
from adcraft_resources.downloads.values import DownloadSettings, FetchedSource, SourceRequest
from adcraft_resources.downloads.web_fetching import WebLimits, fetch_patiently, open_session
from adcraft_resources.errors import AdcraftError, SourceMissing, SourceRefused, SourceUnreachable

OnBytes = Callable[[str, int, int | None], None]
"""Progress: (key, bytes here, bytes in all or None); called from the downloader's thread."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


@dataclass(frozen=True, slots=True)
class Places:
    """Where downloads go, and where relative paths start."""

    downloads: Path
    base: Path


class Downloader(dg.ConfigurableResource):
    """Fetches source videos: http(s), local files and, where a subclass can draw them, sample://NAME.

    The first four fields are those of DownloadSettings.
    """

    concurrency: int = Field(4, ge=1, description="Sources fetched at the same time.")
    max_mb: int = Field(2048, ge=1, description="Largest source in megabytes (10^6 bytes).")
    timeout_s: float = Field(600.0, gt=0, description="Seconds one source may take, all tries together.")
    allow_private_hosts: bool = Field(default=False, description="Also fetch from private networks.")
    sample_base_url: str = Field(
        "", description="Fetch sample://NAME from <this>/<NAME>.mp4, not drawing it."
    )
    stall_timeout_s: float = Field(30.0, gt=0, description="Seconds without a byte before a try is given up.")
    connect_timeout_s: float = Field(10.0, gt=0, description="Seconds to connect.")
    tries: int = Field(5, ge=1, description="Fruitless tries before a source counts as unreachable.")
    backoff_s: float = Field(0.5, ge=0, description="First wait between tries; doubles.")
    longest_wait_s: float = Field(60.0, ge=0, description="No wait is longer, whatever Retry-After says.")
    ca_file: str = Field("", description="PEM file of further certificate authorities to trust.")

    @classmethod
    def from_settings(cls, settings: DownloadSettings, *, sample_base_url: str = "") -> Self:
        """Make a downloader with the limits of config.json."""
        return cls(**settings.model_dump(), sample_base_url=sample_base_url)

    def fetch_all(
        self,
        requests: Sequence[SourceRequest],
        folder: Path,
        on_bytes: OnBytes | None = None,
        *,
        base_folder: Path | None = None,
    ) -> dict[str, FetchedSource | AdcraftError]:
        """Fetch every source into `folder` as `<key><suffix>`; one's failure never touches the others.

        Blocks; runs its own event loop in a thread, so it may be called from inside a running one.

        Args:
            requests: The sources, each with its own key.
            folder: Where the files go, and where broken downloads wait to be resumed.
            on_bytes: Told of progress.
            base_folder: Where relative paths start: the folder of config.json; the working folder without it.

        Returns:
            For each key, in the order asked, the source or the reason why it is not here: SourceRefused,
            SourceMissing, VideoUnwritable (permanent) or SourceUnreachable (another run may help).

        Raises:
            ValueError: Two requests have the same key.
        """
        if len({request.key for request in requests}) != len(requests):
            raise ValueError("every request needs its own key")
        places = Places(folder, base_folder or Path())
        return run_in_thread(partial(self._fetch_all, requests, places, on_bytes or _say_nothing))

    def name_resolver(self) -> AbstractResolver:
        """Make what turns host names into addresses; its answers are checked afterwards."""
        return aiohttp.ThreadedResolver()

    def refusal_of(self, address: Address) -> str | None:
        """Say why a public source may not come from `address`, or None where it may."""
        return refusal_of(address)

    def draw_sample(self, name: str, path: Path) -> None:
        """Write the sample ad `name` to `path`; the base class has none.

        Raises:
            SourceMissing: There is no such sample.
        """
        raise SourceMissing(
            f"sample://{name}: this downloader draws no samples.", remedy="Use SampleDownloader."
        )

    def sample_etag(self, name: str) -> str | None:
        """Return what changes when the drawing of a sample changes, or None to draw it each time."""
        return None

    async def _fetch_all(
        self, requests: Sequence[SourceRequest], places: Places, on_bytes: OnBytes
    ) -> dict[str, FetchedSource | AdcraftError]:
        slots = asyncio.Semaphore(self.concurrency)
        fetches = [self._fetch_one(request, places, on_bytes, slots) for request in requests]
        outcomes = await asyncio.gather(*fetches, return_exceptions=True)
        results: dict[str, FetchedSource | AdcraftError] = {}
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, FetchedSource | AdcraftError):
                results[request.key] = outcome
            else:
                raise outcome  # a mistake of ours or of the callback, after the others are done
        return results

    async def _fetch_one(
        self, request: SourceRequest, places: Places, on_bytes: OnBytes, slots: asyncio.Semaphore
    ) -> FetchedSource | AdcraftError:
        async with slots:
            started = time.monotonic()
            try:
                fetched = await self._bring(request, places, partial(on_bytes, request.key))
            except AdcraftError as fault:
                fault.__context__ = fault.__cause__ = None  # what lies behind may quote secrets of the URL
                return fault
            return replace(fetched, seconds=time.monotonic() - started)

    async def _bring(
        self, request: SourceRequest, places: Places, on_bytes: Callable[[int, int | None], None]
    ) -> FetchedSource:
        if not _KEY.fullmatch(request.key):
            raise SourceRefused(
                f"the key {request.key!r} cannot name a file.", remedy="Use letters, digits, _ and -."
            )
        source = parse_source(request.url, places.base)
        if isinstance(source, SampleSource):
            if self.sample_base_url:
                source = WebSource(parse_web_url(f"{self.sample_base_url.rstrip('/')}/{source.name}.mp4"))
            elif request.known and request.known.etag == self.sample_etag(source.name):
                return _unchanged(request, WebAnswer(True, request.known.etag, None, request.url))
        name = str(source.path) if isinstance(source, LocalSource) else redact_url(request.url)
        part = PartialFile(places.downloads, request.key, name=name, max_mb=self.max_mb)
        with await asyncio.to_thread(part.open):
            try:
                answer, tries = await self._fill(source, request, part, on_bytes)
                landed = await asyncio.to_thread(_land, request, part, places.downloads, answer)
            except (SourceRefused, SourceMissing):
                part.discard()
                raise
        return replace(landed, tries=tries)

    async def _fill(
        self,
        source: WebSource | LocalSource | SampleSource,
        request: SourceRequest,
        part: PartialFile,
        on_bytes: Callable[[int, int | None], None],
    ) -> tuple[WebAnswer, int]:
        if isinstance(source, WebSource):
            return await self._fill_from_web(source.url, request, part, on_bytes)
        if isinstance(source, LocalSource):
            copy = partial(copy_local_file, source.path, part, timeout_s=self.timeout_s, on_bytes=on_bytes)
            await asyncio.to_thread(copy)
            return WebAnswer(False, None, None, str(source.path)), 0
        await asyncio.to_thread(self._draw_into, source.name, part, on_bytes)
        return WebAnswer(False, self.sample_etag(source.name), None, request.url), 0

    def _draw_into(self, name: str, part: PartialFile, on_bytes: Callable[[int, int | None], None]) -> None:
        drawn = part.path.with_suffix(".drawn.mp4")
        try:
            self.draw_sample(name, drawn)
            copy_local_file(drawn, part, timeout_s=self.timeout_s, on_bytes=on_bytes)
        finally:
            drawn.unlink(missing_ok=True)

    async def _fill_from_web(
        self, url: URL, request: SourceRequest, part: PartialFile, on_bytes: Callable[[int, int | None], None]
    ) -> tuple[WebAnswer, int]:
        wanted = self.web_request(url, request, on_bytes)
        async with self.web_session(wanted) as session:
            return await fetch_patiently(session, wanted, part, self.web_limits())

    def web_request(
        self, url: URL, request: SourceRequest, on_bytes: Callable[[int, int | None], None]
    ) -> WebRequest:
        """Return what is asked of the web for a source."""
        identity = identify_url(request.url)
        known = request.known if request.known and request.known.url in {request.url, identity} else None
        is_sample = request.url.strip().lower().startswith("sample:")
        return WebRequest(url, identity, known, on_bytes, url.origin() if is_sample else None)

    def web_limits(self) -> WebLimits:
        """Return the limits of one source."""
        return WebLimits(
            timeout_s=self.timeout_s,
            connect_timeout_s=self.connect_timeout_s,
            stall_timeout_s=self.stall_timeout_s,
            tries=self.tries,
            backoff_s=self.backoff_s,
            longest_wait_s=self.longest_wait_s,
        )

    def web_session(self, wanted: WebRequest) -> aiohttp.ClientSession:
        """Open a session that may reach what `wanted` may; a sample's server is ours."""
        is_sample = wanted.only_origin is not None
        return open_session(
            self.web_limits(),
            refusal=allow_every_address if self.allow_private_hosts or is_sample else self.refusal_of,
            names=self.name_resolver(),
            ca_file=self.ca_file,
        )


def _say_nothing(_key: str, _done: int, _total: int | None) -> None:
    pass


def _unchanged(request: SourceRequest, answer: WebAnswer) -> FetchedSource:
    known = request.known
    if known is None:
        raise SourceUnreachable(f"{answer.final_url} says it has not changed, though it is new here.")
    return FetchedSource(
        path=None,
        sha256=known.sha256,
        size_bytes=known.size,
        etag=answer.etag,
        final_url=answer.final_url,
        unchanged=True,
        resumed_bytes=0,
        seconds=0.0,
        content_type="",
        last_modified=answer.last_modified,
        identity=identify_url(request.url),
    )


def _land(request: SourceRequest, part: PartialFile, folder: Path, answer: WebAnswer) -> FetchedSource:
    """Give the finished part its name, or drop it when its bytes are those already known."""
    if answer.unchanged:
        part.discard()
        return _unchanged(request, answer)
    kind = part.file_type()
    path = folder / f"{request.key}{kind.suffix}"
    unchanged = bool(request.known and request.known.sha256 == part.sha256)
    if unchanged:
        part.discard()
    else:
        part.finish(path)
    return FetchedSource(
        path=None if unchanged else path,
        sha256=part.sha256,
        size_bytes=part.size,
        etag=answer.etag,
        final_url=answer.final_url,
        unchanged=unchanged,
        resumed_bytes=answer.resumed_bytes,
        seconds=0.0,
        content_type=kind.content_type,
        last_modified=answer.last_modified,
        identity=identify_url(request.url),
    )
