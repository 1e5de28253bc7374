"""What went wrong in a run, read from its events, and what may go on without it.

Belongs here: keys, reasons and the next ranges. Does not: launching them.
"""

from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from adcraft_assets.chunks import BAD_PARTITIONS
from adcraft_assets.partitions import video_partitions

RELAUNCH_OF = "adcraft/relaunch_of"


def keys_of(run: dg.DagsterRun, instance: dg.DagsterInstance) -> list[str]:
    """Return the partition keys a run covers, in insertion order; empty when it has none."""
    single = run.tags.get("dagster/partition")
    if single:
        return [single]
    start, end = run.tags.get(ASSET_PARTITION_RANGE_START_TAG), run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    if start is None or end is None:
        return []
    inserted = list(instance.get_dynamic_partitions(str(video_partitions.name)))
    if start not in inserted or end not in inserted:
        return []
    return inserted[inserted.index(start) : inserted.index(end) + 1]


def bad_keys_of(run_id: str, instance: dg.DagsterInstance) -> dict[str, str]:
    """Return the keys the run's failed steps name, with their reasons."""
    bad: dict[str, str] = {}
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    for record in records:
        event = record.event_log_entry.dagster_event
        data = event.step_failure_data.user_failure_data if event else None
        named = data.metadata.get(BAD_PARTITIONS) if data else None
        if named is not None and isinstance(named.value, dict):
            bad.update({str(key): str(reason) for key, reason in named.value.items()})
    return bad


def failed_checks_of(run_id: str, instance: dg.DagsterInstance) -> dict[str, str]:
    """Return partition → reason of the blocking gates that failed in the run."""
    failed: dict[str, str] = {}
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed and evaluation.partition:
            failed[evaluation.partition] = f"{evaluation.check_name} is not true: {evaluation.description}"
    return failed


def range_tags(chunk: Sequence[str]) -> dict[str, str]:
    """Return the run tags that make a run cover a chunk of keys contiguous in insertion order."""
    return {ASSET_PARTITION_RANGE_START_TAG: chunk[0], ASSET_PARTITION_RANGE_END_TAG: chunk[-1]}
