"""The Job of every step, made by dagster-k8s' own code and checked strictly against the Kubernetes schema."""

import json

import kubernetes
import kubernetes_validate
import pytest
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import (
    DagsterK8sJobConfig,
    UserDefinedDagsterK8sConfig,
    construct_dagster_k8s_job,
)

from adcraft_assets.definitions import build_defs
from adcraft_assets.pod_steps import placed_alone

CLASSES = {
    "cpu": {"node_selector": {"adcraft.io/pool": "cpu"}, "cpu": "500m", "memory": "2Gi"},
    "flux": {
        "node_selector": {"adcraft.io/gpu-class": "h200"},
        "gpus": 1,
        "memory": "64Gi",
        "tolerations": [{"key": "adcraft.io/team", "operator": "Equal", "value": "creative"}],
        "priority_class": "adcraft-steps",
        "max_queue_s": 600,
        "max_run_s": 1200,
    },
    "ocr": {"node_selector": {"nvidia.com/gpu.product": "NVIDIA-L4"}, "gpus": 1, "spot": True},
    "siglip": {"node_selector": {"nvidia.com/gpu.product": "NVIDIA-L4"}, "gpus": 1, "spot": True},
}
SHARED = {"step_service_account": "adcraft-steps", "weights_claim": "adcraft-weights"}
LAUNCHER = {
    "container_config": {
        "resources": {"limits": {"memory": "1Gi", "cpu": "1"}, "requests": {"cpu": "100m"}},
        "env": [{"name": "ADCRAFT_CONFIG", "value": "/etc/adcraft/config.json"}],
        "volume_mounts": [
            {"name": "config", "mount_path": "/etc/adcraft"},
            {"name": "scratch", "mount_path": "/tmp"},
        ],
    },
    "pod_spec_config": {
        "node_selector": {"adcraft.io/pool": "runs"},
        "tolerations": [{"key": "only-runs", "operator": "Exists"}],
        "affinity": {
            "node_affinity": {
                "required_during_scheduling_ignored_during_execution": {"node_selector_terms": []}
            }
        },
        "priority_class_name": "runs",
        "volumes": [
            {"name": "config", "config_map": {"name": "adcraft-config"}},
            {"name": "scratch", "empty_dir": {}},
        ],
    },
}
ON_CPU = {"source_video", "hooks", "processing_summary", "refresh_plan", "refresh_report"}
ON_GPU = {"keyframes", "ocr_masks", "cleaned_frames", "styled_variants", "placed_variants", "ranked_outputs"}
VERSIONS = ("1.31", "1.34", "1.36")


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text(json.dumps({"products": [{"id": "a"}], "cluster": {**SHARED, "classes": CLASSES}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADCRAFT_EXECUTOR", "k8s")
        graph = build_defs(path).resolve_asset_graph()
    return {
        key.to_user_string(): graph.assets_defs_for_keys([key])[0].op for key in graph.get_all_asset_keys()
    }


def context_of(config, **fields):
    return K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(config), **fields)


def job_of(op, executor=None):
    """The Job as the step handler makes it: launcher, then executor, then the step's tags."""
    from dagster_k8s.job import get_user_defined_k8s_config

    chosen = executor or K8sContainerContext()
    tags = K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(op.tags))
    merged = context_of(LAUNCHER, namespace="adcraft").merge(chosen).merge(tags)
    body = construct_dagster_k8s_job(
        job_config=DagsterK8sJobConfig(
            job_image="registry.example/adcraft:1",
            dagster_home="/opt/dagster/dagster_home",
            instance_config_map="dagster-instance",
            postgres_password_secret="dagster-postgresql-secret",
        ),
        args=["dagster", "api", "execute_step"],
        job_name=f"dagster-step-{op.name}".replace("_", "-"),
        component="step_worker",
        user_defined_k8s_config=placed_alone(merged, op.tags, chosen).run_k8s_config,
        labels={"dagster/op": op.name},
    )
    return kubernetes.client.ApiClient().sanitize_for_serialization(body)


def test_every_step_has_a_job_body_the_schema_takes(steps):
    assert set(steps) == ON_CPU | ON_GPU
    for op in steps.values():
        for version in VERSIONS:
            kubernetes_validate.validate(job_of(op), version, strict=True)


def test_the_schema_check_can_fail(steps):
    body = job_of(steps["hooks"])
    body["spec"]["template"]["spec"]["nodeSelectr"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(body, VERSIONS[0], strict=True)


@pytest.mark.parametrize("name", ["cleaned_frames", "styled_variants"])
def test_what_the_launcher_asks_for_its_own_pods_never_reaches_a_step(steps, name):
    pod = job_of(steps[name])["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == {"adcraft.io/gpu-class": "h200"}
    assert container["resources"] == {
        "limits": {"memory": "64Gi", "nvidia.com/gpu": "1"},
        "requests": {"cpu": "1", "memory": "64Gi"},
    }
    assert {one["key"] for one in pod["tolerations"]} == {
        "adcraft.io/team",
        "nvidia.com/gpu",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
    assert pod["priorityClassName"] == "adcraft-steps"
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert {one["key"] for one in term["matchExpressions"]} >= {
        "karpenter.sh/capacity-type",
        "adcraft.io/spot",
    }


def test_what_a_step_needs_of_the_launcher_stays(steps):
    pod = job_of(steps["styled_variants"])["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    assert len(mounts) == len(container["volumeMounts"])
    assert mounts == {
        "/etc/adcraft": "config",
        "/tmp": "adcraft-scratch",
        "/dev/shm": "adcraft-shm",
        "/weights": "adcraft-weights",
    }
    assert set(mounts.values()) <= set(volumes)
    assert {"name": "HF_HOME", "value": "/weights"} in container["env"]
    assert pod["serviceAccountName"] == "adcraft-steps"
    assert {"name": "ADCRAFT_CONFIG", "value": "/etc/adcraft/config.json"} in container["env"]
    assert volumes["adcraft-shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}


def test_the_merge_trap_is_real(steps):
    """Without the handler's care, dagster-k8s adds the selectors up and no node fits."""
    from dagster_k8s.job import get_user_defined_k8s_config

    tags = K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(steps["styled_variants"].tags))
    merged = context_of(LAUNCHER).merge(tags).run_k8s_config
    assert merged.pod_spec_config["node_selector"] == {
        "adcraft.io/pool": "runs",
        "adcraft.io/gpu-class": "h200",
    }


def test_run_config_still_counts(steps):
    executor = context_of(
        {
            "pod_spec_config": {"node_selector": {"zone": "a"}},
            "container_config": {"resources": {"limits": {"memory": "1Gi"}}},
        }
    )
    pod = job_of(steps["styled_variants"], executor)["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"zone": "a", "adcraft.io/gpu-class": "h200"}
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "64Gi"


def test_every_step_ends_some_day_and_is_locked_down(steps):
    for name, op in steps.items():
        body = job_of(op)
        job, pod = body["spec"], body["spec"]["template"]["spec"]
        assert job["backoffLimit"] == 0, name
        assert job["activeDeadlineSeconds"] > pod["activeDeadlineSeconds"] > 0, name
        assert pod["terminationGracePeriodSeconds"] == 90, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        held = pod["containers"][0]["securityContext"]
        assert held["readOnlyRootFilesystem"], name
        assert held["capabilities"] == {"drop": ["ALL"]}, name
        assert not held["allowPrivilegeEscalation"], name
        gpus = pod["containers"][0]["resources"]["limits"].get("nvidia.com/gpu", "0")
        assert gpus == ("1" if name in ON_GPU else "0"), name
