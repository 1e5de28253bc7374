"""One try to fetch a source over HTTP: redirects by hand, conditions, ranges, and every answer judged.

Belongs here: the HTTP rules of a single try and plain words for its faults.
Does not: trying again (retrying.py), which addresses are allowed (addresses.py), the file (partial_files.py).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from adcraft_resources.downloads.addresses import AddressRefused
from adcraft_resources.downloads.partial_files import PartialFile, Validator
from adcraft_resources.downloads.retrying import PASSING_STATUSES, PassingTrouble, read_retry_after
from adcraft_resources.downloads.urls import parse_web_url, redact_url
from adcraft_resources.downloads.values import KnownSource
from adcraft_resources.errors import AdcraftError, SourceMissing, SourceRefused

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GOOD = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)$")
_PRIVATE_REMEDY = (
    "Only public hosts are fetched; set download.allow_private_hosts if you run this host yourself."
)


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """How a try ended well; with `unchanged` nothing was written."""

    unchanged: bool
    etag: str | None
    last_modified: str | None
    final_url: str
    resumed_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What to fetch and under which rules.

    `only_origin` forbids redirects to any other scheme, host and port.
    """

    url: URL
    identity: str
    known: KnownSource | None
    on_bytes: Callable[[int, int | None], None]
    only_origin: URL | None = None

    @property
    def name(self) -> str:
        """The address as it may be shown."""
        return redact_url(self.url)

    def conditions(self) -> dict[str, str]:
        """Headers that ask for the body only if it is not what is known."""
        if self.known and self.known.etag:
            return {"If-None-Match": self.known.etag}
        if self.known and self.known.last_modified:
            return {"If-Modified-Since": self.known.last_modified}
        return {}

    def headers(self, part: PartialFile) -> dict[str, str]:
        """Conditions and range that fit what is known and what is on disk."""
        headers = self.conditions()
        begun = part.validator
        if part.size and begun and begun.identity == self.identity and begun.if_range:
            headers["Range"] = f"bytes={part.size}-"
            headers["If-Range"] = begun.if_range
        return headers


async def fetch_once(session: aiohttp.ClientSession, request: WebRequest, part: PartialFile) -> WebAnswer:
    """Bring the rest of a source into `part`, or learn that it has not changed.

    Raises:
        PassingTrouble: Another try may help; `part` keeps what came.
        SourceMissing: 404 or 410.
        SourceRefused: Not allowed, too large, or no video.
    """
    with _plain_words(request.name, part):
        headers = request.headers(part)
        async with _follow(session, request, headers) as response:
            if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.restart(None)
                raise PassingTrouble(f"{request.name} changed between two tries (HTTP 416)")
            answer = _read_answer(response, request)
            if not answer.unchanged:
                total, resumed = _prepare(response, request, headers, part)
                await _receive(response, request, part, total)
                return WebAnswer(False, answer.etag, answer.last_modified, answer.final_url, resumed)
            return answer


async def ask_once(session: aiohttp.ClientSession, request: WebRequest) -> WebAnswer:
    """Learn whether a source is still what is known of it; no body is read. Raises as `fetch_once` does."""
    with _plain_words(request.name, None):
        async with _follow(session, request, request.conditions()) as response:
            return _read_answer(response, request)


@asynccontextmanager
async def _follow(
    session: aiohttp.ClientSession, request: WebRequest, headers: dict[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Follow redirects one by one; each hop passes the same checks as the first address."""
    hops = [request.url]
    while True:
        response = await session.get(hops[-1], headers=headers, allow_redirects=False)
        try:
            if response.status not in _REDIRECTS:
                yield response
                return
        finally:
            response.close()
        hops.append(_next_hop(hops, response.headers.get("Location"), request.only_origin))


def _next_hop(hops: list[URL], location: str | None, only_origin: URL | None) -> URL:
    here = redact_url(hops[-1])
    if not location:
        raise SourceRefused(f"{here} redirects to nowhere.", remedy="Give the final address of the video.")
    url = _join(hops[-1], location)
    if url in hops:
        circle = " → ".join(redact_url(hop) for hop in [*hops[hops.index(url) :], url])
        raise SourceRefused(
            f"{redact_url(hops[0])} redirects in a circle: {circle}.", remedy="Give the final address."
        )
    if len(hops) > MAX_REDIRECTS:
        raise SourceRefused(
            f"{redact_url(hops[0])} redirects more than {MAX_REDIRECTS} times.",
            remedy="Give the final address.",
        )
    if hops[-1].scheme == "https" and url.scheme != "https":
        raise SourceRefused(f"{here} redirects from https to plain http.", remedy="Give an https address.")
    if only_origin is not None and url.origin() != only_origin:
        raise SourceRefused(
            f"{here} redirects to another host, {redact_url(url)}.", remedy="Fix the sample server."
        )
    return url


def _join(base: URL, location: str) -> URL:
    """Resolve a Location; a password goes along within the same origin only."""
    try:
        verbatim = all("!" <= letter <= "~" for letter in location)
        url = base.join(URL(location, encoded=verbatim))
    except ValueError:
        raise SourceRefused(
            f"{redact_url(base)} redirects to no usable URL.", remedy="Give the final address."
        ) from None
    if url.scheme not in {"http", "https"}:
        raise SourceRefused(
            f"{redact_url(base)} redirects to the scheme {url.scheme[:20]}:.",
            remedy="Give the final https address.",
        )
    url = parse_web_url(str(url))
    if base.user and not url.user and url.origin() == base.origin():
        url = url.with_user(base.user).with_password(base.password)
    return url


def _read_answer(response: aiohttp.ClientResponse, request: WebRequest) -> WebAnswer:
    """Judge the status; returns for 200, 206 and 304 only."""
    status = response.status
    if status not in _GOOD:
        raise _fault_of_status(response, request.name)
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in {"identity", ""}:
        raise SourceRefused(
            f"{request.name} is sent {coding[:20]}-compressed though plain bytes were asked for.",
            remedy="Switch compression off for videos on that server.",
        )
    etag, last_modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    if status != HTTPStatus.NOT_MODIFIED:
        return WebAnswer(False, etag, last_modified, redact_url(response.url))
    known = request.known
    if known is None:
        raise PassingTrouble(f"{request.name} says it has not changed, though nobody asked")
    return WebAnswer(True, etag or known.etag, last_modified or known.last_modified, redact_url(response.url))


def _fault_of_status(response: aiohttp.ClientResponse, name: str) -> AdcraftError:
    status = response.status
    if status in {404, 410}:
        return SourceMissing(f"{name} does not exist (HTTP {status}).", remedy="Check the URL.")
    if status in PASSING_STATUSES:
        wait_s = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        return PassingTrouble(f"{name} is not available now (HTTP {status})", wait_s=wait_s)
    if status in {401, 403, 407}:
        return SourceRefused(
            f"{name} may not be read (HTTP {status}).",
            remedy="Use a public or freshly signed link; signed ones expire.",
        )
    return SourceRefused(
        f"{name} answers with HTTP {status}.", remedy="Open the address in a browser to see why."
    )


def _prepare(
    response: aiohttp.ClientResponse, request: WebRequest, headers: dict[str, str], part: PartialFile
) -> tuple[int | None, int]:
    """Set `part` to where the body begins; returns the whole file's size if it is told, and the bytes kept."""
    length = response.content_length
    resumed = part.size if response.status == HTTPStatus.PARTIAL_CONTENT else 0
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", "").strip())
        if "Range" not in headers or match is None or int(match[1]) != part.size:
            part.restart(None)
            raise PassingTrouble(f"{request.name} sends another part of the file than asked")
        total = None if match[2] == "*" else int(match[2])
    else:
        etag, date = response.headers.get("ETag"), response.headers.get("Last-Modified")
        part.restart(Validator(request.identity, etag, date))
        total = None
    total = resumed + length if total is None and length is not None else total
    part.expect(total)
    return total, resumed


async def _receive(
    response: aiohttp.ClientResponse, request: WebRequest, part: PartialFile, total: int | None
) -> None:
    async for block in response.content.iter_any():
        part.write(block)
        request.on_bytes(part.size, total)
    if total is not None and part.size != total:
        raise PassingTrouble(f"{request.name} sent {part.size} of {total} bytes")


@contextmanager
def _plain_words(name: str, part: PartialFile | None) -> Iterator[None]:
    """Turn aiohttp's faults into ours; their texts are left out because they quote whole URLs."""
    try:
        yield
    except aiohttp.ClientConnectorError as fault:
        raise _fault_of_connecting(name, fault) from None
    except aiohttp.InvalidURL:
        raise SourceRefused(f"{name} is no usable http or https URL.", remedy="Check its spelling.") from None
    except TimeoutError:  # of a connect or a read: the source's own time limit cancels instead
        quiet = "went quiet" if part and part.size else "did not answer"
        raise PassingTrouble(f"{name} {quiet}") from None
    except aiohttp.ClientPayloadError:
        raise PassingTrouble(f"{name} broke off after {part.size if part else 0} bytes") from None
    except aiohttp.ClientResponseError:
        raise PassingTrouble(f"{name} answers with what is no HTTP") from None
    except (aiohttp.ClientError, ConnectionError):
        raise PassingTrouble(f"{name} closed the connection") from None


def _fault_of_connecting(name: str, fault: aiohttp.ClientConnectorError) -> AdcraftError:
    cause = fault.os_error
    if isinstance(cause, AddressRefused):
        return SourceRefused(
            f"{name}: its host's address {cause.address} is {cause.reason}.", remedy=_PRIVATE_REMEDY
        )
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        return SourceRefused(
            f"{name}: the host's certificate is not valid for it.",
            remedy="Have it renewed, or fix the host name.",
        )
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return PassingTrouble(
            f"{name}: the host name has no address", remedy="Check its spelling and your DNS."
        )
    if isinstance(fault, aiohttp.ClientSSLError):
        return PassingTrouble(
            f"{name}: no TLS connection could be made", remedy="Does this port speak https?"
        )
    return PassingTrouble(f"{name}: no connection ({cause.strerror or 'refused'})", remedy="Is the host up?")
