"""Keeping partitions in step with config.json.

Belongs here: the sensor, what it remembers of the config, and what it says of ads that left. Does not: making ads.
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from adcraft_assets.automation.jobs import ad_variant_job
from adcraft_assets.failures import range_tags
from adcraft_assets.partitions import Catalog, ads_of, chunks_of, tags_of, video_partitions
from adcraft_assets.placement import set_pool_limits
from adcraft_assets.settings import Settings
from adcraft_assets.work_in_hand import keys_at_work
from adcraft_resources.downloads import identify_url
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.store import BundleStore

NAME = str(video_partitions.name)
KIND, CONFIG = "catalogues", "config"
SHOWN = 5


@dg.sensor(
    name="config_to_partitions",
    job=ad_variant_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition for each new video of config.json and looks again at a video that came back or got "
    "another URL. A broken file changes nothing; a removed or disabled video keeps its partition and data.",
)
def catalog_sensor(
    context: dg.SensorEvaluationContext, catalog: Catalog, store: BundleStore
) -> dg.SensorResult | dg.SkipReason:
    """Add partitions for new videos of the config; have returned ones looked at again."""
    try:
        settings = catalog.settings()
    except ConfigInvalid as error:
        return dg.SkipReason(f"Nothing changed, because the config can't be read. {error}")
    set_pool_limits(context.instance, settings)
    urls = {key: identify_url(ad.video.url) for key, ad in ads_of(settings).items()}
    inserted = context.instance.get_dynamic_partitions(NAME)
    present = set(inserted)
    new = [key for key in urls if key not in present]
    before = _known(store, urls)
    returned = [key for key, url in urls.items() if key in present and before.get(key) != url]
    # What a run has in hand would be made twice; it counts as not come back until that run has ended.
    busy = keys_at_work(context.instance).intersection(returned) if returned else set[str]()
    requests = [
        dg.RunRequest(
            tags={**range_tags(chunk), **tags_of(chunk, settings.profile), "adcraft/because": "returned"},
        )
        for chunk in chunks_of(
            [key for key in returned if key not in busy], inserted, settings.batch.max_partitions_per_run
        )
    ]
    known = {key: before.get(key) if key in busy else url for key, url in urls.items()}
    store.ensure(KIND, CONFIG, {"urls": known}, lambda _: None)
    if not new and not requests:
        return dg.SkipReason(_told(settings, inserted, urls, busy))
    added = [video_partitions.build_add_request(new)] if new else []
    return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=added)


def missing_partitions(instance: dg.DagsterInstance, keys: Sequence[str]) -> list[str]:
    """Return the keys without a partition, in the order given."""
    present = set(instance.get_dynamic_partitions(NAME))
    return [key for key in keys if key not in present]


def _known(store: BundleStore, urls: Mapping[str, str]) -> Mapping[str, str]:
    """Return the URLs that the config named a tick ago, by ad; at the first tick, those it names now.

    An ad with a partition that is new among them, or has another URL, counts as made, so nothing else would look at
    its source before the night.
    """
    before = store.manifest(KIND, CONFIG)
    return before["identity"]["urls"] if before else urls


def _told(settings: Settings, inserted: Sequence[str], urls: Mapping[str, str], busy: set[str]) -> str:
    """Say that all is in step, and which ads left the config."""
    named = ads_of(settings, retired=True)
    retired = [key for key in inserted if key in named and key not in urls]
    removed = [key for key in inserted if key not in named]
    told = ["Every video of the config has its partition."]
    for keys, what in (
        (retired, "disabled, data kept"),
        (removed, "no longer in the config, data kept"),
        (sorted(busy), "came back and will be looked at when the run that makes it has ended"),
    ):
        if keys:
            more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            told.append(f"{len(keys)} {what}: {', '.join(keys[:SHOWN])}{more}.")
    return " ".join(told)
