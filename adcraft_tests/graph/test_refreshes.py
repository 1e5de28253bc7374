"""Nights: what a refresh finds, launches, tries again and reports, on real ads and on a toy graph."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import instance_for_test

from adcraft_assets.approvals import approvals_of
from adcraft_assets.automation.nights import follow_up_sensor, next_requests, plan_again
from adcraft_assets.cli import main
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.failures import keys_of
from adcraft_assets.launches import add_partitions, launch_refresh
from adcraft_assets.partitions import ads_of
from adcraft_assets.refresh_plan import make_plan
from adcraft_assets.refreshes import ATTEMPT, REFRESH, RefreshPlan, keep_plan, progress_of
from adcraft_assets.settings import load_settings, parse_settings
from adcraft_assets.staleness import Need, Roles, Surveyor
from adcraft_resources.errors import SourceUnreachable, VideoUnreadable
from adcraft_resources.rotations import rotation_of
from adcraft_resources.store import BundleStore
from adcraft_tests.graph.conftest import Project, write_ad
from adcraft_tests.graph.test_chunks import KEYS, toy_defs


@pytest.fixture(scope="module")
def night_before(ads, tmp_path_factory):
    """Two ads, made."""
    folder = tmp_path_factory.mktemp("night")
    for name in ("v0", "v1"):
        shutil.copy(ads / f"{name}.mp4", folder / f"{name}.mp4")
    with dg.DagsterInstance.ephemeral() as instance:
        assert Project(folder, instance).write(["v0", "v1"]).run().failed == {}
    return folder


@pytest.fixture
def made(night_before, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(night_before, folder)
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(folder, instance).write(["v0", "v1"])
        add_partitions(instance, ["soap__v0", "soap__v1"])
        yield project


def survey(project):
    resources = resources_of(project.path)
    settings, catalog = load_settings(project.path), resources["catalog"]
    approvals = approvals_of(catalog, settings)
    surveyor = Surveyor(resources["store"], settings, Roles(resources), catalog.results_folder(), approvals)
    return {key: surveyor.need_of(ad) for key, ad in ads_of(settings).items()}


def refresh(project):
    resources = resources_of(project.path)
    defs = build_defs(project.path)
    return launch_refresh(defs, project.instance, resources["store"], resources["catalog"])


def test_a_night_with_nothing_to_do_launches_nothing_and_reports(made):
    before = {path for path in made.stamps() if not path.startswith(("refresh", "source_states"))}
    report = refresh(made)
    assert (report["checked"], report["needed_nothing"], report["made"], report["runs"]) == (2, 2, [], [])
    after = {path for path in made.stamps() if not path.startswith(("refresh", "source_states"))}
    assert after == before
    assert "2 of 2 needed nothing" in (made.folder / "results" / "refresh_report.md").read_text()


@pytest.mark.parametrize(
    ("changes", "stage", "word"),
    [
        ({"styles": {"generic": ["film-warm", "kitchen-ugc"]}}, "styled_variants", "plans"),
        ({"variants_per_video": 1}, "hooks", "count"),
        ({"rank_by": "ssim"}, "ranked_outputs", "rank_by"),
        ({"first_frame_optimizer": False}, "styled_variants", "plans"),
    ],
)
def test_an_edit_of_the_config_makes_the_right_stage_stale(made, changes, stage, word):
    needs = survey(made.write(["v0", "v1"], **changes))
    assert {need.stage for need in needs.values()} == {stage}
    assert all(need.state == "stale" and word in need.why for need in needs.values())


def test_what_the_survey_calls_stale_is_what_a_run_makes_anew(made):
    made.write(["v0", "v1"], rank_by="ssim")
    assert {need.stage for need in survey(made).values()} == {"ranked_outputs"}
    before = made.stamps()
    made.run()
    new = {path.split("/")[0] for path in made.stamps().keys() - before.keys()}
    assert new <= {"ranked_outputs", "delivered"}
    assert "ranked_outputs" in new
    assert {need.state for need in survey(made).values()} == {"fresh"}


def test_a_changed_threshold_holds_an_ad_and_makes_nothing(made):
    made.write(["v0", "v1"], gates={"scene_ssim_p5": 1.0})
    assert {need.state for need in survey(made).values()} == {"held"}
    report = refresh(made)
    assert set(report["held"]) == {"soap__v0", "soap__v1"}
    assert "likeness to the source" in report["held"]["soap__v0"]["why"]
    assert report["runs"] == []


def test_only_the_ad_whose_source_changed_is_made_again(made):
    write_ad(made.folder / "v1.mp4", seed=41)
    before = made.stamps()
    report = refresh(made)
    assert report["made"] == ["soap__v1"]
    assert report["why"] == {"soap__v1": "the source changed"}
    new = {path for path in made.stamps().keys() - before.keys() if path.split("/")[1].startswith("soap")}
    assert {path.split("/")[1] for path in new} == {"soap__v1"}
    (run_id,) = report["runs"]
    assert keys_of(made.instance.get_run_by_id(run_id), made.instance) == ["soap__v1"]
    assert refresh(made)["made"] == []


def test_a_source_that_vanished_is_reported_and_what_was_made_of_it_stays(made):
    (made.folder / "v1.mp4").unlink()
    report = refresh(made)
    assert set(report["failed"]) == {"soap__v1"}
    assert "v1.mp4" in report["failed"]["soap__v1"]["why"]
    assert list((made.folder / "results" / "soap" / "v1").glob("*.mp4"))


def test_deleted_results_are_seen_and_restored(made):
    shutil.rmtree(made.folder / "results" / "soap" / "v0")
    report = refresh(made)
    assert report["made"] == ["soap__v0"]
    assert len(list((made.folder / "results" / "soap" / "v0").glob("*.mp4"))) == 2


def test_a_rotation_replaces_one_variant_keeps_the_others_and_the_old_generation(made):
    made.write(["v0"], refresh={"mode": "rotate", "rotate": 1})
    store = resources_of(made.path)["store"]
    old = store.current("styled_variants", "soap__v0")
    before = made.stamps()
    report = refresh(made)
    assert report["made"] == ["soap__v0"]
    rotation = rotation_of(store, "soap__v0")
    assert rotation.turn == 1
    (kept,), (retired,) = [plan["id"] for plan in rotation.kept], rotation.retired
    new = store.current("styled_variants", "soap__v0").manifest["variants"]
    assert new[kept] == old.manifest["variants"][kept]
    assert retired not in new
    rendered = [path for path in made.stamps().keys() - before.keys() if path.startswith("variants/")]
    assert len(rendered) == len(new) - 1
    assert store.find("styled_variants", "soap__v0", old.digest) is not None
    assert {need.state for need in survey(made).values()} == {"fresh"}


def test_a_night_planned_twice_turns_once(made):
    made.write(["v0"], refresh={"mode": "rotate"})
    resources = resources_of(made.path)
    parts = (
        made.instance,
        resources["catalog"],
        resources["store"],
        resources["downloader"],
        Roles(resources),
    )
    first = make_plan(*parts, night="2026-01-01")
    again = make_plan(*parts, night="2026-01-01")
    assert "rotated" in first.needs[0].why
    assert rotation_of(resources["store"], "soap__v0").turn == 1
    assert again.stale == ["soap__v0"]  # the turn is due, though nobody turned twice


def test_the_command_says_what_a_refresh_would_make_and_changes_nothing(made, monkeypatch, capfd):
    (made.folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(made.folder))
    monkeypatch.chdir(made.folder)
    made.write(["v0", "v1"], rank_by="ssim", refresh={"mode": "rotate"})
    before = made.stamps()
    assert main(["refresh", "--dry-run"]) == 0
    told = capfd.readouterr()
    assert "stale soap__v0 ranked_outputs" in told.out
    assert "2 would be made" in told.err
    assert made.stamps() == before


# A toy graph of two stages, for what runs lead to.


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


def test_the_schedule_waits_for_the_refresh_before(made):
    schedule = build_defs(made.write(["v0"], refresh={"cron": "30 1 * * *", "timezone": "Asia/Kolkata"}).path)
    schedule = schedule.resolve_schedule_def("ad_variant_refresh")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 1 * * *", "Asia/Kolkata")

    def tick(instance):
        when = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=when)
        return schedule.evaluate_tick(context)

    with instance_for_test() as instance:
        (request,) = tick(instance).run_requests
        assert request.tags["adcraft/night"] == "2026-03-05"  # where the team is
        job = build_defs(made.path).resolve_job_def("ad_variant_refresh")
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert "not over" in tick(instance).skip_message


def test_a_planning_run_that_broke_off_is_started_again_within_limits(made):
    resources, instance = resources_of(made.path), made.instance
    job = build_defs(made.path).resolve_job_def("ad_variant_refresh")
    plan_before = RefreshPlan("n", "2026-01-01", "changed", "2026-01-01T00:00:00+00:00", 0, 0, ())

    def follow_up():
        parts = {"catalog": resources["catalog"], "store": resources["store"]}
        context = dg.build_sensor_context(instance=instance, resources=parts)
        return [one for one in follow_up_sensor(context) if getattr(one, "job_name", "") == job.name]

    keep_plan(resources["store"], plan_before)
    tags = {"adcraft/night": "2026-02-03"}
    for attempt in (1, 2, 3):
        run = instance.create_run_for_job(job, tags={**job.run_tags, **tags})
        assert run.tags["dagster/max_retries"] == "0"
        assert follow_up() == []
        instance.report_run_failed(run, "its code server went away")
        requests = follow_up()
        assert len(requests) == (1 if attempt <= 2 else 0)  # refresh.retries is 2
        tags = dict(requests[0].tags) if requests else tags
        assert tags["adcraft/night"] == "2026-02-03"
    keep_plan(resources["store"], replace(plan_before, made_at=datetime.now(UTC).isoformat()))
    run = instance.create_run_for_job(job)
    instance.report_run_canceled(run, "by a person")
    assert follow_up() == []


def test_a_planning_run_that_failed_after_its_plan_is_not_started_again(made):
    job = build_defs(made.path).resolve_job_def("ad_variant_refresh")
    run = made.instance.create_run_for_job(job)
    made_at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    made.instance.report_run_failed(run, "killed")
    assert plan_again(made.instance, None, 2) is not None
    assert plan_again(made.instance, RefreshPlan("n", "x", "changed", made_at, 0, 0, ()), 2) is None


def test_the_follow_up_has_nothing_to_do_before_the_first_night(made):
    resources = resources_of(made.path)
    context = dg.build_sensor_context(
        instance=made.instance, resources={"catalog": resources["catalog"], "store": resources["store"]}
    )
    (skip,) = list(follow_up_sensor(context))
    assert "no refresh yet" in skip.skip_message
    keep_plan(resources["store"], RefreshPlan("n", "2026-01-01", "changed", "x", 0, 0, ()))
    context = dg.build_sensor_context(
        instance=made.instance, resources={"catalog": resources["catalog"], "store": resources["store"]}
    )
    (request,) = list(follow_up_sensor(context))
    assert request.job_name == "ad_variant_refresh_report"


@pytest.mark.parametrize(
    ("section", "words"), [({"cron": "at two"}, "no cron line"), ({"timezone": "Mars/Base"}, "no time zone")]
)
def test_a_wrong_schedule_is_refused_by_name(section, words):
    from adcraft_resources.errors import ConfigInvalid

    with pytest.raises(ConfigInvalid, match=words):
        parse_settings(json.loads(json.dumps({"products": [{"id": "a"}], "refresh": section})), origin="c")
