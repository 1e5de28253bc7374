import json

import dagster as dg
import pytest

from adcraft_assets.definitions import build_defs
from adcraft_assets.placement import (
    CLASS_TAG,
    CLASSES,
    GPUS_TAG,
    K8S_TAG,
    LEASE,
    RAY_TAG,
    class_named,
    pod_settings,
    set_pool_limits,
    step_of,
)
from adcraft_assets.settings import parse_settings
from adcraft_resources.errors import ConfigInvalid

PRODUCTS = [{"id": "a"}]
H200 = {
    "node_selector": {"adcraft.io/gpu-class": "h200"},
    "gpus": 1,
    "cpu": "6",
    "memory": "64Gi",
    "slots": 2,
    "max_queue_s": 600,
    "max_run_s": 900,
}


def settings_of(**classes):
    return parse_settings({"products": PRODUCTS, "cluster": {"classes": classes}}, origin="test")


def write(tmp_path, **classes):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"products": PRODUCTS, "cluster": {"classes": classes}}))
    return path


def ops_of(path):
    graph = build_defs(path).resolve_asset_graph()
    return {
        key.to_user_string(): graph.assets_defs_for_keys([key])[0].op for key in graph.get_all_asset_keys()
    }


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"node_selectr": {}}, "unknown key; allowed here: .*node_selector"),
        ({"gpus": 2}, "less than or equal to 1|Input should be 0 or 1"),
        ({"memory": "64GB"}, "'64GB' is no Kubernetes quantity"),
        ({"memory": "0"}, "'0' is no Kubernetes quantity"),
        ({"cpu": 2}, "valid string"),
        ({"node_selector": {"adcraft.io/": "x"}}, "is no label key"),
        ({"node_selector": {"gpu": "a b"}}, "'a b' is no label value"),
        ({"node_selector": {"gpu": "x" * 64}}, "at most 63"),
        ({"tolerations": [{"key": "spot", "value": "true"}]}, "a value needs operator Equal"),
        ({"priority_class": "High_Class"}, "is no name Kubernetes allows"),
        ({"gpu_resource": "gpu"}, "is no device"),
        ({"max_run_s": 0}, "greater than or equal to 1"),
    ],
)
def test_a_typo_in_a_class_is_refused_at_load_with_its_place(wrong, told):
    with pytest.raises(ConfigInvalid, match=told) as caught:
        settings_of(flux=wrong)
    assert "cluster.classes.flux" in str(caught.value)


def test_a_class_name_no_label_could_hold_is_refused():
    with pytest.raises(ConfigInvalid, match="'GPU big' is no class name"):
        settings_of(**{"GPU big": {}})


def test_an_asset_cannot_name_a_class_that_is_none():
    with pytest.raises(ValueError, match="'gpu' is no class"):
        step_of("gpu")


def test_every_asset_names_its_class(tmp_path):
    found = {name: op.tags[CLASS_TAG] for name, op in ops_of(write(tmp_path)).items()}
    assert found == {
        "source_video": "cpu",
        "keyframes": "siglip",
        "ocr_masks": "ocr",
        "cleaned_frames": "flux",
        "hooks": "cpu",
        "styled_variants": "flux",
        "placed_variants": "flux",
        "ranked_outputs": "siglip",
        "processing_summary": "cpu",
        "refresh_plan": "cpu",
        "refresh_report": "cpu",
    }
    assert set(found.values()) <= set(CLASSES)


def test_without_classes_nothing_waits_for_a_pool_and_no_gpu_is_asked_for(tmp_path):
    ops = ops_of(write(tmp_path))
    assert {op.pool for op in ops.values()} == {None}
    assert {op.tags[GPUS_TAG] for op in ops.values()} == {"0"}
    assert all(K8S_TAG not in op.tags for op in ops.values())


def test_the_class_of_a_gpu_step_is_its_pool_and_its_pod(tmp_path):
    settings = settings_of(flux=H200)
    pod = pod_settings("flux", class_named("flux", settings))
    assert pod["pod_spec_config"]["node_selector"] == {"adcraft.io/gpu-class": "h200"}
    assert pod["container_config"]["resources"]["limits"] == {"memory": "64Gi", "nvidia.com/gpu": "1"}
    assert pod["job_spec_config"]["active_deadline_seconds"] == 1500
    assert pod["pod_spec_config"]["active_deadline_seconds"] == 900
    ops = ops_of(write(tmp_path, flux=H200))
    assert {name for name, op in ops.items() if op.pool == "flux"} == {
        "cleaned_frames",
        "styled_variants",
        "placed_variants",
    }


def test_a_class_that_is_missing_falls_to_cpu_and_in_the_gpu_profile_to_a_gpu():
    settings = settings_of(cpu={"memory": "2Gi"})
    assert class_named("ocr", settings).memory == "2Gi"
    gpu = settings.model_copy(update={"profile": "gpu"})
    assert class_named("ocr", gpu).gpus == 1
    assert class_named("cpu", gpu).gpus == 0


def test_only_a_spot_class_bears_spot_nodes_and_the_others_avoid_them():
    calm, bold = (
        pod_settings("x", class_named("flux", settings_of(flux={"spot": spot}))) for spot in (False, True)
    )
    assert "affinity" in calm["pod_spec_config"]
    assert "affinity" not in bold["pod_spec_config"]
    taints = {one["key"] for one in bold["pod_spec_config"]["tolerations"]}
    assert "adcraft.io/spot" in taints
    assert "nvidia.com/gpu" not in taints  # a step without a GPU stays off GPU nodes


def test_a_step_leaves_a_lost_node_after_the_time_its_class_says():
    pod = pod_settings("x", class_named("flux", settings_of(flux={"lost_node_s": 45})))["pod_spec_config"]
    lost = {
        one["key"]: one["toleration_seconds"] for one in pod["tolerations"] if "toleration_seconds" in one
    }
    assert lost == {"node.kubernetes.io/not-ready": 45, "node.kubernetes.io/unreachable": 45}


def test_steps_away_from_this_machine_retry_when_their_pod_is_lost():
    from adcraft_assets.hooks import hooks
    from adcraft_assets.placement import place
    from adcraft_assets.styled_variants import styled_variants

    settings = settings_of(flux={**H200, "retries": 3})
    assert place(styled_variants, settings, "in_process").op.retry_policy is None
    away = place(styled_variants, settings, "k8s")
    assert away.op.retry_policy.max_retries == 3
    assert K8S_TAG in away.op.tags
    assert place(hooks, settings, "k8s").op.retry_policy.max_retries == 2
    ray = json.loads(place(styled_variants, settings, "ray").op.tags[RAY_TAG])
    assert ray == {"num_gpus": 1.0, "num_cpus": 6.0}


def test_pool_limits_follow_the_config():
    with dg.DagsterInstance.local_temp() as instance:
        settings = settings_of(flux=H200, cpu={})
        assert set_pool_limits(instance, settings) == {"flux": 2}
        assert set_pool_limits(instance, settings) == {}
        assert set_pool_limits(instance, settings_of(flux={**H200, "slots": 3})) == {"flux": 3}
        assert {one.name: one.limit for one in instance.event_log_storage.get_pool_limits()} == {"flux": 3}


@pytest.mark.parametrize(("executor", "leases"), [("in_process", True), ("multiprocess", False)])
def test_runs_of_one_process_lease_a_device_for_their_gpu_steps(tmp_path, monkeypatch, executor, leases):
    monkeypatch.setenv("ADCRAFT_EXECUTOR", executor)
    ops = ops_of(write(tmp_path, flux=H200))
    with_lease = {name for name, op in ops.items() if LEASE in op.required_resource_keys}
    with_gpu = {name for name, op in ops.items() if op.tags[GPUS_TAG] == "1"}
    assert with_gpu
    assert with_lease == (with_gpu if leases else set())
