"""Asking many sources at once whether they are still what is known of them, without fetching them.

Belongs here: one question a source: a conditional request, a file's hash, a sample's version. Does not: fetching.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from adcraft_resources.downloads.downloader import Downloader
from adcraft_resources.downloads.running import run_in_thread
from adcraft_resources.downloads.urls import LocalSource, SampleSource, WebSource, parse_source, parse_web_url
from adcraft_resources.downloads.values import KnownSource, SourceRequest
from adcraft_resources.downloads.web_fetching import ask_patiently
from adcraft_resources.errors import AdcraftError, SourceMissing

SourceState = Literal["unchanged", "changed", "unsure"]
"""`unsure`: the server names neither ETag nor date, so only fetching it again can tell."""

AT_ONCE = 32  # questions, not downloads: they wait for hosts and move no bytes
_BLOCK = 1 << 20


def check_all(
    downloader: Downloader, requests: Sequence[SourceRequest], *, base_folder: Path
) -> dict[str, SourceState | AdcraftError]:
    """Ask every source; one's failure never touches the others.

    Args:
        downloader: Whose limits and address rules hold.
        requests: The sources; one without `known` counts as changed and is not asked.
        base_folder: Where relative paths start.

    Returns:
        For each key the state, or the reason why it could not be learnt (as Downloader.fetch_all gives them).
    """
    return run_in_thread(partial(_check_all, downloader, requests, base_folder))


async def _check_all(
    downloader: Downloader, requests: Sequence[SourceRequest], base: Path
) -> dict[str, SourceState | AdcraftError]:
    slots = asyncio.Semaphore(max(AT_ONCE, downloader.concurrency))

    async def check(request: SourceRequest) -> SourceState | AdcraftError:
        async with slots:
            try:
                return await _check_one(downloader, request, base)
            except AdcraftError as fault:
                fault.__context__ = fault.__cause__ = None  # what lies behind may quote secrets of the URL
                return fault

    states = await asyncio.gather(*(check(request) for request in requests))
    return {request.key: state for request, state in zip(requests, states, strict=True)}


async def _check_one(downloader: Downloader, request: SourceRequest, base: Path) -> SourceState:
    known = request.known
    source = parse_source(request.url, base)
    if known is None:
        return "changed"
    if isinstance(source, LocalSource):
        return await asyncio.to_thread(_check_file, source.path, known)
    if isinstance(source, SampleSource):
        if not downloader.sample_base_url:
            return "unchanged" if known.etag == downloader.sample_etag(source.name) else "changed"
        source = WebSource(parse_web_url(f"{downloader.sample_base_url.rstrip('/')}/{source.name}.mp4"))
    wanted = downloader.web_request(source.url, request, lambda _done, _total: None)
    if wanted.known is None:
        return "changed"  # another URL: whether its bytes are the same is found out by fetching it
    async with downloader.web_session(wanted) as session:
        answer = await ask_patiently(session, wanted, downloader.web_limits())
    if answer.unchanged or (answer.etag and answer.etag == known.etag):
        return "unchanged"
    return "changed" if answer.etag or answer.last_modified else "unsure"


def _check_file(path: Path, known: KnownSource) -> SourceState:
    try:
        if path.stat().st_size != known.size:
            return "changed"
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as fault:
        raise SourceMissing(
            f"{path} can't be read ({fault.strerror}).",
            remedy="Check the path; it starts at config.json's folder.",
        ) from None
    return "unchanged" if digest.hexdigest() == known.sha256 else "changed"
