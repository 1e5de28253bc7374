"""What is being made, or will be without anybody's asking: so that no two of those that start runs make one ad twice.

New ads, returned ads, nights, relaunches and backfills start runs, each on its own; each asks here first. Belongs
here: the keys that others have in hand. Does not: whether a run's process lives (run_workers), starting runs.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._daemon.controller import get_daemon_statuses

from adcraft_assets.failures import REFRESH, RELAUNCH_OF, bad_keys_of, failed_checks_of, keys_of
from adcraft_assets.partitions import video_partitions
from adcraft_assets.run_workers import runs_at_work

LAUNCHER = "adcraft/launcher"
"""Run tag of runs whose launcher goes on with the good keys itself."""
RELAUNCHING, NEW_ADS = "relaunch_good_keys", "make_new_ads"
RELAUNCH_COMES = timedelta(minutes=5)
"""A failed run whose good keys are not started again by then is not waited for."""


def keys_at_work(instance: dg.DagsterInstance, *, apart_from: str = "") -> set[str]:
    """Return the keys that runs are making, or that will be made without anybody's asking.

    Args:
        instance: Where runs and backfills are.
        apart_from: Id of a failed run whose good keys don't count, for those who start them again.
    """
    inserted = instance.get_dynamic_partitions(str(video_partitions.name))
    return {
        *(key for run in runs_at_work(instance) for key in keys_of(run, instance, inserted)),
        *_keys_backfills_will_start(instance),
        *(
            key
            for run_id, keys in relaunches_to_come(instance, inserted).items()
            for key in keys
            if run_id != apart_from
        ),
    }


def relaunches_to_come(instance: dg.DagsterInstance, inserted: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return the failed runs whose good keys the sensor is about to start again, by id, with those keys."""
    since = datetime.now(UTC) - RELAUNCH_COMES
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since))
    if not failed or _is_off(instance, RELAUNCHING):
        return {}
    left = {run.run_id: keys_to_relaunch(run, instance, inserted) for run in failed}
    return {
        run_id: keys
        for run_id, keys in left.items()
        if keys and not instance.get_runs(dg.RunsFilter(tags={RELAUNCH_OF: run_id}), limit=1)
    }


def keys_to_relaunch(
    run: dg.DagsterRun, instance: dg.DagsterInstance, inserted: Sequence[str] = ()
) -> list[str]:
    """Return the good keys of a failed run that others than a night or a command have to start again."""
    if LAUNCHER in run.tags or REFRESH in run.tags:
        return []
    bad = {**bad_keys_of(run.run_id, instance), **failed_checks_of(run.run_id, instance)}
    return [key for key in keys_of(run, instance, inserted) if key not in bad] if bad else []


def keys_left_to_automation(instance: dg.DagsterInstance, keys: Iterable[str]) -> set[str]:
    """Return those of the keys that were never tried, where the sensor of new ads asks for them within a minute."""
    keys = list(keys)
    if not keys or instance.is_ephemeral or _is_off(instance, NEW_ADS):
        return set()
    if get_daemon_statuses(instance, ["ASSET"])["ASSET"].healthy is not True:
        return set()
    tried = instance.get_status_by_partition(dg.AssetKey("source_video"), keys, video_partitions) or {}
    return {key for key in keys if tried.get(key) is None}


def _keys_backfills_will_start(instance: dg.DagsterInstance) -> Iterator[str]:
    """Yield the keys of backfills that have no run yet: the daemon starts a few chunks at a time."""
    asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    for backfill in instance.get_backfills(filters=asked):
        yield from _unstarted(backfill)


def _unstarted(backfill: PartitionBackfill) -> set[str]:
    data = backfill.asset_backfill_data
    if data is None:
        return set(backfill.partition_names or ())
    started = data.requested_subset | data.failed_and_downstream_subset | data.materialized_subset
    return _keys_in(data.target_subset - started)


def _keys_in(subset: AssetGraphSubset) -> set[str]:
    return {
        key for keys in subset.partitions_subsets_by_asset_key.values() for key in keys.get_partition_keys()
    }


def _is_off(instance: dg.DagsterInstance, sensor: str) -> bool:
    """Return whether a person switched a sensor off that runs by default; without a daemon nobody can."""
    if instance.schedule_storage is None:
        return False
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    told = {state.status for state in states if state.instigator_name == sensor}
    return told == {InstigatorStatus.STOPPED}
