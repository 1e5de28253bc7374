"""What clusters do to pods: each scenario ends, says what happened, and redoes only what was not published.

Two ads a run; the stylist holds before the second, so that one ad is published and one is not when the fault comes.
`make test-cluster` runs the essential ones, `make test-cluster CASES=all` all; the table goes to build/.
"""

import json
import time

import pytest

from adcraft_assets.definitions import build_defs
from adcraft_assets.launches import launch
from adcraft_tests.graph.conftest import write_ad
from adcraft_tests.k8s.stand_in.cluster import wait_for
from adcraft_tests.k8s.stand_in.nodes import CLASSES, ROOT
from adcraft_tests.k8s.stand_in.start import stand_in_cluster

KEYS = ["soap__v0", "soap__v1"]
UPSTREAM = ("source_video", "keyframes", "ocr_masks", "cleaned_frames", "hooks")
STEP = {"dagster/op": "styled_variants"}
JOB = {"module": "adcraft_tests.k8s.scenario_defs", "job": "render_variants"}
ROWS = []


@pytest.fixture(scope="module")
def ads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ads")
    for number in range(len(KEYS)):
        write_ad(folder / f"v{number}.mp4", seed=number)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory, ads):
    """One cluster for all scenarios, its store holding everything up to the variants."""
    env = ("ADCRAFT_START_PATIENCE_S=15",)
    with stand_in_cluster(
        tmp_path_factory.mktemp("cluster"), ads, executor_env=env, config={"variants_per_video": 1}
    ) as cluster:
        prepare(cluster)
        yield cluster
    table = [
        "| fault | run ended | noticed after, s | retries | what the user reads |",
        "|---|---|---|---|---|",
        *ROWS,
    ]
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "cluster-scenarios.md").write_text("\n".join(table) + "\n")
    print("\n" + "\n".join(table))


def prepare(cluster, keys=KEYS):
    """Make everything up to the variants in this process, into the cluster's store."""
    path = cluster.folder / "config.json"
    path.write_text(json.dumps({**cluster.config, "cluster": {}, "results": str(cluster.folder / "results")}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("ACCESS_KEY_ID", "t"),
            ("SECRET_ACCESS_KEY", "t"),
            ("DEFAULT_REGION", "us-east-1"),
        ):
            patch.setenv(f"AWS_{name}", value)
        patch.setenv("AWS_ENDPOINT_URL", cluster.proxy.url)
        done = launch(build_defs(path), cluster.instance, keys, most=8, assets=UPSTREAM)
    assert done.failed == {}


class Scene:
    """One scenario under way."""

    def __init__(self, cluster, ads):
        self.cluster, self.ads, self.hit_at, self.run_id = cluster, ads, None, None

    def configure(self, retries=1, **flux):
        """New plans, so that nothing is published yet, and the class `flux` as the scenario wants it."""
        classes = {**CLASSES, "flux": {**CLASSES["flux"], "retries": retries, **flux}}
        cluster = {**self.cluster.config["cluster"], "classes": classes, "weights_claim": ""}
        self.cluster.configure(cluster=cluster, variants={"seed": time.time_ns() % 10**6})

    def hold(self, call=2):
        (self.ads / f"held-{call}").write_text("")

    def release(self):
        for path in self.ads.glob("held-*"):
            path.unlink()

    def start(self, **named):
        self.cluster.forget_what_was_asked()
        (self.run_id,) = self.cluster.launch(KEYS, **JOB, **named)

    def start_with_refusals(self, *, count, seconds=0, **fault):
        """Launch; once the run's pod is up, have the API refuse the Jobs it asks for."""
        known = {one["pod"] for one in self.cluster.journal("pods") if "pod" in one}
        self.start()

        def run_pod_started():
            new = [one for one in self.cluster.journal("pods") if one.get("pod") not in known]
            return any(one["pod"].startswith(f"dagster-run-{self.run_id}") for one in new)

        wait_for(run_pod_started, 60, "the run's pod")
        self.hit(type="api", method="POST", path="*/jobs", count=count, **fault)
        if seconds:
            time.sleep(seconds)
            self.cluster.heal()

    def until_held(self, call=2):
        wait_for(
            lambda: self.cluster.asked(f"held-{call}", 200),
            120,
            "the step to reach the second ad",
            self.cluster.story,
        )

    def hit(self, **fault):
        self.hit_at = time.time()
        if fault:
            self.cluster.fault(**fault)

    def end(self, name, expected, *, seconds=240, says="", note=""):
        """Wait for the run's end and write the scenario's row."""
        (state,) = self.cluster.wait([self.run_id], seconds)
        told = self.cluster.failures(self.run_id)
        noticed = f"{told[0][0] - self.hit_at:.0f}" if told and self.hit_at else "-"
        retries = sum(kind == "STEP_UP_FOR_RETRY" for _, _, kind, _ in told)
        message = next((text for _, _, kind, text in told if kind.startswith("STEP")), note).split("\n")[0]
        message = message.split("failed health check: ")[-1][-260:]
        ROWS.append(f"| {name} | {state} | {noticed} | {retries} | {message} |")
        assert state == expected, self.cluster.story()
        assert says in " ".join(text for *_, text in told) + note, self.cluster.story()
        return told

    def reused(self):
        """Key → whether its bundle was there already, by what the step told the event log."""
        entries = self.cluster.events(self.run_id, "ASSET_MATERIALIZATION")
        found = [entry.dagster_event.event_specific_data.materialization for entry in entries]
        return {one.partition: one.metadata["reused"].value for one in found}

    def assert_only_the_second_was_made_again(self):
        assert self.reused() == {KEYS[0]: True, KEYS[1]: False}


@pytest.fixture
def scene(shared, ads):
    scene = Scene(shared, ads)
    scene.configure()
    yield scene
    scene.release()
    shared.heal()
    shared.proxy.faults.clear()
    for path in ads.glob("eat-*"):
        path.unlink()


def test_a_killed_gpu_pod_costs_a_retry_and_only_the_ad_it_was_at(scene):
    scene.hold()
    scene.start()
    scene.until_held()
    scene.hit(type="kill", labels=STEP, reason="Error")
    scene.release()
    scene.end("GPU pod SIGKILLed", "SUCCESS", says="exit code 137")
    scene.assert_only_the_second_was_made_again()


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


def test_a_gpu_nobody_has_ends_the_run_with_the_scheduler_s_words(scene):
    scene.configure(retries=0, node_selector={"adcraft.io/gpu-class": "b9000"}, max_queue_s=25, max_run_s=5)
    scene.start()
    scene.hit()
    scene.end("no such GPU", "FAILURE", says="didn't match Pod's node affinity/selector")


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
def test_a_pod_over_its_memory_says_so(scene):
    (scene.ads / "eat-2").write_text("")
    scene.hold()
    scene.start()
    scene.until_held()
    scene.hit()
    scene.release()
    wait_for(
        lambda: any(one.get("reason") == "OOMKilled" for one in scene.cluster.pods("end")), 60, "the OOM kill"
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
    wait_for(lambda: scene.cluster.failures(scene.run_id), 60, "the step to say it was interrupted")
    scene.release()
    scene.end("GPU pod evicted", "SUCCESS", says="Interrupted")
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
    wait_for(lambda: scene.cluster.failures(scene.run_id), 120, "the loss to be noticed")
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
            120,
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
        lambda: "Failed" in scene.cluster.kubectl("get", "job", daemon, "-o", "json"), 60, "the daemon's end"
    )
    scene.release()
    scene.end(
        "daemon killed", "SUCCESS", note="nothing in the run; schedules and sensors stand until it is back"
    )
