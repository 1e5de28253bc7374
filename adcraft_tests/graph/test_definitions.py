import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from adcraft_assets.automation.jobs import PARTITIONED
from adcraft_assets.automation.relaunches import relaunch_sensor
from adcraft_assets.automation.verdicts import show_verdicts
from adcraft_assets.definitions import PARTITIONED as MODULES
from adcraft_assets.definitions import build_defs, config_path, resources_of
from adcraft_assets.executors import executor_named
from adcraft_assets.gate_words import LOOK, plain_name
from adcraft_assets.launches import launch_verdicts
from adcraft_resources.errors import ConfigInvalid

ROOT = Path(__file__).parents[2]

GRAPH = {
    "source_video": ("ingest", set()),
    "keyframes": ("ingest", {"source_video"}),
    "ocr_masks": ("clean", {"source_video", "keyframes"}),
    "cleaned_frames": ("clean", {"source_video", "ocr_masks", "keyframes"}),
    "hooks": ("style", {"keyframes", "ocr_masks"}),
    "styled_variants": ("style", {"cleaned_frames", "keyframes", "hooks", "ocr_masks"}),
    "ranked_outputs": ("rank", {"styled_variants", "cleaned_frames", "hooks"}),
    "placed_variants": (
        "deliver",
        {"ranked_outputs", "cleaned_frames", "keyframes", "ocr_masks", "source_video"},
    ),
    "processing_summary": ("rank", {"ranked_outputs"}),
    "refresh_plan": ("refresh", set()),
    "refresh_report": ("refresh", {"refresh_plan"}),
}


@pytest.fixture(scope="module")
def defs():
    return build_defs(ROOT / "config.json")


def test_the_definitions_load(defs):
    dg.Definitions.validate_loadable(defs)


def test_the_graph_is_the_one_of_the_readme(defs):
    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): (
            graph.get(key).group_name,
            {parent.to_user_string() for parent in graph.get(key).parent_keys},
        )
        for key in graph.get_all_asset_keys()
    }
    assert found == GRAPH
    readme = (ROOT / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in GRAPH)


def test_every_asset_reads_well_in_the_ui(defs):
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description
        assert len(node.description) > 60
        assert node.owners
        assert 1 <= len(node.kinds) <= 3


def test_all_partitioned_assets_have_the_same_partitions_and_chunks(defs):
    graph = defs.resolve_asset_graph()
    names = [asset.key.to_user_string() for asset in MODULES]
    assert tuple(names) == PARTITIONED
    for name in names:
        node = graph.get(dg.AssetKey(name))
        assert node.partitions_def.name == "videos"
        assert node.backfill_policy.max_partitions_per_run == 8


def test_the_chunk_size_follows_the_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"products": [{"id": "a"}], "batch": {"max_partitions_per_run": 3}}))
    graph = build_defs(path).resolve_asset_graph()
    assert graph.get(dg.AssetKey("keyframes")).backfill_policy.max_partitions_per_run == 3


def test_every_gate_blocks_and_belongs_to_its_stage(defs):
    graph = defs.resolve_asset_graph()
    checks = {key.name: key.asset_key.to_user_string() for key in graph.asset_check_keys}
    assert checks == {
        "cleaned_frames_keep_the_scene": "cleaned_frames",
        "cleaned_frames_show_no_overlay_text": "cleaned_frames",
        "styled_variants_stay_in_the_band": "styled_variants",
        "variants_play_everywhere": "styled_variants",
        "placements_meet_the_specs": "placed_variants",
        "placements_keep_the_clear_box": "placed_variants",
        "placements_show_faces_and_product_clear": "placed_variants",
        "ranked_outputs_are_approved": "ranked_outputs",
        "isolated_cells_change_one_factor": "ranked_outputs",
    }
    blocking = {key.name for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}
    assert blocking == set(checks) - {
        "ranked_outputs_are_approved",
        "isolated_cells_change_one_factor",
        "placements_show_faces_and_product_clear",
    }  # which hold the export or only tell


def test_workspace_and_pyproject_name_the_same_module():
    import tomllib

    import yaml

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    module = location["python_module"]["module_name"]
    assert project["dagster"]["module_name"] == module
    assert project["dg"]["project"]["code_location_target_module"] == module


def test_loading_the_definitions_loads_no_model_library():
    code = (
        "import sys; import adcraft_assets.definitions; "
        "print([m for m in ('torch','diffusers','transformers','rapidocr','onnxruntime','openai') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "[]"


def test_an_unknown_executor_is_refused():
    assert executor_named("in_process") is dg.in_process_executor
    with pytest.raises(ConfigInvalid, match="ADCRAFT_EXECUTOR is 'k9s'"):
        executor_named("k9s")


def test_the_gpu_profile_is_the_same_graph_with_other_roles(tmp_path):
    path = tmp_path / "config.json"
    config = {"products": [{"id": "a"}]}
    graphs = {}
    for profile in ("embedded", "gpu"):
        path.write_text(json.dumps({"profile": profile, **config}))
        graphs[profile] = build_defs(path)
    keys = [set(one.resolve_all_asset_keys()) for one in graphs.values()]
    assert keys[0] == keys[1]
    assert type(graphs["gpu"].resources["stylist"]).__name__ == "FluxStylist"


def test_the_config_path_comes_from_the_environment_first(monkeypatch, tmp_path):
    monkeypatch.setenv("ADCRAFT_CONFIG", str(tmp_path / "x.json"))
    assert config_path() == tmp_path / "x.json"


def test_the_relaunch_sensor_asks_for_the_good_keys_of_a_failed_range(project):
    for name in ("v1",):
        (project.folder / f"{name}.mp4").unlink()
    project.write(["v0", "v1", "v2"])
    keys = ["soap__v0", "soap__v1", "soap__v2"]
    project.instance.add_dynamic_partitions("videos", keys)
    defs = build_defs(project.path)
    result = defs.resolve_job_def("make_ad_variants").execute_in_process(
        instance=project.instance,
        tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
        asset_selection=[dg.AssetKey("source_video")],
        raise_on_error=False,
    )
    assert not result.success
    event = next(event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context(
        sensor_name="relaunch_good_keys",
        dagster_instance=project.instance,
        dagster_run=result.dagster_run,
        dagster_event=event,
    ).for_run_failure()
    requests = list(relaunch_sensor(context))
    ranges = [
        (one.tags["dagster/asset_partition_range_start"], one.tags["dagster/asset_partition_range_end"])
        for one in requests
    ]
    assert ranges == [("soap__v0", "soap__v0"), ("soap__v2", "soap__v2")]
    assert {one.tags["adcraft/relaunch_of"] for one in requests} == {result.run_id}


def test_regating_reports_a_verdict_for_every_gate_and_partition(project):
    project.write(["v0"]).run()
    keys = [
        dg.AssetCheckKey(dg.AssetKey("cleaned_frames"), "cleaned_frames_keep_the_scene"),
        dg.AssetCheckKey(dg.AssetKey("ranked_outputs"), "ranked_outputs_are_approved"),
    ]
    for floor, status in ((1.0, "FAILED"), (0.5, "SUCCEEDED"), (1.0, "FAILED")):  # again and again
        project.write(["v0"], gates={"scene_ssim_p5": floor})
        assert launch_verdicts(build_defs(project.path), project.instance)
        storage = project.instance.event_log_storage
        scene, approved = [storage.get_asset_check_execution_history(key, limit=1)[0] for key in keys]
        assert (scene.status.value, scene.partition) == (status, "soap__v0")
        assert scene.evaluation.metadata[plain_name("floor")].value == floor
        assert approved.status.value == "SUCCEEDED"


def test_verdicts_of_a_range_run_show_on_each_partition(project):
    """Dagster shows a verdict that names the partition's latest materialization; a range run logs it too early."""
    project.write(["v0", "v1"])
    assert project.run().failed == {}
    instance, resources = project.instance, resources_of(project.path)
    (run,) = [one for one in instance.get_runs() if "dagster/asset_partition_range_start" in one.tags]
    assert show_verdicts(instance, run, resources["catalog"], resources["store"]) == 2 * 6
    graph = build_defs(project.path).resolve_asset_graph()
    for key in graph.asset_check_keys:
        if key.asset_key.to_user_string() == "placed_variants":
            continue  # made on request only
        infos = instance.event_log_storage.get_asset_check_partition_info([key])
        shown = {info.partition_key: info for info in infos if info.partition_key}
        assert {name: info.is_current for name, info in shown.items()} == {"soap__v0": True, "soap__v1": True}
        assert {info.latest_execution_status.value for info in shown.values()} == {"SUCCEEDED"}
    scene = dg.AssetCheckKey(dg.AssetKey("cleaned_frames"), "cleaned_frames_keep_the_scene")
    history = instance.event_log_storage.get_asset_check_execution_history(scene, limit=9)
    evidence = next(one for one in history if one.partition == "soap__v1").evaluation.metadata
    assert evidence[plain_name("scene_ssim_p5")].value >= evidence[plain_name("floor")].value
    assert evidence[plain_name("scene_worst")].value.startswith("![frame")
    assert evidence[LOOK].value == "/assets/cleaned_frames?view=partitions&partition=soap__v1"
