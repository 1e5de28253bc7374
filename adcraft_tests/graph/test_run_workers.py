"""Runs whose process is gone: real processes, killed, and real run records."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import WorkerStatus
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster._daemon.types import DaemonHeartbeat

from adcraft_assets.automation.nights import next_requests
from adcraft_assets.definitions import resources_of
from adcraft_assets.failures import keys_of
from adcraft_assets.refresh_plan import make_plan
from adcraft_assets.refreshes import RefreshPlan
from adcraft_assets.run_workers import PROCESS, is_dead, this_process
from adcraft_assets.settings import parse_settings
from adcraft_assets.staleness import Need, Roles
from adcraft_assets.work_in_hand import keys_at_work

ROOT = Path(__file__).parents[2]
LAUNCHER = yaml.safe_load((ROOT / "postgres" / "dagster.yaml").read_text())["run_launcher"]
HERE = json.dumps({"host": "127.0.0.1", "port": 1})


@pytest.fixture(scope="module")
def instance():
    with instance_for_test({"run_launcher": LAUNCHER}) as instance:
        yield instance


@pytest.fixture
def worker():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def started(instance, pid, **tags):
    run = create_run_for_test(
        instance,
        "make_ad_variants",
        status=dg.DagsterRunStatus.STARTED,
        tags={".dagster/grpc_info": HERE, **tags},
    )
    told = EngineEventData.in_process(pid)
    instance.report_engine_event(f"Started process for run (pid: {pid}).", run, told)
    return run


def test_a_run_is_dead_when_its_process_is(instance, worker):
    run = started(instance, worker.pid)
    assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    worker.kill()
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
    assert is_dead(run, instance)
    worker.wait()
    answer = instance.run_launcher.check_run_worker_health(run)
    assert answer.status == WorkerStatus.FAILED
    assert "killed" in answer.msg


def test_another_process_of_the_same_number_is_not_taken_for_the_runs(instance, worker):
    assert not is_dead(started(instance, worker.pid), instance)
    before = create_run_for_test(instance, "x", tags={".dagster/grpc_info": HERE})
    long_ago = dg.EventLogEntry(
        error_info=None,
        level=20,
        user_message="",
        run_id=before.run_id,
        timestamp=1_000_000.0,
        job_name="x",
        dagster_event=dg.DagsterEvent(
            "ENGINE_EVENT",
            "x",
            message=f"Started process for run (pid: {worker.pid}).",
            event_specific_data=EngineEventData.in_process(worker.pid),
        ),
    )
    instance.event_log_storage.store_event(long_ago)
    assert is_dead(before, instance)


def test_what_can_not_be_known_counts_as_alive(instance, worker):
    gone = started(instance, worker.pid)
    worker.kill()
    worker.wait()
    assert is_dead(gone, instance)
    elsewhere = {".dagster/grpc_info": json.dumps({"host": "code.invalid", "port": 1})}
    assert not is_dead(started(instance, worker.pid, **elsewhere), instance)
    assert not is_dead(create_run_for_test(instance, "x"), instance)
    assert not is_dead(
        create_run_for_test(instance, "x", tags={PROCESS: f"other-host:{worker.pid}"}), instance
    )


def test_a_commands_run_is_dead_when_the_command_was_killed(instance, worker):
    assert not is_dead(create_run_for_test(instance, "x", tags={PROCESS: this_process()}), instance)
    host = this_process().partition(":")[0]
    run = create_run_for_test(instance, "x", tags={PROCESS: f"{host}:{worker.pid}"})
    assert not is_dead(run, instance)
    worker.kill()
    worker.wait()
    assert is_dead(run, instance)


def test_a_plan_does_not_wait_for_the_ads_of_a_dead_run(project, worker):
    project.write(["v0", "v1"])
    resources = resources_of(project.path)
    parts = [resources[name] for name in ("catalog", "store", "downloader")]
    project.instance.add_dynamic_partitions("videos", ["soap__v0", "soap__v1"])
    started(project.instance, worker.pid, **{"dagster/partition": "soap__v0"})
    assert make_plan(project.instance, *parts, Roles(resources), night="n").busy == ("soap__v0",)
    worker.kill()
    worker.wait()
    plan = make_plan(project.instance, *parts, Roles(resources), night="n")
    assert plan.busy == ()
    assert plan.stale == ["soap__v0", "soap__v1"]


@pytest.fixture
def watched():
    """An instance that Dagster's monitoring watches and on which it tries lost runs again."""
    watching = {"run_monitoring": {"enabled": True}, "run_retries": {"enabled": True, "max_retries": 2}}
    with instance_for_test({"run_launcher": LAUNCHER, **watching}) as instance:
        instance.add_dynamic_partitions("videos", ["soap__v0", "soap__v1"])
        yield instance


def beat(instance):
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "MONITORING", "one", None))


def test_the_ads_of_a_run_that_dagster_tries_again_are_at_work_all_the_while(watched, worker):
    tags = {"dagster/partition": "soap__v0"}
    run = started(watched, worker.pid, **tags)
    worker.kill()
    worker.wait()
    assert keys_at_work(watched) == set(), "no daemon will notice"
    beat(watched)
    assert keys_at_work(watched) == {"soap__v0"}, "the daemon will notice its death and try it again"
    watched.report_run_failed(run, "its process is gone")
    assert keys_at_work(watched) == {"soap__v0"}, "the new run is not there yet"
    create_run_for_test(watched, "make_ad_variants", status=dg.DagsterRunStatus.STARTED, tags=tags)
    watched.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": "another"})
    assert keys_at_work(watched) == {"soap__v0"}


@pytest.mark.parametrize("tag", [{"dagster/max_retries": "0"}, {"dagster/retry_number": "2"}])
def test_the_ads_of_a_run_that_nobody_tries_again_are_free(watched, worker, tag):
    run = started(watched, worker.pid, **{"dagster/partition": "soap__v0"}, **tag)
    worker.kill()
    worker.wait()
    beat(watched)
    assert keys_at_work(watched) == set()
    if "dagster/max_retries" in tag:
        watched.report_run_failed(run, "its process is gone")
        assert keys_at_work(watched) == set()


def test_a_night_waits_with_an_ad_that_another_run_has_taken_up(watched, worker):
    needs = (Need("soap__v0", "stale"), Need("soap__v1", "stale"))
    plan = RefreshPlan("night-1", "2026-01-01", "changed", "x", 2, 0, needs)
    settings = parse_settings({"products": [{"id": "soap"}]}, origin="test")
    taken = started(watched, worker.pid, **{"dagster/partition": "soap__v0"})
    (request,) = next_requests(watched, plan, settings)
    assert keys_of(request, watched) == ["soap__v1"]
    started(watched, worker.pid, **{"dagster/partition": "soap__v1"})
    (skip,) = next_requests(watched, plan, settings)
    assert "soap__v0, soap__v1" in skip.skip_message
    watched.report_run_canceled(taken, "over")
    (request,) = next_requests(watched, plan, settings)
    assert keys_of(request, watched) == ["soap__v0"]
