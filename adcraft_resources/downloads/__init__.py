"""Source videos brought in from the web, the disk or the drawn samples; the public names of the rooms below.

Belongs here: getting bytes safely. Does not: decoding them, or deciding what to do with an unchanged source.
"""

from adcraft_resources.downloads.checking import SourceState, check_all
from adcraft_resources.downloads.downloader import Downloader
from adcraft_resources.downloads.urls import identify_url, redact_url
from adcraft_resources.downloads.values import DownloadSettings, FetchedSource, KnownSource, SourceRequest

__all__ = [
    "DownloadSettings",
    "Downloader",
    "FetchedSource",
    "KnownSource",
    "SourceRequest",
    "SourceState",
    "check_all",
    "identify_url",
    "redact_url",
]
