"""The main job on the stand-in cluster: every step on its node, and the same bytes as in this process.

The embedded profile makes the pixels, on the CPU; the placement is the one of the GPU classes, each pod asking for a GPU.
"""

import hashlib
import itertools
import json

import dagster as dg
import pytest

from adcraft_assets.definitions import build_defs
from adcraft_assets.launches import add_partitions, launch
from adcraft_tests.graph.conftest import write_ad
from adcraft_tests.k8s.chart_values import HOME
from adcraft_tests.k8s.stand_in.cluster import wait_for
from adcraft_tests.k8s.stand_in.nodes import CLASSES
from adcraft_tests.k8s.stand_in.start import stand_in_cluster

ADS = 3
KEYS = [f"soap__v{number}" for number in range(ADS)]
CLASS_OF = {
    "source_video": "cpu",
    "keyframes": "siglip",
    "ocr_masks": "ocr",
    "cleaned_frames": "flux",
    "hooks": "cpu",
    "styled_variants": "flux",
    "ranked_outputs": "siglip",
}
MOUNTS = {
    "etc/adcraft",
    "results",
    f"{HOME.strip('/')}/dagster.yaml",
    "run/secrets/kubernetes.io/serviceaccount",
}
NODES_OF = {"cpu": {"cpu-0", "cpu-1"}, "flux": {"h200-0", "h200-1"}, "ocr": {"l4-0"}, "siglip": {"l4-0"}}


@pytest.fixture(scope="module")
def ads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ads")
    for number in range(ADS):
        write_ad(folder / f"v{number}.mp4", seed=number)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, ads):
    with stand_in_cluster(tmp_path_factory.mktemp("cluster"), ads) as cluster:
        run_ids = cluster.launch(KEYS[:2], KEYS[2:])
        states = cluster.wait(run_ids)
        assert states == ["SUCCESS", "SUCCESS"], cluster.story()
        wait_for(lambda: len(cluster.pods("end")) == len(cluster.pods()), "the last pods to end")
        yield cluster


def shas(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.mp4"))
    }


def test_every_step_ran_on_a_node_of_its_class_with_one_gpu(cluster):
    started = cluster.pods()
    assert sorted(one["op"] for one in started) == sorted([*CLASS_OF, *CLASS_OF])
    for one in started:
        wanted = CLASS_OF[one["op"]]
        assert one["node"] in NODES_OF[wanted], one
        assert len(one["gpus"]) == CLASSES[wanted].get("gpus", 0), one


def test_the_second_chunk_waited_for_the_gpu(cluster):
    """One l4 node serves both runs: no two of its pods ever overlap, while both runs were under way."""
    spans = {}
    for one in cluster.journal("pods"):
        if one.get("node") == "l4-0" and one.get("op"):
            spans.setdefault(one["pod"], {})[one["event"]] = one["t"]
    ordered = sorted((one["start"], one["end"]) for one in spans.values())
    assert len(ordered) == 6
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ordered))
    events = json.loads(cluster.kubectl("get", "events", "-o", "json"))["items"]
    assert any(one["reason"] == "FailedScheduling" and "nvidia.com/gpu" in one["message"] for one in events)


def test_the_api_was_asked_only_for_what_the_role_allows(cluster):
    requests = cluster.journal("requests")
    own = [one for one in requests if "serviceaccount:adcraft" in json.dumps(one)]
    assert own
    assert not [one for one in own if one.get("code", one.get("status")) == 403]
    assert not [one for one in own if "adcraft-steps" in json.dumps(one)]  # a step has no token to ask with


def test_no_pod_wrote_outside_its_volumes(cluster):
    """The stand-in leaves root file systems writable; what lies in them, a read-only root would have refused."""
    roots = list((cluster.folder / "state" / "pods").glob("*/*/upper"))
    assert len(roots) >= len(cluster.pods())
    # A folder or an empty file at the end of a path is where a volume was mounted.
    left = {
        path.relative_to(root): path
        for root in roots
        for path in root.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }
    assert {str(one) for one in left} <= MOUNTS
    assert not [path for path in left.values() if path.is_file() and path.stat().st_size]


def test_outputs_are_byte_for_byte_those_of_one_process(cluster, ads, tmp_path):
    config = {**cluster.config, "store": "store", "results": "results", "cluster": {}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, KEYS)
        assert launch(build_defs(path), instance, KEYS, most=8).failed == {}
    here, there = shas(tmp_path / "results"), shas(cluster.results)
    assert len(here) == 2 * ADS
    assert there == here
