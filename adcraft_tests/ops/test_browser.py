"""A deployment's first days, in order: a newcomer's walk through the UI, the night by the clock, a new product, a
redeploy. A real browser, webserver, daemon and PostgreSQL; the tests build on one another.

Screenshots go to ADCRAFT_SCREENSHOTS where that is set, for people to look at.
"""

import subprocess
import sys
import time
from contextlib import suppress

import pytest

from adcraft_assets.automation.jobs import PARTITIONED
from adcraft_assets.gate_words import page_of, plain_name
from adcraft_resources.store import BundleStore
from adcraft_tests.ops.walks import PARTITIONS, Walker, made, tags_of_runs, unfinished, wait_for

pytestmark = pytest.mark.ops


@pytest.fixture(scope="module")
def running(deployment, site):
    """The deployment with three ads in its config; new ads wait to be made by hand."""
    for number in range(5):
        site.draw(f"v{number}", number)
    site.write({"soap": ["v0", "v1"], "coffee": ["v2"]}, refresh={"cron": "* * * * *"})
    deployment.module = "adcraft_tests.ops.fast_definitions"
    deployment.prepare()
    deployment.launch("code")
    deployment.launch("web")
    deployment.wait_until_up()
    deployment.switch_sensor("make_new_ads", on=False)
    deployment.launch("daemon")
    return deployment


@pytest.fixture
def walker(browser_path, running):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(90_000)
        yield Walker(page, running.url)
        browser.close()


def test_a_newcomer_makes_ads_sees_verdicts_and_turns_the_night_on(walker, running, site):
    page, deployment = walker.page, running
    wait_for(
        lambda: len(deployment.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]) == 3, "the partitions"
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
    page.get_by_text(plain_name("scene_ssim_p5")).first.wait_for()
    assert page.get_by_text("the scene is kept").count()
    walker.look("4-verdicts")

    walker.go("/locations/adcraft/schedules/ad_variant_refresh")
    switch = page.get_by_role("checkbox").first
    switch.wait_for(state="attached")
    assert not switch.is_checked()
    switch.evaluate("element => element.click()")
    page.get_by_text("Next tick").wait_for()
    walker.look("5-schedule")


def test_the_night_comes_by_the_clock_makes_what_is_missing_and_tells_the_webhook(running, site, webhook):
    deployment = running
    deployment.switch_schedule("ad_variant_refresh", on=True)  # where no browser did

    def nights():
        return [one["adcraft"] for one in webhook.told() if "night" in one["adcraft"]]

    wait_for(lambda: any("coffee__v2" in night["made"] for night in nights()), "the report of a night")
    deployment.switch_schedule("ad_variant_refresh", on=False)
    assert len(site.variants("coffee", "v2")) == 2
    plans = [tags for tags in tags_of_runs(deployment) if tags["job"] == "ad_variant_refresh"]
    assert all(tags["dagster/schedule_name"] == "ad_variant_refresh" for tags in plans)
    night = next(night for night in nights() if "coffee__v2" in night["made"])
    assert night["why"]["coffee__v2"] == "not made yet"
    assert night["failed"] == night["held"] == {}
    wait_for(lambda: not unfinished(deployment), "the end of the night")


def test_a_new_product_makes_itself_and_nothing_else(running, site):
    deployment = running
    if "soap__v0" not in made(deployment, "ranked_outputs"):
        pytest.skip("the ads of the first day were not made")
    deployment.switch_sensor("make_new_ads", on=True)
    before = made(deployment, "ranked_outputs")
    runs = len(tags_of_runs(deployment))
    site.write({"soap": ["v0", "v1"], "coffee": ["v2"], "tea": ["v3", "v4"]})
    new = {"tea__v3", "tea__v4"}
    wait_for(lambda: made(deployment, "ranked_outputs") == before | new, "the new product")
    ranges = [
        (tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
        for tags in tags_of_runs(deployment)
        if tags.get("adcraft/because") == "new"
    ]
    assert ranges == [("tea__v3", "tea__v4")]  # one chunk, all stages
    assert len(tags_of_runs(deployment)) - runs <= 2  # and perhaps the summary
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


BACKFILL = """mutation($p:LaunchBackfillParams!){launchPartitionBackfill(backfillParams:$p){__typename
  ... on LaunchBackfillSuccess{backfillId} ... on PythonError{message}}}"""


def failing_floor(site, keys):
    """The key whose scene is kept worse, the other one, and a floor of the gate between their figures."""
    store = BundleStore(base=str(site.folder / ".adcraft" / "store"))
    kept = {key: store.manifest("cleaned_frames", key)["figures"]["scene_ssim_p5"] for key in keys}
    worse, better = sorted(keys, key=lambda key: kept[key])
    assert kept[worse] < kept[better]
    return worse, better, (kept[worse] + kept[better]) / 2


def test_a_gate_holds_one_ad_of_a_backfill_and_its_sibling_goes_on(running, site, webhook):
    deployment, keys = running, ["soap__v0", "soap__v1"]
    if not set(keys) <= made(deployment, "ranked_outputs"):
        pytest.skip("the ads of the first day were not made")
    deployment.switch_sensor("make_new_ads", on=False)
    worse, better, floor = failing_floor(site, keys)
    site.write({"soap": ["v0", "v1"], "coffee": ["v2"], "tea": ["v3", "v4"]}, gates={"scene_ssim_p5": floor})
    known = {tags[".runId"] for tags in tags_of_runs(deployment)}
    params = {"assetSelection": [{"path": [name]} for name in PARTITIONED], "partitionNames": keys}
    assert (
        deployment.ask(BACKFILL, p=params)["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess"
    )

    def relaunched():
        new = [tags for tags in tags_of_runs(deployment) if tags[".runId"] not in known]
        return [tags for tags in new if "adcraft/relaunch_of" in tags and tags[".status"] == "SUCCESS"]

    (again,) = wait_for(relaunched, "the run of the good ad", 600)
    wait_for(lambda: not unfinished(deployment), "quiet")
    assert again.get("dagster/partition", again.get("dagster/asset_partition_range_start")) == better
    (first,) = [tags for tags in tags_of_runs(deployment) if tags[".runId"] == again["adcraft/relaunch_of"]]
    assert first[".status"] == "FAILURE"
    told = [one["adcraft"] for one in webhook.told() if one["adcraft"].get("run_id") == first[".runId"]]
    assert [list(one["failed"]) for one in told] == [[worse]]
    assert told[0]["failed"][worse]["stage"] == "cleaned_frames"
    assert "the picture changed" in told[0]["failed"][worse]["why"]


def test_the_ui_shows_why_a_gate_holds_an_ad_with_the_frame_beside_the_source(walker, running, site):
    worse, _, _ = failing_floor(site, ["soap__v0", "soap__v1"])
    page = walker.page
    walker.go("/assets/cleaned_frames?view=checks&checkDetail=cleaned_frames_keep_the_scene")
    page.get_by_text("Execution history").wait_for()
    page.get_by_role("tab", name="Partitions").last.click()
    page.get_by_text("Failed (1)").first.wait_for()
    page.locator(f"text={worse} >> visible=true").last.click()
    page.get_by_text("outside the removed text the picture changed").first.wait_for()
    walker.look("6-held")
    page.get_by_text("[Show Markdown]").first.click()
    page.locator("img[src^='data:image']").first.wait_for()
    width, height = page.evaluate(
        "(i => [i.naturalWidth, i.naturalHeight])(document.querySelector(\"img[src^='data:image']\"))"
    )
    assert width > height, "two upright frames side by side"
    walker.look("7-frame-at-issue")
    page.get_by_role("button", name="Close").click()
    with page.expect_popup() as opened:
        page.get_by_text(page_of("cleaned_frames", worse)).first.click()
    opened.value.get_by_text("[Show Markdown]").first.wait_for(timeout=90_000)
    Walker(opened.value, walker.url).look("8-partition")


POOLS = "{instance{concurrencyLimits{concurrencyKey slotCount}}}"
SENSORS = """{sensorsOrError(repositorySelector:{repositoryName:"__repository__",repositoryLocationName:"adcraft"}){
  ... on Sensors{results{name sensorState{status}}}}}"""
SCHEDULE = """{scheduleOrError(scheduleSelector:{repositoryName:"__repository__",repositoryLocationName:"adcraft",
  scheduleName:"ad_variant_refresh"}){... on Schedule{cronSchedule scheduleState{status}}}}"""
RELOAD = """mutation{reloadRepositoryLocation(repositoryLocationName:"adcraft"){__typename
  ... on WorkspaceLocationEntry{loadStatus}}}"""


def test_the_sensor_writes_the_pool_limits_of_the_gpu_profile(running, site):
    products = {"soap": ["v0", "v1"], "coffee": ["v2"], "tea": ["v3", "v4"]}
    running.switch_sensor("make_new_ads", on=False)
    site.write(products, profile="gpu", gpu_count=3)

    def limits():
        told = running.ask(POOLS)["instance"]["concurrencyLimits"]
        return {one["concurrencyKey"]: one["slotCount"] for one in told}

    wait_for(lambda: limits().get("flux") == 3, "the limit of the pool")
    site.write(products, profile="gpu", gpu_count=1)
    wait_for(lambda: limits().get("flux") == 1, "the new limit of the pool")
    site.write(products)


def test_a_redeploy_keeps_partitions_history_and_switches(running, site):
    deployment = running
    products = {"soap": ["v0", "v1"], "coffee": ["v2"], "tea": ["v3", "v4"]}
    deployment.switch_sensor("make_new_ads", on=False)

    def state():
        keys = deployment.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]
        sensors = deployment.ask(SENSORS)["sensorsOrError"]["results"]
        switches = {one["name"]: one["sensorState"]["status"] for one in sensors}
        return keys, made(deployment, "ranked_outputs"), switches, len(tags_of_runs(deployment))

    wait_for(lambda: not unfinished(deployment), "quiet")
    before = state()
    assert before[2]["make_new_ads"] == "STOPPED"
    site.write(products, refresh={"cron": "15 3 * * *"})
    deployment.kill("code")
    deployment.launch("code")

    def reloaded():
        with suppress(Exception):
            deployment.ask(RELOAD)
            return deployment.ask(SCHEDULE)["scheduleOrError"]["cronSchedule"] == "15 3 * * *"
        return False

    wait_for(reloaded, "the new cron line")
    assert state() == before
