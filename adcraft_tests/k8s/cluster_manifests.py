"""The objects in k8s/ and the chart's values, checked strictly as far as that goes without helm and a cluster."""

import json
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster_k8s import K8sRunLauncher
from pydantic import ValidationError

from adcraft_assets.settings import load_settings
from adcraft_tests.k8s.chart_values import Values, instance_of

FOLDER = Path(__file__).parents[2] / "k8s"
VERSIONS = ("1.31", "1.34", "1.36")
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS = [
    (name, one)
    for name in KUSTOMIZATION["resources"]
    for one in yaml.safe_load_all((FOLDER / name).read_text())
]


@pytest.mark.parametrize(
    ("name", "manifest"), OBJECTS, ids=[f"{n}-{o['metadata']['name']}" for n, o in OBJECTS]
)
def test_every_object_passes_the_strict_schema(name, manifest):
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)
    if manifest["kind"] not in ("Namespace", "PriorityClass"):
        assert manifest["metadata"]["namespace"] == "adcraft"


def test_the_schema_check_can_fail():
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**OBJECTS[0][1], "specc": {}}, "1.34", strict=True)


def test_the_kustomization_names_every_object_file():
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "values.yaml"}
    assert set(KUSTOMIZATION["resources"]) == files


def test_kubectl_builds_the_kustomization():
    built = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=True
    ).stdout
    objects = list(yaml.safe_load_all(built))
    assert len(objects) == len(OBJECTS) + 1
    (config,) = [one for one in objects if one["kind"] == "ConfigMap"]
    assert config["metadata"]["name"] == "adcraft-config"
    assert json.loads(config["data"]["config.json"]) == json.loads((FOLDER / "config.json").read_text())


def test_the_role_allows_no_more_than_is_used():
    (role,) = [one for _, one in OBJECTS if one["kind"] == "Role"]
    allowed = {
        (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert not {verb for _, verb in allowed} & {"*", "update", "patch", "deletecollection", "watch"}
    assert {resource for resource, _ in allowed} == {"jobs", "jobs/status", "pods", "pods/log", "events"}


def test_every_pod_of_the_objects_is_locked_down():
    pods = [one["spec"]["template"]["spec"] for _, one in OBJECTS if one["kind"] == "Job"]
    assert pods
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            held = container["securityContext"]
            assert held["readOnlyRootFilesystem"]
            assert held["capabilities"] == {"drop": ["ALL"]}


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load((FOLDER / "values.yaml").read_text())


def test_the_values_have_only_keys_the_chart_knows(values):
    Values.model_validate(values)
    with pytest.raises(ValidationError):
        Values.model_validate({**values, "runLaunchr": {}})


def test_the_instance_the_chart_makes_of_them_is_one_dagster_takes(values):
    instance = instance_of(Values.model_validate(values))
    checked = validate_config(dagster_instance_config_schema(), instance)
    assert checked.success, checked.errors
    launcher = validate_config(K8sRunLauncher.config_type(), instance["run_launcher"]["config"])
    assert launcher.success, launcher.errors


def test_runs_stay_off_spot_nodes_and_the_webserver_off_the_internet(values):
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    node = launcher["runK8sConfig"]["podSpecConfig"]["affinity"]["nodeAffinity"]
    (term,) = node["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    from adcraft_assets.placement import NO_SPOT

    assert term["matchExpressions"] == [dict(one) for one in NO_SPOT]
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert "ingress" not in values


def test_no_pod_the_chart_makes_runs_as_root_or_writes_to_its_image(values):
    (code,) = values["dagster-user-deployments"]["deployments"]
    for part in (values["dagsterWebserver"], values["dagsterDaemon"], code):
        assert part["image"]["repository"].endswith("/adcraft-cpu")  # the chart's own images run as root
        assert part["podSecurityContext"]["runAsNonRoot"]
        assert part["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        held = part["securityContext"]
        assert held["readOnlyRootFilesystem"]
        assert held["capabilities"] == {"drop": ["ALL"]}
        assert not held["allowPrivilegeEscalation"]
        assert "/tmp" in {one["mountPath"] for one in part["volumeMounts"]}


def test_no_secret_stands_in_any_file():
    for path in FOLDER.iterdir():
        text = path.read_text()
        assert "kind: Secret" not in text, path
        assert "XAI_API_KEY:" not in text, path


def test_the_example_config_is_valid_and_its_slots_fit_the_quota():
    settings = load_settings(FOLDER / "config.json")
    (quota,) = [one for _, one in OBJECTS if one["kind"] == "ResourceQuota"]
    asked = sum(one.slots for one in settings.cluster.classes.values() if one.gpus)
    assert 0 < asked <= int(quota["spec"]["hard"]["requests.nvidia.com/gpu"])
    priorities = {one["metadata"]["name"] for _, one in OBJECTS if one["kind"] == "PriorityClass"}
    assert {one.priority_class for one in settings.cluster.classes.values()} - {""} <= priorities
    accounts = {one["metadata"]["name"] for _, one in OBJECTS if one["kind"] == "ServiceAccount"}
    assert settings.cluster.step_service_account in accounts
    claims = {one["metadata"]["name"] for _, one in OBJECTS if one["kind"] == "PersistentVolumeClaim"}
    assert settings.cluster.weights_claim in claims
