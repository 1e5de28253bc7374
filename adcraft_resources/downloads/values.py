"""What goes into a download and what comes out of it.

Belongs here: frozen records without behaviour. Does not: anything that touches the network or the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from adcraft_resources.sections import Section

MEGABYTE = 1_000_000


class DownloadSettings(Section):
    """The `download` section of config.json."""

    concurrency: int = Field(default=4, ge=1, le=64, description="Sources fetched at the same time.")
    max_mb: int = Field(default=2048, ge=1, description="Largest source in megabytes (10^6 bytes).")
    timeout_s: float = Field(
        default=600, gt=0, description="Seconds one source may take, all tries together."
    )
    allow_private_hosts: bool = Field(
        default=False,
        description="Also fetch from loopback and private networks; off unless you run the host.",
    )


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What is remembered of an earlier fetch, so that an unchanged source is not fetched again.

    `url` is `identify_url(...)` of the source (no secrets); a plain URL is understood too.
    """

    etag: str | None
    last_modified: str | None
    sha256: str
    size: int
    url: str


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """One source to fetch: `key` names it (and its file), `url` is http(s), a path, file: or sample://NAME."""

    key: str
    url: str
    known: KnownSource | None = None


@dataclass(frozen=True, slots=True)
class FetchedSource:
    """A source that is here.

    Attributes:
        path: The file, `<folder>/<key><suffix>`; None when `unchanged`, because the caller holds it already.
        sha256: Hex digest of the bytes.
        size_bytes: Their number.
        etag: The server's ETag, or what stands for it (samples); None without one.
        final_url: Where the bytes came from after redirects, without secrets.
        unchanged: The same bytes as the request's `known`, by the server's word (304) or by sha256.
        resumed_bytes: Bytes that an earlier, broken try had left behind and that were not fetched again.
        seconds: Wall time, waiting for a free slot not counted.
        content_type: What the first bytes are (not what the server says), as "video/mp4".
        last_modified: The server's Last-Modified, or None.
        identity: What tells this URL from others without its secrets; see `identify_url`.
        tries: Connections it took; 0 for local files and samples.
    """

    path: Path | None
    sha256: str
    size_bytes: int
    etag: str | None
    final_url: str
    unchanged: bool
    resumed_bytes: int
    seconds: float
    content_type: str
    last_modified: str | None = None
    identity: str = ""
    tries: int = 0

    @property
    def known(self) -> KnownSource:
        """What to remember for the next request of the same source."""
        return KnownSource(self.etag, self.last_modified, self.sha256, self.size_bytes, self.identity)
