"""Reading and writing source addresses: what kind they are, and how to name them without their secrets.

Belongs here: the text of URLs and paths. Does not: whether a host may be contacted (addresses.py).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from yarl import URL

from adcraft_resources.errors import SourceMissing, SourceRefused

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")  # two letters or more: `C:` is no scheme
_SAMPLE = re.compile(r"[a-z0-9][a-z0-9-]*")
_ALLOWED = "Use an http or https URL, a file path, or sample://NAME."
_OTHER_STORES = {
    "s3": "Use a presigned https URL of the object.",
    "gs": "Use a signed https URL of the object.",
    "ftp": "Put the file on an https server, or copy it here and name its path.",
    "data": "Save the video to a file and name its path.",
}


@dataclass(frozen=True, slots=True)
class WebSource:
    """A video behind http or https."""

    url: URL


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A file of this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class SampleSource:
    """A drawn sample ad."""

    name: str


def parse_source(text: str, base_folder: Path) -> WebSource | LocalSource | SampleSource:
    """Tell what a source is; relative paths start at `base_folder`.

    Raises:
        SourceMissing: No possible name of a sample.
        SourceRefused: Empty, another scheme than http, https, file and sample, or no readable URL.
    """
    text = text.strip()
    if not text or "\0" in text:
        raise SourceRefused("a source without an address.", remedy=_ALLOWED)
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if scheme in {"http", "https"}:
        return WebSource(parse_web_url(text))
    if scheme == "file":
        return LocalSource(_path_of_file_url(text))
    if scheme == "sample":
        return SampleSource(_sample_name(text))
    if scheme:
        raise SourceRefused(
            f"{redact_url(text)}: sources of the kind {scheme}: are not fetched.",
            remedy=_OTHER_STORES.get(scheme, f"{_ALLOWED} (A path with a colon starts with ./)"),
        )
    return LocalSource(base_folder / text)


def parse_web_url(text: str) -> URL:
    """Read an http or https URL; one that is ASCII stays as it is written, so that signatures hold.

    Raises:
        SourceRefused: No host, a wrong port, or not http or https.
    """
    try:
        verbatim = all("!" <= letter <= "~" for letter in text)
        url = URL(text, encoded=verbatim)
        host, port = url.host, url.port
    except ValueError:
        host, port, url = None, None, URL()
    if (
        not host
        or port is None
        or url.scheme.lower() not in {"http", "https"}
        or set(host) & set(" \\%<>\"'")
    ):
        raise SourceRefused(
            f"{redact_url(text)} is no usable http or https URL.", remedy="Check its spelling."
        )
    return url


def _sample_name(text: str) -> str:
    name = text.partition(":")[2].strip("/")
    if not _SAMPLE.fullmatch(name):
        raise SourceMissing(
            f"{text} names no sample.", remedy="Write sample://NAME, as sample://turmeric-hero."
        )
    return name


def _path_of_file_url(text: str) -> Path:
    parts = urlsplit(text)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise SourceRefused(
            f"{text} names a file on another host or no full path.",
            remedy="Write file:///full/path or the path alone.",
        )
    path = unquote(parts.path)
    if "\0" in path:
        raise SourceRefused("a file: URL with a NUL byte in its path.", remedy="Check its spelling.")
    return Path(path)


def redact_url(text: str | URL) -> str:
    """Name an address without what may be secret: no user, password, query values or fragment."""
    text = str(text).strip()
    match = _SCHEME.match(text)
    if match is None or match[1].lower() in {"file", "sample"}:
        return text
    try:
        parts = urlsplit(text)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return f"{match[1]}://…"
    if not host or "@" in parts.path.partition("/")[0]:
        return f"{match[1]}:…"
    return f"{parts.scheme}://{host}{parts.path}{'?…' if parts.query else ''}"


def identify_url(text: str) -> str:
    """Return what tells this address from others, fit to be stored: the redacted URL and a hash of its query."""
    text = text.strip()
    named = redact_url(text)
    if not named.endswith("?…"):
        return named
    query = urlsplit(text).query
    return f"{named}#{hashlib.sha256(query.encode()).hexdigest()[:16]}"
