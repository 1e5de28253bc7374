"""The one partitions definition, `videos`, and what a key stands for.

Belongs here: keys, the catalog that reads them from config.json, chunks of keys. Does not: running anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from adcraft_assets.product_settings import Product, Video
from adcraft_assets.settings import Settings, load_settings
from adcraft_resources.errors import ConfigInvalid

SEPARATOR = "__"
PROFILE = "adcraft/profile"
"""Tag of assets and runs: the profile that makes them."""
video_partitions = dg.DynamicPartitionsDefinition(name="videos")


@dataclass(frozen=True)
class Ad:
    """One source ad: the product and video behind a partition key."""

    key: str
    product: Product
    video: Video


def key_of(product: Product, video: Video) -> str:
    """Return the partition key `<product>__<video>`."""
    return f"{product.id}{SEPARATOR}{video.id}"


def ads_of(settings: Settings, *, retired: bool = False) -> dict[str, Ad]:
    """Return the ads of the config by key, in the config's order; retired ones only when asked for."""
    ads = {}
    for product in settings.products:
        for video in product.videos:
            if retired or not video.disabled:
                key = key_of(product, video)
                ads[key] = Ad(key, product, video)
    return ads


def _ad_of(settings: Settings, key: str) -> Ad | None:
    """Return one ad, retired or not, without walking the whole catalogue."""
    product_id, _, video_id = key.partition(SEPARATOR)
    for product in settings.products:
        if product.id == product_id:
            for video in product.videos:
                if video.id == video_id:
                    return Ad(key, product, video)
    return None


class Catalog(dg.ConfigurableResource):
    """What config.json says now; it is read anew at each call, so an edit needs no reload."""

    config_path: str

    @property
    def folder(self) -> Path:
        """The folder relative paths of the config start from."""
        return Path(self.config_path).resolve().parent

    def results_folder(self) -> Path:
        """The folder of the finished variants."""
        return (self.folder / self.settings().results).resolve()

    def settings(self) -> Settings:
        """Return the settings as the file stands now."""
        return load_settings(Path(self.config_path))

    def ad(self, key: str) -> Ad:
        """Return the ad of a key; ConfigInvalid when the config no longer names it."""
        ad = _ad_of(self.settings(), key)
        if ad is None:
            raise ConfigInvalid(
                f"{key} is not in {self.config_path}.",
                remedy="Its data are kept. Add the video to the config again, or leave its partition alone.",
            )
        if ad.video.disabled:
            raise ConfigInvalid(
                f"{key} is disabled in {self.config_path}.", remedy="Set disabled to false to make it."
            )
        return ad


def tags_of(keys: Sequence[str], profile: str) -> dict[str, str]:
    """Return the tags a run over some keys is found by: profile, the product if it is one, the video if it is one."""
    products = {key.partition(SEPARATOR)[0] for key in keys}
    tags = {PROFILE: profile}
    if len(products) == 1:
        tags["adcraft/product"] = products.pop()
    if len(keys) == 1:
        tags["adcraft/video"] = keys[0].partition(SEPARATOR)[2]
    return tags


def chunks_of(keys: Iterable[str], inserted: Sequence[str], most: int) -> list[list[str]]:
    """Split keys into runs: at most `most` keys each, contiguous in insertion order (a run is a start..end range).

    Args:
        keys: The keys wanted.
        inserted: All keys of the instance in insertion order.
        most: Keys per run.
    """
    wanted = set(keys)
    chunks: list[list[str]] = []
    gap = True
    for key in inserted:
        if key not in wanted:
            gap = True
            continue
        if gap or len(chunks[-1]) >= most:
            chunks.append([])
        chunks[-1].append(key)
        gap = False
    return chunks
