"""What befalls the things pods depend on, the API, the store, the run's worker, the daemon: the run goes on all the same.

`make test-cluster` runs the essential ones, `make test-cluster CASES=all` all; the table goes to build/.
"""

import json
import time

import pytest

from adcraft_tests.k8s.scenes import KEYS
from adcraft_tests.k8s.stand_in.cluster import wait_for


def test_a_refused_job_creation_is_tried_again(scene):
    before = len(scene.cluster.journal("requests"))
    scene.start_with_refusals(status=429, count=3)
    scene.end(
        "API answers 429 on create, three times",
        "SUCCESS",
        note="nothing: the Job is created some seconds later",
    )
    refused = [one for one in scene.cluster.journal("requests")[before:] if "429" in json.dumps(one)]
    assert len(refused) == 3


@pytest.mark.slow
def test_a_store_that_fails_in_the_middle_of_an_upload_costs_a_retry(scene):
    scene.cluster.proxy.fail("error", "PUT", r"/variants/soap__v1/.*\.mp4", times=28)
    scene.start()
    scene.hit()
    scene.end(
        "store fails mid-upload", "SUCCESS", note="STEP_UP_FOR_RETRY; the log: could not write … in 5 tries"
    )
    assert scene.cluster.proxy.count("PUT", r"/variants/soap__v1/.*\.mp4") > 28
    scene.assert_only_the_second_was_made_again()


@pytest.mark.slow
def test_a_job_that_was_created_although_the_api_said_500_is_not_made_twice(scene):
    scene.start_with_refusals(status=500, count=1, after_effect=True)
    scene.end("API answers 500 after creating", "SUCCESS", note="nothing: the Job is there and is taken")


@pytest.mark.slow
def test_an_api_that_is_down_for_a_minute_is_waited_for(scene):
    scene.hold()
    scene.start()
    scene.until_held()
    scene.hit(type="api", method="*", path="*", status=503, count=100_000)
    time.sleep(60)
    scene.cluster.heal()
    scene.release()
    scene.end(
        "API down for a minute while a step runs",
        "SUCCESS",
        note='"Error while checking health" lines; the step goes on',
    )
    assert scene.reused() == {KEYS[0]: False, KEYS[1]: False}  # one attempt: nothing was lost


@pytest.mark.slow
def test_an_api_that_is_down_when_a_step_is_due_is_waited_for(scene):
    scene.start_with_refusals(status=503, count=100_000, seconds=60)
    scene.end(
        "API down for a minute when a step is due",
        "SUCCESS",
        note="nothing: the Job is created when the API is back",
    )


@pytest.mark.slow
def test_a_killed_run_worker_is_resumed_and_its_step_keeps_running(scene):
    daemon = scene.cluster.start_daemon()
    try:
        scene.hold()
        scene.start()
        scene.until_held()
        worker = {"app.kubernetes.io/component": "run_worker", "dagster/run-id": scene.run_id}
        scene.hit(type="kill", labels=worker, reason="Error")
        wait_for(
            lambda: len(scene.cluster.run_pods(scene.run_id)) == 2,
            "the run to be resumed",
            scene.cluster.story,
        )
        scene.release()
        scene.end(
            "run worker killed", "SUCCESS", note='"Detected run worker status FAILED", then "Resuming run"'
        )
        assert scene.reused() == {KEYS[0]: False, KEYS[1]: False}  # the step was never disturbed
    finally:
        scene.cluster.kubectl("delete", "job", daemon, "--cascade=foreground", "--wait=false")


@pytest.mark.slow
def test_a_killed_daemon_costs_a_run_nothing(scene):
    daemon = scene.cluster.start_daemon()
    scene.hold()
    scene.start()
    scene.until_held()
    scene.hit(type="kill", labels={"app": daemon}, reason="Error")
    wait_for(
        lambda: "Failed" in scene.cluster.kubectl("get", "job", daemon, "-o", "json"), "the daemon's end"
    )
    scene.release()
    scene.end(
        "daemon killed", "SUCCESS", note="nothing in the run; schedules and sensors stand until it is back"
    )
