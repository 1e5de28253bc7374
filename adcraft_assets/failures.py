"""What a run covered and what went wrong in it, read from its tags and events.

Belongs here: keys, reasons and the tags of ranges. Does not: launching anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from adcraft_assets.chunks import BAD_PARTITIONS, TRANSIENT_PARTITIONS
from adcraft_assets.partitions import video_partitions

RELAUNCH_OF = "adcraft/relaunch_of"
REFRESH = "adcraft/refresh"
"""Run tag: the id of the plan a run belongs to."""


def keys_of(run: dg.DagsterRun, instance: dg.DagsterInstance, inserted: Sequence[str] = ()) -> list[str]:
    """Return the partition keys a run covers, in insertion order; empty when it has none.

    Args:
        run: The run.
        instance: Asked for the order of insertion, unless it is given.
        inserted: All keys in that order, for callers that ask of many runs.
    """
    single = run.tags.get("dagster/partition")
    if single:
        return [single]
    start, end = run.tags.get(ASSET_PARTITION_RANGE_START_TAG), run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    if start is None or end is None:
        return []
    inserted = list(inserted) or list(instance.get_dynamic_partitions(str(video_partitions.name)))
    if start not in inserted or end not in inserted:
        return []
    return inserted[inserted.index(start) : inserted.index(end) + 1]


@dataclass(frozen=True)
class Fault:
    """Why a key failed in a run, at which stage, and whether trying again can help."""

    stage: str
    reason: str
    transient: bool
    is_gate: bool = False


def bad_keys_of(run_id: str, instance: dg.DagsterInstance) -> dict[str, str]:
    """Return the keys the run's failed steps name, with their reasons."""
    return {key: fault.reason for key, fault in faults_of(run_id, instance).items()}


def faults_of(run_id: str, instance: dg.DagsterInstance) -> dict[str, Fault]:
    """Return the keys the run's failed steps name, with what is known of each fault."""
    bad: dict[str, Fault] = {}
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    for record in records:
        event = record.event_log_entry.dagster_event
        data = event.step_failure_data.user_failure_data if event else None
        named = data.metadata.get(BAD_PARTITIONS) if data else None
        if event is None or data is None or named is None or not isinstance(named.value, dict):
            continue
        passing = data.metadata.get(TRANSIENT_PARTITIONS)
        transient = passing.value if passing is not None and isinstance(passing.value, list) else []
        for key, reason in named.value.items():
            bad[str(key)] = Fault(str(event.step_key), str(reason), key in transient)
    return bad


def failed_checks_of(run_id: str, instance: dg.DagsterInstance) -> dict[str, str]:
    """Return partition → reason of the blocking gates that failed in the run."""
    return {key: fault.reason for key, fault in gate_faults_of(run_id, instance).items()}


def gate_faults_of(run_id: str, instance: dg.DagsterInstance) -> dict[str, Fault]:
    """Return what the blocking gates of the run say of the partitions that failed them."""
    failed: dict[str, Fault] = {}
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        told = event.asset_check_evaluation_data
        if not told.passed and told.blocking and told.partition:
            reason = f"{told.check_name} is not true: {told.description}"
            stage = told.asset_key.to_user_string()
            failed[told.partition] = Fault(stage, reason, transient=False, is_gate=True)
    return failed


def range_tags(chunk: Sequence[str]) -> dict[str, str]:
    """Return the run tags that make a run cover a chunk of keys contiguous in insertion order."""
    return {ASSET_PARTITION_RANGE_START_TAG: chunk[0], ASSET_PARTITION_RANGE_END_TAG: chunk[-1]}
