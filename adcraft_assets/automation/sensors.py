"""Sensors: what arrives or happens, and what is done about it.

Belongs here: keeping partitions in step with config.json, and starting the good keys of a failed run again.
Does not: making anything.
"""

from collections.abc import Iterator

import dagster as dg

from adcraft_assets.automation.failures import (
    RELAUNCH_OF,
    bad_keys_of,
    failed_checks_of,
    keys_of,
    range_tags,
)
from adcraft_assets.automation.jobs import ad_variant_job
from adcraft_assets.partitions import Catalog, ads_of, chunks_of, video_partitions
from adcraft_resources.errors import ConfigInvalid

NAME = str(video_partitions.name)


@dg.sensor(
    name="config_to_partitions",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition for each new video of config.json. A broken file changes nothing; a removed or "
    "disabled video keeps its partition and data.",
)
def catalog_sensor(context: dg.SensorEvaluationContext, catalog: Catalog) -> dg.SensorResult | dg.SkipReason:
    """Add partitions for new videos of the config."""
    try:
        wanted = ads_of(catalog.settings())
    except ConfigInvalid as error:
        return dg.SkipReason(f"Nothing changed, because the config can't be read. {error}")
    new = missing_partitions(context.instance, list(wanted))
    if not new:
        return dg.SkipReason("Every video of the config has its partition.")
    return dg.SensorResult(dynamic_partitions_requests=[video_partitions.build_add_request(new)])


def missing_partitions(instance: dg.DagsterInstance, keys: list[str]) -> list[str]:
    """Return the keys without a partition, in the order given."""
    present = set(instance.get_dynamic_partitions(NAME))
    return [key for key in keys if key not in present]


@dg.run_failure_sensor(
    name="relaunch_good_keys",
    request_job=ad_variant_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="When some videos of a run fail, starts the others again without them; finished stages are reused.",
)
def relaunch_sensor(context: dg.RunFailureSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Launch the good keys of a failed range run again, without the bad ones."""
    run, instance = context.dagster_run, context.instance
    keys = keys_of(run, instance)
    bad = {**bad_keys_of(run.run_id, instance), **failed_checks_of(run.run_id, instance)}
    good = [key for key in keys if key not in bad]
    if not bad or not good or "adcraft/launcher" in run.tags:
        yield dg.SkipReason("No keys to start again.")
        return
    inserted = instance.get_dynamic_partitions(NAME)
    for chunk in chunks_of(good, inserted, len(good)):
        yield dg.RunRequest(
            run_key=f"{run.run_id}:{chunk[0]}",
            job_name=ad_variant_job.name,
            asset_selection=sorted(run.asset_selection) if run.asset_selection else None,
            tags={**range_tags(chunk), RELAUNCH_OF: run.run_id},
        )
