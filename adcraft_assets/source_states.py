"""What is known of each ad's source, and asking all sources whether it still holds.

Belongs here: remembering ETags and hashes in the store, and the questions. Does not: HTTP (downloads).
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from adcraft_assets.partitions import Ad
from adcraft_resources.downloads import Downloader, KnownSource, SourceRequest, SourceState, check_all
from adcraft_resources.errors import AdcraftError
from adcraft_resources.store import BundleStore

KIND = "source_states"
"""Kind of the bundles that hold what a source answered last, since a host may rename unchanged bytes."""


def known_source(store: BundleStore, key: str) -> KnownSource | None:
    """Return what the last answer of an ad's source was, if its bytes are those the store holds."""
    made = store.manifest("source_video", key)
    if made is None:
        return None
    told = store.manifest(KIND, key)
    origin = KnownSource(**made["origin"])
    if told is None:
        return origin
    later = KnownSource(**told["identity"])
    return later if later.sha256 == origin.sha256 else origin


def remember_source(store: BundleStore, key: str, known: KnownSource) -> None:
    """Keep what a host answered, where that is not what is known already; files on disk are hashed anyway."""
    if (known.etag or known.last_modified) and known_source(store, key) != known:
        store.ensure(KIND, key, asdict(known), lambda _: None)


def ask_sources(
    store: BundleStore, ads: Mapping[str, Ad], folder: Path, downloader: Downloader
) -> dict[str, SourceState | AdcraftError]:
    """Ask the source of every ad whether it changed; one whose host can't tell is fetched and compared.

    Args:
        store: Holds what is known.
        ads: The ads by key.
        folder: Where relative paths start.
        downloader: Asks.
    """
    requests = {key: SourceRequest(key, ad.video.url, known_source(store, key)) for key, ad in ads.items()}
    states = check_all(downloader, list(requests.values()), base_folder=folder)
    unsure = [requests[key] for key, state in states.items() if state == "unsure"]
    if unsure:
        scratch = store.working_folder("checks")
        for key, got in downloader.fetch_all(unsure, scratch, base_folder=folder).items():
            if isinstance(got, AdcraftError):
                states[key] = got
                continue
            states[key] = "unchanged" if got.unchanged else "changed"
            if got.path is not None:
                got.path.unlink(missing_ok=True)
    return states
