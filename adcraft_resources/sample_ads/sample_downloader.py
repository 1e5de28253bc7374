"""The downloader that also knows sample://NAME: it draws them, or fetches them where the demo serves them.

Belongs here: the one link between downloads and sample ads. Does not: either of them.
"""

from pathlib import Path

from adcraft_resources.downloads import Downloader
from adcraft_resources.sample_ads.rendering import render_sample, sample_version


class SampleDownloader(Downloader):
    """A Downloader whose sample://NAME sources are drawn on this machine."""

    def draw_sample(self, name: str, path: Path) -> None:
        """Draw the sample ad `name` into `path`; SourceMissing if there is none of that name."""
        render_sample(name, path)

    def sample_etag(self, name: str) -> str | None:
        """Return the version of the sample's drawing: it is drawn again only when that changes."""
        return f'"{sample_version(name)}"'
