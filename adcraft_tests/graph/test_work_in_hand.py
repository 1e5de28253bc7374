"""No two of those that start runs take up one ad: real runs, backfills, sensors' states and daemons' heartbeats."""

import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._config import validate_config
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.test_utils import create_run_for_test, instance_for_test
from dagster._daemon.daemon import SensorDaemon
from dagster._daemon.types import DaemonHeartbeat

from adcraft_assets import work_in_hand
from adcraft_assets.automation.jobs import PARTITIONED
from adcraft_assets.commands import backfill
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.failures import RELAUNCH_OF, range_tags
from adcraft_assets.refresh_plan import make_plan
from adcraft_assets.settings import load_settings
from adcraft_assets.staleness import Roles
from adcraft_assets.work_in_hand import NEW_ADS, RELAUNCHING, keys_at_work
from adcraft_tests.graph.conftest import Project
from adcraft_tests.k8s.chart_values import Values, instance_of

ROOT = Path(__file__).parents[2]

KEYS = ["soap__v0", "soap__v1", "soap__v2"]


@pytest.fixture
def project(tmp_path, ads):
    for path in ads.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with instance_for_test() as instance:
        instance.add_dynamic_partitions("videos", KEYS)
        yield Project(tmp_path, instance).write(["v0", "v1", "v2"])


def switch(instance, name, status):
    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("adcraft"), "__repository__")
    state = InstigatorState(
        RemoteInstigatorOrigin(place, name), InstigatorType.SENSOR, status, SensorInstigatorData()
    )
    instance.add_instigator_state(state)


def failed_range(project, **tags):
    """A run over all three ads that fails as the second's source is gone; the others' are there."""
    (project.folder / "v1.mp4").unlink(missing_ok=True)
    job = build_defs(project.path).resolve_job_def("make_ad_variants")
    return job.execute_in_process(
        instance=project.instance,
        tags={**range_tags(KEYS), **tags},
        asset_selection=[dg.AssetKey("source_video")],
        raise_on_error=False,
    )


def test_the_ads_a_backfill_has_not_started_are_at_work(project):
    instance = project.instance
    defs, settings = build_defs(project.path), load_settings(project.path)
    handed = backfill.hand_over(defs, instance, KEYS[:2], PARTITIONED, settings, "soap")
    assert keys_at_work(instance) == set(KEYS[:2])
    asked = instance.get_backfill(handed)
    begun = asked.asset_backfill_data.replace_requested_subset(asked.asset_backfill_data.target_subset)
    instance.update_backfill(asked.with_asset_backfill_data(begun, instance, defs.resolve_asset_graph()))
    assert keys_at_work(instance) == set(), "from now on its runs count"
    instance.update_backfill(asked.with_status(BulkActionStatus.CANCELED))
    assert keys_at_work(instance) == set()


def test_the_good_ads_of_a_failed_run_are_at_work_until_they_are_started_again(project):
    instance, run = project.instance, failed_range(project)
    assert keys_at_work(instance) == {"soap__v0", "soap__v2"}
    assert keys_at_work(instance, apart_from=run.run_id) == set()
    tags = {RELAUNCH_OF: run.run_id, "dagster/partition": "soap__v2"}
    create_run_for_test(instance, "make_ad_variants", status=dg.DagsterRunStatus.SUCCESS, tags=tags)
    assert keys_at_work(instance) == set()


@pytest.mark.parametrize("tag", [{"adcraft/launcher": "cli"}, {"adcraft/refresh": "night-1"}])
def test_who_goes_on_with_good_ads_by_itself_leaves_none(project, tag):
    failed_range(project, **tag)
    assert keys_at_work(project.instance) == set()


def test_nobody_waits_for_a_sensor_that_a_person_switched_off(project):
    failed_range(project)
    switch(project.instance, RELAUNCHING, InstigatorStatus.STOPPED)
    assert keys_at_work(project.instance) == set()


def test_a_waiting_command_gives_up_on_a_relaunch_that_does_not_come(project, monkeypatch):
    run = failed_range(project).dagster_run
    assert backfill._awaits_relaunch(project.instance, [run])
    monkeypatch.setattr(work_in_hand, "RELAUNCH_COMES", timedelta(0))
    assert not backfill._awaits_relaunch(project.instance, [run])


def plan_of(project):
    resources = resources_of(project.path)
    parts = [resources[name] for name in ("catalog", "store", "downloader")]
    return make_plan(project.instance, *parts, Roles(resources), night="n")


def test_a_night_leaves_ads_that_were_never_tried_to_the_sensor_of_new_ads(project):
    instance = project.instance
    assert plan_of(project).stale == KEYS, "no daemon runs that sensor"
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "ASSET", "one", None))
    plan = plan_of(project)
    assert (plan.stale, plan.busy) == ([], tuple(KEYS))
    failed_range(project, **{"adcraft/launcher": "cli"})
    plan = plan_of(project)
    assert plan.busy == (), "what was tried is not asked for again by that sensor"
    assert plan.stale == KEYS


def test_a_night_makes_new_ads_where_a_person_starts_them_by_hand(project):
    project.instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "ASSET", "one", None))
    switch(project.instance, NEW_ADS, InstigatorStatus.STOPPED)
    assert plan_of(project).stale == KEYS


@pytest.mark.parametrize("home", [ROOT, ROOT / "postgres"])
def test_the_shipped_instances_let_one_sensor_start_its_runs_before_the_next_asks(home, monkeypatch):
    for name in ("HOST", "PORT", "USER", "PASSWORD", "DB"):
        monkeypatch.setenv(f"ADCRAFT_PG_{name}", "1")
    monkeypatch.setenv("ADCRAFT_STATE", "state")
    told = yaml.safe_load((home / "dagster.yaml").read_text())
    checked = validate_config(dagster_instance_config_schema(), told)
    assert checked.success, checked.errors
    assert not (told.get("sensors") or {}).get("use_threads")
    assert SensorDaemon(told.get("sensors") or {})._threadpool_executor is None


def test_the_cluster_lets_one_sensor_start_its_runs_before_the_next_asks():
    values = Values.model_validate(yaml.safe_load((ROOT / "k8s" / "values.yaml").read_text()))
    assert instance_of(values)["sensors"] == {"use_threads": False}
