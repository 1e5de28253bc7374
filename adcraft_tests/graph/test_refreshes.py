"""Nights: what a refresh finds, launches, tries again and reports, on real ads."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import instance_for_test

from adcraft_assets.approvals import approvals_of
from adcraft_assets.automation.nights import follow_up_sensor, plan_again
from adcraft_assets.cli import main
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.failures import keys_of
from adcraft_assets.launches import add_partitions, launch_refresh
from adcraft_assets.partitions import ads_of
from adcraft_assets.refresh_plan import make_plan
from adcraft_assets.refreshes import RefreshPlan, keep_plan
from adcraft_assets.settings import load_settings, parse_settings
from adcraft_assets.staleness import Roles, Surveyor
from adcraft_resources.rotations import rotation_of
from adcraft_tests.graph.conftest import Project, write_ad


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
