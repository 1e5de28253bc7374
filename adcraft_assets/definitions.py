"""The front door: the graph in order, its resources, its automation.

Belongs here: putting the parts together. Does not: any part.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from adcraft_assets.ad_performance import ad_performance
from adcraft_assets.automation.approving import approval_sensor
from adcraft_assets.automation.cataloguing import catalog_sensor
from adcraft_assets.automation.conditions import AFTER_ANY_AD, NEW_AD, new_ads_sensor, summary_sensor
from adcraft_assets.automation.freshness import freshness_of
from adcraft_assets.automation.jobs import ad_variant_job, regate_ads
from adcraft_assets.automation.nights import follow_up_sensor, refresh_job, refresh_schedule, report_job
from adcraft_assets.automation.relaunches import relaunch_sensor
from adcraft_assets.automation.telling import failure_sensor
from adcraft_assets.automation.verdicts import failed_verdict_sensor, verdict_sensor
from adcraft_assets.cleaned_frames import cleaned_frames
from adcraft_assets.executors import VARIABLE, executor_named
from adcraft_assets.hooks import hooks
from adcraft_assets.keyframes import keyframes
from adcraft_assets.ocr_masks import ocr_masks
from adcraft_assets.partitions import PROFILE, Catalog
from adcraft_assets.placed_variants import placed_variants
from adcraft_assets.placement import LEASE, place
from adcraft_assets.processing_summary import processing_summary
from adcraft_assets.ranked_outputs import ranked_outputs
from adcraft_assets.refresh_plan import refresh_plan
from adcraft_assets.refresh_report import refresh_report
from adcraft_assets.settings import Settings, load_settings
from adcraft_assets.source_video import source_video
from adcraft_assets.staleness import Roles
from adcraft_assets.styled_variants import styled_variants
from adcraft_resources.leased_device import LeasedDevice
from adcraft_resources.profiles import Site, resources_for
from adcraft_resources.progress import Progress
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.sample_ads import SampleDownloader
from adcraft_resources.store import BundleStore

CONFIG_VARIABLE = "ADCRAFT_CONFIG"
CACHE_VARIABLE = "ADCRAFT_CACHE"
"""Folder for local copies of a remote store's bundles; on a cluster a fast disk of the node."""
PARTITIONED = [source_video, keyframes, ocr_masks, cleaned_frames, hooks, styled_variants, ranked_outputs]
"""The assets of one ad, in the order they are made."""


def config_path() -> Path:
    """Return the config file: ADCRAFT_CONFIG, else config.json of DAGSTER_HOME, of this folder, of the checkout."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    folders = [os.environ.get("DAGSTER_HOME"), ".", Path(__file__).parents[1]]
    candidates = [Path(folder) / "config.json" for folder in folders if folder]
    return next((path for path in candidates if path.is_file()), candidates[0])


def store_base(settings: Settings, folder: Path) -> str:
    """Return the store's place as a URL or an absolute path."""
    return settings.store if "://" in settings.store else str((folder / settings.store).resolve())


def resources_of(path: Path) -> dict[str, Any]:
    """Return every resource of the graph for a config file."""
    settings = load_settings(path)
    cache = os.environ.get(CACHE_VARIABLE, "")
    folder = path.resolve().parent
    store = BundleStore(base=store_base(settings, folder), cache=cache)
    result_cache = ResultCache(store=store)
    site = Site(folder, result_cache, settings.license_accepted, settings.quality_preset)
    return {
        "catalog": Catalog(config_path=str(path.resolve())),
        "store": store,
        "result_cache": result_cache,
        "downloader": SampleDownloader.from_settings(settings.download),
        "progress": Progress(),
        LEASE: LeasedDevice(device=settings.models.device, gpu_count=settings.gpu_count),
        **resources_for(settings.profile, settings.models, site),
    }


def build_defs(path: Path, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions for a config file.

    Args:
        path: The config file.
        resource_overrides: Resources by key that replace the profile's; tests hand in theirs here.
    """
    settings = load_settings(path)
    chunk = dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.batch.max_partitions_per_run)
    executor = os.environ.get(VARIABLE, "in_process")
    resources = {**resources_of(path), **(resource_overrides or {})}
    assets = [
        *(asset.with_attributes(backfill_policy=chunk, automation_condition=NEW_AD) for asset in PARTITIONED),
        placed_variants.with_attributes(backfill_policy=chunk),
        processing_summary.with_attributes(automation_condition=AFTER_ANY_AD),
        refresh_plan,
        refresh_report,
        *([ad_performance] if settings.performance.results_csv else []),
    ]
    return dg.Definitions(
        assets=[_observed(place(asset, settings, executor), settings) for asset in assets],
        jobs=[ad_variant_job, refresh_job, report_job, regate_ads],
        schedules=[refresh_schedule(settings)],
        sensors=[
            catalog_sensor,
            new_ads_sensor,
            summary_sensor,
            follow_up_sensor,
            relaunch_sensor,
            approval_sensor,
            failure_sensor,
            verdict_sensor,
            failed_verdict_sensor,
        ],
        resources={**resources, "roles": Roles(resources)},
        executor=executor_named(executor, gpu_count=settings.gpu_count),
    )


def _observed(asset: dg.AssetsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """Return the asset with its tags, and with a freshness policy where a night has to renew it."""

    def told(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = freshness_of(spec.key.to_user_string(), settings)
        tagged = spec.merge_attributes(tags={PROFILE: settings.profile})
        return tagged.replace_attributes(freshness_policy=policy) if policy else tagged

    return asset.map_asset_specs(told)


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions Dagster loads; made when they are asked for, never at import."""
    return build_defs(config_path())
