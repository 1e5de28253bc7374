"""What a person sees of a run and an asset: freshness, tags, seconds and cost, and words of a failure."""

import json
from datetime import timedelta

import dagster as dg
import pytest

from adcraft_assets.automation.freshness import longest_wait
from adcraft_assets.definitions import build_defs


def policies(tmp_path, **refresh):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"products": [{"id": "soap"}], "refresh": refresh}))
    specs = build_defs(path).resolve_all_asset_specs()
    assert all(spec.tags["adcraft/profile"] == "embedded" for spec in specs)
    found = {spec.key.to_user_string(): spec.freshness_policy for spec in specs}
    return {name: policy for name, policy in found.items() if policy is not None}


@pytest.mark.parametrize(
    ("refresh", "names"),
    [
        ({}, {"refresh_plan", "refresh_report"}),
        ({"mode": "rotate"}, {"refresh_plan", "refresh_report", "styled_variants", "ranked_outputs"}),
    ],
)
def test_what_a_night_renews_is_overdue_some_hours_after_the_next_one(tmp_path, refresh, names):
    found = policies(tmp_path, **refresh)
    assert found.keys() == names
    policy = found["refresh_report"]
    assert policy.warn_window.to_timedelta() == timedelta(days=1, hours=3)
    assert policy.fail_window.to_timedelta() == timedelta(days=1, hours=9)


@pytest.mark.parametrize(("cron", "days"), [("0 2 * * *", 1), ("0 2 * * 1-5", 3), ("0 2 1 * *", 31)])
def test_a_night_without_a_refresh_is_not_overdue(cron, days):
    assert longest_wait(cron, "Asia/Kolkata") == timedelta(days=days)


def test_a_run_is_found_by_profile_product_and_video_whoever_launched_it(project):
    outcome = project.write(["v0", "v1"]).run(["soap__v0"], assets=["source_video"])
    tags = project.instance.get_run_by_id(outcome.run_ids[0]).tags
    assert {tags[f"adcraft/{name}"] for name in ("profile", "product", "video")} == {"embedded", "soap", "v0"}
    outcome = project.run(assets=["source_video"])
    tags = project.instance.get_run_by_id(outcome.run_ids[0]).tags
    assert tags["adcraft/product"] == "soap"
    assert "adcraft/video" not in tags


def test_seconds_and_cost_of_a_stage_are_numbers_that_can_be_plotted(project):
    project.write(["v0"]).run(assets=["source_video"])
    (record,) = project.instance.fetch_materializations(dg.AssetKey("source_video"), limit=9).records
    metadata = record.asset_materialization.metadata
    assert isinstance(metadata["seconds"], dg.FloatMetadataValue)
    assert metadata["seconds"].value > 0
    assert metadata["cost_usd"].value == 0.0
    assert (metadata["product"].value, metadata["video"].value) == ("soap", "v0")


def test_a_failure_names_stage_video_cause_and_remedy(project):
    (project.folder / "v1.mp4").write_bytes(b"no video at all")
    outcome = project.write(["v0", "v1"]).run(assets=["source_video", "keyframes"])
    assert outcome.failed.keys() == {"soap__v1"}
    records = project.instance.get_records_for_run(
        outcome.run_ids[0], of_type=dg.DagsterEventType.STEP_FAILURE
    ).records
    (told,) = {record.event_log_entry.dagster_event.step_failure_data.error.message for record in records}
    assert "failed for 1 of 2 videos" in told
    assert "soap__v1" in told
    assert "v1.mp4" in told
    stage, _, reason = told.partition(" failed for ")
    assert stage.rpartition(": ")[2] in {"source_video", "keyframes"}
    assert reason.rstrip().endswith(".")
    assert outcome.failed["soap__v1"].count(". ") >= 1, "a cause and a remedy"
