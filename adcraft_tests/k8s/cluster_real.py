"""What a real cluster says of the objects and of every step, without anything being made (`KUBECONFIG` names it).

Belongs here: server-side dry runs and a look at nodes. Never run where this was written: there is no real cluster there.
"""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from adcraft_assets.settings import load_settings
from adcraft_tests.k8s.cluster_job_bodies import job_of, steps  # noqa: F401  (a fixture)

FOLDER = Path(__file__).parents[2] / "k8s"


def kubectl(*arguments, text=None):
    return subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, check=False)


def test_the_api_server_takes_every_object():
    told = kubectl("apply", "--dry-run=server", "-k", str(FOLDER))
    # Objects of a namespace that is not there yet can't be judged; that one must be.
    assert told.returncode == 0 or 'namespaces "adcraft" not found' in told.stderr, told.stderr


def test_the_api_server_takes_every_step(steps):  # noqa: F811
    for op in steps.values():
        body = job_of(op)
        body["metadata"]["namespace"] = "default"
        body["spec"]["template"]["spec"].pop("serviceAccountName", None)
        body["spec"]["template"]["spec"].pop("priorityClassName", None)
        told = kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(body))
        assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", sorted(load_settings(FOLDER / "config.json").cluster.classes))
def test_nodes_with_the_labels_of_a_class_have_its_gpus(name):
    chosen = load_settings(FOLDER / "config.json").cluster.classes[name]
    nodes = json.loads(kubectl("get", "nodes", "-o", "json").stdout)["items"]
    fitting = [one for one in nodes if chosen.node_selector.items() <= one["metadata"]["labels"].items()]
    if not fitting:
        pytest.skip(f"no node fits the class {name} now; a pool that scales from zero must carry its labels")
    assert any(
        int(one["status"]["allocatable"].get("nvidia.com/gpu", 0)) >= chosen.gpus for one in fitting
    ), name
