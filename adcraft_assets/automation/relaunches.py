"""What becomes of the good keys of a failed run: they are started again without the bad ones.

Belongs here: the sensor. Does not: refreshes, which follow up their own runs (nights).
"""

from collections.abc import Iterator

import dagster as dg

from adcraft_assets.automation.jobs import ad_variant_job
from adcraft_assets.failures import RELAUNCH_OF, range_tags
from adcraft_assets.partitions import chunks_of, video_partitions
from adcraft_assets.work_in_hand import RELAUNCHING, keys_at_work, keys_to_relaunch

NAME = str(video_partitions.name)
CARRIED = ("adcraft/product", "adcraft/profile", "adcraft/because", "adcraft/backfill")


@dg.run_failure_sensor(
    name=RELAUNCHING,
    request_job=ad_variant_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="When some videos of a run fail, starts the others again without them; finished stages are reused.",
)
def relaunch_sensor(context: dg.RunFailureSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Launch the good keys of a failed range run again, without the bad ones."""
    run, instance = context.dagster_run, context.instance
    taken = keys_at_work(instance, apart_from=run.run_id)
    good = [key for key in keys_to_relaunch(run, instance) if key not in taken]
    if not good:
        yield dg.SkipReason("No keys to start again.")
        return
    inserted = instance.get_dynamic_partitions(NAME)
    carried = {name: value for name, value in run.tags.items() if name in CARRIED}
    for chunk in chunks_of(good, inserted, len(good)):
        yield dg.RunRequest(
            run_key=f"{run.run_id}:{chunk[0]}",
            job_name=ad_variant_job.name,
            asset_selection=sorted(run.asset_selection) if run.asset_selection else None,
            tags={**carried, **range_tags(chunk), RELAUNCH_OF: run.run_id},
        )
