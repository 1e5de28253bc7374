"""Fetching one source from the web with patience: a guarded session, and tries until it is here or time is up.

Belongs here: how connections are made, and the loop of tries. Does not: the rules of a single try (http_sources.py).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

import aiohttp
from aiohttp.abc import AbstractResolver

from adcraft_resources.downloads.addresses import CheckedResolver, RefusalOf, socket_maker
from adcraft_resources.downloads.http_sources import WebAnswer, WebRequest, ask_once, fetch_once
from adcraft_resources.downloads.partial_files import PartialFile
from adcraft_resources.downloads.retrying import PassingTrouble, Patience
from adcraft_resources.errors import SourceUnreachable

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Seconds and tries one source may take; see the fields of Downloader."""

    timeout_s: float
    connect_timeout_s: float
    stall_timeout_s: float
    tries: int
    backoff_s: float
    longest_wait_s: float


def open_session(
    limits: WebLimits, *, refusal: RefusalOf, names: AbstractResolver, ca_file: str = ""
) -> aiohttp.ClientSession:
    """Open a session that connects to allowed addresses only and trusts the system's authorities and `ca_file`."""
    connector = aiohttp.TCPConnector(
        resolver=CheckedResolver(names, refusal),
        socket_factory=socket_maker(refusal),
        use_dns_cache=False,
        force_close=True,
        ssl=_trusted(ca_file),
    )
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=limits.connect_timeout_s, sock_read=limits.stall_timeout_s
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        auto_decompress=False,  # no bytes but those sent: a compressed bomb stays small
        trust_env=False,  # a proxy would connect for us, past the address checks
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": "adcraft"},
        read_bufsize=1 << 18,
    )


@cache
def _trusted(ca_file: str) -> ssl.SSLContext:
    """Read the certificate authorities once: that takes longer than a small download."""
    trusted = ssl.create_default_context()
    if ca_file:
        trusted.load_verify_locations(ca_file)
    return trusted


async def fetch_patiently(
    session: aiohttp.ClientSession, wanted: WebRequest, part: PartialFile, limits: WebLimits
) -> tuple[WebAnswer, int]:
    """Try until the source is in `part` or known to be unchanged; returns the answer and the tries it took.

    Raises:
        SourceMissing, SourceRefused, VideoUnwritable: At once, see `fetch_once`.
        SourceUnreachable: The tries or `timeout_s` are used up; `part` keeps what came.
    """
    patience = Patience(limits.tries, limits.backoff_s, limits.longest_wait_s)
    try:
        async with asyncio.timeout(limits.timeout_s):
            answer = await _try_until_done(
                lambda: fetch_once(session, wanted, part), lambda: part.size, patience
            )
            return answer, patience.made
    except TimeoutError:
        raise SourceUnreachable(
            f"{wanted.name} took longer than {limits.timeout_s:g} s ({part.size} bytes came).",
            remedy="Raise download.timeout_s; the next run goes on where this one stopped.",
        ) from None


async def ask_patiently(session: aiohttp.ClientSession, wanted: WebRequest, limits: WebLimits) -> WebAnswer:
    """Ask whether a source has changed until there is an answer. Raises as `fetch_patiently` does."""
    patience = Patience(limits.tries, limits.backoff_s, limits.longest_wait_s)
    try:
        async with asyncio.timeout(limits.timeout_s):
            return await _try_until_done(lambda: ask_once(session, wanted), lambda: 0, patience)
    except TimeoutError:
        raise SourceUnreachable(
            f"{wanted.name} did not answer within {limits.timeout_s:g} s.",
            remedy="Raise download.timeout_s, or look at its host.",
        ) from None


async def _try_until_done(
    once: Callable[[], Awaitable[WebAnswer]], bytes_here: Callable[[], int], patience: Patience
) -> WebAnswer:
    while True:
        patience.made += 1
        try:
            return await once()
        except PassingTrouble as trouble:
            wait_s = patience.next_wait(trouble, bytes_here())
            if wait_s is None:
                raise _given_up(trouble, patience.made) from None
            _LOG.info("%s; trying again in %.1f s", trouble.message, wait_s)
        await asyncio.sleep(wait_s)


def _given_up(trouble: PassingTrouble, tries: int) -> SourceUnreachable:
    times = f" ({tries} tries)" if tries > 1 else ""
    return SourceUnreachable(
        f"{trouble.message.rstrip('.')}{times}.",
        remedy=trouble.remedy or "Run again later; what came is kept.",
    )
