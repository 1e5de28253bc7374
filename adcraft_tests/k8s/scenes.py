"""A fault scenario under way: two ads a run, a stylist that a test holds before the second, a row of what was seen.

So one ad is published and one is not when the fault comes. Belongs here: the play. Does not: what must come of it.
"""

import json
import time

import pytest

from adcraft_assets.definitions import build_defs
from adcraft_assets.launches import launch
from adcraft_tests.k8s.stand_in.cluster import wait_for
from adcraft_tests.k8s.stand_in.nodes import CLASSES, ROOT

KEYS = ["soap__v0", "soap__v1"]
UPSTREAM = ("source_video", "keyframes", "ocr_masks", "cleaned_frames", "hooks")
STEP = {"dagster/op": "styled_variants"}
JOB = {"module": "adcraft_tests.k8s.scenario_defs", "job": "render_variants"}
ROWS = []


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

        wait_for(run_pod_started, "the run's pod")
        self.hit(type="api", method="POST", path="*/jobs", count=count, **fault)
        if seconds:
            time.sleep(seconds)
            self.cluster.heal()

    def until_held(self, call=2):
        def held():
            assert not self.cluster.ended([self.run_id]), self.cluster.story()
            return self.cluster.asked(f"held-{call}", 200)

        wait_for(held, "the step to reach the second ad", self.cluster.story)

    def hit(self, **fault):
        self.hit_at = time.time()
        if fault:
            self.cluster.fault(**fault)

    def end(self, name, expected, *, says="", note=""):
        """Wait for the run's end and write the scenario's row."""
        (state,) = self.cluster.wait([self.run_id])
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

    def clean_up(self):
        self.release()
        self.cluster.heal()
        self.cluster.proxy.faults.clear()
        for path in self.ads.glob("eat-*"):
            path.unlink()

    def assert_only_the_second_was_made_again(self):
        assert self.reused() == {KEYS[0]: True, KEYS[1]: False}


def write_table():
    """Leave the scenarios' table in build/ and print it."""
    table = [
        "| fault | run ended | noticed after, s | retries | what the user reads |",
        "|---|---|---|---|---|",
        *ROWS,
    ]
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "cluster-scenarios.md").write_text("\n".join(table) + "\n")
    print("\n" + "\n".join(table))
