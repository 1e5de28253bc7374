"""What clusters do to pods and nodes: each scenario ends, says what happened, and redoes only what was not published.

`make test-cluster` runs the essential ones, `make test-cluster CASES=all` all; the table goes to build/.
"""

import json

import pytest

from adcraft_tests.k8s.scenes import STEP
from adcraft_tests.k8s.stand_in.cluster import wait_for


def test_a_killed_gpu_pod_costs_a_retry_and_only_the_ad_it_was_at(scene):
    scene.hold()
    scene.start()
    scene.until_held()
    scene.hit(type="kill", labels=STEP, reason="Error")
    scene.release()
    scene.end("GPU pod SIGKILLed", "SUCCESS", says="exit code 137")
    scene.assert_only_the_second_was_made_again()


def test_a_gpu_nobody_has_ends_the_run_with_the_scheduler_s_words(scene):
    scene.configure(retries=0, node_selector={"adcraft.io/gpu-class": "b9000"}, max_queue_s=25, max_run_s=5)
    scene.start()
    scene.hit()
    scene.end("no such GPU", "FAILURE", says="didn't match Pod's node affinity/selector")


@pytest.mark.slow
def test_a_pod_over_its_memory_says_so(scene):
    (scene.ads / "eat-2").write_text("")
    scene.hold()
    scene.start()
    scene.until_held()
    scene.hit()
    scene.release()
    wait_for(
        lambda: any(one.get("reason") == "OOMKilled" for one in scene.cluster.pods("end")), "the OOM kill"
    )
    (scene.ads / "eat-2").unlink()
    scene.end("GPU pod over its memory", "SUCCESS", says="OOMKilled")
    scene.assert_only_the_second_was_made_again()


@pytest.mark.slow
def test_an_evicted_pod_is_retried_at_once(scene):
    scene.hold()
    scene.start()
    scene.until_held()
    scene.hit(type="evict", labels=STEP)
    wait_for(lambda: scene.cluster.failures(scene.run_id), "the step to say it was interrupted")
    scene.release()
    told = scene.end("GPU pod evicted", "SUCCESS", says="retry")
    assert len(told) == 1, told  # by the step or, had it no time to, by its Job; never by both
    scene.assert_only_the_second_was_made_again()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fault"), [("node deleted", "node_delete"), ("node unreachable", "node_down")]
)
def test_a_lost_node_costs_a_retry_on_another(scene, name, fault):
    scene.hold()
    scene.start()
    scene.until_held()
    node = scene.cluster.pods()[-1]["node"]
    kept = scene.cluster.kubectl("get", "node", node, "-o", "json")
    scene.hit(type=fault, node=node)
    wait_for(lambda: scene.cluster.failures(scene.run_id), "the loss to be noticed")
    scene.release()
    scene.end(name, "SUCCESS")
    scene.assert_only_the_second_was_made_again()
    assert scene.cluster.pods()[-1]["node"] != node
    scene.cluster.heal()
    if fault == "node_delete":
        scene.cluster.add_node(json.loads(kept))


@pytest.mark.slow
def test_a_missing_image_is_given_up_and_named(scene):
    scene.configure(retries=0)
    scene.start(config={"execution": {"config": {"job_image": "elsewhere.example/adcraft:typo"}}})
    scene.hit()
    scene.end("image missing", "FAILURE", says="elsewhere.example/adcraft:typo")


@pytest.mark.slow
def test_a_missing_volume_claim_ends_the_run_and_is_named(scene):
    scene.configure(retries=0, max_queue_s=35, max_run_s=5)
    scene.cluster.configure(cluster={**scene.cluster.config["cluster"], "weights_claim": "nobodys-claim"})
    scene.start()
    scene.hit()
    scene.end("volume claim missing", "FAILURE", says="nobodys-claim")
