"""A newcomer's walk through the UI: a real browser, webserver, daemon and PostgreSQL.

Screenshots go to ADCRAFT_SCREENSHOTS where that is set, for people to look at.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.ops

MATERIALIZED = """query($k:AssetKeyInput!){assetNodeOrError(assetKey:$k){... on AssetNode{assetPartitionStatuses{
  ... on DefaultPartitionStatuses{materializedPartitions failedPartitions}}}}}"""
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


@pytest.fixture
def walker(browser_path, deployment, site):
    from playwright.sync_api import sync_playwright

    for number in range(4):
        site.draw(f"v{number}", number)
    site.write({"soap": ["v0", "v1"], "coffee": ["v2"]})
    deployment.prepare()
    deployment.launch("code")
    deployment.launch("web")
    deployment.wait_until_up()
    deployment.switch_sensor("make_new_ads", on=False)  # the ads are to be made by hand here
    deployment.launch("daemon")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(90_000)
        yield Walker(page, deployment.url)
        browser.close()


def test_a_newcomer_makes_ads_sees_verdicts_and_turns_the_night_on(walker, deployment, site):
    page = walker.page
    partitions = """{assetNodeOrError(assetKey:{path:["source_video"]}){... on AssetNode{partitionKeys}}}"""
    wait_for(
        lambda: len(deployment.ask(partitions)["assetNodeOrError"]["partitionKeys"]) == 3, "the partitions"
    )

    walker.go("/assets/source_video")
    page.get_by_role("button", name="Materialize").first.click()
    walker.choose("soap__v0")
    walker.look("1-one-partition")
    page.get_by_role("button", name="Launch 1 run").click()
    page.get_by_text("Launched run").wait_for()
    wait_for(lambda: made(deployment, "source_video") == {"soap__v0"}, "the materialization of one partition")

    walker.go("/locations/__repository__@adcraft/jobs/make_ad_variants")
    page.get_by_role("button", name="Materialize all").click()
    walker.choose("soap__")
    walker.look("2-a-product")
    page.get_by_role("button", name="Launch backfill").click()
    page.get_by_text("Created backfill").wait_for()
    wait_for(lambda: made(deployment, "ranked_outputs") == {"soap__v0", "soap__v1"}, "the backfill of soap__")
    assert len(site.variants("soap", "v0")) == len(site.variants("soap", "v1")) == 2
    assert site.variants("coffee", "v2") == []

    walker.go("/assets/ranked_outputs?view=partitions&partition=soap__v0")
    page.get_by_text("[Show Markdown]").first.click()
    page.locator("img[src^='data:image']").first.wait_for()
    sizes = page.evaluate(
        "[...document.querySelectorAll(\"img[src^='data:image']\")].map(i => i.naturalWidth)"
    )
    assert len(sizes) == 2
    assert min(sizes) > 50
    walker.look("3-thumbnails")

    place = "/assets/cleaned_frames?view=checks&checkDetail=cleaned_frames_keep_the_scene"

    def verdict_is_shown():
        walker.go(place)
        page.get_by_text("Execution history").wait_for()
        page.get_by_role("tab", name="Partitions").last.click()
        page.get_by_text("Partitions Selected").wait_for()
        time.sleep(2)
        return page.get_by_text("Passed (2)").count()

    wait_for(verdict_is_shown, "the verdict on each partition", 120)
    page.locator("text=soap__v1 >> visible=true").last.click()
    page.get_by_text("scene_ssim_p5").first.wait_for()
    assert page.get_by_text("the scene is kept").count()
    walker.look("4-verdicts")

    walker.go("/locations/adcraft/schedules/ad_variant_refresh")
    switch = page.get_by_role("checkbox").first
    switch.wait_for(state="attached")
    assert not switch.is_checked()
    switch.evaluate("element => element.click()")
    page.get_by_text("Next tick").wait_for()
    walker.look("5-schedule")


def test_a_new_product_makes_itself_and_nothing_else(deployment, site):
    for number in range(3):
        site.draw(f"v{number}", number)
    site.write({"soap": ["v0"]})
    deployment.start()
    wait_for(lambda: made(deployment, "ranked_outputs") == {"soap__v0"}, "the first product")
    before = len(deployment.ask(KEYS)["runsOrError"]["results"])
    site.write({"soap": ["v0"], "tea": ["v1", "v2"]})
    wait_for(
        lambda: made(deployment, "ranked_outputs") == {"soap__v0", "tea__v1", "tea__v2"}, "the new product"
    )
    runs = deployment.ask(KEYS)["runsOrError"]["results"]
    ranges = [
        (tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
        for run in runs
        if "dagster/asset_partition_range_start"
        in (tags := {tag["key"]: tag["value"] for tag in run["tags"]})
    ]
    assert ranges == [("tea__v1", "tea__v2")]  # one chunk, all stages
    assert len(runs) - before <= 2  # and perhaps the summary
    command = [
        "backfill",
        "--product",
        "tea",
        "--from",
        "ranked_outputs",
        "--wait",
        "--config",
        str(site.config),
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "adcraft_assets.cli", *command],
        env=deployment.environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the daemon runs it" in done.stderr
    backfills = deployment.ask(
        "{partitionBackfillsOrError{... on PartitionBackfills{results{title status}}}}"
    )
    titles = [one["title"] for one in backfills["partitionBackfillsOrError"]["results"]]
    assert "Backfill of tea" in titles
