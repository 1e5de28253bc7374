"""Fetching from a server on loopback with short waits, for tests of the downloader."""

from __future__ import annotations

import random
from pathlib import Path

from adcraft_resources.downloads import Downloader, FetchedSource, KnownSource, SourceRequest
from adcraft_resources.errors import AdcraftError

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + random.Random(7).randbytes(300_000)
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


def downloader(**fields: object) -> Downloader:
    quick = {
        "stall_timeout_s": 0.3,
        "connect_timeout_s": 1.0,
        "tries": 3,
        "backoff_s": 0.01,
        "longest_wait_s": 0.4,
    }
    return Downloader(**{"allow_private_hosts": True, "timeout_s": 10.0, **quick, **fields})


def fetch(
    url: str, folder: Path, known: KnownSource | None = None, **fields: object
) -> FetchedSource | AdcraftError:
    return downloader(**fields).fetch_all([SourceRequest("ad", url, known)], folder)["ad"]


def fetched(url: str, folder: Path, known: KnownSource | None = None, **fields: object) -> FetchedSource:
    outcome = fetch(url, folder, known, **fields)
    assert isinstance(outcome, FetchedSource), outcome
    return outcome


def refused(url: str, folder: Path, kind: type[AdcraftError], **fields: object) -> str:
    outcome = fetch(url, folder, **fields)
    assert type(outcome) is kind, outcome
    assert outcome.remedy
    return str(outcome)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
