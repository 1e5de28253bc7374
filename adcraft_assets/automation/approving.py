"""Letting approved variants out: when approvals.json changes, the ads it names are exported.

Belongs here: the sensor. Does not: approvals themselves.
"""

import json
from collections.abc import Iterator

import dagster as dg

from adcraft_assets.approvals import approvals_path, read_approvals
from adcraft_assets.automation.jobs import ad_variant_job
from adcraft_assets.failures import range_tags
from adcraft_assets.partitions import Catalog, ads_of, chunks_of, tags_of, video_partitions
from adcraft_resources.errors import AdcraftError
from adcraft_resources.store import BundleStore, digest_of


@dg.sensor(
    name="approvals_to_results",
    job=ad_variant_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Exports the variants that approvals.json (or adcraft approve) lets out.",
)
def approval_sensor(
    context: dg.SensorEvaluationContext, catalog: Catalog, store: BundleStore
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Export the ads whose approval changed."""
    try:
        settings, entries = catalog.settings(), read_approvals(approvals_path(catalog))
    except AdcraftError as error:
        yield dg.SkipReason(f"Nothing exported. {error}")
        return
    if settings.approval != "required":
        yield dg.SkipReason("approval is off in config.json: every variant goes out at once.")
        return
    seen, known = json.loads(context.cursor or "{}"), ads_of(settings)
    now = {key: digest_of(entry) for key, entry in entries.items()}
    differing = [key for key, mark in now.items() if seen.get(key) != mark and key in known]
    changed = [key for key in differing if store.current_digest("ranked_outputs", key)]
    inserted = context.instance.get_dynamic_partitions(str(video_partitions.name))
    for chunk in chunks_of(changed, inserted, settings.batch.max_partitions_per_run):
        yield dg.RunRequest(
            run_key=digest_of([[key, now[key]] for key in chunk]),
            asset_selection=[dg.AssetKey("ranked_outputs")],
            tags={**range_tags(chunk), **tags_of(chunk, settings.profile), "adcraft/because": "approved"},
        )
    if not changed:
        yield dg.SkipReason("No approval changed.")
    context.update_cursor(json.dumps(now))
