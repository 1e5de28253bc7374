"""What the runs of a refresh lead to, on a toy graph of two stages: made, failed, held, tried again."""

import dagster as dg
import pytest

from adcraft_assets.automation.nights import next_requests
from adcraft_assets.failures import keys_of
from adcraft_assets.refreshes import ATTEMPT, REFRESH, RefreshPlan, progress_of
from adcraft_assets.settings import parse_settings
from adcraft_assets.staleness import Need
from adcraft_resources.errors import SourceUnreachable, VideoUnreadable
from adcraft_resources.store import BundleStore
from adcraft_tests.graph.test_chunks import KEYS, toy_defs


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("videos", KEYS)
        yield instance


def play(instance, tmp_path, faults, retries=2, gate_fails=(), crash=()):
    """Drive a refresh of eight keys with real runs until it is over; return where it stands and the runs."""
    store = BundleStore(base=str(tmp_path))
    defs = toy_defs(store, faults, [], gate_fails)
    needs = tuple(Need(key, "stale", "first", "new") for key in KEYS)
    plan = RefreshPlan("night-1", "2026-01-01", "changed", "2026-01-01T00:00:00", 8, 0, needs)
    settings = parse_settings({"products": [{"id": "p"}], "refresh": {"retries": retries}}, origin="test")
    job = defs.resolve_implicit_global_asset_job_def()
    for _ in range(12):
        progress = progress_of(instance, plan, retries)
        if progress.is_over:
            return progress
        for request in next_requests(instance, plan, settings):
            job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)
    raise AssertionError("the refresh does not end")


def test_every_key_of_a_refresh_ends_as_made_failed_or_held(instance, tmp_path):
    faults = {"second": {KEYS[1]: VideoUnreadable("v1 is broken.", remedy="Mend it.")}}
    progress = play(instance, tmp_path, faults, gate_fails={KEYS[5]})
    assert set(progress.made) == set(KEYS) - {KEYS[1], KEYS[5]}
    assert progress.failed[KEYS[1]].stage == "second"
    assert "Mend it" in progress.failed[KEYS[1]].reason


def test_a_passing_fault_is_tried_again_within_limits(instance, tmp_path):
    faults = {"first": {KEYS[2]: SourceUnreachable("no answer")}}
    progress = play(instance, tmp_path, faults, retries=1)
    assert set(progress.made) == set(KEYS) - {KEYS[2]}
    assert progress.failed[KEYS[2]].transient
    runs = [run for run in instance.get_runs() if KEYS[2] in keys_of(run, instance)]
    assert len(runs) == 2


def test_a_permanent_fault_is_not_tried_again(instance, tmp_path):
    progress = play(instance, tmp_path, {"first": {KEYS[0]: VideoUnreadable("broken")}})
    runs = [run for run in instance.get_runs() if KEYS[0] in keys_of(run, instance)]
    assert len(runs) == 1
    assert progress.attempts == 2


def test_a_run_that_broke_off_counts_as_a_try_of_all_its_keys(instance, tmp_path):
    plan = RefreshPlan(
        "n", "2026-01-01", "changed", "x", 2, 0, (Need(KEYS[0], "stale"), Need(KEYS[1], "stale"))
    )
    job = toy_defs(BundleStore(base=str(tmp_path)), {}, []).resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[1]}
    for attempt in (1, 2):
        run = instance.create_run_for_job(job, tags={**tags, REFRESH: plan.id, ATTEMPT: str(attempt)})
        assert progress_of(instance, plan, 1).waiting == [KEYS[0], KEYS[1]]
        instance.report_run_failed(run, "killed")
        progress = progress_of(instance, plan, 1)
        assert progress.ready == ([KEYS[0], KEYS[1]] if attempt == 1 else [])
    assert set(progress.failed) == {KEYS[0], KEYS[1]}
    assert "broke off" in progress.failed[KEYS[0]].reason
