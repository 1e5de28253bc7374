"""Asking a deployment what is so, waiting until it is, and walking its UI as a person does.

Belongs here: questions, patience and the page. Does not: what should be so (test_browser), starting it (deployment).
"""

import os
import time
from pathlib import Path

MATERIALIZED = """query($k:AssetKeyInput!){assetNodeOrError(assetKey:$k){... on AssetNode{assetPartitionStatuses{
  ... on DefaultPartitionStatuses{materializedPartitions failedPartitions}}}}}"""
PARTITIONS = """{assetNodeOrError(assetKey:{path:["source_video"]}){... on AssetNode{partitionKeys}}}"""
KEYS = "{runsOrError{... on Runs{results{runId status jobName tags{key value}}}}}"


def wait_for(what, told, timeout_s=300):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = what()
        if value:
            return value
        time.sleep(2)
    raise AssertionError(f"{told} did not happen within {timeout_s} s")


def made(deployment, asset):
    node = deployment.ask(MATERIALIZED, k={"path": [asset]})["assetNodeOrError"]
    return set(node["assetPartitionStatuses"]["materializedPartitions"])


def tags_of_runs(deployment):
    """The tags of every run so far, with its job's name, id and status."""
    runs = deployment.ask(KEYS)["runsOrError"]["results"]
    return [
        {
            "job": run["jobName"],
            ".runId": run["runId"],
            ".status": run["status"],
            **{tag["key"]: tag["value"] for tag in run["tags"]},
        }
        for run in runs
    ]


def unfinished(deployment):
    runs = deployment.ask(KEYS)["runsOrError"]["results"]
    return [run["runId"] for run in runs if run["status"] not in {"SUCCESS", "FAILURE", "CANCELED"}]


class Walker:
    """A page of the UI and what a person does on it."""

    def __init__(self, page, url):
        self.page, self.url, self.shots = page, url, os.environ.get("ADCRAFT_SCREENSHOTS")

    def go(self, place):
        self.page.goto(self.url + place, wait_until="domcontentloaded")

    def look(self, name):
        if self.shots:
            Path(self.shots).mkdir(parents=True, exist_ok=True)
            time.sleep(2)
            self.page.screenshot(path=f"{self.shots}/{name}.png")

    def choose(self, prefix):
        self.page.get_by_text("Select a partition or create one").click()
        self.page.keyboard.type(prefix)
        self.page.get_by_role("menuitem", name="Select all").click()
        self.page.keyboard.press("Escape")
